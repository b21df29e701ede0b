//! Invitations of the bot: those of trusted people are accepted (decision 13).

use std::time::Instant;

use inviter::{
    RoomBackend as _,
    core::{OwnedRoomId, OwnedUserId, action::Op, action::RoomTarget},
};

use crate::{audit::Event, session::Session};

/// Accepts an invitation, or leaves it.
pub(crate) async fn answer(session: &Session, room: &OwnedRoomId, by: Option<&OwnedUserId>) {
    let Some(by) = by.filter(|by| session.reconciler.policy.trusted_inviters.contains(*by)) else {
        let by = by.map_or("somebody unknown", |by| by.as_str());
        tracing::info!(%room, by, "invited by somebody who is no trusted inviter; the invitation is left as it is");
        return;
    };
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
    match joined {
        Ok(_) => {
            tracing::info!(%room, %by, "invitation accepted");
            session.triggers.rooms([room.clone()], Instant::now());
        }
        Err(error) => tracing::warn!(%room, %by, %error, "the invitation could not be accepted"),
    }
}
