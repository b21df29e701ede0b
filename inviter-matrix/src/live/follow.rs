//! Following `/sync`: one request at a time, each from where the last one ended.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use inviter_core::backend::{BackendError, BackendErrorKind};
use ruma::{OwnedRoomId, RoomId, api::client::membership::joined_rooms};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::{
    State,
    incoming::Incoming,
    picture::{Picture, Told},
};
use crate::{
    answer_size::{Shape, TooLarge},
    client::Call,
    jitter::jitter,
    observe::{STATE_FIELDS, full_state, sync_request},
    stream::{SyncRooms, read, whole},
    work::{Class, Work},
};

/// Messages of a room that one answer holds; of what comes between two answers in a busy room, the last ones.
const MESSAGES: u32 = 50;
/// A position that was refused is given up at most this often.
const ANEW_AGAIN: Duration = Duration::from_secs(5 * 60);
/// The longest pause after failures.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Why asking for news failed, for everybody who waits for it.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) kind: BackendErrorKind,
    pub(super) about: String,
    pub(super) message: String,
}

impl From<BackendError> for Failed {
    fn from(error: BackendError) -> Self {
        Self {
            kind: error.kind,
            about: error.about,
            message: error.message,
        }
    }
}

impl From<Failed> for BackendError {
    fn from(failed: Failed) -> Self {
        Self::new(failed.kind, failed.about, failed.message)
    }
}

/// Somebody who needs the picture as it is now.
pub(super) type Waiting = oneshot::Sender<Result<(), Failed>>;

/// One answer of `/sync`.
struct Answer {
    rooms: Vec<(&'static str, OwnedRoomId, Box<RawValue>)>,
    next_batch: String,
}

/// Reads everything, and answers where to go on from.
pub(super) async fn read_all(state: &Arc<State>) -> Result<(Picture, String), BackendError> {
    let shared = &state.shared;
    let client = &shared.client;
    let call = Call::read(&client.base);
    let me = shared.whoami().await?.user_id;
    let response = client
        .open(
            &call,
            sync_request(full_state(), &STATE_FIELDS),
            client.timeouts.sync,
        )
        .await?;
    let (picture, next_batch) = read(response, client, &call.about, Shape::Sync, move |reader| {
        let mut picture = Picture::default();
        let mut next_batch = None;
        let mut each = |section: &'static str, id: String, raw: &RawValue| {
            // What is no room has nothing to say.
            if let Ok(id) = RoomId::parse(&id) {
                picture.begin(section, id, raw, &me);
            }
            Ok(())
        };
        whole(reader, SyncRooms::new(&mut each, &mut next_batch))?;
        Ok((picture, next_batch))
    })
    .await?;
    Ok((picture, next_batch.ok_or_else(|| no_position(&client.base))?))
}

/// What has happened since; comes back when something has, or after `wait`.
async fn news(state: &Arc<State>, since: &str, wait: Duration) -> Result<Answer, BackendError> {
    let client = &state.shared.client;
    let call = Call {
        work: Work::of(Class::Follow),
        ..Call::read(&client.base)
    };
    let mut filter = full_state();
    filter.timeline.limit = Some(MESSAGES.into());
    for kind in ["m.room.message", "m.reaction"] {
        filter
            .timeline
            .types
            .get_or_insert_default()
            .push(kind.to_owned());
    }
    filter.include_leave = true;
    let mut fields = STATE_FIELDS.to_vec();
    // Answers refer to messages.
    fields.push("event_id");
    let mut request = sync_request(filter, &fields);
    request.since = Some(since.to_owned());
    request.timeout = Some(wait);
    let response = client
        .open(&call, request, wait + client.timeouts.request)
        .await?;
    let (rooms, next_batch) = read(response, client, &call.about, Shape::Sync, |reader| {
        let mut rooms = Vec::new();
        let mut next_batch = None;
        let mut each = |section: &'static str, id: String, raw: &RawValue| {
            if let Ok(id) = RoomId::parse(&id) {
                rooms.push((section, id, raw.to_owned()));
            }
            Ok(())
        };
        whole(reader, SyncRooms::new(&mut each, &mut next_batch))?;
        Ok((rooms, next_batch))
    })
    .await?;
    let next_batch = next_batch.ok_or_else(|| no_position(&client.base))?;
    Ok(Answer { rooms, next_batch })
}

fn no_position(base: &str) -> BackendError {
    BackendError::new(
        BackendErrorKind::Malformed,
        base,
        "sent a /sync answer without next_batch; check the proxy in front of the homeserver",
    )
}

/// The rooms that the bot is in, by the homeserver's list.
pub(super) async fn list(state: &State) -> Result<Vec<OwnedRoomId>, BackendError> {
    let client = &state.shared.client;
    let list = client
        .send(&Call::read(&client.base), joined_rooms::v3::Request::new())
        .await?;
    Ok(list.joined_rooms)
}

