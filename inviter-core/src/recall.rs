//! What is remembered from run to run (decision 33): a plain value that goes into plan and guard, and a delta that
//! comes out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use async_trait::async_trait;
use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomAliasId, RoomId};
use serde::{Deserialize, Serialize};

use crate::{
    desired::Feed,
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
    /// When a full run last went through with nothing failed, unknown or incomplete. Without it nobody is removed.
    pub clean_run: Option<Timestamp>,
    /// Where aliases led.
    pub aliases: BTreeMap<OwnedRoomAliasId, RememberedAlias>,
    /// Rooms.
    pub rooms: BTreeMap<OwnedRoomId, RememberedRoom>,
    /// Directories at their last good read.
    pub directories: BTreeMap<ProviderId, RememberedDirectory>,
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

/// A room at its last good run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RememberedRoom {
    /// A person has put the room under management.
    pub adopted: Option<Timestamp>,
    /// A person has taken the room out of management and has not adopted it since: whoever made it, it is others' now.
    pub handed_over: Option<Timestamp>,
    /// The groups that fed it at its last good run, and those that came since.
    pub feeds: Vec<Feed>,
    /// Levels that we gave.
    pub given: BTreeMap<OwnedUserId, i64>,
    /// People who left by themselves and whom the directory has since not wanted: when it wants them again, that
    /// is news.
    pub absent: BTreeSet<OwnedUserId>,
    /// People who were invited again after someone else had removed them.
    pub reinvited: BTreeSet<OwnedUserId>,
    /// Permanent refusals.
    pub refused: BTreeMap<OwnedUserId, Refusal>,
    /// When its listing was last known to be as configured.
    pub listing_checked: Option<Timestamp>,
    /// People who had left, by their own act, the room that this one has replaced, and when. An upgrade brings nobody
    /// along, so this room does not know them.
    pub left_before: BTreeMap<OwnedUserId, Timestamp>,
    /// People whom others had removed from the room that this one has replaced, or banned there.
    pub kept_out: BTreeMap<OwnedUserId, KeptOut>,
}

/// What others did with somebody in a room that was replaced since. It holds in the new room as long as they have never
/// been there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOut {
    /// Who removed or banned them.
    pub by: OwnedUserId,
    /// When.
    pub at: Timestamp,
    /// Banned, not only removed.
    pub banned: bool,
}

impl RememberedRoom {
    /// Whether an earlier run has managed the room, and nobody has given it away since.
    pub fn was_managed(&self) -> bool {
        let is_known = self.adopted.is_some() || self.listing_checked.is_some();
        let is_successor = !self.left_before.is_empty() || !self.kept_out.is_empty();
        let has_people = !self.feeds.is_empty() || !self.given.is_empty();
        self.handed_over.is_none() && (is_known || is_successor || has_people)
    }
}

/// A permanent refusal, not tried again for a day (decision 31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Which operation was refused; the other may still be tried.
    pub of: RefusedOp,
    /// What the homeserver said.
    pub cause: String,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedOp {
    /// An invitation.
    Invite,
    /// A removal.
    Remove,
    /// The bot's own joining. It is written down for whoever has invited the bot, so that the invitation of another is
    /// tried, and without an invitation for the bot.
    Join,
}

/// A directory at its last good read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedDirectory {
    /// When.
    pub at: Timestamp,
    /// Accounts that could be used.
    pub active_accounts: u64,
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

/// One change of what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemoryChange {
    /// A full run went through.
    CleanRun(Timestamp),
    /// An alias leads to a room.
    Alias(OwnedRoomAliasId, RememberedAlias),
    /// An alias leads nowhere, or somewhere that has to be asked again.
    AliasForgotten(OwnedRoomAliasId),
    /// A person has adopted a room, which takes back one that was handed over, and one that was followed to another.
    Adopted(OwnedRoomId, Timestamp),
    /// A person has taken a room out of management, which ends its adoption, and that other rooms lead there.
    HandedOver(OwnedRoomId, Timestamp),
    /// The groups that feed a room.
    Feeds(OwnedRoomId, Vec<Feed>),
    /// We gave someone a level, or took it back.
    Given(OwnedRoomId, OwnedUserId, Option<i64>),
    /// Someone who left is not wanted (`true`), or is in the room again (`false`).
    Absent(OwnedRoomId, OwnedUserId, bool),
    /// Someone whom others had removed was invited again (`true`), or is forgotten (`false`).
    Reinvited(OwnedRoomId, OwnedUserId, bool),
    /// Someone's refusal, or the end of it.
    Refused(OwnedRoomId, OwnedUserId, Option<Refusal>),
    /// The listing is as configured.
    ListingChecked(OwnedRoomId, Timestamp),
    /// A good read of a directory.
    Directory(ProviderId, RememberedDirectory),
    /// A removal is about to be sent.
    Removal(RememberedRemoval),
    /// Forget removals before this point.
    ForgetRemovals(Timestamp),
    /// A person has paused something, or resumed it (`None`).
    Paused(Pause, Option<Timestamp>),
    /// A run was given an argument.
    Argument(Argument),
    /// Forget a room, the aliases that lead to it, and that it has replaced others. Removals stay counted, since the limits over time are about
    /// people, whatever has become of the room.
    Forgotten(OwnedRoomId),
    /// A run has met a rate limit.
    LimitMet(LimitKind, MetLimit),
    /// A managed room was replaced by another, which is managed in its place from now on. What is remembered of the
    /// old one holds for the new one; of the old one itself only its successor is remembered.
    Followed {
        /// The room that was closed.
        from: OwnedRoomId,
        /// The room that has taken its place.
        to: OwnedRoomId,
        /// When.
        at: Timestamp,
        /// Who had left the old room by their own act, and when.
        left: BTreeMap<OwnedUserId, Timestamp>,
        /// Whom others had removed from the old room, or banned there.
        kept_out: BTreeMap<OwnedUserId, KeptOut>,
    },
    /// A run came to its end, or could not begin.
    Ran(RememberedRun),
}

