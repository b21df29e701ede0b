//! The core's conformance suite against the Matrix backend on a real Synapse.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomAliasId, RoomBackend, RoomId, UserId,
    conformance::{
        self, CheckOutcome,
        backend::{BackendHarness, BackendWorld},
        wire::{self, WireRequest},
    },
    memory::{Refusal, UserOp, UserOpOutcome},
};
use inviter_matrix::{Credentials, Live, LiveOptions, MatrixBackend, MatrixConfig};
use inviter_testkit::{Client, Synapse, unique};
use serde_json::Value;
use tokio::sync::Mutex;

/// Makes worlds on the shared homeserver, each with a bot and people of its own.
#[derive(Debug)]
struct Harness {
    synapse: Synapse,
    /// The bot administers the homeserver.
    admin: bool,
    /// The homeserver is followed.
    followed: bool,
}

impl Harness {
    async fn world(&self) -> Result<World> {
        let suffix = unique("w");
        let localpart = format!("bot-{suffix}");
        let bot = if self.admin {
            self.synapse.register_admin(&localpart).await?
        } else {
            self.synapse.register(&localpart).await?
        };
        let token = Credentials::Token(bot.token().to_owned().into());
        let backend = MatrixBackend::connect(MatrixConfig::new(self.synapse.url(), token)).await?;
        let backend: Arc<dyn RoomBackend> = if self.followed {
            Arc::new(Live::start(backend, LiveOptions::default()).await?.0)
        } else {
            Arc::new(backend)
        };
        Ok(World {
            synapse: Synapse::shared().await?,
            backend,
            bot: UserId::parse(bot.user_id())?,
            clients: Mutex::new(BTreeMap::from([(bot.user_id().to_owned(), bot)])),
            suffix,
            admin: self.admin,
        })
    }
}

#[async_trait]
impl BackendHarness for Harness {
    async fn fresh(&self) -> Result<Box<dyn BackendWorld>, String> {
        match self.world().await {
            Ok(world) => Ok(Box::new(world)),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

#[derive(Debug)]
struct World {
    synapse: Synapse,
    backend: Arc<dyn RoomBackend>,
    bot: OwnedUserId,
    /// By user ID.
    clients: Mutex<BTreeMap<String, Client>>,
    /// What tells this world's names from others'.
    suffix: String,
    admin: bool,
}

impl World {
    async fn send(&self, user: &UserId, request: &WireRequest) -> Result<Value, Refusal> {
        let broken = |error: String| Refusal::new(500, "TEST", error);
        let client = self.clients.lock().await.get(user.as_str()).cloned();
        let client = client.ok_or_else(|| broken(format!("{user} is not of this world")))?;
        let method = request
            .method
            .parse()
            .map_err(|error| broken(format!("{error}")))?;
        let (status, answer) = client
            .raw(method, &request.path, request.body.as_ref(), Some(client.token()))
            .await
            .map_err(|error| broken(format!("{error:#}")))?;
        if status == 200 {
            return Ok(answer);
        }
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Err(Refusal::new(status, text("errcode"), text("error")))
    }
}

#[async_trait]
impl BackendWorld for World {
    fn backend(&self) -> Arc<dyn RoomBackend> {
        Arc::clone(&self.backend)
    }

    fn bot(&self) -> OwnedUserId {
        self.bot.clone()
    }

    fn alias(&self, localpart: &str) -> OwnedRoomAliasId {
        let alias = self.synapse.alias(&format!("{localpart}-{}", self.suffix));
        RoomAliasId::parse(alias).unwrap()
    }

    async fn user(&self, name: &str) -> Result<OwnedUserId, String> {
        let localpart = format!("{name}-{}", self.suffix);
        let user = self.synapse.user_id(&localpart);
        let mut clients = self.clients.lock().await;
        if !clients.contains_key(&user) {
            let client = self.synapse.register(&localpart).await;
            clients.insert(user.clone(), client.map_err(|error| format!("{error:#}"))?);
        }
        UserId::parse(user).map_err(|error| error.to_string())
    }

    async fn act(&self, user: &UserId, op: UserOp) -> Result<UserOpOutcome, Refusal> {
        let answer = self.send(user, &wire::request(&op)).await?;
        match (&op, answer["room_id"].as_str()) {
            (UserOp::CreateRoom(_), Some(room)) => {
                let room = OwnedRoomId::try_from(room);
                room.map(UserOpOutcome::Created)
                    .map_err(|error| Refusal::new(500, "TEST", error.to_string()))
            }
            _ => Ok(UserOpOutcome::Done),
        }
    }

    async fn content(
        &self,
        user: &UserId,
        room: &RoomId,
        kind: &str,
        key: &str,
    ) -> Result<Option<Value>, Refusal> {
        match self.send(user, &wire::read_state(room, kind, key)).await {
            Ok(content) => Ok(Some(content)),
            Err(refusal) if refusal.status == 404 => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    fn knows_accounts(&self) -> bool {
        self.admin
    }
}

/// Runs the checks a few at a time: each has a world of its own, and most of the time is waiting.
async fn run(harness: &Harness, names: Vec<&'static str>) -> Vec<CheckOutcome> {
    stream::iter(names)
        .map(|name| conformance::backend::run_one(harness, name))
        .buffered(4)
        .filter_map(std::future::ready)
        .collect()
        .await
}

fn assert_passed(outcomes: &[CheckOutcome]) {
    let report: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    let failed = conformance::failures(outcomes).len();
    assert!(
        failed == 0,
        "{failed} of {} have failed:\n{}",
        outcomes.len(),
        report.join("\n")
    );
}

#[tokio::test]
async fn passes_the_conformance_suite() -> Result<()> {
    let harness = Harness {
        synapse: Synapse::shared().await?,
        admin: false,
        followed: false,
    };
    let names = conformance::backend::names();
    let outcomes = run(&harness, names.clone()).await;
    assert_eq!(outcomes.len(), names.len());
    assert_passed(&outcomes);
    Ok(())
}

#[tokio::test]
async fn passes_it_when_it_is_followed() -> Result<()> {
    let harness = Harness {
        synapse: Synapse::shared().await?,
        admin: false,
        followed: true,
    };
    let names = conformance::backend::names();
    let outcomes = run(&harness, names.clone()).await;
    assert_eq!(outcomes.len(), names.len());
    assert_passed(&outcomes);
    Ok(())
}

#[tokio::test]
async fn an_administrator_passes_what_is_different_for_it() -> Result<()> {
    let harness = Harness {
        synapse: Synapse::shared().await?,
        admin: true,
        followed: false,
    };
    let names = vec![
        "accounts_in_order",
        "observe_not_joined",
        "observe_joined_and_invited",
        "nothing_without_being_in_the_room",
        "join_uninvited_is_refused",
        "add",
        "add_again_changes_nothing",
        "add_joined_is_already_so",
        "add_invited",
        "add_after_leaving",
        "add_nobody_invites_the_id",
        "add_banned_is_refused",
        "add_without_power_is_refused",
        "add_without_being_in_the_room_is_refused",
    ];
    let outcomes = run(&harness, names.clone()).await;
    assert_eq!(outcomes.len(), names.len(), "a check has another name now");
    assert_passed(&outcomes);
    Ok(())
}
