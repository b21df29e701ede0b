//! Whom we brought in, and what we did with people: looked up where it is asked for, not read with everything else,
//! because there may be a million of them.

use std::collections::BTreeMap;

use ruma_common::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::MemoryChange;
use crate::{action::Op, desired::GroupRef, levels::LevelSlot, time::Timestamp};

/// That we have invited somebody, or put them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// When.
    pub at: Timestamp,
    /// For which group; `None` for someone whom the configuration or a person has named.
    pub group: Option<GroupRef>,
}

/// Something that we did with somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub room: OwnedRoomId,
    /// With whom.
    pub user: OwnedUserId,
    /// What.
    pub what: Happening,
    /// On what grounds.
    pub ground: Ground,
    /// The group that the grounds are about.
    pub group: Option<GroupRef>,
}

/// What we did with somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Invited them.
    Invited,
    /// Put them in without asking them.
    PutIn,
    /// Removed them from the room.
    Removed,
    /// Took an invitation back that they had not accepted.
    InvitationWithdrawn,
    /// Gave them this power level; `None` if they have none of their own any more.
    Level(Option<i64>),
}

impl Happening {
    /// What an operation does with whom, once it is done.
    pub fn of(op: &Op) -> Vec<(&UserId, Self)> {
        match op {
            Op::Invite { user, .. } => vec![(user, Self::Invited)],
            Op::Add { user, .. } => vec![(user, Self::PutIn)],
            Op::Remove {
                user,
                invitation: true,
                ..
            } => vec![(user, Self::InvitationWithdrawn)],
            Op::Remove { user, .. } => vec![(user, Self::Removed)],
            Op::SetLevels { changes } => {
                let of_people = changes.iter().filter_map(|change| match &change.slot {
                    LevelSlot::User(user) => Some((&**user, Self::Level(change.to))),
                    _ => None,
                });
                of_people.collect()
            }
            Op::CreateRoom(blueprint) => {
                let levels = blueprint.levels.iter();
                levels
                    .map(|(user, level)| (&**user, Self::Level(Some(*level))))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// On what grounds we did something with somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// A member of a group.
    MemberOf,
    /// An owner of a group.
    OwnerOf,
    /// Named in the configuration.
    Configured,
    /// In none of the groups that feed the room.
    InNoGroup,
    /// Every directory that knows them has disabled the account.
    AccountDisabled,
    /// No group gives the level any more.
    NoLongerGiven,
    /// A person asked for it.
    ByHand,
}

impl Ground {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MemberOf,
        Self::OwnerOf,
        Self::Configured,
        Self::InNoGroup,
        Self::AccountDisabled,
        Self::NoLongerGiven,
        Self::ByHand,
    ];

    /// A word for it that stays the same from version to version.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemberOf => "member_of",
            Self::OwnerOf => "owner_of",
            Self::Configured => "configured",
            Self::InNoGroup => "in_no_group",
            Self::AccountDisabled => "account_disabled",
            Self::NoLongerGiven => "no_longer_given",
            Self::ByHand => "by_hand",
        }
    }

    /// The ground of a word of [`as_str`](Self::as_str).
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.as_str() == word)
    }
}

/// What a store answers [`MemoryStore::brought`] and [`MemoryStore::history`] from, as a plain value.
///
/// [`MemoryStore::brought`]: super::MemoryStore::brought
/// [`MemoryStore::history`]: super::MemoryStore::history
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    brought: BTreeMap<OwnedRoomId, BTreeMap<OwnedUserId, Brought>>,
    /// Oldest first.
    history: Vec<Happened>,
}

impl Past {
    /// Takes changes in.
    pub fn apply(&mut self, changes: &[MemoryChange]) {
        for change in changes {
            self.apply_one(change);
        }
    }

    fn apply_one(&mut self, change: &MemoryChange) {
        match change {
            MemoryChange::Brought(room, user, Some(brought)) => {
                let room = self.brought.entry(room.clone()).or_default();
                room.insert(user.clone(), brought.clone());
            }
            MemoryChange::Brought(room, user, None) => {
                if let Some(room) = self.brought.get_mut(room) {
                    room.remove(user);
                }
            }
            MemoryChange::Happened(happened) => self.history.push(happened.clone()),
            MemoryChange::ForgetHistory(before) => self.history.retain(|happened| happened.at >= *before),
            MemoryChange::Forgotten(room) => {
                self.brought.remove(room);
                self.history.retain(|happened| happened.room != *room);
            }
            MemoryChange::Followed { from, to, .. } => {
                let old = self.brought.remove(from).unwrap_or_default();
                let new = self.brought.entry(to.clone()).or_default();
                for (user, brought) in old {
                    new.entry(user).or_insert(brought);
                }
                for happened in self.history.iter_mut().filter(|happened| happened.room == *from) {
                    happened.room.clone_from(to);
                }
            }
            _ => {}
        }
    }

    /// Whom we have brought into a room.
    pub fn brought(&self, room: &RoomId) -> BTreeMap<OwnedUserId, Brought> {
        self.brought.get(room).cloned().unwrap_or_default()
    }

    /// What we did with somebody, in one room or in all, oldest first.
    pub fn history(&self, user: &UserId, room: Option<&RoomId>) -> Vec<Happened> {
        let is_asked =
            |happened: &&Happened| happened.user == *user && room.is_none_or(|room| happened.room == *room);
        self.history.iter().filter(is_asked).cloned().collect()
    }
}
