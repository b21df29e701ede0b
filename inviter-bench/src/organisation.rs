//! People and groups for an LDAP server, and what a reader should find of them.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher as _},
};

use inviter_core::directory::{Directory, Member};
use inviter_testkit::Ldif;
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// One group in so many holds others.
const HOLDERS_ONE_IN: usize = 5;
/// How many a holder holds: those that follow it, so that there is no circle.
const HELD: usize = 3;

/// How large a directory is. The first group holds everybody; the others share the rest of the memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Organisation {
    pub(crate) people: usize,
    pub(crate) groups: usize,
    /// People in groups, roughly: groups are of random size.
    pub(crate) memberships: usize,
}

impl Organisation {
    /// A group for twenty people, and ten memberships for each.
    pub(crate) const fn of(people: usize) -> Self {
        Self {
            people,
            groups: people / 20,
            memberships: people * 10,
        }
    }

    /// All entries, and what is in them. Always the same.
    pub(crate) fn ldif(self, suffix: &str, seed: u64) -> (Ldif, Content) {
        let mut random = Random::new(seed);
        let mut ldif = Ldif::tree(suffix);
        let mut content = Content {
            people: self.people,
            groups: self.groups,
            ..Content::default()
        };
        for number in 0..self.people {
            let uid = uid(number);
            let name = format!("Person {number}");
            ldif.person(&uid, &[("cn", &name), ("sn", &name)]);
        }
        for number in 0..self.groups {
            let name = cn(number);
            let mut members = Vec::new();
            for person in self.members(number, &mut random) {
                let uid = uid(person);
                members.push(ldif.person_dn(&uid));
                content.add(&name, Kind::Person, &uid);
            }
            for held in self.held(number).map(cn) {
                members.push(ldif.group_dn(&held));
                content.add(&name, Kind::Group, &held);
            }
            random.shuffle(&mut members);
            ldif.group_of_names(&name, &members);
        }
        (ldif, content)
    }

    /// The people in a group, in no order.
    fn members(self, group: usize, random: &mut Random) -> BTreeSet<usize> {
        if group == 0 {
            return (0..self.people).collect();
        }
        let others = self.memberships.saturating_sub(self.people);
        let average = others / self.groups.saturating_sub(1).max(1);
        let size = 1 + random.below((2 * average).max(1));
        let mut members = BTreeSet::new();
        while members.len() < size.min(self.people) {
            members.insert(random.below(self.people));
        }
        members
    }

    /// The groups in a group.
    fn held(self, group: usize) -> std::ops::Range<usize> {
        let held = if group % HOLDERS_ONE_IN == 1 { HELD } else { 0 };
        group + 1..(group + 1 + held).min(self.groups).max(group + 1)
    }
}

fn uid(person: usize) -> String {
    format!("person.{person:06}")
}

fn cn(group: usize) -> String {
    format!("Group {group:05}")
}

#[derive(Debug, Clone, Copy, Hash)]
enum Kind {
    Person,
    Group,
}

/// What a directory holds. Equal ones hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Content {
    people: usize,
    groups: usize,
    /// People in groups.
    pub(crate) memberships: usize,
    /// Groups in groups.
    pub(crate) nested: usize,
    /// Over every membership by names, in any order.
    digest: u64,
}

impl Content {
    fn add(&mut self, group: &str, kind: Kind, member: &str) {
        match kind {
            Kind::Person => self.memberships += 1,
            Kind::Group => self.nested += 1,
        }
        let mut hasher = DefaultHasher::new();
        (group, kind, member).hash(&mut hasher);
        self.digest = self.digest.wrapping_add(hasher.finish());
    }

    /// What an answer holds; `None` if it leaves anything open.
    pub(crate) fn of(directory: &Directory) -> Option<Self> {
        let mut content = Self {
            people: directory.accounts.len(),
            groups: directory.groups.len(),
            ..Self::default()
        };
        let mut complete = directory.accounts_extent.is_complete()
            && directory.listing.is_complete()
            && directory.remarks.is_empty();
        for group in &directory.groups {
            complete &= group.members.extent.is_complete() && group.owners.extent.is_complete();
            for member in &group.members.values {
                match member {
                    Member::Account(ix) => {
                        let uid = directory.accounts[ix.0 as usize].attributes.get("uid")?;
                        content.add(&group.name, Kind::Person, uid);
                    }
                    Member::Group(ix) => {
                        let name = &directory.groups[ix.0 as usize].name;
                        content.add(&group.name, Kind::Group, name);
                    }
                    Member::Unresolved(_) => complete = false,
                }
            }
        }
        complete.then_some(content)
    }
}
