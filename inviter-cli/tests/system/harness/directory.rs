//! What a site's directory file says, and what that means for rooms by the test's own reckoning.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Site;

/// Who belongs in a room, with their level: 50 for owners, 0 for others.
pub(super) type Wanted = BTreeMap<String, i64>;

/// People and groups by their short names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directory {
    /// Besides those that are in groups.
    people: BTreeSet<String>,
    disabled: BTreeSet<String>,
    groups: BTreeMap<String, Group>,
}

/// One group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Whether it stands for the room of the same name.
    is_room: bool,
    pub(crate) members: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) owners: BTreeSet<String>,
}

impl Group {
    /// Whether it stands for the room of the same name.
    pub(crate) const fn is_room(&self) -> bool {
        self.is_room
    }

    /// Adds people.
    pub(crate) fn members<S: Into<String>>(&mut self, people: impl IntoIterator<Item = S>) -> &mut Self {
        self.members.extend(people.into_iter().map(Into::into));
        self
    }

    /// Adds groups.
    pub(crate) fn groups<S: Into<String>>(&mut self, groups: impl IntoIterator<Item = S>) -> &mut Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Adds owners, who are not members by that.
    pub(crate) fn owners<S: Into<String>>(&mut self, people: impl IntoIterator<Item = S>) -> &mut Self {
        self.owners.extend(people.into_iter().map(Into::into));
        self
    }

    /// Takes a person out of members and owners.
    pub(crate) fn without(&mut self, person: &str) -> &mut Self {
        self.members.remove(person);
        self.owners.remove(person);
        self
    }
}

impl Directory {
    /// The group that stands for a room; made if it is not there.
    pub(crate) fn room(&mut self, name: &str) -> &mut Group {
        let group = self.group(name);
        group.is_room = true;
        group
    }

    /// A group; made if it is not there.
    pub(crate) fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Takes a group out of the directory, and out of the groups that it is in.
    pub(crate) fn remove_group(&mut self, name: &str) {
        self.groups.remove(name);
        for group in self.groups.values_mut() {
            group.groups.remove(name);
        }
    }

    /// Adds people who are in no group.
    pub(crate) fn people<S: Into<String>>(&mut self, people: impl IntoIterator<Item = S>) {
        self.people.extend(people.into_iter().map(Into::into));
    }

    /// Disables a person's account, which stays in its groups.
    pub(crate) fn disable(&mut self, person: &str) {
        self.disabled.insert(person.to_owned());
    }

    /// Enables it again.
    pub(crate) fn enable(&mut self, person: &str) {
        self.disabled.remove(person);
    }

    /// Whether a person's account is disabled.
    pub(crate) fn is_disabled(&self, person: &str) -> bool {
        self.disabled.contains(person)
    }

    /// All groups by their names.
    pub(crate) const fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    /// Everybody there is.
    pub(crate) fn everybody(&self) -> BTreeSet<String> {
        let groups = self.groups.values();
        let named = groups.flat_map(|group| group.members.iter().chain(&group.owners));
        named.chain(&self.people).chain(&self.disabled).cloned().collect()
    }

    /// The rooms that groups stand for.
    pub(crate) fn rooms(&self) -> Vec<String> {
        let rooms = self.groups.iter().filter(|(_, group)| group.is_room);
        rooms.map(|(name, _)| name.clone()).collect()
    }

    /// Who belongs in a room: everyone within its group, however deep; owners of the group itself who are within
    /// it have level 50; disabled accounts do not count.
    pub(crate) fn wanted(&self, room: &str) -> Wanted {
        let mut seen = BTreeSet::new();
        let mut people = BTreeSet::new();
        self.within(room, &mut seen, &mut people);
        let level = |name: &String| {
            if self.groups[room].owners.contains(name) {
                50
            } else {
                0
            }
        };
        let enabled = people.into_iter().filter(|name| !self.disabled.contains(name));
        enabled
            .map(|name| {
                let level = level(&name);
                (name, level)
            })
            .collect()
    }

    fn within(&self, group: &str, seen: &mut BTreeSet<String>, people: &mut BTreeSet<String>) {
        // A group may be reached in several ways, or contain itself.
        if !seen.insert(group.to_owned()) {
            return;
        }
        let group = &self.groups[group];
        people.extend(group.members.iter().cloned());
        for nested in &group.groups {
            self.within(nested, seen, people);
        }
    }

    /// As the program reads it.
    pub(crate) fn json(&self, site: &Site) -> Value {
        let people = self.everybody().into_iter().map(|name| {
            let uid = site.alias_name(&name);
            json!({ "id": name, "uid": uid, "enabled": !self.disabled.contains(&name) })
        });
        let groups = self.groups.iter().map(|(name, group)| {
            let title = if group.is_room {
                format!("MTRX {}", site.alias(name))
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