impl Memory {
    /// Takes changes in.
    pub fn apply(&mut self, changes: &[MemoryChange]) {
        for change in changes {
            self.apply_one(change);
        }
    }

    fn apply_one(&mut self, change: &MemoryChange) {
        match change.clone() {
            MemoryChange::CleanRun(at) => self.clean_run = Some(at),
            MemoryChange::Alias(alias, remembered) => drop(self.aliases.insert(alias, remembered)),
            MemoryChange::AliasForgotten(alias) => drop(self.aliases.remove(&alias)),
            MemoryChange::Adopted(room, at) => {
                self.successors.0.remove(&room);
                let room = self.room(room);
                (room.adopted, room.handed_over) = (Some(at), None);
            }
            MemoryChange::HandedOver(room, at) => {
                self.successors.0.retain(|_, to| *to != room);
                let room = self.room(room);
                (room.adopted, room.handed_over) = (None, Some(at));
            }
            MemoryChange::Feeds(room, feeds) => self.room(room).feeds = feeds,
            MemoryChange::Given(room, user, Some(level)) => drop(self.room(room).given.insert(user, level)),
            MemoryChange::Given(room, user, None) => drop(self.room(room).given.remove(&user)),
            MemoryChange::Absent(room, user, true) => drop(self.room(room).absent.insert(user)),
            MemoryChange::Absent(room, user, false) => drop(self.room(room).absent.remove(&user)),
            MemoryChange::Reinvited(room, user, true) => drop(self.room(room).reinvited.insert(user)),
            MemoryChange::Reinvited(room, user, false) => drop(self.room(room).reinvited.remove(&user)),
            MemoryChange::Refused(room, user, Some(refusal)) => {
                drop(self.room(room).refused.insert(user, refusal));
            }
            MemoryChange::Refused(room, user, None) => drop(self.room(room).refused.remove(&user)),
            MemoryChange::ListingChecked(room, at) => self.room(room).listing_checked = Some(at),
            MemoryChange::Directory(provider, remembered) => {
                self.directories.insert(provider, remembered);
            }
            MemoryChange::Removal(removal) => self.removals.push(removal),
            MemoryChange::ForgetRemovals(before) => self.removals.retain(|r| r.at >= before),
            MemoryChange::Paused(what, Some(at)) => drop(self.paused.insert(what, at)),
            MemoryChange::Paused(what, None) => drop(self.paused.remove(&what)),
            MemoryChange::Argument(argument) => drop(self.arguments.insert(argument)),
            MemoryChange::Forgotten(room) => {
                self.successors.0.retain(|_, to| *to != room);
                self.rooms.remove(&room);
                self.aliases.retain(|_, alias| alias.room != room);
            }
            MemoryChange::LimitMet(kind, met) => drop(self.limits.insert(kind, met)),
            MemoryChange::Followed {
                from,
                to,
                at,
                left,
                kept_out,
            } => {
                self.follow(&from, &to, at);
                let new = self.room(to.clone());
                new.left_before.extend(left);
                new.kept_out.extend(kept_out);
                self.successors.0.insert(from, to);
            }
            MemoryChange::Ran(run) => {
                self.runs.push(run);
                RememberedRun::keep(&mut self.runs);
            }
        }
    }

    /// What is remembered of one room holds for another from now on.
    fn follow(&mut self, from: &RoomId, to: &RoomId, at: Timestamp) {
        let old = self.rooms.remove(from).unwrap_or_default();
        if let Some(since) = self.paused.remove(&Pause::Room(RoomRef::Id(from.to_owned()))) {
            self.paused
                .entry(Pause::Room(RoomRef::Id(to.to_owned())))
                .or_insert(since);
        }
        let new = self.room(to.to_owned());
        // A person's word about the new room counts.
        if new.handed_over.is_none() {
            new.adopted = new.adopted.or(old.adopted).or(Some(at));
        }
        for feed in old.feeds {
            if !new.feeds.contains(&feed) {
                new.feeds.push(feed);
            }
        }
        for (user, level) in old.given {
            new.given.entry(user).or_insert(level);
        }
        new.absent.extend(old.absent);
        new.reinvited.extend(old.reinvited);
        for (user, refusal) in old.refused {
            new.refused.entry(user).or_insert(refusal);
        }
    }

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
        let ids = ids.into_iter().map(RoomRef::Id);
        let rooms = refs.iter().cloned().chain(ids).map(Pause::Room);
        let mut pauses = [Pause::Everything].into_iter().chain(rooms);
        pauses.find(|pause| self.paused.contains_key(pause))
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
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub enum Recalled {
    /// What was remembered; empty for a store that is new.
    Memory(Memory),
    /// There was a memory and it cannot be read; removals are held until one full clean run. Says why.
    Lost(String),
}

impl Recalled {
    /// The memory, empty if it was lost.
    pub fn into_memory(self) -> Memory {
        match self {
            Self::Memory(memory) => memory,
            Self::Lost(_) => Memory::default(),
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
}

#[async_trait]
impl<T: MemoryStore + ?Sized> MemoryStore for Arc<T> {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        (**self).recall().await
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        (**self).commit(changes).await
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
