//! What a site's directory file says, and what that means for rooms by the test's own reckoning.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Site;

/// People and groups by their short names. Each room has a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directory {
    /// Besides those who are in groups.
    people: BTreeSet<String>,
    groups: BTreeMap<String, Group>,
}

/// One group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Whether it stands for the room of the same name.
    is_room: bool,
    alias: Option<String>,
    members: BTreeSet<String>,
    groups: BTreeSet<String>,
    owners: BTreeSet<String>,
}

impl Group {
    /// The room has this alias, and not the one that its short name means.
    pub(crate) fn alias(&mut self, alias: &str) -> &mut Self {
        self.alias = Some(alias.to_owned());
        self
    }

    /// Adds people.
    pub(crate) fn members<S: Into<String>>(&mut self, people: impl IntoIterator<Item = S>) -> &mut Self {
        self.members.extend(people.into_iter().map(Into::into));
        self
    }

    /// Adds groups, whose members belong to it as well.
    pub(crate) fn groups<S: Into<String>>(&mut self, groups: impl IntoIterator<Item = S>) -> &mut Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Adds people who own the group.
    pub(crate) fn owners<S: Into<String>>(&mut self, people: impl IntoIterator<Item = S>) -> &mut Self {
        let people: Vec<String> = people.into_iter().map(Into::into).collect();
        self.owners.extend(people.iter().cloned());
        self.members.extend(people);
        self
    }

    /// Takes a person out.
    pub(crate) fn without(&mut self, person: &str) -> &mut Self {
        self.members.remove(person);
        self.owners.remove(person);
        self
    }
}

impl Directory {
    /// The group of a room; made if it is not there.
    pub(crate) fn room(&mut self, name: &str) -> &mut Group {
        let group = self.group(name);
        group.is_room = true;
        group
    }

    /// A group; made if it is not there.
    pub(crate) fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Adds people who are in no group.
    pub(crate) fn people<S: Into<String>>(&mut self, people: impl IntoIterator<Item = S>) {
        self.people.extend(people.into_iter().map(Into::into));
    }

    /// Everybody there is.
    pub(crate) fn everybody(&self) -> BTreeSet<String> {
        let grouped = self.groups.values().flat_map(|group| &group.members);
        grouped.chain(&self.people).cloned().collect()
    }

    /// The rooms.
    pub(crate) fn rooms(&self) -> Vec<String> {
        let rooms = self.groups.iter().filter(|(_, group)| group.is_room);
        rooms.map(|(name, _)| name.clone()).collect()
    }

    /// Who belongs in a room, with their level: 50 for owners, 0 for others.
    pub(crate) fn wanted(&self, room: &str) -> BTreeMap<String, i64> {
        let owners = &self.groups[room].owners;
        let level = |name: &String| if owners.contains(name) { 50 } else { 0 };
        let mut people = BTreeSet::new();
        self.within(room, &mut BTreeSet::new(), &mut people);
        people
            .into_iter()
            .map(|name| (name.clone(), level(name)))
            .collect()
    }

    fn within<'d>(&'d self, group: &'d str, seen: &mut BTreeSet<&'d str>, people: &mut BTreeSet<&'d String>) {
        // A group may be reached in several ways.
        if !seen.insert(group) {
            return;
        }
        let group = &self.groups[group];
        people.extend(&group.members);
        for nested in &group.groups {
            self.within(nested, seen, people);
        }
    }

    /// As the bot reads it.
    pub(super) fn json(&self, site: &Site) -> Value {
        let people = self.everybody().into_iter().map(|name| {
            let uid = site.localpart(&name);
            json!({ "id": name, "uid": uid })
        });
        let groups = self.groups.iter().map(|(name, group)| {
            let title = if group.is_room {
                format!("MTRX {}", group.alias.clone().unwrap_or_else(|| site.alias(name)))
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
