//! Invitations of the bot: those of trusted people are accepted (decision 13).

use std::time::{Duration, Instant};

use inviter::{
    RoomBackend as _,
    core::{OwnedRoomId, OwnedUserId, action::Op, action::RoomTarget, room::RoomState},
};
use tokio::time::sleep;

use crate::{audit::Event, session::Session};

/// The pauses before an invitation that could not be accepted is tried again. After the last it is left to the next
/// run, which accepts those into rooms that are wanted.
const AGAIN_AFTER: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// Accepts an invitation, or leaves it. Tries for some minutes.
///
/// Takes no turn: the request changes nothing for anybody else and does no harm twice, and the administration room must
/// not wait for a long run.
pub(crate) async fn answer(session: &Session, room: &OwnedRoomId, by: Option<&OwnedUserId>) {
    let Some(by) = by.filter(|by| is_trusted(session, by)) else {
        let by = by.map_or("somebody unknown", |by| by.as_str());
        tracing::info!(%room, by, "invited by somebody who is no trusted inviter; the invitation is left as it is");
        return;
    };
    let mut pauses = AGAIN_AFTER.iter();
    loop {
        if accept(session, room, by).await {
            return;
        }
        let Some(pause) = pauses.next() else {
            tracing::warn!(%room, %by, "the invitation is left to the next run");
            return;
        };
        tokio::select! {
            () = sleep(*pause) => {}
            () = session.stopping.stopped() => return,
        }
        // A run may have accepted it, or somebody withdrawn it.
        if !is_open(session, room, by) {
            return;
        }
    }
}

/// Accepts the invitation into a room, if there is one of a trusted inviter; once.
pub(crate) async fn accept_into(session: &Session, room: &OwnedRoomId) {
    if let Some(RoomState::NotJoined { invited_by: Some(by) }) = session.live.room(room)
        && is_trusted(session, &by)
    {
        accept(session, room, &by).await;
    }
}

fn is_trusted(session: &Session, by: &OwnedUserId) -> bool {
    session.reconciler.policy.trusted_inviters.contains(by)
}

/// Whether the invitation still stands, as far as is known.
fn is_open(session: &Session, room: &OwnedRoomId, by: &OwnedUserId) -> bool {
    match session.live.room(room) {
        Some(RoomState::NotJoined { invited_by }) => invited_by.as_ref() == Some(by),
        Some(RoomState::Unknown(_)) => true,
        _ => false,
    }
}

/// Whether nothing is left to be tried.
async fn accept(session: &Session, room: &OwnedRoomId, by: &OwnedUserId) -> bool {
    let join = Op::Join {
        invited_by: Some(by.clone()),
    };
    let target = RoomTarget::Existing(room.clone());
    let joined = session.reconciler.backend.execute(&target, &join).await;
    let error = joined.as_ref().err().map(ToString::to_string);
    let event = Event::InvitationAccepted {
        room,
        inviter: by,
        error: error.as_deref(),
    };
    session.audit.event(&event, None, session.now());
    session.metrics.accepted(joined.is_ok());
    match joined {
        Ok(_) => {
            tracing::info!(%room, %by, "invitation accepted");
            session.triggers.rooms([room.clone()], Instant::now());
            true
        }
        Err(error) => {
            tracing::warn!(%room, %by, %error, "the invitation could not be accepted");
            false
        }
    }
}
