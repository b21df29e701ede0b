//! What comes of planning one room.

use std::{collections::BTreeMap, sync::Arc};

use ruma_common::OwnedUserId;
use serde::Serialize;

use crate::{
    action::{Action, RoomTarget},
    desired::Feed,
    finding::Finding,
    recall::MemoryChange,
    rights::Seen,
    room::RoomRef,
    succession::Lineage,
};

/// What one room's comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomPlan {
    /// The reference by which reports name the room.
    pub room: RoomRef,
    /// All references.
    pub refs: Vec<RoomRef>,
    /// The room, if it exists or may be created.
    pub target: Option<RoomTarget>,
    /// How far the room can be managed.
    pub status: RoomStatus,
    /// What to do, in the order to do it.
    pub actions: Vec<Action>,
    /// What a person should be told.
    pub findings: Vec<Finding>,
    /// The groups that feed the room; actions refer to them by index.
    pub feeds: Arc<[Feed]>,
    /// Numbers for the guard and for reports.
    pub census: Census,
    /// The level, before the run, of everyone who is to be removed.
    pub going: BTreeMap<OwnedUserId, i64>,
    /// Whether it is of use to write down whom we bring in: for the rule that only they go, or for whoever asks later.
    #[serde(skip)]
    pub keeps_brought: bool,
    /// Who has invited the bot, if it is invited.
    pub invited_by: Option<OwnedUserId>,
    /// Rooms before this one, and what is the matter with what comes after it.
    #[serde(skip)]
    pub lineage: Lineage,
    /// What people should know of it, if the bot is in it.
    pub seen: Option<Box<Seen>>,
    /// Groups that fed the room at its last good run and have vanished: its removals are held (decision 2).
    pub vanished: Vec<Feed>,
    /// What to remember whatever becomes of the actions.
    #[serde(skip)]
    pub learned: Vec<MemoryChange>,
    /// What to remember of people once their invitation is sent.
    #[serde(skip)]
    pub learned_if_invited: BTreeMap<OwnedUserId, MemoryChange>,
    /// What to remember once every action is done and none is held.
    #[serde(skip)]
    pub learned_if_done: Vec<MemoryChange>,
}

/// How far a room can be managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoomStatus {
    /// Does not exist yet.
    ToCreate,
    /// Desired, bound, joined, adopted and readable.
    Managed,
    /// Exists, the bot is in it, and nobody has adopted it.
    Found,
    /// The bot is invited.
    Invited,
    /// The bot is not in it.
    NotJoined,
    /// Replaced by another room.
    Replaced,
    /// Its alias led to a managed room and now leads to another, which no upgrade explains.
    Moved,
    /// A person has paused it, or everything.
    Paused,
    /// Something about it is unknown or cannot be understood.
    Unknown,
}

/// How many people there are, before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Census {
    /// Base of the limits: in scope, joined or invited, not exempt, not the bot, and below 100 or an admin over whom the
    /// directory rules. Where only those go whom we have brought in, the others count only while they belong there.
    pub population: u32,
    /// Of those, the ones with a level entry of their own.
    pub raised: u32,
    /// People who are wanted here and whose account may be used, without the bot.
    pub wanted: u32,
    /// Of those, the ones in scope that a group brings, not the configuration.
    pub from_groups: u32,
    /// Everyone joined, whoever they are.
    pub joined: u32,
    /// Everyone invited, whoever they are.
    pub invited: u32,
}
