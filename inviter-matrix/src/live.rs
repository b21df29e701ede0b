//! [`Live`]: a homeserver that is followed, so that what it has told already is not asked again.

mod expected;
mod follow;
mod incoming;
mod observing;
mod picture;
mod pills;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use inviter_core::{
    RoomBackend,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed},
    room::{Binding, RoomState},
    room_rules::Listing,
    server::{LimitKind, RateOverride, ServerFacts},
};
use ruma::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomId};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

pub(crate) use self::picture::{Picture, Shown};
use self::{
    expected::Expected,
    follow::{Failed, Waiting, follow, read_all},
    observing::{joined, some},
};
use crate::{
    backend::{MatrixBackend, Shared},
    chat::Chat,
    observe,
};

pub use incoming::{Incoming, Text};
#[cfg(test)]
pub(crate) use picture::Told;

/// How to follow.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveOptions {
    /// How long one request waits for news before the homeserver answers that there are none.
    pub poll: Duration,
    /// How often everything is read anew, in case that something was missed.
    pub full_read_every: Duration,
}

impl Default for LiveOptions {
    /// Half a minute, and a day.
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(30),
            full_read_every: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// A homeserver whose news are followed by `/sync` (client-server API, "Syncing"), over a [`MatrixBackend`].
///
/// Rooms are observed from what was told: for that, one request asks whether there is anything newer, and one for the
/// list of rooms, however many rooms there are. Only a room in which something was written and has not come back yet, or
/// in which people of another server did something, is asked by itself. All clones share one follower, which ends with the last of them.
#[derive(Clone)]
pub struct Live {
    backend: MatrixBackend,
    state: Arc<State>,
    calls: mpsc::UnboundedSender<Waiting>,
    // Ends the follower with the last clone.
    _follower: Arc<Follower>,
}

struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the follower and those who ask share.
pub(crate) struct State {
    shared: Arc<Shared>,
    me: OwnedUserId,
    options: LiveOptions,
    picture: Mutex<Picture>,
    expected: Expected,
    /// Rooms that the bot has entered, and that need not have shown yet.
    entered: Mutex<BTreeMap<OwnedRoomId, Instant>>,
    /// Who else changed something in a room last.
    changers: Mutex<BTreeMap<OwnedRoomId, OwnedUserId>>,
    listeners: Mutex<Vec<mpsc::UnboundedSender<OwnedRoomId>>>,
    incoming: mpsc::UnboundedSender<Incoming>,
    pulse: watch::Sender<Pulse>,
}

/// How following goes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Pulse {
    /// When the homeserver last answered.
    pub answered: Option<Instant>,
    /// What is wrong, since then.
    pub trouble: Option<Trouble>,
}

/// Why there are no news.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trouble {
    /// Since when.
    pub since: Instant,
    /// Of what kind. With [`BackendErrorKind::Unauthenticated`] the follower has ended.
    pub kind: BackendErrorKind,
    /// One sentence without a full stop.
    pub message: String,
}

/// A room that was entered this long ago and does not show is still being fetched from other servers.
const ENTERING: Duration = Duration::from_secs(60);

