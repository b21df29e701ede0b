//! What the directory keeps of each object.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::group::{Group, Other};
use crate::id::Id;
use crate::user::User;

/// What kind of object it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
    /// Anything else, by what follows `#microsoft.graph.`.
    Other(Arc<str>),
}

impl Kind {
    /// Its part of `@odata.type`, such as `user`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Other(kind) => kind,
        }
    }
}

/// The two relations of groups to other objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Relation {
    Members,
    Owners,
}

impl Relation {
    pub(crate) const BOTH: [Self; 2] = [Self::Members, Self::Owners];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Owners => "owners",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Entry {
    User(Box<User>),
    Group(Box<Group>),
    Other(Box<Other>),
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) entry: Entry,
    pub(crate) kind: Kind,
    /// The properties that were changed after the object was made: null is told of these only.
    pub(crate) touched: BTreeSet<String>,
    /// Of a group. Kept in the order of ids, so that a page begins behind the last one's end, whatever was
    /// changed in between.
    members: BTreeSet<Id>,
    owners: BTreeSet<Id>,
    /// The groups that have it.
    member_of: BTreeSet<Id>,
    owner_of: BTreeSet<Id>,
}

impl Object {
    pub(crate) fn new(entry: Entry) -> Self {
        let kind = match &entry {
            Entry::User(_) => Kind::User,
            Entry::Group(_) => Kind::Group,
            Entry::Other(other) => Kind::Other(other.kind.as_str().into()),
        };
        Self {
            entry,
            kind,
            touched: BTreeSet::new(),
            members: BTreeSet::new(),
            owners: BTreeSet::new(),
            member_of: BTreeSet::new(),
            owner_of: BTreeSet::new(),
        }
    }

    /// The objects it has.
    pub(crate) fn related(&self, relation: Relation) -> &BTreeSet<Id> {
        match relation {
            Relation::Members => &self.members,
            Relation::Owners => &self.owners,
        }
    }

    pub(crate) fn related_mut(&mut self, relation: Relation) -> &mut BTreeSet<Id> {
        match relation {
            Relation::Members => &mut self.members,
            Relation::Owners => &mut self.owners,
        }
    }

    /// The groups that have it.
    pub(crate) fn holders(&self, relation: Relation) -> &BTreeSet<Id> {
        match relation {
            Relation::Members => &self.member_of,
            Relation::Owners => &self.owner_of,
        }
    }

    pub(crate) fn holders_mut(&mut self, relation: Relation) -> &mut BTreeSet<Id> {
        match relation {
            Relation::Members => &mut self.member_of,
            Relation::Owners => &mut self.owner_of,
        }
    }

    pub(crate) fn user(&self) -> Option<&User> {
        match &self.entry {
            Entry::User(user) => Some(user),
            _ => None,
        }
    }

    pub(crate) fn group(&self) -> Option<&Group> {
        match &self.entry {
            Entry::Group(group) => Some(group),
            _ => None,
        }
    }
}
