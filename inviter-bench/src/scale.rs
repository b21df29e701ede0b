//! How large a population is.

use serde::{Deserialize, Serialize};

/// One membership in so many changed between what is wanted and what is there, by addition; as many by removal.
pub(crate) const ONE_ADDED_IN: usize = 200;
/// Per cent of a room's people who are in it through a group within its group.
pub(crate) const NESTED_PERCENT: usize = 30;

/// A population: ten rooms for a thousand memberships, five memberships a person, and a tenth of all in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scale {
    pub(crate) memberships: usize,
    pub(crate) rooms: usize,
    pub(crate) accounts: usize,
    /// People in the largest room.
    pub(crate) largest: usize,
}

impl Scale {
    pub(crate) const fn of(memberships: usize) -> Self {
        Self {
            memberships,
            rooms: memberships / 100,
            accounts: memberships / 5,
            largest: memberships / 10,
        }
    }

    /// How many people have to be invited, and how many removed.
    pub(crate) const fn changes(self) -> usize {
        self.memberships / ONE_ADDED_IN
    }
}
