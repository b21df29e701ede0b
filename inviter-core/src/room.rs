//! Rooms as the homeserver has them.

use std::fmt;

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    levels::PowerLevels,
    room_rules::{HistoryVisibility, RoomKind},
    time::Timestamp,
};

/// By what a desired room is known before the homeserver was asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomRef {
    /// A room alias; whichever room the homeserver says it leads to.
    Alias(OwnedRoomAliasId),
    /// A room ID.
    Id(OwnedRoomId),
}

impl fmt::Display for RoomRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias(alias) => f.write_str(alias.as_str()),
            Self::Id(id) => f.write_str(id.as_str()),
        }
    }
}

/// Where an alias leads, by `GET /_matrix/client/v3/directory/room/{alias}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// To this room.
    Bound(OwnedRoomId),
    /// Nowhere: our own homeserver answered 404 `M_NOT_FOUND` for an alias of its own.
    Missing,
    /// Not known; never treated as missing.
    Unknown(Cause),
}

/// Why something could not be known: a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(pub String);

impl Cause {
    /// Wraps a sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The state of one room, seen by the bot.
#[derive(Debug, Clone)]
pub enum RoomState {
    /// There is no such room: it may be created.
    Missing,
    /// It could not be read; nothing is done in it.
    Unknown(Cause),
    /// It exists, and the bot is not in it.
    NotJoined {
        /// Who has invited the bot, if somebody has.
        invited_by: Option<OwnedUserId>,
    },
    /// The bot is in it, and this is what it saw.
    Joined(Box<RoomSnapshot>),
}

/// A room's current state as far as it matters here.
#[derive(Debug, Clone)]
pub struct RoomSnapshot {
    /// The room ID; of version 12 on without a server part.
    pub room_id: OwnedRoomId,
    /// From `m.room.create`; absence there means version 1.
    pub version: RoomVersionId,
    /// Room or space, from the create event's `type`.
    pub kind: RoomKind,
    /// Sender of the create event.
    pub creator: OwnedUserId,
    /// `origin_server_ts` of the create event: what the creator's server says, which nobody has checked.
    pub created: Option<Timestamp>,
    /// `additional_creators` of the create event; meaningful from version 12 on.
    pub additional_creators: Vec<OwnedUserId>,
    /// `m.federate` of the create event, true when absent.
    pub federate: bool,
    /// `m.room.power_levels`, read with the rules of the room's version.
    pub levels: PowerLevels,
    /// `m.room.join_rules`; `Invite` when absent, as the spec says.
    pub join_rule: JoinRule,
    /// `m.room.history_visibility`; `None` when the event is absent (the spec reads that as `shared`).
    pub history_visibility: Option<HistoryVisibility>,
    /// Whether `m.room.encryption` is set.
    pub encrypted: bool,
    /// `m.room.name`, if set and not empty.
    pub name: Option<String>,
    /// `m.room.topic`, if set and not empty.
    pub topic: Option<String>,
    /// `m.room.canonical_alias`; informative only, since anyone with the power can claim any.
    pub canonical_alias: Option<OwnedRoomAliasId>,
    /// The room that the create event names as the one which this one replaces (`predecessor`).
    pub predecessor: Option<OwnedRoomId>,
    /// The replacement named by `m.room.tombstone`, if there is one.
    pub replaced_by: Option<Replacement>,
    /// Everyone with a membership event, sorted by user ID, each once.
    pub members: Vec<RoomMember>,
    /// Events that could not be understood. While there is one, nobody is removed or lowered.
    pub unreadable: Vec<Cause>,
}

/// What `m.room.tombstone` says: the room is closed, and another takes its place. The other room has to say so, too,
/// before that is believed ([`RoomSnapshot::predecessor`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// `replacement_room`, as it stands there; never empty.
    pub named: String,
    /// The same, if it is a room ID.
    pub room: Option<OwnedRoomId>,
    /// Who has closed the room.
    pub by: OwnedUserId,
    /// `origin_server_ts` of the event.
    pub at: Timestamp,
}

impl Replacement {
    /// A tombstone that names this room.
    pub fn new(named: impl Into<String>, by: OwnedUserId, at: Timestamp) -> Self {
        let named = named.into();
        let room = OwnedRoomId::try_from(named.as_str()).ok();
        Self { named, room, by, at }
    }
}

impl RoomSnapshot {
    /// The member entry of a user, if there is one.
    pub fn member(&self, user: &UserId) -> Option<&RoomMember> {
        self.members
            .binary_search_by(|m| (*m.user_id).cmp(user))
            .ok()
            .map(|ix| &self.members[ix])
    }

    /// Whether the user is a creator with the infinite level of room version 12.
    pub fn is_privileged_creator(&self, user: &UserId) -> bool {
        self.levels.rules().privileged_creators
            && (self.creator == user || self.additional_creators.iter().any(|c| c == user))
    }

    /// The user's power, with the version's rules for creators.
    pub fn power(&self, user: &UserId) -> Power {
        if self.is_privileged_creator(user) {
            Power::Infinite
        } else {
            Power::Level(self.levels.user(user, &self.creator))
        }
    }
}

/// How much someone may do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Power {
    /// A power level.
    Level(i64),
    /// Creator of a room of version 12 or later: above every level.
    Infinite,
}

impl Power {
    /// Whether this reaches a required level.
    pub fn reaches(self, level: i64) -> bool {
        self >= Self::Level(level)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "{level}"),
            Self::Infinite => f.write_str("infinite"),
        }
    }
}

/// One `m.room.member` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMember {
    /// Whom it is about.
    pub user_id: OwnedUserId,
    /// The membership.
    pub membership: Membership,
    /// Who set it: tells "left" from "was removed".
    pub sender: OwnedUserId,
    /// `origin_server_ts` of the event.
    pub at: Timestamp,
}

/// Values of `membership`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// `invite`
    Invited,
    /// `join`
    Joined,
    /// `knock`
    Knocking,
    /// `leave`
    Left,
    /// `ban`
    Banned,
}

impl Membership {
    /// Joined or invited: counts as being in the room.
    pub const fn is_in(self) -> bool {
        matches!(self, Self::Joined | Self::Invited)
    }
}

/// `join_rule` of `m.room.join_rules`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRule {
    /// Anyone may join.
    Public,
    /// Only the invited.
    Invite,
    /// The invited, and others may ask.
    Knock,
    /// Members of the rooms that the rule lists.
    Restricted,
    /// `restricted`, and others may ask.
    KnockRestricted,
    /// Nobody.
    Private,
    /// A rule that we do not know.
    Other(String),
}
