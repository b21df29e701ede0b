//! Answers about one person in one room, from a draft.

use std::sync::Arc;

use futures_util::StreamExt;
use ruma_common::{OwnedRoomId, RoomId, UserId};

use super::{Draft, Reconciler};
use crate::{
    RoomBackend,
    backend::{Observe, ReadOnly},
    decode::normalise_alias,
    explain::{Explanation, Question, explain, find_room},
    recall::StoreError,
    room::{Binding, Cause, RoomRef, RoomState},
};

impl Reconciler {
    /// Why someone is in a room or not. `draft` is a plan over all rooms, so that what is held there for the sake of
    /// all of them is held in the answer too. Asks the homeserver for this one room; sends no writing request.
    pub async fn explain(&self, draft: &Draft, user: &UserId, room: &RoomRef) -> Explanation {
        let backend = ReadOnly(Arc::clone(&self.backend));
        let room = &match room {
            RoomRef::Alias(alias) => RoomRef::Alias(normalise_alias(alias)),
            // Who asks about a room that was replaced means the one in its place.
            RoomRef::Id(id) => RoomRef::Id(draft.memory().successors.current(id).to_owned()),
        };
        let binding = match (find_room(&draft.desired, room, None), room) {
            (Some(wanted), _) => wanted.binding.clone(),
            (None, RoomRef::Id(id)) => Binding::Bound(id.clone()),
            (None, RoomRef::Alias(alias)) => backend.resolve_alias(alias).await,
        };
        let (room_id, state) = match binding {
            Binding::Bound(id) => {
                let state = observe(&backend, &id).await;
                (Some(id), state)
            }
            Binding::Missing => (None, RoomState::Missing),
            Binding::Unknown(cause) => (None, RoomState::Unknown(cause)),
        };
        let question = Question {
            user,
            room,
            room_id: room_id.as_ref(),
            state: &state,
        };
        let mut explanation = explain(&question, draft, &self.policy);
        if let Some(id) = &room_id
            && let Err(error) = self.look_up_past(&mut explanation, id).await
        {
            explanation.past_unknown = Some(error.to_string());
        }
        explanation
    }

    async fn look_up_past(&self, explanation: &mut Explanation, room: &RoomId) -> Result<(), StoreError> {
        let user = &explanation.user;
        let past = self.store.history(user, Some(room)).await?;
        let brought = self.store.brought(room).await?.remove(user);
        (explanation.past, explanation.brought) = (past, brought);
        Ok(())
    }
}

async fn observe(backend: &dyn RoomBackend, id: &OwnedRoomId) -> RoomState {
    let mut states = backend.observe(Observe::Rooms(vec![id.clone()]));
    while let Some(observed) = states.next().await {
        match observed {
            Ok(observed) if observed.room_id == *id => return observed.state,
            Ok(_) => {}
            Err(error) => return RoomState::Unknown(Cause::new(error.to_string())),
        }
    }
    RoomState::NotJoined { invited_by: None }
}
