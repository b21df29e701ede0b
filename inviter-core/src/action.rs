//! Actions: what a plan would do, each with its evidence.

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId};
use serde::{Deserialize, Serialize};

use crate::{
    levels::LevelChange,
    room_rules::{HistoryVisibility, Listing, PowerTemplate, RoomKind},
};

/// One thing to do in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What to do.
    pub op: Op,
    /// Why.
    pub why: Why,
}

impl Action {
    /// The order within a room: what makes the room usable first, then levels, then settings, then people.
    pub const fn phase(&self) -> u8 {
        match self.op {
            Op::CreateRoom(_) => 0,
            Op::Join { .. } => 1,
            Op::SetLevels { .. } => 2,
            Op::SetHistoryVisibility { .. }
            | Op::SetName { .. }
            | Op::SetTopic { .. }
            | Op::SetListing { .. } => 3,
            Op::Invite { .. } => 4,
            Op::Remove { .. } => 5,
        }
    }
}

/// What can be done to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Op {
    /// Create it, in one request.
    CreateRoom(Box<Blueprint>),
    /// Accept an invitation, or join.
    Join {
        /// Whose invitation it is.
        invited_by: OwnedUserId,
    },
    /// Change power levels; one event, merged into what is there (decision 28).
    SetLevels {
        /// The changes, sorted by slot.
        changes: Vec<LevelChange>,
    },
    /// Set `m.room.history_visibility`.
    SetHistoryVisibility {
        /// What was seen.
        from: Option<HistoryVisibility>,
        /// What is wanted.
        to: HistoryVisibility,
    },
    /// Give a name to a room that has none.
    SetName {
        /// The name.
        to: String,
    },
    /// Give a topic to a room that has none.
    SetTopic {
        /// The topic.
        to: String,
    },
    /// List the room in the homeserver's room directory, or take it out.
    SetListing {
        /// What is wanted.
        to: Listing,
    },
    /// Invite someone.
    Invite {
        /// Whom.
        user: OwnedUserId,
        /// Shown to them.
        reason: Option<String>,
    },
    /// Remove someone (kick): from the room, or withdraw their invitation.
    Remove {
        /// Whom.
        user: OwnedUserId,
        /// They are invited and not joined.
        invitation: bool,
        /// Shown in the room.
        reason: Option<String>,
    },
}

/// Everything that the creation of a room needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    /// The alias, of our own homeserver.
    pub alias: OwnedRoomAliasId,
    /// Room or space.
    pub kind: RoomKind,
    /// The version; `None` takes the homeserver's default.
    pub version: Option<RoomVersionId>,
    /// The name.
    pub name: Option<String>,
    /// The topic.
    pub topic: Option<String>,
    /// Encrypted from the start.
    pub encrypt: bool,
    /// History visibility.
    pub history_visibility: Option<HistoryVisibility>,
    /// Listing in the room directory.
    pub listing: Listing,
    /// The permission template.
    pub template: Option<PowerTemplate>,
    /// Levels of the people who will be invited, sorted by user, without the bot.
    pub levels: Vec<(OwnedUserId, i64)>,
}

/// Why an action is in the plan. Group indices point into the feeds of the room's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The room is wanted by its groups.
    RoomWanted,
    /// Invited by a trusted inviter.
    TrustedInviter,
    /// A member of this group.
    InGroup {
        /// Index into the feeds.
        feed: u16,
    },
    /// Named in the configuration.
    Fixed,
    /// In none of the groups that feed the room.
    InNoGroup,
    /// Every directory that knows them has disabled the account.
    AccountDisabled,
    /// An owner of this group.
    OwnerOf {
        /// Index into the feeds.
        feed: u16,
    },
    /// No group gives this level any more.
    NoLongerGiven,
    /// A level left behind by someone who is not in the room, or is about to be removed.
    LeftBehind,
    /// The bot's own level, written down so that the room's first levels event does not take it away.
    OwnLevel,
    /// The permission template.
    Template,
    /// A setting of the configuration.
    Configured,
}

/// One room's place in a plan or report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomTarget {
    /// A room that exists.
    Existing(OwnedRoomId),
    /// One that is to be created under this alias.
    New(OwnedRoomAliasId),
}
