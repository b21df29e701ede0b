//! Invitations of the bot: those of trusted people are accepted (decision 13).

use inviter::{
    RoomBackend as _,
    core::{OwnedRoomId, OwnedUserId, action::Op, action::RoomTarget},
};

use crate::session::Session;

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
    match session.reconciler.backend.execute(&target, &join).await {
        Ok(_) => {
            tracing::info!(%room, %by, "invitation accepted");
            session.triggers.rooms([room.clone()]);
        }
        Err(error) => tracing::warn!(%room, %by, %error, "the invitation could not be accepted"),
    }
}