impl Live {
    /// Reads all rooms, and follows from there. What people said before is not told; invitations that are open are.
    ///
    /// # Errors
    /// When the rooms cannot be read. Later failures show in [`pulse`](Self::pulse).
    pub async fn start(
        backend: MatrixBackend,
        options: LiveOptions,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Incoming>), BackendError> {
        let me = backend.whoami().await?.user_id;
        let (incoming, received) = mpsc::unbounded_channel();
        let (calls, called) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            shared: backend.shared(),
            me,
            options,
            picture: Mutex::default(),
            expected: Expected::default(),
            entered: Mutex::default(),
            changers: Mutex::default(),
            listeners: Mutex::default(),
            incoming,
            pulse: watch::Sender::default(),
        });
        let (picture, since) = read_all(&state).await?;
        *state.picture.lock().unwrap_or_else(PoisonError::into_inner) = picture;
        state.tell_invitations(&Picture::default());
        state.well();
        let follower = tokio::spawn(follow(Arc::clone(&state), since, called));
        let live = Self {
            backend,
            state,
            calls,
            _follower: Arc::new(Follower(follower)),
        };
        Ok((live, received))
    }

    /// A room as it was last told: nothing if the bot is neither in it nor invited. Asks nobody.
    pub fn room(&self, room: &RoomId) -> Option<RoomState> {
        match self.state.shown(room)? {
            Shown::State(state) | Shown::Doubtful(state, _) => Some(state),
        }
    }

    /// Who, beside the bot, has changed something in a room last since it is followed, as far as that was told.
    pub fn changed_by(&self, room: &RoomId) -> Option<OwnedUserId> {
        let changers = self.state.changers.lock().unwrap_or_else(PoisonError::into_inner);
        changers.get(room).cloned()
    }

    /// How following goes; a value that changes.
    pub fn pulse(&self) -> watch::Receiver<Pulse> {
        self.state.pulse.subscribe()
    }

    /// Comes back when nobody follows any more: with [`BackendErrorKind::Unauthenticated`] in the [`pulse`](Self::pulse)
    /// because the homeserver does not accept the bot, and otherwise by a fault of this program.
    pub async fn ended(&self) {
        self.calls.closed().await;
    }

    /// Messages and reactions of the bot's own.
    pub fn chat(&self) -> Chat {
        self.backend.chat()
    }

    /// Asks whether there is anything newer, and comes back when it is taken in.
    ///
    /// # Errors
    /// When the homeserver does not answer.
    pub async fn catch_up(&self) -> Result<(), BackendError> {
        let (sender, receiver) = oneshot::channel();
        let ended = || {
            let pulse = self.state.pulse.borrow();
            let message = pulse.trouble.as_ref().map_or_else(
                || "is not followed any more".to_owned(),
                |trouble| trouble.message.clone(),
            );
            let kind = pulse
                .trouble
                .as_ref()
                .map_or(BackendErrorKind::Unavailable, |trouble| trouble.kind.clone());
            BackendError::new(kind, &self.state.shared.client.base, message)
        };
        self.calls.send(sender).map_err(|_| ended())?;
        match receiver.await {
            Ok(result) => result.map_err(BackendError::from),
            Err(_) => Err(ended()),
        }
    }
}

impl State {
    fn shown(&self, room: &RoomId) -> Option<Shown> {
        self.picture
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .room(room)
    }

    fn entered(&self, room: &RoomId) -> bool {
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        entered.retain(|_, at| at.elapsed() < ENTERING);
        entered.contains_key(room)
    }

    fn well(&self) {
        self.pulse.send_modify(|pulse| {
            if pulse.trouble.take().is_some() {
                tracing::info!("the homeserver tells news again");
            }
            pulse.answered = Some(Instant::now());
        });
    }

    fn ill(&self, failed: &Failed) {
        self.pulse.send_modify(|pulse| {
            let since = pulse
                .trouble
                .as_ref()
                .map_or_else(Instant::now, |trouble| trouble.since);
            pulse.trouble = Some(Trouble {
                since,
                kind: failed.kind.clone(),
                message: failed.message.clone(),
            });
        });
    }

    fn tell_changed(&self, rooms: impl IntoIterator<Item = OwnedRoomId>) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for room in rooms {
            listeners.retain(|listener| listener.send(room.clone()).is_ok());
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl RoomBackend for Live {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.backend.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        self.backend.resolve_alias(alias).await
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        let live = self.clone();
        stream::once(async move {
            let (sender, receiver) = mpsc::channel(observe::ROOMS);
            tokio::spawn(async move {
                let done = match what {
                    Observe::Rooms(rooms) => some(&live, rooms, &sender).await,
                    _ => joined(&live, &sender).await,
                };
                if let Err(error) = done {
                    // Nobody listens any more: nobody to tell.
                    drop(sender.send(Err(error)).await);
                }
            });
            stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|item| (item, receiver))
            })
        })
        .flatten()
        .boxed()
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.backend.accounts(users).await
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.backend.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        let expected = match (room, Expected::key(op)) {
            (RoomTarget::Existing(id), Some(key)) => Some((id, key)),
            _ => None,
        };
        if let Some((id, key)) = &expected {
            self.state.expected.sending(id, key);
        }
        let result = self.backend.execute(room, op).await;
        if let Some((id, key)) = &expected {
            self.state.expected.answered(id, key, result.as_ref());
        }
        if let Ok(Effect::Revisit(id)) = &result {
            self.state
                .entered
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id.clone(), Instant::now());
        }
        result
    }

    async fn inspect(&self) -> ServerFacts {
        self.backend.inspect().await
    }

    async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        self.backend.lift_limits().await
    }

    fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        self.backend.limits_met()
    }

    fn changes(&self) -> BoxStream<'static, OwnedRoomId> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sender);
        stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|room| (room, receiver))
        })
        .boxed()
    }
}
