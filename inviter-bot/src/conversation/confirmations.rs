//! [`Confirmations`]: commands that wait for somebody's word.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use inviter::core::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId};
use tokio::sync::oneshot;

/// The reaction that confirms.
pub(super) const YES: &str = "✅";
/// The reaction that cancels.
pub(super) const NO: &str = "❌";
/// So many wait at most, in one room.
pub(super) const MOST: usize = 20;

/// What somebody has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// It is to be done.
    Yes(OwnedUserId),
    /// It is not.
    No(OwnedUserId),
}

/// Commands that wait, each with the messages that a reaction may be put to.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    waiting: Mutex<BTreeMap<u64, Waiting>>,
    last: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    room: OwnedRoomId,
    events: Vec<OwnedEventId>,
    word: oneshot::Sender<Word>,
}

/// A command's place among those that wait; given up when dropped.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    confirmations: &'a Confirmations,
    number: u64,
    /// What is said.
    pub(super) word: oneshot::Receiver<Word>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.confirmations.lock().remove(&self.number);
    }
}

impl Confirmations {
    /// Waits for a reaction to one of these messages; `None` if too many wait in that room already.
    pub(super) fn wait(&self, room: &OwnedRoomId, events: Vec<OwnedEventId>) -> Option<Ticket<'_>> {
        let mut waiting = self.lock();
        if waiting.values().filter(|other| other.room == *room).count() >= MOST {
            return None;
        }
        let (sender, word) = oneshot::channel();
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        waiting.insert(
            number,
            Waiting {
                room: room.clone(),
                events,
                word: sender,
            },
        );
        Some(Ticket {
            confirmations: self,
            number,
            word,
        })
    }

    /// Whether a reaction to this message would say something.
    pub(super) fn concerns(&self, room: &RoomId, event: &OwnedEventId, key: &str) -> bool {
        let waiting = self.lock();
        let mut waiting = waiting.values();
        meaning(key).is_some() && waiting.any(|waiting| waiting.is_asked_by(room, event))
    }

    /// Takes the word of somebody who may give it.
    pub(super) fn take(&self, room: &RoomId, event: &OwnedEventId, key: &str, who: &OwnedUserId) {
        let Some(yes) = meaning(key) else { return };
        let mut waiting = self.lock();
        let number = waiting
            .iter()
            .find(|(_, waiting)| waiting.is_asked_by(room, event))
            .map(|(number, _)| *number);
        if let Some(asked) = number.and_then(|number| waiting.remove(&number)) {
            let word = if yes { Word::Yes } else { Word::No };
            // Whoever waited may have given up just now.
            drop(asked.word.send(word(who.clone())));
        }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_asked_by(&self, room: &RoomId, event: &OwnedEventId) -> bool {
        self.room == *room && self.events.contains(event)
    }
}

/// Whether a reaction confirms; `None` if it says neither. Some clients add a mark that asks for colour.
fn meaning(key: &str) -> Option<bool> {
    match key.trim_end_matches('\u{fe0f}') {
        YES => Some(true),
        NO => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (OwnedRoomId, OwnedEventId, OwnedUserId) {
        (
            OwnedRoomId::try_from("!r:x").unwrap(),
            OwnedEventId::try_from("$e").unwrap(),
            OwnedUserId::try_from("@a:x").unwrap(),
        )
    }

    #[test]
    fn a_reaction_to_the_question_is_the_word() {
        let (room, event, who) = ids();
        let other = OwnedEventId::try_from("$other").unwrap();
        let elsewhere = OwnedRoomId::try_from("!other:x").unwrap();
        for (key, word) in [
            ("✅", Word::Yes(who.clone())),
            ("✅\u{fe0f}", Word::Yes(who.clone())),
            ("❌", Word::No(who.clone())),
        ] {
            let confirmations = Confirmations::default();
            let mut ticket = confirmations.wait(&room, vec![event.clone()]).unwrap();
            for (room, event, key) in [
                (&room, &event, "👍"),
                (&room, &event, ""),
                (&room, &other, key),
                (&elsewhere, &event, key),
            ] {
                assert!(!confirmations.concerns(room, event, key));
                confirmations.take(room, event, key, &who);
                assert!(ticket.word.try_recv().is_err());
            }
            assert!(confirmations.concerns(&room, &event, key));
            confirmations.take(&room, &event, key, &who);
            assert_eq!(ticket.word.try_recv().unwrap(), word);
            assert!(!confirmations.concerns(&room, &event, key), "it was said");
        }
    }

    #[test]
    fn only_so_many_wait_and_those_given_up_do_not() {
        let (room, event, _) = ids();
        let confirmations = Confirmations::default();
        let mut tickets: Vec<Ticket<'_>> = (0..MOST)
            .map(|_| confirmations.wait(&room, vec![event.clone()]).unwrap())
            .collect();
        assert!(confirmations.wait(&room, vec![event.clone()]).is_none());
        let elsewhere = OwnedRoomId::try_from("!other:x").unwrap();
        assert!(confirmations.wait(&elsewhere, vec![event.clone()]).is_some());
        tickets.pop();
        assert!(confirmations.wait(&room, vec![event.clone()]).is_some());
        tickets.clear();
        assert_eq!(confirmations.count(), 0);
        assert!(!confirmations.concerns(&room, &event, YES));
    }
}
