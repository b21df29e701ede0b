//! What is remembered from run to run (decision 33): a plain value that goes into plan and guard, and a delta that
//! comes out.

mod changes;
mod past;
mod room;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use async_trait::async_trait;
use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId};
use serde::{Deserialize, Serialize};

pub use self::{
    changes::MemoryChange,
    past::{Brought, Ground, Happened, Happening, Past},
    room::{KeptOut, Refusal, RefusedOp, RememberedHold, RememberedRoom},
};
use crate::{
    directory::ProviderId,
    room::{Binding, RoomRef},
    room_template::Argument,
    runs::RememberedRun,
    server::{LimitKind, MetLimit},
    succession::Successors,
    time::Timestamp,
};

/// What earlier runs saw and did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Which memory this is: what a person said of one that was lost since holds for no other.
    pub identity: MemoryIdentity,
    /// When a full run last went through with nothing failed, unknown or incomplete. Without it nobody is removed.
    pub clean_run: Option<Timestamp>,
    /// Where aliases led.
    pub aliases: BTreeMap<OwnedRoomAliasId, RememberedAlias>,
    /// Rooms.
    pub rooms: BTreeMap<OwnedRoomId, RememberedRoom>,
    /// Directories at their last good read.
    pub directories: BTreeMap<ProviderId, RememberedDirectory>,
    /// Directories that keep failing and are left alone, which people have been told.
    pub quarantined: BTreeMap<ProviderId, RememberedQuarantine>,
    /// Removals of the last days, for the limits over time.
    pub removals: Vec<RememberedRemoval>,
    /// What a person has paused, and when.
    pub paused: BTreeMap<Pause, Timestamp>,
    /// Arguments that runs were given: rooms of theirs are not gone because a run is about another.
    pub arguments: BTreeSet<Argument>,
    /// Rate limits that runs have met.
    pub limits: BTreeMap<LimitKind, MetLimit>,
    /// Rooms that were replaced, and followed to the room that replaced them.
    pub successors: Successors,
    /// The last runs, oldest first; see [`RememberedRun::keep`].
    pub runs: Vec<RememberedRun>,
}

/// Tells a memory from every other, such as the one that begins where it was lost. Made up once, when a memory begins.
///
/// Release codes rest on it, so that a code is of no use any more once nobody remembers whether it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoryIdentity(pub u64);

/// What can be paused: nothing is done there until a person resumes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// All rooms.
    Everything,
    /// One room, by any of its names.
    Room(RoomRef),
}

/// An answer of the homeserver about an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedAlias {
    /// The room.
    pub room: OwnedRoomId,
    /// When it was asked.
    pub asked: Timestamp,
}

impl RememberedAlias {
    /// An alias that led to a room, and is asked before anything rests on that.
    pub fn to_be_asked(room: &RoomId) -> Self {
        Self {
            room: room.to_owned(),
            asked: Timestamp(0),
        }
    }
}

/// A directory at its last good read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedDirectory {
    /// When.
    pub at: Timestamp,
    /// Accounts that could be used.
    pub active_accounts: u64,
}

/// A directory that is left alone since it keeps failing ([`quarantine`](crate::quarantine)), as people were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedQuarantine {
    /// When the first of the reads in a row failed.
    pub failing_since: Timestamp,
    /// When one too many had failed.
    pub since: Timestamp,
    /// How many reads in a row had failed.
    pub failures: u32,
}

/// A removal that was sent, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RememberedRemoval {
    /// When.
    pub at: Timestamp,
    /// From which room.
    pub room: OwnedRoomId,
    /// Whom.
    pub user: OwnedUserId,
}

impl Memory {
    /// The room that an alias led to when it was last asked, or the one that has taken that one's place since.
    pub fn led_to(&self, alias: &RoomAliasId) -> Option<&RoomId> {
        let known = self.aliases.get(alias)?;
        Some(self.successors.current(&known.room))
    }

    /// Whether a person has paused a room of these names, or everything.
    pub fn is_paused(&self, refs: &[RoomRef], binding: &Binding) -> bool {
        self.pause_of(refs, binding).is_some()
    }

