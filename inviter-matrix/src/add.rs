//! Putting people straight into rooms by Synapse's administration API, and inviting them where that is not possible.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{Method, StatusCode};
use inviter_core::backend::{BackendError, Effect};
use ruma::{RoomId, UserId};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
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

/// What is known of putting people in.
#[derive(Default)]
pub(crate) struct Adding {
    /// It has worked.
    works: AtomicBool,
    /// It does not work for us, for as long as this process runs: nobody is asked for each person again.
    is_refused: AtomicBool,
    /// Held while nothing is known, so that one person is tried and not all at once.
    first: Mutex<()>,
}

impl Adding {
    /// Leave to try; `None` if there is no sense in it.
    async fn admit(&self) -> Option<Option<MutexGuard<'_, ()>>> {
        let guard = if self.works.load(Ordering::Relaxed) {
            None
        } else {
            Some(self.first.lock().await)
        };
        (!self.is_refused.load(Ordering::Relaxed)).then_some(guard)
    }
}

/// Puts somebody in. The homeserver invites them in the bot's name, and lets them join, in one request.
pub(crate) async fn add(
    shared: &Arc<Shared>,
    room: &RoomId,
    user: &UserId,
    reason: Option<&str>,
) -> Result<Effect, BackendError> {
    let me = shared.whoami().await?.user_id;
    if user.server_name() == me.server_name()
        && let Some(_first) = shared.accounts.adding.admit().await
        && shared.admin(&me).await?
        && let Some(effect) = shared.try_to_add(&me, room, user).await?
    {
        return Ok(effect);
    }
    invite(shared, room, user, reason).await
}

impl Shared {
    /// `None` if the homeserver does not put this person in, or nobody.
    async fn try_to_add(
        &self,
        me: &UserId,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Option<Effect>, BackendError> {
        let adding = &self.accounts.adding;
        let mut tried = self.put_in(room, user, Repeat::Never).await;
        let was_lost = matches!(&tried, Err(failure) if failure.may_have_happened);
        if was_lost {
            // It may have been left halfway, invited. Whoever is in already is refused, which changes nothing.
            tried = self.put_in(room, user, Repeat::Freely).await;
        }
        let Err(failure) = tried else {
            adding.works.store(true, Ordering::Relaxed);
            return Ok(Some(Effect::Done));
        };
        if !is_about_this(&failure) {
            return Err(failure.into());
        }
        if failure.is_forbidden() {
            if self.membership(room, user).await?.as_deref() == Some("join") {
                return Ok(Some(if was_lost { Effect::Done } else { Effect::AlreadySo }));
            }
            if !self.ask_admin(me).await? {
                adding.is_refused.store(true, Ordering::Relaxed);
            }
        } else if failure.errcode().is_none() || is_unknown(&failure) {
            // A proxy shuts it off, or there is no such request.
            adding.is_refused.store(true, Ordering::Relaxed);
        }
        if adding.is_refused.load(Ordering::Relaxed) {
            info!(error = %failure.error, "nobody can be put into rooms, so people are invited");
        } else {
            debug!(error = %failure.error, "could not be put in, and is invited");
        }
        Ok(None)
    }

    async fn put_in(&self, room: &RoomId, user: &UserId, repeat: Repeat) -> Result<(), Failure> {
        let work = Work::in_room(Class::Add, room.as_str());
        let call = Call::write(about(room, user), work, repeat);
        let path = id_path(JOIN, room.as_str());
        let body = json!({ "user_id": user });
        let answer = self.client.send_json::<Value>(&call, &Method::POST, &path, &body);
        answer.await.map(|_| ())
    }
}

/// The homeserver does not know the request; that it does not know the person is another answer.
fn is_unknown(failure: &Failure) -> bool {
    let unknown = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    failure.status.is_some_and(|status| unknown.contains(&status)) && !failure.is_not_found()
}

/// Whether the homeserver has said that it does not do this. Without an answer, or with one about something else, nobody
/// knows.
fn is_about_this(failure: &Failure) -> bool {
    failure.status.is_some_and(|status| {
        status.is_client_error()
            && ![
                StatusCode::UNAUTHORIZED,
                StatusCode::REQUEST_TIMEOUT,
                StatusCode::TOO_MANY_REQUESTS,
            ]
            .contains(&status)
    })
}
