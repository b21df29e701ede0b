//! What has changed in a directory, in order: delta queries are answered from it.

use crate::id::Id;
use crate::object::{Kind, Relation};

/// How many changes there were before.
pub(crate) type Version = usize;

#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) object: Id,
    pub(crate) kind: Kind,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Made, or brought back: all about it is new.
    Appeared,
    /// Deleted, and can be brought back.
    Deleted,
    /// Deleted for good.
    Purged,
    /// A property has another value.
    Set(String),
    /// A group has one object more, or one less.
    Related {
        relation: Relation,
        target: Id,
        kind: Kind,
        added: bool,
        cause: Cause,
    },
}

/// Why a group has one object more, or one less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody put it in, or took it out.
    Change,
    /// The object was deleted, or brought back.
    Deletion,
    /// The object was deleted for good.
    Purge,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeLog {
    changes: Vec<Change>,
}

impl ChangeLog {
    pub(crate) fn version(&self) -> Version {
        self.changes.len()
    }

    pub(crate) fn push(&mut self, object: Id, kind: Kind, what: What) {
        self.changes.push(Change { object, kind, what });
    }

    pub(crate) fn since(&self, version: Version) -> &[Change] {
        self.changes.get(version..).unwrap_or_default()
    }
}
