//! Changes of what is remembered, and how a [`Memory`] takes them in.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId};
use serde::{Deserialize, Serialize};

use super::{
    Brought, Happened, KeptOut, Memory, MemoryIdentity, Pause, Refusal, RememberedAlias, RememberedDirectory,
    RememberedHold, RememberedQuarantine, RememberedRemoval,
};
use crate::{
    desired::Feed,
    directory::ProviderId,
    room::RoomRef,
    room_template::Argument,
    runs::RememberedRun,
    server::{LimitKind, MetLimit},
    time::Timestamp,
};

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
    /// A person has taken a room out of management, which ends its adoption, that other rooms lead there, every grace
    /// there, and what is held there.
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
    /// Forget refusals before this point, in all rooms.
    ForgetRefusals(Timestamp),
    /// The listing is as configured.
    ListingChecked(OwnedRoomId, Timestamp),
    /// A good read of a directory.
    Directory(ProviderId, RememberedDirectory),
    /// People were told that a directory is left alone, or that it no longer is (`None`). Says nothing of rooms: where
    /// the memory was lost, it is no less so.
    Quarantined(ProviderId, Option<RememberedQuarantine>),
    /// A removal is about to be sent.
    Removal(RememberedRemoval),
    /// Forget removals before this point.
    ForgetRemovals(Timestamp),
    /// A person has paused something, or resumed it (`None`), from when on every grace there begins anew.
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
    /// A room that has replaced another knows somebody itself by now: whether they were out of the old one is forgotten.
    OutBeforeForgotten(OwnedRoomId, OwnedUserId),
    /// A run came to its end, or could not begin.
    Ran(RememberedRun),
    /// Nothing wants somebody in a room any more, since then; or that is over (`None`).
    Missing(OwnedRoomId, OwnedUserId, Option<Timestamp>),
    /// We have brought somebody in, or they are not in the room any more (`None`).
    Brought(OwnedRoomId, OwnedUserId, Option<Brought>),
    /// What the guard holds in a room; `None` if nothing.
    Held(OwnedRoomId, Option<RememberedHold>),
    /// A person has let go what was held in a room.
    Released(OwnedRoomId, Timestamp),
    /// We did something with somebody.
    Happened(Happened),
    /// Forget what we did with people before this point.
    ForgetHistory(Timestamp),
    /// A run has come to its end that has told that a memory was lost, the one before this one: from now on it is
    /// recalled as [`Recalled::Memory`](super::Recalled). A clean run that was written down here before counts for
    /// nothing. Of another memory than the present one it says nothing.
    LossTold(MemoryIdentity),
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
                room.held = None;
                room.missing.clear();
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
            MemoryChange::ForgetRefusals(before) => {
                for room in self.rooms.values_mut() {
                    room.refused.retain(|_, refusal| refusal.at >= before);
                }
            }
            MemoryChange::ListingChecked(room, at) => self.room(room).listing_checked = Some(at),
            MemoryChange::Directory(provider, remembered) => {
                self.directories.insert(provider, remembered);
            }
            MemoryChange::Quarantined(provider, Some(remembered)) => {
                self.quarantined.insert(provider, remembered);
            }
            MemoryChange::Quarantined(provider, None) => drop(self.quarantined.remove(&provider)),
            MemoryChange::Removal(removal) => self.removals.push(removal),
            MemoryChange::ForgetRemovals(before) => self.removals.retain(|r| r.at >= before),
            MemoryChange::Paused(what, Some(at)) => drop(self.paused.insert(what, at)),
            MemoryChange::Paused(what, None) => self.resume(&what),
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
            MemoryChange::OutBeforeForgotten(room, user) => {
                let room = self.room(room);
                room.left_before.remove(&user);
                room.kept_out.remove(&user);
            }
            MemoryChange::Ran(run) => {
                self.runs.push(run);
                RememberedRun::keep(&mut self.runs);
            }
            MemoryChange::Missing(room, user, Some(since)) => {
                self.room(room).missing.insert(user, since);
            }
            MemoryChange::Missing(room, user, None) => {
                self.room(room).missing.remove(&user);
            }
            MemoryChange::Held(room, hold) => self.room(room).held = hold,
            MemoryChange::Released(room, at) => self.room(room).released = Some(at),
            // They are looked up for one room or one person at a time ([`Past`](super::Past)).
            MemoryChange::Brought(room, ..) | MemoryChange::Happened(Happened { room, .. }) => {
                self.room(room);
            }
            MemoryChange::LossTold(of) if of == self.identity => self.clean_run = None,
            MemoryChange::ForgetHistory(_) | MemoryChange::LossTold(_) => {}
        }
    }

    /// Nobody looked at what was paused, so that every grace there begins anew.
    fn resume(&mut self, what: &Pause) {
        self.paused.remove(what);
        let first = match what {
            Pause::Everything => {
                return self.rooms.values_mut().for_each(|room| room.missing.clear());
            }
            Pause::Room(RoomRef::Id(id)) => Some(id),
            Pause::Room(RoomRef::Alias(alias)) => self.aliases.get(alias).map(|known| &known.room),
        };
        let mut concerned = BTreeSet::new();
        let mut next = first;
        while let Some(id) = next.filter(|id| concerned.insert((*id).clone())) {
            next = self.successors.0.get(id);
        }
        for id in concerned {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.missing.clear();
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
        for (user, since) in old.missing {
            new.missing.entry(user).or_insert(since);
        }
        new.held = new.held.take().or(old.held);
        new.released = new.released.max(old.released);
    }
}