    /// The pause that holds for a room of these names, as it was given: everything's, or else that of one of its names.
    pub fn pause_of(&self, refs: &[RoomRef], binding: &Binding) -> Option<Pause> {
        if self.paused.is_empty() {
            return None;
        }
        // The room that an alias leads nowhere from now on is the one that was paused.
        let led_to = |name: &RoomRef| match name {
            RoomRef::Alias(alias) => self.led_to(alias).map(ToOwned::to_owned),
            RoomRef::Id(_) => None,
        };
        let bound: BTreeSet<OwnedRoomId> = match binding {
            Binding::Bound(id) => [id.clone()].into(),
            Binding::Missing | Binding::Unknown(_) => refs.iter().filter_map(led_to).collect(),
        };
        // Who has written down an ID need not know that the room has another by now.
        let mut ids: BTreeSet<OwnedRoomId> = bound.iter().flat_map(|id| self.successors.before(id)).collect();
        ids.extend(bound);
        let by_id = ids.iter().cloned().map(RoomRef::Id);
        let rooms = refs.iter().cloned().chain(by_id).map(Pause::Room);
        let mut pauses = [Pause::Everything].into_iter().chain(rooms);
        let named = pauses.find(|pause| self.paused.contains_key(pause));
        // The group of the alias that a person has named may be gone, while that of another one still leads there.
        let leads_there = |pause: &&Pause| match pause {
            Pause::Room(name) => led_to(name).is_some_and(|id| ids.contains(&id)),
            Pause::Everything => false,
        };
        named.or_else(|| self.paused.keys().find(leads_there).cloned())
    }

    /// Whether anything is remembered of a room but that it was handed over.
    pub fn knows(&self, room: &RoomId) -> bool {
        let is_more = |known: &RememberedRoom| {
            let handed_over = RememberedRoom {
                handed_over: known.handed_over,
                ..RememberedRoom::default()
            };
            known.handed_over.is_none() || *known != handed_over
        };
        let leads_there = |alias: &RememberedAlias| self.successors.current(&alias.room) == room;
        self.rooms.get(room).is_some_and(is_more) || self.aliases.values().any(leads_there)
    }

    fn room(&mut self, room: OwnedRoomId) -> &mut RememberedRoom {
        self.rooms.entry(room).or_default()
    }
}

/// What a store found when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// What was remembered; empty for a store that is new.
    Memory(Memory),
    /// There was a memory and it cannot be read; removals are held until one full clean run. It stays so, whatever is
    /// remembered meanwhile, until a run has told of it ([`MemoryChange::LossTold`]).
    Lost(Lost),
}

/// A memory that cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Why, as a sentence without a full stop.
    pub why: String,
    /// The memory that has begun in its place, with what was remembered since: a person may have paused something
    /// before a run has told of the loss.
    pub memory: Memory,
}

impl Lost {
    /// The memory that has begun in its place. No clean run counts before the loss is told: one that is written down
    /// there was begun with the memory that is lost.
    pub fn begin(&self) -> Memory {
        self.clone().into_memory()
    }

    fn into_memory(self) -> Memory {
        Memory {
            clean_run: None,
            ..self.memory
        }
    }
}

impl Recalled {
    /// The memory; the one that has begun in its place if it was lost.
    pub fn into_memory(self) -> Memory {
        match self {
            Self::Memory(memory) => memory,
            Self::Lost(lost) => lost.into_memory(),
        }
    }
}

/// Keeps a [`Memory`] from run to run.
#[async_trait]
pub trait MemoryStore: Debug + Send + Sync + 'static {
    /// Reads everything.
    async fn recall(&self) -> Result<Recalled, StoreError>;

    /// Makes changes permanent, all or none.
    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError>;

    /// Whom we have brought into a room and who, as far as we know, has been there since.
    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError>;

    /// What we did with somebody, in one room or in all, oldest first.
    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError>;
}

#[async_trait]
impl<T: MemoryStore + ?Sized> MemoryStore for Arc<T> {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        (**self).recall().await
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        (**self).commit(changes).await
    }

    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        (**self).brought(room).await
    }

    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        (**self).history(user, room).await
    }
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("{about}: {message}")]
pub struct StoreError {
    /// The file or database.
    pub about: String,
    /// What went wrong and what to do, as one sentence without a full stop.
    pub message: String,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// How the message of a store ends that has met damage after a run has recalled what it needs: the next
    /// [`recall`](MemoryStore::recall) tells of it as [`Recalled::Lost`].
    pub const SETS_ASIDE: &str = "the next run sets it aside and begins anew";
}
