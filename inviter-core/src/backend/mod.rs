//! [`RoomBackend`]: where rooms are. Beside it, decorators for what is none of an implementation's business.

mod read_only;
mod stoppable;
mod watched;

use std::{collections::BTreeMap, error::Error as StdError, fmt, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use ruma_common::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomVersionId};
use serde::{Deserialize, Serialize};

pub use self::{
    read_only::ReadOnly,
    stoppable::{Stop, Stoppable},
    watched::{Counts, Event, Watched, Watcher},
};
use crate::{
    action::{Op, RoomTarget},
    levels::LevelChange,
    room::{Binding, RoomState},
    room_rules::Listing,
    server::{LimitKind, RateOverride, ServerFacts},
};

/// A homeserver seen through one account, the bot's.
///
/// Waiting for rate limits, retrying what is safe to retry, and timeouts are the implementation's business. An
/// effect that holds already is a success ([`Effect::AlreadySo`]), so that a run which was killed can be repeated.
#[async_trait]
pub trait RoomBackend: Debug + Send + Sync + 'static {
    /// The account, and what the homeserver tells about itself.
    async fn whoami(&self) -> Result<Identity, BackendError>;

    /// Where an alias leads. Never an error: what cannot be learnt is [`Binding::Unknown`].
    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding;

    /// The state of rooms, one by one, so that no list of all of them has to be held.
    ///
    /// With [`Observe::Joined`] a room that is not in the stream is one that the bot is neither in nor invited to.
    /// With [`Observe::Rooms`] each room asked for comes once. An `Err` ends the stream, and everything that has
    /// not come by then is unknown.
    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>>;

    /// Whether accounts exist, in the order of the question. Learnt from the homeserver's administration API in
    /// bulk where the account may use it; otherwise [`AccountState::Unknown`].
    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError>;

    /// Whether a room stands in the homeserver's room directory.
    async fn listing(&self, room: &ruma_common::RoomId) -> Result<Listing, BackendError>;

    /// Does one thing to one room.
    ///
    /// # Errors
    /// [`BackendError`]; its kind says whether trying again can help. Nothing that depends on this must be tried.
    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError>;

    /// What the homeserver tells about itself and about the account, for people who set things up. Only reads; what
    /// nobody tells is not known, which is the default for everything.
    async fn inspect(&self) -> ServerFacts {
        ServerFacts::default()
    }

    /// Takes the account out of the homeserver's rate limits, and tells what holds then by asking. One writing
    /// request.
    ///
    /// # Errors
    /// When the homeserver refuses, or has no such request, as by default.
    async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        Err(BackendError::new(
            BackendErrorKind::Refused,
            "the rate limits",
            "cannot be lifted from here",
        ))
    }

    /// The limits that were met since this was last asked, each with the longest wait that the homeserver wanted.
    fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        BTreeMap::new()
    }

    /// Whether the run was stopped, so that nothing is sent or asked any more ([`Stoppable`]).
    fn is_stopped(&self) -> bool {
        false
    }

    /// Yields whenever a room may have changed. The default never does; a schedule asks then.
    fn changes(&self) -> BoxStream<'static, OwnedRoomId> {
        stream::pending().boxed()
    }
}

/// Which rooms to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observe {
    /// All that the bot is in or invited to.
    Joined,
    /// These.
    Rooms(Vec<OwnedRoomId>),
}

/// One room as it was observed.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Which room.
    pub room_id: OwnedRoomId,
    /// Its state.
    pub state: RoomState,
}

/// The bot's account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// Its user ID.
    pub user_id: OwnedUserId,
    /// The version that the homeserver gives new rooms, if it says so.
    pub default_room_version: Option<RoomVersionId>,
}

impl Identity {
    /// An account.
    pub const fn new(user_id: OwnedUserId, default_room_version: Option<RoomVersionId>) -> Self {
        Self {
            user_id,
            default_room_version,
        }
    }
}

/// What is known of an account on the homeserver (decision 23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// It exists and may be used.
    Exists,
    /// The homeserver's list of users does not have it.
    Missing,
    /// It is deactivated.
    Deactivated,
    /// Nobody may tell us.
    Unknown,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Done.
    Done,
    /// It was so already; nothing was sent, or what was sent changed nothing.
    AlreadySo,
    /// The room has changed since it was planned; these changes were dropped, the others done.
    Stale(Vec<LevelChange>),
    /// Done, and the room has to be read and planned again: it was created or joined just now.
    Revisit(OwnedRoomId),
}

/// What the caller can do about a failed operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The homeserver says no, and will say so again: banned, not allowed, invitations blocked, outranked.
    Refused,
    /// The thing is not there.
    NotFound,
    /// Too many requests; the wait is longer than the adapter waits by itself.
    RateLimited,
    /// Not reachable, or not well: later may be better.
    Unavailable,
    /// The token or the log-in is not accepted.
    Unauthenticated,
    /// What it answered is not Matrix.
    Malformed,
    /// An alias is taken by a room that we did not create.
    AliasTaken,
    /// This backend takes no writing request (read-only decorator).
    ReadOnly,
    /// Not sent, because the run was stopped.
    Stopped,
}

/// A request failed.
#[derive(Debug, thiserror::Error)]
pub struct BackendError {
    /// What kind of failure it is.
    pub kind: BackendErrorKind,
    /// The thing it is about: a room, a user, a URL.
    pub about: String,
    /// What went wrong and what to do, as one sentence without a full stop; with HTTP status and errcode.
    pub message: String,
    /// When trying again may help, if the server told.
    pub retry_after: Option<Duration>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// An error without a cause of its own.
    pub fn new(kind: BackendErrorKind, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            about: about.into(),
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether trying again later can help.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            BackendErrorKind::RateLimited
                | BackendErrorKind::Unavailable
                | BackendErrorKind::Malformed
                | BackendErrorKind::Stopped
        )
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.message)
    }
}

#[async_trait]
impl<T: RoomBackend + ?Sized> RoomBackend for Arc<T> {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        (**self).whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        (**self).resolve_alias(alias).await
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        (**self).observe(what)
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        (**self).accounts(users).await
    }

    async fn listing(&self, room: &ruma_common::RoomId) -> Result<Listing, BackendError> {
        (**self).listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        (**self).execute(room, op).await
    }

    async fn inspect(&self) -> ServerFacts {
        (**self).inspect().await
    }

    async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        (**self).lift_limits().await
    }

    fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        (**self).limits_met()
    }

    fn is_stopped(&self) -> bool {
        (**self).is_stopped()
    }

    fn changes(&self) -> BoxStream<'static, OwnedRoomId> {
        (**self).changes()
    }
}

#[cfg(any(test, feature = "mocks"))]
mockall::mock! {
    /// A mock of [`RoomBackend`].
    #[derive(Debug)]
    pub RoomBackend {}

    #[async_trait]
    impl RoomBackend for RoomBackend {
        async fn whoami(&self) -> Result<Identity, BackendError>;
        async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding;
        fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>>;
        async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError>;
        async fn listing(&self, room: &ruma_common::RoomId) -> Result<Listing, BackendError>;
        async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError>;
        async fn inspect(&self) -> ServerFacts;
        async fn lift_limits(&self) -> Result<RateOverride, BackendError>;
        // Every run asks at its end: `limits_met` keeps its default, and so does `is_stopped`, so that no test has to expect it.
        fn changes(&self) -> BoxStream<'static, OwnedRoomId>;
    }
}
