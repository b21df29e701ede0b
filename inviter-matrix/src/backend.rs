//! [`MatrixBackend`]: the trait over the modules that do the work.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use inviter_core::{
    RoomBackend,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, Effect, Identity, Observe, Observed},
    levels::LevelRules,
    room::{Binding, Cause, RoomState},
    room_rules::Listing,
    server::{LimitKind, RateOverride, ServerFacts},
};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, RoomVersionId,
    api::{
        client::{
            account::whoami, alias::get_alias, directory::get_room_visibility, discovery::get_capabilities,
            room::Visibility,
        },
        error::ErrorKind,
    },
};
use tokio::sync::OnceCell;

use crate::{
    accounts::Accounts,
    chat::Chat,
    client::{Call, Client},
    config::MatrixConfig,
    execute, observe,
};

/// A homeserver over the Matrix client-server API, seen through one account.
///
/// Cheap to clone; clones share the connection, the pauses for rate limits and what has been learnt. Needs a
/// tokio runtime.
#[derive(Clone)]
pub struct MatrixBackend {
    shared: Arc<Shared>,
}

/// What clones share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) accounts: Accounts,
    identity: OnceCell<Identity>,
    /// A room's version never changes.
    rules: Mutex<BTreeMap<OwnedRoomId, LevelRules>>,
}

impl MatrixBackend {
    /// Connects: asks the homeserver which versions of Matrix it speaks. Whether the credentials are accepted
    /// shows with the first request that needs them, such as [`whoami`](RoomBackend::whoami).
    ///
    /// # Errors
    /// When the configuration cannot be used, or what answers is not a reachable Matrix homeserver.
    pub async fn connect(config: MatrixConfig) -> Result<Self, BackendError> {
        Ok(Self {
            shared: Arc::new(Shared {
                client: Client::connect(config).await?,
                accounts: Accounts::default(),
                identity: OnceCell::new(),
                rules: Mutex::default(),
            }),
        })
    }

    /// Messages of the bot's own.
    pub fn chat(&self) -> Chat {
        Chat::new(self.shared())
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

impl fmt::Debug for MatrixBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatrixBackend")
            .field("homeserver", &self.shared.client.base)
            .field(
                "user",
                &self.shared.identity.get().map(|identity| &identity.user_id),
            )
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The account; asked once.
    pub(crate) async fn whoami(&self) -> Result<Identity, BackendError> {
        self.identity
            .get_or_try_init(|| async {
                let call = Call::read(&self.client.base);
                let user = self.client.send(&call, whoami::v3::Request::new()).await?.user_id;
                let version = self.default_version(&call).await?;
                Ok(Identity::new(user, version))
            })
            .await
            .cloned()
    }

    async fn default_version(&self, call: &Call) -> Result<Option<RoomVersionId>, BackendError> {
        match self.client.send(call, get_capabilities::v3::Request::new()).await {
            // The default of the type is what ruma fills in where the server says nothing.
            Ok(answer) if answer.capabilities.room_versions.is_default() => Ok(None),
            Ok(answer) => Ok(Some(answer.capabilities.room_versions.default)),
            Err(failure)
                if matches!(
                    failure.errcode(),
                    Some(ErrorKind::Unrecognized | ErrorKind::NotFound)
                ) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Keeps the version's rules of a room that has been read.
    pub(crate) fn remember(&self, state: &RoomState) {
        if let RoomState::Joined(room) = state {
            self.rules
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(room.room_id.clone(), room.levels.rules());
        }
    }

    /// The version's rules, if the room has been read before.
    pub(crate) fn rules(&self, room: &RoomId) -> Option<LevelRules> {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(room)
            .copied()
    }

    /// Where an alias leads (decision 8).
    pub(crate) async fn resolve(&self, alias: &RoomAliasId) -> Binding {
        let call = Call::read(alias.as_str());
        let failure = match self
            .client
            .send(&call, get_alias::v3::Request::new(alias.to_owned()))
            .await
        {
            Ok(answer) => return Binding::Bound(answer.room_id),
            Err(failure) => failure,
        };
        if !failure.is_not_found() {
            return Binding::Unknown(Cause::new(failure.error.message));
        }
        match self.whoami().await {
            Ok(me) if alias.server_name() == me.user_id.server_name() => Binding::Missing,
            Ok(_) => Binding::Unknown(Cause::new(format!(
                "{} says that the alias does not exist, but it is another server's",
                self.client.base
            ))),
            Err(error) => Binding::Unknown(Cause::new(error.message)),
        }
    }

    /// Whether a room is listed.
    pub(crate) async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        let call = Call::read(room.as_str());
        let request = get_room_visibility::v3::Request::new(room.to_owned());
        Ok(match self.client.send(&call, request).await?.visibility {
            Visibility::Public => Listing::Public,
            _ => Listing::Private,
        })
    }
}

#[async_trait]
impl RoomBackend for MatrixBackend {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.shared.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        self.shared.resolve(alias).await
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        observe::observe(Arc::clone(&self.shared), what)
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.shared.accounts(users).await
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.shared.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        execute::execute(&self.shared, room, op).await
    }

    async fn inspect(&self) -> ServerFacts {
        self.shared.inspect().await
    }

    async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        self.shared.lift_limits().await
    }

    fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        self.shared.client.limits_met()
    }
}
