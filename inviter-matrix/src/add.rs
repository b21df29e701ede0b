//! Putting people straight into rooms by Synapse's administration API, and inviting them where that is not possible.

use std::sync::{Arc, atomic::Ordering};

use http::{Method, StatusCode};
use inviter_core::backend::{BackendError, Effect};
use ruma::{RoomId, UserId};
use serde_json::{Value, json};
use tracing::{debug, info};

use crate::{
    accounts::id_path,
    backend::Shared,
    client::{Call, Repeat},
    error::Failure,
    execute::{about, invite},
    work::{Class, Work},
};

/// Where the administration API takes whom to put into which room.
const JOIN: &str = "/_synapse/admin/v1/join/";

/// Puts somebody in. The homeserver invites them in the bot's name, and lets them join, in one request.
pub(crate) async fn add(
    shared: &Arc<Shared>,
    room: &RoomId,
    user: &UserId,
    reason: Option<&str>,
) -> Result<Effect, BackendError> {
    let me = shared.whoami().await?.user_id;
    let adds_nobody = &shared.accounts.adds_nobody;
    let is_possible = user.server_name() == me.server_name() && !adds_nobody.load(Ordering::Relaxed);
    if !is_possible || !shared.admin(&me).await? {
        return invite(shared, room, user, reason).await;
    }
    let mut tried = shared.put_in(room, user, Repeat::Never).await;
    let was_lost = matches!(&tried, Err(failure) if failure.may_have_happened);
    if was_lost {
        // It may have been left halfway, invited. Whoever is in already is refused, which changes nothing.
        tried = shared.put_in(room, user, Repeat::Freely).await;
    }
    let Err(failure) = tried else {
        return Ok(Effect::Done);
    };
    // Without an answer, or without one about this, nobody knows whether it is possible.
    let is_answer = failure.status.is_some_and(|status| {
        status.is_client_error()
            && ![
                StatusCode::UNAUTHORIZED,
                StatusCode::REQUEST_TIMEOUT,
                StatusCode::TOO_MANY_REQUESTS,
            ]
            .contains(&status)
    });
    if !is_answer {
        return Err(failure.into());
    }
    if failure.is_forbidden() {
        if shared.membership(room, user).await?.as_deref() == Some("join") {
            return Ok(if was_lost { Effect::Done } else { Effect::AlreadySo });
        }
        if !shared.ask_admin(&me).await? {
            adds_nobody.store(true, Ordering::Relaxed);
        }
    } else if failure.status == Some(StatusCode::NOT_FOUND) && !failure.is_not_found() {
        // There is no such request, or a proxy shuts it off.
        adds_nobody.store(true, Ordering::Relaxed);
    }
    if adds_nobody.load(Ordering::Relaxed) {
        info!(error = %failure.error, "nobody can be put into rooms, so people are invited");
    } else {
        debug!(error = %failure.error, "could not be put in, and is invited");
    }
    invite(shared, room, user, reason).await
}

impl Shared {
    async fn put_in(&self, room: &RoomId, user: &UserId, repeat: Repeat) -> Result<(), Failure> {
        let work = Work::in_room(Class::Add, room.as_str());
        let call = Call::write(about(room, user), work, repeat);
        let path = id_path(JOIN, room.as_str());
        let body = json!({ "user_id": user });
        let answer = self.client.send_json::<Value>(&call, &Method::POST, &path, &body);
        answer.await.map(|_| ())
    }
}
