//! [`Picture`]: all rooms as `/sync` has told them so far.

use std::{borrow::Cow, collections::BTreeMap};

use inviter_core::room::RoomState;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::incoming::{Incoming, read};
use crate::{
    observe::{Joined, inviter},
    room_state::Collector,
    stream::object,
};

/// The rooms that the bot is in, and those that it is invited to.
#[derive(Default)]
pub(crate) struct Picture {
    joined: BTreeMap<OwnedRoomId, Seen>,
    /// How many doubts there have been, to tell them apart.
    doubts: u64,
    invited: BTreeMap<OwnedRoomId, Option<OwnedUserId>>,
}

/// What has been seen of a room.
#[derive(Default)]
struct Seen {
    state: Box<Collector>,
    /// What happened in the room need not be its state, so that it has to be asked for: something that `/sync` said could
    /// not be read, or people of another server did something. Where two servers act at the same time, their events stand
    /// beside each other, and which of them holds is for the homeserver to resolve; a timeline does not tell.
    doubt: Option<Doubt>,
}

/// Why a room has to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt(u64);

/// What a picture says of a room.
pub(crate) enum Shown {
    State(RoomState),
    /// As far as is known; to be asked by itself.
    Doubtful(RoomState, Doubt),
}

/// What one answer of `/sync` has told.
#[derive(Default)]
pub(crate) struct Told {
    /// Rooms in which somebody else changed something, and who did last, if that was told.
    pub(crate) changed: BTreeMap<OwnedRoomId, Option<OwnedUserId>>,
    /// What came to the bot.
    pub(crate) incoming: Vec<Incoming>,
    /// State events of the bot itself, and joins, by room, type and state key.
    pub(crate) own: Vec<(OwnedRoomId, String, String)>,
}

/// Who set which state.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    state_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sender: Option<Cow<'a, str>>,
}

impl Picture {
    /// Takes in what the first `/sync` says of a room.
    pub(crate) fn begin(&mut self, section: &str, id: OwnedRoomId, raw: &RawValue, me: &UserId) {
        let mut told = Told::default();
        self.take(section, id, raw, me, &mut told);
    }

    /// Takes in what a `/sync` says of a room, and tells what is new about it.
    pub(crate) fn take(
        &mut self,
        section: &str,
        id: OwnedRoomId,
        raw: &RawValue,
        me: &UserId,
        told: &mut Told,
    ) {
        match section {
            "join" => {
                self.invited.remove(&id);
                self.take_joined(id, raw, me, told);
            }
            "invite" => {
                self.joined.remove(&id);
                let by = inviter(raw, me);
                told.incoming.push(Incoming::Invited {
                    room: id.clone(),
                    by: by.clone(),
                });
                told.changed.insert(id.clone(), by.clone());
                self.invited.insert(id, by);
            }
            _ => {
                let known = self.joined.remove(&id).is_some() | self.invited.remove(&id).is_some();
                if known {
                    told.changed.insert(id, None);
                }
            }
        }
    }

    fn take_joined(&mut self, id: OwnedRoomId, raw: &RawValue, me: &UserId, told: &mut Told) {
        let Ok(room) = object::<Joined<'_>>(raw.get()) else {
            let doubt = self.doubt();
            self.joined.entry(id.clone()).or_default().doubt = Some(doubt);
            told.changed.insert(id, None);
            return;
        };
        if !self.joined.contains_key(&id) {
            told.changed.insert(id.clone(), None);
        }
        let theirs = |event: &&RawValue| {
            let header = object::<Header<'_>>(event.get()).ok();
            let sender = header.and_then(|header| UserId::parse(header.sender?).ok());
            sender.is_none_or(|sender| sender.server_name() != me.server_name())
        };
        let doubt = (!room.tells_state() && room.timeline.events.iter().any(theirs)).then(|| self.doubt());
        let seen = self.joined.entry(id.clone()).or_default();
        seen.doubt = doubt.or(seen.doubt);
        // Who, if anybody else did anything.
        let mut by_others: Option<Option<OwnedUserId>> = None;
        for event in room.state() {
            let header = object::<Header<'_>>(event.get());
            match header {
                Ok(header) => {
                    let Some(key) = header.state_key else { continue };
                    let sender = header.sender.as_deref();
                    // Whoever was put in joins by themselves, as far as events tell.
                    let joins = header.kind == "m.room.member" && sender == Some(&*key);
                    let by_bot = sender == Some(me.as_str());
                    if by_bot || joins {
                        let (kind, key) = (header.kind.clone(), key.clone());
                        told.own.push((id.clone(), kind.into_owned(), key.into_owned()));
                    }
                    if !by_bot {
                        let sender = header.sender.and_then(|sender| UserId::parse(sender).ok());
                        by_others = Some(sender);
                    }
                }
                // It is noted in the room as something that cannot be read.
                Err(_) => by_others = Some(None),
            }
            seen.state.add(event);
        }
        let said = room.timeline.events.iter();
        told.incoming
            .extend(said.filter_map(|event| read(&id, event, me)));
        if let Some(by) = by_others {
            told.changed.insert(id, by);
        }
    }

    /// The rooms that the bot is in.
    pub(crate) fn joined(&self) -> impl Iterator<Item = &OwnedRoomId> {
        self.joined.keys()
    }

    /// The rooms that the bot is invited to, and by whom.
    pub(crate) fn invited(&self) -> impl Iterator<Item = (&OwnedRoomId, Option<&OwnedUserId>)> {
        self.invited.iter().map(|(room, by)| (room, by.as_ref()))
    }

    /// A room, if the bot is in it or invited.
    pub(crate) fn room(&self, id: &RoomId) -> Option<Shown> {
        if let Some(by) = self.invited.get(id) {
            let invited_by = by.clone();
            return Some(Shown::State(RoomState::NotJoined { invited_by }));
        }
        let seen = self.joined.get(id)?;
        let state = seen.state.as_ref().clone().finish(id.to_owned());
        Some(match seen.doubt {
            None => Shown::State(state),
            Some(doubt) => Shown::Doubtful(state, doubt),
        })
    }

    /// Takes in what the homeserver answered about a room that was in doubt. What has become doubtful since stays so.
    pub(crate) fn settle(&mut self, id: &RoomId, doubt: Doubt, state: Collector) {
        if let Some(seen) = self.joined.get_mut(id) {
            *seen.state = state;
            seen.doubt = seen.doubt.filter(|newer| *newer != doubt);
        }
    }

    const fn doubt(&mut self) -> Doubt {
        self.doubts += 1;
        Doubt(self.doubts)
    }
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
