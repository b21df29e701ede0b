//! [`Triggers`]: what has to be run, joined into as few runs as there can be.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use inviter::core::{OwnedRoomId, runs::RunCause};
use tokio::sync::Notify;

/// What has been asked for since the last run began. A run that is under way is not changed by it: all of it together
/// is the next one.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    pending: Mutex<Pending>,
    come: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    everything: Option<RunCause>,
    rooms: BTreeSet<OwnedRoomId>,
    /// When the first change in those rooms was heard of.
    heard: Option<Instant>,
}

/// What the next run is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// All rooms.
    Everything(RunCause),
    /// These, because somebody else changed something there; the first change was heard of then.
    Rooms(BTreeSet<OwnedRoomId>, Instant),
}

impl Triggers {
    /// Asks for a run over everything.
    pub(crate) fn everything(&self, cause: RunCause) {
        // The first word stands: the others came to the same.
        self.lock().everything.get_or_insert(cause);
        self.come.notify_one();
    }

    /// Asks for a look at rooms, of whose changes was heard then.
    pub(crate) fn rooms(&self, rooms: impl IntoIterator<Item = OwnedRoomId>, heard: Instant) {
        let mut pending = self.lock();
        pending.rooms.extend(rooms);
        pending.heard.get_or_insert(heard);
        drop(pending);
        self.come.notify_one();
    }

    /// Waits until something is asked for, and takes all of it.
    pub(crate) async fn due(&self) -> Due {
        loop {
            if let Some(due) = self.take() {
                return due;
            }
            self.come.notified().await;
        }
    }

    fn take(&self) -> Option<Due> {
        let mut pending = self.lock();
        let rooms = std::mem::take(&mut pending.rooms);
        let heard = pending.heard.take();
        match pending.everything.take() {
            // The rooms are part of it.
            Some(cause) => Some(Due::Everything(cause)),
            None if rooms.is_empty() => None,
            None => Some(Due::Rooms(rooms, heard.unwrap_or_else(Instant::now))),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> OwnedRoomId {
        OwnedRoomId::try_from(format!("!{name}:x")).unwrap()
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_one_run() {
        let triggers = Triggers::default();
        let (first, later) = (Instant::now(), Instant::now() + std::time::Duration::from_secs(1));
        triggers.rooms([room("a")], first);
        triggers.rooms([room("b"), room("a")], later);
        assert_eq!(
            triggers.due().await,
            Due::Rooms([room("a"), room("b")].into(), first)
        );
        triggers.rooms([room("a")], later);
        triggers.everything(RunCause::Schedule);
        triggers.everything(RunCause::Directory);
        assert_eq!(triggers.due().await, Due::Everything(RunCause::Schedule));
        assert_eq!(triggers.take(), None, "the room was part of it");
    }
}
