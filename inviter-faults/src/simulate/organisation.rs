//! The directories as they really are, and the truth about who belongs in which room. None of it looks at the program.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::{
    OwnedUserId, UserId,
    directory::{AccountStatus, Directory},
    memory::{InMemoryDirectory, MemoryGroup, MemoryPerson},
};

use super::names::{owners_group, room_name};

/// An account of a directory.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The Matrix ID that it leads to.
    pub(super) user: OwnedUserId,
    /// What the directory has as its name, in whatever case.
    pub(super) uid: String,
    /// It may be used; `None` where the directory does not say, which only a fault does.
    pub(super) active: Option<bool>,
}

/// A group of a directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    /// The room that it stands for, by its place among the rooms.
    pub(super) room: Option<usize>,
    /// Logins.
    pub(super) members: BTreeSet<String>,
    /// Groups within it, by name; circles are allowed.
    pub(super) nested: BTreeSet<String>,
    /// Logins.
    pub(super) owners: BTreeSet<String>,
    /// Entries that lead nowhere; only a fault makes them.
    pub(super) dangling: BTreeSet<String>,
    /// Its members are not all that there are, and its owners.
    pub(super) gaps: (bool, bool),
}

/// One directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// By login.
    pub(super) accounts: BTreeMap<String, Account>,
    /// By name.
    pub(super) groups: BTreeMap<String, Group>,
    /// Its groups are named in the form in which `#` and `:` are spelled.
    pub(super) is_spelled: bool,
    /// Its groups are not all that there are.
    pub(super) listing_gap: bool,
}

/// Who belongs in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) members: BTreeSet<OwnedUserId>,
    pub(super) owners: BTreeSet<OwnedUserId>,
}

/// What a person is by the word of all directories together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No directory has them.
    Stranger,
    Active,
    Disabled,
    /// Two accounts of one directory claim the ID, or nobody says whether the account may be used.
    Uncertain,
}

impl Source {
    /// How many accounts may be used.
    pub(super) fn active(&self) -> usize {
        let active = |account: &&Account| account.active == Some(true);
        self.accounts.values().filter(active).count()
    }

    /// The groups of a room: those that stand for it, and all within them.
    pub(super) fn reach(&self, room: usize) -> BTreeSet<&str> {
        let stands = self.groups.iter().filter(|(_, group)| group.room == Some(room));
        self.within(stands.map(|(name, _)| name.as_str()))
    }

    /// These groups, and all within them.
    fn within<'a>(&'a self, groups: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = groups.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                let inner = self.groups.get(name).into_iter().flat_map(|group| &group.nested);
                open.extend(inner.map(String::as_str));
            }
        }
        reached
    }

    /// Everybody in a group and in those within it who may use their account, or of whom nobody says so.
    pub(super) fn people_of(&self, group: &str) -> BTreeSet<OwnedUserId> {
        let reached = self
            .within([group])
            .into_iter()
            .filter_map(|name| self.groups.get(name));
        let members = reached.flat_map(|group| &group.members);
        members.filter_map(|login| self.usable(login)).cloned().collect()
    }

    fn usable(&self, login: &str) -> Option<&OwnedUserId> {
        let account = self.accounts.get(login)?;
        (account.active != Some(false)).then_some(&account.user)
    }

    /// Adds who is in a group, and who owns it.
    fn add_wanted(&self, group: &str, wanted: &mut Wanted) {
        wanted.members.extend(self.people_of(group));
        let owners = self.groups.get(group).into_iter().flat_map(|group| &group.owners);
        wanted
            .owners
            .extend(owners.filter_map(|login| self.usable(login)).cloned());
        if self.is_spelled {
            wanted.owners.extend(self.people_of(&owners_group(group)));
        }
    }

    fn collides(&self, user: &UserId) -> bool {
        self.accounts
            .values()
            .filter(|account| account.user == user)
            .count()
            > 1
    }

    /// The answer that a directory of this content gives.
    pub(super) fn answer(&self, id: &str) -> Directory {
        let directory = InMemoryDirectory::new(id);
        for (login, account) in &self.accounts {
            let status = account.active.map(|active| {
                if active {
                    AccountStatus::Active
                } else {
                    AccountStatus::Disabled
                }
            });
            let person = MemoryPerson::new(login.as_str())
                .without_attributes()
                .attribute("uid", &account.uid)
                .status(status);
            directory.put_person(person);
        }
        for (name, group) in &self.groups {
            let mut made = MemoryGroup::new(name.as_str())
                .members(group.members.iter().chain(&group.dangling).cloned())
                .groups(group.nested.iter().cloned())
                .owners(group.owners.iter().cloned());
            if group.gaps.0 {
                made = made.members_gap("cut short by the simulation");
            }
            if group.gaps.1 {
                made = made.owners_gap("cut short by the simulation");
            }
            directory.put_group(made);
        }
        let mut answer = directory.snapshot();
        if self.listing_gap {
            answer.listing = inviter_core::directory::Extent::gap("a page", "lost by the simulation");
        }
        answer
    }
}

