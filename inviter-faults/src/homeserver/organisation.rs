//! What a directory says, and what that means for rooms by a reckoning of this crate's own.

use std::collections::{BTreeMap, BTreeSet};

/// A group of people. Names are short ones: an organisation's tag is behind each on the homeserver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Whether it stands for the room of the same name.
    pub(crate) is_room: bool,
    /// People in it, the owners included.
    pub(crate) members: BTreeSet<String>,
    /// Groups whose people belong to it as well.
    pub(crate) groups: BTreeSet<String>,
    /// Who is a moderator.
    pub(crate) owners: BTreeSet<String>,
}

/// A directory's people and groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Organisation {
    /// Everybody who has an account there.
    pub(crate) people: BTreeSet<String>,
    /// Whose accounts may not be used.
    pub(crate) disabled: BTreeSet<String>,
    /// By name.
    pub(crate) groups: BTreeMap<String, Group>,
}

/// Where an organisation's short names are unique.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// What follows a short name.
    pub(crate) tag: String,
    /// The homeserver's name.
    pub(crate) server: String,
}

impl Names {
    /// The localpart of a person or a room.
    pub(crate) fn localpart(&self, name: &str) -> String {
        format!("{name}{}", self.tag)
    }

    /// The user ID of a person.
    pub(crate) fn user(&self, name: &str) -> String {
        format!("@{name}{}:{}", self.tag, self.server)
    }

    /// The alias of a room.
    pub(crate) fn alias(&self, room: &str) -> String {
        format!("#{room}{}:{}", self.tag, self.server)
    }

    /// What a group is called in the directory.
    pub(crate) fn title(&self, name: &str, group: &Group) -> String {
        if group.is_room {
            format!("MTRX {}", self.alias(name))
        } else {
            self.localpart(name)
        }
    }

    /// The short name in a user ID; all of anything else.
    pub(crate) fn short<'a>(&self, id: &'a str) -> &'a str {
        let name = id
            .strip_suffix(&self.server)
            .and_then(|rest| rest.strip_suffix(':'));
        let name = name.and_then(|rest| rest.strip_suffix(&self.tag));
        name.and_then(|rest| rest.get(1..)).unwrap_or(id)
    }
}

impl Organisation {
    /// A group, made if it is not there; its people are known then.
    pub(crate) fn group<'a>(
        &mut self,
        name: &str,
        is_room: bool,
        members: impl IntoIterator<Item = &'a str>,
    ) -> &mut Group {
        let members: Vec<String> = members.into_iter().map(str::to_owned).collect();
        self.people.extend(members.iter().cloned());
        let group = self.groups.entry(name.to_owned()).or_default();
        group.is_room = is_room;
        group.members.extend(members);
        group
    }

    /// The names of rooms.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &str> {
        let rooms = self.groups.iter().filter(|(_, group)| group.is_room);
        rooms.map(|(name, _)| name.as_str())
    }

    /// Who belongs in a room, with their level: 50 for owners, 0 for others. Nobody if there is no such room.
    pub(crate) fn wanted(&self, room: &str) -> BTreeMap<String, i64> {
        let mut people = BTreeSet::new();
        self.collect(room, &mut BTreeSet::new(), &mut people);
        let owners = self.groups.get(room).map(|group| &group.owners);
        let level = |name: &String| {
            if owners.is_some_and(|owners| owners.contains(name)) {
                50
            } else {
                0
            }
        };
        let people = people.into_iter().filter(|name| !self.disabled.contains(*name));
        people.map(|name| (name.clone(), level(name))).collect()
    }

    fn collect<'a>(
        &'a self,
        group: &'a str,
        seen: &mut BTreeSet<&'a str>,
        people: &mut BTreeSet<&'a String>,
    ) {
        let Some(inside) = self.groups.get(group).filter(|_| seen.insert(group)) else {
            return;
        };
        people.extend(&inside.members);
        for nested in &inside.groups {
            self.collect(nested, seen, people);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_belongs_in_a_room() {
        let mut organisation = Organisation::default();
        organisation
            .group("board", false, ["ada", "bob"])
            .groups
            .insert("staff".to_owned());
        let staff = organisation.group("staff", true, ["cleo", "dan"]);
        staff.groups.insert("board".to_owned());
        staff.owners.insert("dan".to_owned());
        organisation.disabled.insert("ada".to_owned());
        let wanted = organisation.wanted("staff");
        let expected = [("bob", 0), ("cleo", 0), ("dan", 50)].map(|(name, level)| (name.to_owned(), level));
        assert_eq!(wanted, BTreeMap::from(expected));
        assert!(organisation.wanted("den").is_empty());
        assert_eq!(organisation.rooms().collect::<Vec<_>>(), ["staff"]);
    }

    #[test]
    fn short_names_come_back() {
        let names = Names {
            tag: "-1".to_owned(),
            server: "example.test".to_owned(),
        };
        assert_eq!(names.user("ada"), "@ada-1:example.test");
        assert_eq!(names.short("@ada-1:example.test"), "ada");
        assert_eq!(names.short("@ada-2:example.test"), "@ada-2:example.test");
    }
}
