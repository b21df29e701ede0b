//! [`ReadOnly`]: the second belt of a dry run.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ruma_common::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomId};

use super::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed, RoomBackend};
use crate::{
    action::{Op, RoomTarget},
    room::Binding,
    room_rules::Listing,
    server::{LimitKind, RateOverride, ServerFacts},
};

/// Passes every reading request on and refuses every writing one: the second belt of a dry run.
#[derive(Debug, Clone)]
pub struct ReadOnly<B>(pub B);

#[async_trait]
impl<B: RoomBackend> RoomBackend for ReadOnly<B> {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.0.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        self.0.resolve_alias(alias).await
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        self.0.observe(what)
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.0.accounts(users).await
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.0.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, _op: &Op) -> Result<Effect, BackendError> {
        Err(BackendError::new(
            BackendErrorKind::ReadOnly,
            room.to_string(),
            "this run only reads, so nothing was sent",
        ))
    }

    async fn inspect(&self) -> ServerFacts {
        self.0.inspect().await
    }

    async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        Err(BackendError::new(
            BackendErrorKind::ReadOnly,
            "the rate limits",
            "this run only reads, so nothing was sent",
        ))
    }

    fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        self.0.limits_met()
    }

    fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    fn changes(&self) -> BoxStream<'static, OwnedRoomId> {
        self.0.changes()
    }
}
