//! Observing rooms from what was told, and asking for those of which that is not enough.

use std::sync::PoisonError;

use futures_util::{StreamExt as _, stream};
use inviter_core::{
    backend::{BackendError, BackendErrorKind, Observed},
    room::{Cause, RoomState},
};
use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use tokio::sync::mpsc;

use super::{
    Live, State,
    follow::list,
    picture::{Doubt, Shown},
};
use crate::observe::{self, chosen};

/// What was told of a room.
enum Told {
    /// Its state.
    State(RoomState),
    /// Less than the bot itself has done there.
    Outdated,
    /// Something that need not be its state.
    Doubtful(Doubt),
    Nothing,
}

impl State {
    /// A room by what was told of it.
    fn told(&self, room: &RoomId) -> Told {
        let Some(shown) = self.shown(room) else {
            return Told::Nothing;
        };
        match shown {
            Shown::Doubtful(_, doubt) => Told::Doubtful(doubt),
            Shown::State(_) if self.expected.in_room(room) => Told::Outdated,
            Shown::State(state) => {
                self.shared.remember(&state);
                Told::State(state)
            }
        }
    }

    /// Asks for a room that is in doubt, and takes the answer in.
    async fn settle(&self, room_id: OwnedRoomId, doubt: Doubt) -> observe::Item {
        let state = match observe::events(&self.shared, &room_id).await {
            Ok(Some(collector)) => {
                let state = collector.clone().finish_for(room_id.clone(), &self.me);
                self.shared.remember(&state);
                let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
                picture.settle(&room_id, doubt, collector);
                state
            }
            Ok(None) => RoomState::NotJoined { invited_by: None },
            Err(error) if error.kind == BackendErrorKind::Unauthenticated => return Err(error),
            Err(error) => RoomState::Unknown(Cause::new(error.message)),
        };
        Ok(Observed { room_id, state })
    }
}

/// Rooms on their way to whoever asked for them.
struct Observing<'a> {
    state: &'a State,
    out: &'a mpsc::Sender<observe::Item>,
    /// To be asked by themselves.
    ask: Vec<OwnedRoomId>,
    doubtful: Vec<(OwnedRoomId, Doubt)>,
}

/// Nobody wants the rest.
struct Unwanted;

impl<'a> Observing<'a> {
    fn new(live: &'a Live, out: &'a mpsc::Sender<observe::Item>) -> Self {
        Self {
            state: &live.state,
            out,
            ask: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    async fn give(&self, room_id: OwnedRoomId, state: RoomState) -> Result<(), Unwanted> {
        let observed = Observed { room_id, state };
        self.out.send(Ok(observed)).await.map_err(|_| Unwanted)
    }

    /// A room that the bot is in by the homeserver's list.
    async fn listed(&mut self, room: OwnedRoomId) -> Result<(), Unwanted> {
        match self.state.told(&room) {
            Told::State(state @ (RoomState::Joined(_) | RoomState::Unknown(_))) => {
                self.give(room, state).await?;
            }
            // The list is the newer word.
            Told::State(_) | Told::Outdated => self.ask.push(room),
            Told::Doubtful(doubt) => self.doubtful.push((room, doubt)),
            Told::Nothing if self.state.entered(&room) => self.ask.push(room),
            Told::Nothing => {
                let cause = Cause::new(observe::LEFT_OUT);
                self.give(room, RoomState::Unknown(cause)).await?;
            }
        }
        Ok(())
    }

    /// Any room.
    async fn one(&mut self, room: OwnedRoomId) -> Result<(), Unwanted> {
        match self.state.told(&room) {
            Told::State(state) => self.give(room, state).await?,
            Told::Outdated | Told::Nothing => self.ask.push(room),
            Told::Doubtful(doubt) => self.doubtful.push((room, doubt)),
        }
        Ok(())
    }

    /// Asks for what has to be asked.
    async fn end(self) -> Result<(), BackendError> {
        let state = self.state;
        let mut settled = stream::iter(self.doubtful)
            .map(|(room, doubt)| state.settle(room, doubt))
            .buffer_unordered(state.shared.client.concurrency);
        while let Some(observed) = settled.next().await {
            if self.out.send(Ok(observed?)).await.is_err() {
                return Ok(());
            }
        }
        chosen(&state.shared, self.ask, self.out).await
    }
}

/// All rooms that the bot is in or invited to.
pub(super) async fn joined(live: &Live, out: &mpsc::Sender<observe::Item>) -> Result<(), BackendError> {
    live.catch_up().await?;
    let listed = list(&live.state).await?;
    let invited: Vec<(OwnedRoomId, Option<OwnedUserId>)> = {
        let picture = live.state.picture.lock().unwrap_or_else(PoisonError::into_inner);
        let invited = picture.invited().filter(|(room, _)| !listed.contains(room));
        invited.map(|(room, by)| (room.clone(), by.cloned())).collect()
    };
    let mut observing = Observing::new(live, out);
    for room in listed {
        if observing.listed(room).await.is_err() {
            return Ok(());
        }
    }
    for (room, invited_by) in invited {
        let state = RoomState::NotJoined { invited_by };
        if observing.give(room, state).await.is_err() {
            return Ok(());
        }
    }
    observing.end().await
}

/// Some rooms.
pub(super) async fn some(
    live: &Live,
    rooms: Vec<OwnedRoomId>,
    out: &mpsc::Sender<observe::Item>,
) -> Result<(), BackendError> {
    live.catch_up().await?;
    let mut observing = Observing::new(live, out);
    for room in rooms {
        if observing.one(room).await.is_err() {
            return Ok(());
        }
    }
    observing.end().await
}
