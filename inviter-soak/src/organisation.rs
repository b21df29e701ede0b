//! The directory, and what it means for rooms by the soak's own reckoning.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The level of a group's owners who are within it.
pub(crate) const OWNER_LEVEL: i64 = 50;

/// People and groups by their short names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Organisation {
    /// Everybody who has an account.
    pub(crate) people: BTreeSet<String>,
    /// Those whose account may not be used.
    pub(crate) disabled: BTreeSet<String>,
    /// Groups.
    pub(crate) groups: BTreeMap<String, Group>,
}

/// One group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Whether it stands for the room of the same name.
    pub(crate) is_room: bool,
    pub(crate) members: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) owners: BTreeSet<String>,
}

impl Organisation {
    /// The rooms that groups stand for.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &String> {
        let groups = self.groups.iter();
        groups.filter(|(_, group)| group.is_room).map(|(name, _)| name)
    }

    /// Who belongs in a room, with their levels: everyone within its group, however deep, whose account may be used.
    pub(crate) fn wanted(&self, room: &str) -> BTreeMap<String, i64> {
        let (mut seen, mut people) = (BTreeSet::new(), BTreeSet::new());
        self.within(room, &mut seen, &mut people);
        let owners = self.groups.get(room).map(|group| &group.owners);
        let level = |name: &String| {
            let is_owner = owners.is_some_and(|owners| owners.contains(name));
            if is_owner { OWNER_LEVEL } else { 0 }
        };
        let usable = people.into_iter().filter(|name| !self.disabled.contains(*name));
        usable.map(|name| (name.clone(), level(name))).collect()
    }

    fn within<'a>(&'a self, name: &'a str, seen: &mut BTreeSet<&'a str>, people: &mut BTreeSet<&'a String>) {
        // A group may be reached in several ways, or contain itself.
        let Some(group) = self.groups.get(name).filter(|_| seen.insert(name)) else {
            return;
        };
        people.extend(&group.members);
        for nested in &group.groups {
            self.within(nested, seen, people);
        }
    }

    /// As the program reads it.
    pub(crate) fn json(&self, server: &str) -> Value {
        let people = self
            .people
            .iter()
            .map(|name| json!({ "id": name, "enabled": !self.disabled.contains(name) }));
        let groups = self.groups.iter().map(|(name, group)| {
            let title = if group.is_room {
                format!("MTRX #{name}:{server}")
            } else {
                name.clone()
            };
            json!({
                "id": name, "name": title,
                "members": group.members, "groups": group.groups, "owners": group.owners,
            })
        });
        json!({ "people": people.collect::<Vec<_>>(), "groups": groups.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn people_within_a_group_however_deep_belong_in_its_room() {
        let mut site = Organisation {
            people: names(&["ann", "ben", "cem", "dan", "eva"]),
            ..Organisation::default()
        };
        site.groups.insert(
            "lab".to_owned(),
            Group {
                is_room: true,
                members: names(&["ann"]),
                groups: names(&["team"]),
                // Dan is an owner without being within.
                owners: names(&["ben", "dan"]),
            },
        );
        site.groups.insert(
            "team".to_owned(),
            Group {
                members: names(&["ben", "cem"]),
                groups: names(&["lab"]),
                owners: names(&["cem"]),
                is_room: false,
            },
        );
        let wanted = |site: &Organisation| Vec::from_iter(site.wanted("lab"));
        let with_level = |name: &str, level| (name.to_owned(), level);
        let all = [with_level("ann", 0), with_level("ben", 50), with_level("cem", 0)];
        assert_eq!(wanted(&site), all);
        assert_eq!(site.rooms().collect::<Vec<_>>(), ["lab"]);
        site.disabled.insert("ben".to_owned());
        assert_eq!(wanted(&site), [all[0].clone(), all[2].clone()]);

        let json = site.json("example.test");
        assert_eq!(json["groups"][0]["name"], "MTRX #lab:example.test");
        assert_eq!(json["groups"][1]["name"], "team");
        assert_eq!(json["people"][1], json!({ "id": "ben", "enabled": false }));
    }
}
