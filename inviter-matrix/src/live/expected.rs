//! [`Expected`]: what the bot itself has written and `/sync` has not shown yet.
//!
//! Until it has, the picture of the room is older than what was done there, and would have it done again: an
//! invitation that is sent twice is told twice to the invitee.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use inviter_core::{action::Op, backend::BackendError, backend::BackendErrorKind, backend::Effect};
use ruma::{OwnedRoomId, RoomId};

/// What does not show within this time does not come: it was no event, or a later one stands in its place.
const PATIENCE: Duration = Duration::from_secs(60);

/// Type and state key of an event.
type Key = (String, String);
/// How many events are to come, and since when.
type Coming = (u32, Instant);

/// Events that are to come, by room, type and state key: how many, and since when.
#[derive(Debug, Default)]
pub(super) struct Expected {
    rooms: Mutex<BTreeMap<OwnedRoomId, BTreeMap<Key, Coming>>>,
}

impl Expected {
    /// The event that an operation leads to. None for what makes no state event of the room, and for entering and
    /// leaving: those show by the room's coming and going.
    pub(super) fn key(op: &Op) -> Option<Key> {
        let (kind, key) = match op {
            Op::Invite { user, .. } | Op::Add { user, .. } | Op::Remove { user, .. } => {
                ("m.room.member", user.as_str())
            }
            Op::SetLevels { .. } => ("m.room.power_levels", ""),
            Op::SetHistoryVisibility { .. } => ("m.room.history_visibility", ""),
            Op::SetName { .. } => ("m.room.name", ""),
            Op::SetTopic { .. } => ("m.room.topic", ""),
            _ => return None,
        };
        Some((kind.to_owned(), key.to_owned()))
    }

    /// Before it is sent: its event may come before its answer does.
    pub(super) fn sending(&self, room: &RoomId, key: &Key) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = rooms
            .entry(room.to_owned())
            .or_default()
            .entry(key.clone())
            .or_insert((0, Instant::now()));
        *entry = (entry.0 + 1, Instant::now());
    }

    /// Once it is answered: what certainly made no event is expected no more.
    pub(super) fn answered(&self, room: &RoomId, key: &Key, result: Result<&Effect, &BackendError>) {
        let none = match result {
            Ok(Effect::AlreadySo) => true,
            Ok(_) => false,
            Err(error) => !matches!(
                error.kind,
                BackendErrorKind::Unavailable | BackendErrorKind::Malformed
            ),
        };
        if none {
            self.shown(room, key);
        }
    }

    /// `/sync` has shown it, or it does not come.
    pub(super) fn shown(&self, room: &RoomId, key: &Key) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_room) = rooms.get_mut(room) else {
            return;
        };
        if let Some((count, _)) = of_room.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                of_room.remove(key);
            }
        }
        if of_room.is_empty() {
            rooms.remove(room);
        }
    }

    /// Whether something is still to come in a room.
    pub(super) fn in_room(&self, room: &RoomId) -> bool {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_room) = rooms.get_mut(room) else {
            return false;
        };
        of_room.retain(|_, (_, since)| since.elapsed() < PATIENCE);
        let any = !of_room.is_empty();
        if !any {
            rooms.remove(room);
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};

    use super::*;

    fn invitation() -> Key {
        Expected::key(&Op::Invite {
            user: user_id!("@a:x").to_owned(),
            reason: None,
        })
        .unwrap()
    }

    #[test]
    fn what_was_sent_is_expected_until_it_shows() {
        let (expected, room, key) = (Expected::default(), room_id!("!r:x"), invitation());
        assert!(!expected.in_room(room));
        expected.sending(room, &key);
        expected.sending(room, &key);
        expected.answered(room, &key, Ok(&Effect::Done));
        expected.shown(room, &key);
        assert!(expected.in_room(room), "two were sent");
        expected.shown(room, &key);
        assert!(!expected.in_room(room));
        // One that comes unexpected does no harm.
        expected.shown(room, &key);
    }

    #[test]
    fn what_made_no_event_is_not_expected_and_what_may_have_is() {
        let (expected, room, key) = (Expected::default(), room_id!("!r:x"), invitation());
        let failed = |kind| BackendError::new(kind, "", "");
        expected.sending(room, &key);
        expected.answered(room, &key, Ok(&Effect::AlreadySo));
        expected.sending(room, &key);
        expected.answered(room, &key, Err(&failed(BackendErrorKind::Refused)));
        assert!(!expected.in_room(room));
        expected.sending(room, &key);
        expected.answered(room, &key, Err(&failed(BackendErrorKind::Unavailable)));
        assert!(expected.in_room(room));
    }
}
