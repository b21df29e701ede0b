//! [`Watched`]: tells what goes on, for whoever shows progress.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use ruma_common::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomId};

use super::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed, RoomBackend};
use crate::{
    action::{Op, RoomTarget},
    room::Binding,
    room_rules::Listing,
    server::{LimitKind, RateOverride, ServerFacts},
};

/// Something that goes on between a run and the homeserver.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The homeserver has said where an alias leads.
    AliasAsked(&'a RoomAliasId),
    /// Rooms are about to be read: so many, if that is known beforehand.
    RoomsAsked(Option<usize>),
    /// A room was read, or found to be unknown.
    RoomRead(&'a RoomId),
    /// So many accounts were looked up.
    AccountsAsked(usize),
    /// The listing of a room was looked up.
    ListingAsked(&'a RoomId),
    /// An operation has begun; it may have to wait for a rate limit.
    Began(&'a RoomTarget, &'a Op),
    /// An operation has come to an end.
    Ended(&'a RoomTarget, &'a Op, Result<&'a Effect, &'a BackendError>),
}

/// Is told what goes on, as it does, from whichever task does it: it has to return at once.
pub trait Watcher: Debug + Send + Sync + 'static {
    /// Something goes on.
    fn notice(&self, event: &Event<'_>);
}

/// How much has gone on so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Aliases asked.
    pub aliases: u64,
    /// Rooms read, each as often as it was.
    pub rooms: u64,
    /// Operations under way, those that wait for a rate limit among them.
    pub under_way: u64,
    /// Operations done, or so already.
    pub done: u64,
    /// Operations that failed, or met a room that had changed.
    pub failed: u64,
    /// Operations put off, because the homeserver asked for a longer wait.
    pub put_off: u64,
}

impl Counts {
    /// Counts an event.
    pub fn add(&mut self, event: &Event<'_>) {
        match event {
            Event::AliasAsked(_) => self.aliases += 1,
            Event::RoomRead(_) => self.rooms += 1,
            Event::Began(..) => self.under_way += 1,
            Event::Ended(_, _, result) => {
                self.under_way = self.under_way.saturating_sub(1);
                match result {
                    Ok(Effect::Stale(_)) => self.failed += 1,
                    Ok(_) => self.done += 1,
                    Err(error)
                        if error.kind == BackendErrorKind::RateLimited && error.retry_after.is_some() =>
                    {
                        self.put_off += 1;
                    }
                    Err(_) => self.failed += 1,
                }
            }
            Event::RoomsAsked(_) | Event::AccountsAsked(_) | Event::ListingAsked(_) => {}
        }
    }

    /// Operations that have come to an end, whichever.
    pub const fn ended(&self) -> u64 {
        self.done + self.failed + self.put_off
    }
}

/// Passes everything on, and tells a watcher.
#[derive(Debug, Clone)]
pub struct Watched<B> {
    backend: B,
    watcher: Arc<dyn Watcher>,
}

impl<B: RoomBackend> Watched<B> {
    /// A backend that is watched.
    pub const fn new(backend: B, watcher: Arc<dyn Watcher>) -> Self {
        Self { backend, watcher }
    }
}

#[async_trait]
impl<B: RoomBackend> RoomBackend for Watched<B> {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.backend.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        let binding = self.backend.resolve_alias(alias).await;
        self.watcher.notice(&Event::AliasAsked(alias));
        binding
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        let known = match &what {
            Observe::Rooms(rooms) => Some(rooms.len()),
            Observe::Joined => None,
        };
        self.watcher.notice(&Event::RoomsAsked(known));
        let watcher = Arc::clone(&self.watcher);
        let tell = move |observed: &Result<Observed, BackendError>| {
            if let Ok(observed) = observed {
                watcher.notice(&Event::RoomRead(&observed.room_id));
            }
        };
        self.backend.observe(what).inspect(tell).boxed()
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        let states = self.backend.accounts(users).await;
        self.watcher.notice(&Event::AccountsAsked(users.len()));
        states
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        let listing = self.backend.listing(room).await;
        self.watcher.notice(&Event::ListingAsked(room));
        listing
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        self.watcher.notice(&Event::Began(room, op));
        let result = self.backend.execute(room, op).await;
        self.watcher.notice(&Event::Ended(room, op, result.as_ref()));
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

    fn is_stopped(&self) -> bool {
        self.backend.is_stopped()
    }

    fn changes(&self) -> BoxStream<'static, OwnedRoomId> {
        self.backend.changes()
    }
}