/// All directories.
#[derive(Debug, Clone, Default)]
pub(super) struct Organisation {
    pub(super) sources: Vec<Source>,
}

impl Organisation {
    /// Who belongs in a room. People who are uncertain are none of them. Groups of one room name are one group
    /// over all directories; whoever owns it has to be in it, and not in one that leads to the room by another alias.
    pub(super) fn wanted(&self, room: usize) -> Wanted {
        let groups = self.sources.iter().flat_map(|source| &source.groups);
        let names: BTreeSet<&str> = groups
            .filter(|(_, group)| group.room == Some(room))
            .filter_map(|(name, _)| room_name(name))
            .collect();
        let mut all = Wanted::default();
        for name in names {
            let mut wanted = Wanted::default();
            for source in &self.sources {
                let own = source.groups.iter().filter(|(_, group)| group.room == Some(room));
                for (group, _) in own.filter(|(group, _)| room_name(group) == Some(name)) {
                    source.add_wanted(group, &mut wanted);
                }
            }
            wanted.owners.retain(|user| wanted.members.contains(user));
            all.members.append(&mut wanted.members);
            all.owners.append(&mut wanted.owners);
        }
        all.members.retain(|user| self.standing(user) == Standing::Active);
        all.owners.retain(|user| all.members.contains(user));
        all
    }

    /// Who is in a group of a room, whether they may be brought in or not.
    pub(super) fn seated(&self, room: usize) -> BTreeSet<OwnedUserId> {
        let of = |source: &Source| {
            let own = source.groups.iter().filter(|(_, group)| group.room == Some(room));
            let people = own.flat_map(|(name, _)| source.people_of(name));
            people.collect::<Vec<_>>()
        };
        self.sources.iter().flat_map(of).collect()
    }

    /// What somebody is.
    pub(super) fn standing(&self, user: &UserId) -> Standing {
        if self.sources.iter().any(|source| source.collides(user)) {
            return Standing::Uncertain;
        }
        let accounts = self.sources.iter().flat_map(|source| source.accounts.values());
        let said: Vec<Option<bool>> = accounts
            .filter(|account| account.user == user)
            .map(|account| account.active)
            .collect();
        if said.is_empty() {
            Standing::Stranger
        } else if said.contains(&Some(true)) {
            Standing::Active
        } else if said.contains(&None) {
            Standing::Uncertain
        } else {
            Standing::Disabled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::names::user;

    fn account(name: &str, active: bool) -> Account {
        Account {
            user: user(name),
            uid: name.to_owned(),
            active: Some(active),
        }
    }

    fn group(room: Option<usize>, members: &[&str], nested: &[&str], owners: &[&str]) -> Group {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Group {
            room,
            members: all(members),
            nested: all(nested),
            owners: all(owners),
            ..Group::default()
        }
    }

    #[test]
    fn the_truth_goes_through_circles_and_leaves_out_whom_nobody_can_tell_apart() {
        let mut source = Source::default();
        for (login, name, active) in [
            ("a", "a", true),
            ("b", "b", false),
            ("c", "c", true),
            ("c2", "c", true),
        ] {
            source.accounts.insert(login.to_owned(), account(name, active));
        }
        source.accounts.insert("d".to_owned(), account("d", true));
        source.groups.insert(
            "MTRX #room:example.org".to_owned(),
            group(Some(0), &["b"], &["one"], &["a", "d"]),
        );
        source.groups.insert(
            "one".to_owned(),
            group(None, &["a", "c"], &["MTRX #room:example.org"], &["a"]),
        );
        let organisation = Organisation {
            sources: vec![source],
        };
        let wanted = organisation.wanted(0);
        assert_eq!(wanted.members, [user("a")].into());
        assert_eq!(wanted.owners, [user("a")].into());
        assert_eq!(organisation.wanted(1), Wanted::default());
        assert_eq!(organisation.standing(&user("c")), Standing::Uncertain);
        assert_eq!(organisation.standing(&user("b")), Standing::Disabled);
        assert_eq!(organisation.standing(&user("e")), Standing::Stranger);
    }
}