/// Follows until nobody holds the other end any more.
pub(super) async fn follow(
    state: Arc<State>,
    mut since: String,
    mut calls: mpsc::UnboundedReceiver<Waiting>,
) {
    let mut whole_at = Instant::now();
    let mut anew_at: Option<Instant> = None;
    let mut failures: u32 = 0;
    let mut waiting: Vec<Waiting> = Vec::new();
    loop {
        let wait = if waiting.is_empty() && failures == 0 {
            state.options.poll
        } else {
            Duration::ZERO
        };
        // Whoever calls while this is under way needs an answer that was begun after the call.
        let served = std::mem::take(&mut waiting);
        let result = {
            let news = news(&state, &since, wait);
            tokio::pin!(news);
            loop {
                tokio::select! {
                    result = &mut news => break Some(result),
                    call = calls.recv() => match call {
                        Some(call) => {
                            waiting.push(call);
                            // What a long wait would have told comes with the next one.
                            if !wait.is_zero() {
                                break None;
                            }
                        }
                        None => return,
                    },
                }
            }
        };
        let Some(result) = result else { continue };
        match result {
            Ok(answer) => {
                failures = 0;
                since = answer.next_batch;
                state.take(answer.rooms);
                state.well();
                for call in served {
                    drop(call.send(Ok(())));
                }
                if whole_at.elapsed() >= state.options.full_read_every {
                    whole_at = Instant::now();
                    if let Err(error) = begin_again(&state, &mut since).await {
                        tracing::warn!(%error, "the rooms could not be read as a whole; tried again later");
                    }
                }
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, failures, "the homeserver tells no news");
                // So may an answer be too large that would be the same each time.
                let lost = matches!(error.kind, BackendErrorKind::Refused | BackendErrorKind::NotFound)
                    || is_too_large(&error);
                let failed = Failed::from(error);
                state.ill(&failed);
                for call in served {
                    drop(call.send(Err(failed.clone())));
                }
                if failed.kind == BackendErrorKind::Unauthenticated {
                    // Whoever watches has to connect anew, with other credentials.
                    return;
                }
                // The position may not be known any more, as after the homeserver was restored from a backup. What is
                // refused for another reason is refused again: everything is not read over and over for that.
                if lost && anew_at.is_none_or(|at| at.elapsed() >= ANEW_AGAIN) {
                    anew_at = Some(Instant::now());
                    if let Err(error) = begin_again(&state, &mut since).await {
                        tracing::warn!(%error, "the rooms could not be read anew");
                    }
                }
                let pause = Duration::from_millis(500)
                    .saturating_mul(2_u32.saturating_pow(failures.min(10)))
                    .min(MAX_PAUSE);
                tokio::select! {
                    () = tokio::time::sleep(pause / 2 + jitter(pause / 2)) => {}
                    call = calls.recv() => match call {
                        Some(call) => waiting.push(call),
                        None => return,
                    },
                }
            }
        }
    }
}

fn is_too_large(error: &BackendError) -> bool {
    let source = error.source.as_ref();
    source.is_some_and(|source| source.is::<TooLarge>())
}

/// Reads everything anew in place of what was known.
async fn begin_again(state: &Arc<State>, since: &mut String) -> Result<(), BackendError> {
    let (picture, next_batch) = read_all(state).await?;
    *since = next_batch;
    let rooms: Vec<OwnedRoomId> = picture.joined().cloned().collect();
    let invited: Vec<OwnedRoomId> = picture.invited().map(|(room, _)| room.clone()).collect();
    let before = {
        let mut known = state.picture.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, picture)
    };
    state.tell_invitations(&before);
    // What differs is not worked out: whoever listens compares each with what is wanted anyway.
    state.tell_changed(rooms.into_iter().chain(invited));
    Ok(())
}

impl State {
    /// Tells of the invitations that are open and were not before.
    pub(super) fn tell_invitations(&self, before: &Picture) {
        let known: BTreeMap<_, _> = before.invited().collect();
        let picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        for (room, by) in picture.invited().filter(|(room, by)| known.get(room) != Some(by)) {
            // Whoever does not listen any more needs no news.
            let _ = self.incoming.send(Incoming::Invited {
                room: room.clone(),
                by: by.cloned(),
            });
        }
    }

    fn take(&self, rooms: Vec<(&'static str, OwnedRoomId, Box<RawValue>)>) {
        if rooms.is_empty() {
            return;
        }
        let mut told = Told::default();
        {
            let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
            for (section, id, raw) in rooms {
                picture.take(section, id, &raw, &self.me, &mut told);
            }
        }
        for (room, kind, key) in told.own {
            self.expected.shown(&room, &(kind, key));
        }
        {
            let mut changers = self.changers.lock().unwrap_or_else(PoisonError::into_inner);
            changers.extend(
                told.changed
                    .iter()
                    .filter_map(|(room, by)| Some((room.clone(), by.clone()?))),
            );
        }
        self.tell_changed(told.changed.into_keys());
        for incoming in told.incoming {
            // Whoever does not listen any more needs no news.
            let _ = self.incoming.send(incoming);
        }
    }
}
