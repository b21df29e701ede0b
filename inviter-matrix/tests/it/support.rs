//! What the tests share.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use inviter_core::{
    RoomAliasId, RoomBackend, RoomId, RoomVersionId, UserId,
    action::{Blueprint, Op, RoomTarget},
    backend::{BackendError, Effect, Observe},
    room::{RoomSnapshot, RoomState},
    room_rules::{HistoryVisibility, Listing, PowerTemplate, RoomKind},
};
use inviter_matrix::{Credentials, MatrixBackend, MatrixConfig};
use inviter_testkit::{Client, Proxy, Synapse, unique};

/// A homeserver, an account of the test's own, a proxy in front, and the backend behind it.
pub(crate) struct World {
    pub(crate) synapse: Synapse,
    pub(crate) bot: Client,
    pub(crate) proxy: Proxy,
    pub(crate) backend: MatrixBackend,
}

pub(crate) fn config(url: &str, token: &str) -> MatrixConfig {
    let mut config = MatrixConfig::new(url, Credentials::Token(token.to_owned().into()));
    config.timeouts.request = Duration::from_secs(20);
    config
}

pub(crate) async fn world() -> Result<World> {
    world_on(Synapse::shared().await?, false, |_| {}).await
}

pub(crate) async fn world_with(change: impl FnOnce(&mut MatrixConfig)) -> Result<World> {
    world_on(Synapse::shared().await?, false, change).await
}

pub(crate) async fn world_on(
    synapse: Synapse,
    admin: bool,
    change: impl FnOnce(&mut MatrixConfig),
) -> Result<World> {
    let bot = if admin {
        synapse.register_admin(&unique("bot")).await?
    } else {
        synapse.register(&unique("bot")).await?
    };
    let proxy = Proxy::start(synapse.url()).await?;
    let mut config = config(proxy.url(), bot.token());
    change(&mut config);
    let backend = MatrixBackend::connect(config).await?;
    backend.whoami().await?;
    proxy.clear();
    Ok(World {
        synapse,
        bot,
        proxy,
        backend,
    })
}

impl World {
    /// Everything that the bot sees, by room ID.
    pub(crate) async fn joined(&self) -> Result<BTreeMap<String, RoomState>> {
        Ok(all(&self.backend, Observe::Joined).await?)
    }

    /// One room, by its state.
    pub(crate) async fn room(&self, room: &str) -> Result<RoomState> {
        let id = RoomId::parse(room)?;
        let mut states = all(&self.backend, Observe::Rooms(vec![id])).await?;
        states.remove(room).context("not observed")
    }

    pub(crate) async fn execute(&self, room: &str, op: Op) -> Result<Effect, BackendError> {
        let target = RoomTarget::Existing(RoomId::parse(room).unwrap());
        self.backend.execute(&target, &op).await
    }

    pub(crate) async fn invite(&self, room: &str, user: &str) -> Result<Effect, BackendError> {
        let user = UserId::parse(user).unwrap();
        self.execute(
            room,
            Op::Invite {
                user,
                reason: Some("because".to_owned()),
            },
        )
        .await
    }

    pub(crate) async fn remove(&self, room: &str, user: &str) -> Result<Effect, BackendError> {
        let user = UserId::parse(user).unwrap();
        let op = Op::Remove {
            user,
            invitation: false,
            reason: Some("because".to_owned()),
        };
        self.execute(room, op).await
    }

    pub(crate) async fn create(&self, blueprint: Blueprint) -> Result<Effect, BackendError> {
        let target = RoomTarget::New(blueprint.alias.clone());
        self.backend
            .execute(&target, &Op::CreateRoom(Box::new(blueprint)))
            .await
    }

    /// A blueprint with the reference bot's settings.
    pub(crate) fn blueprint(&self, name: &str, version: Option<&str>) -> Blueprint {
        Blueprint {
            alias: RoomAliasId::parse(self.synapse.alias(name)).unwrap(),
            kind: RoomKind::Room,
            version: version.map(|v| RoomVersionId::try_from(v).unwrap()),
            name: Some("A name".to_owned()),
            topic: Some("A topic".to_owned()),
            encrypt: true,
            history_visibility: Some(HistoryVisibility::Invited),
            listing: Listing::Private,
            template: Some(PowerTemplate::default()),
            levels: Vec::new(),
        }
    }
}

pub(crate) async fn all(
    backend: &MatrixBackend,
    what: Observe,
) -> Result<BTreeMap<String, RoomState>, BackendError> {
    let mut states = BTreeMap::new();
    let mut stream = backend.observe(what);
    while let Some(observed) = stream.next().await {
        let observed = observed?;
        let before = states.insert(observed.room_id.to_string(), observed.state);
        assert!(before.is_none(), "{} came twice", observed.room_id);
    }
    Ok(states)
}

#[track_caller]
pub(crate) fn snapshot(state: &RoomState) -> &RoomSnapshot {
    match state {
        RoomState::Joined(snapshot) => snapshot,
        other => panic!("not a snapshot: {other:?}"),
    }
}

/// `METHOD /path` of everything that passed the proxy.
pub(crate) fn lines(proxy: &Proxy) -> Vec<String> {
    proxy
        .requests()
        .iter()
        .map(|r| format!("{} {}", r.method, r.decoded_path()))
        .collect()
}
