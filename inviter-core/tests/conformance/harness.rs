//! Worlds on the homeserver in memory.

use std::sync::Arc;

use async_trait::async_trait;
use inviter_core::{
    OwnedRoomAliasId, OwnedUserId, RoomAliasId, RoomBackend, RoomId, ServerName, UserId,
    conformance::backend::{BackendHarness, BackendWorld},
    memory::{InMemoryBackend, InMemoryHomeserver, Refusal, UserOp, UserOpOutcome},
};
use serde_json::{Value, json};

use crate::broken::{Breakage, Broken};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Setting {
    Bot,
    Admin,
}

#[derive(Debug)]
pub(crate) struct Harness {
    setting: Setting,
    breakage: Option<Breakage>,
}

impl Harness {
    pub(crate) fn sound(setting: Setting) -> Self {
        Self {
            setting,
            breakage: None,
        }
    }

    pub(crate) fn broken(breakage: Breakage) -> Self {
        Self {
            setting: Setting::Bot,
            breakage: Some(breakage),
        }
    }
}

#[async_trait]
impl BackendHarness for Harness {
    async fn fresh(&self) -> Result<Box<dyn BackendWorld>, String> {
        let homeserver = InMemoryHomeserver::new(ServerName::parse("example.org").unwrap());
        let bot = homeserver.register("inviter").unwrap();
        let knows_accounts = matches!(self.setting, Setting::Admin);
        homeserver.set_admin(&bot, knows_accounts);
        Ok(Box::new(World {
            backend: homeserver.backend(bot.clone()),
            homeserver,
            bot,
            knows_accounts,
            breakage: self.breakage,
        }))
    }
}

#[derive(Debug)]
struct World {
    homeserver: InMemoryHomeserver,
    backend: InMemoryBackend,
    bot: OwnedUserId,
    knows_accounts: bool,
    breakage: Option<Breakage>,
}

#[async_trait]
impl BackendWorld for World {
    fn backend(&self) -> Arc<dyn RoomBackend> {
        match self.breakage {
            None => Arc::new(self.backend.clone()),
            Some(breakage) => Arc::new(Broken::new(self.backend.clone(), breakage)),
        }
    }

    fn bot(&self) -> OwnedUserId {
        self.bot.clone()
    }

    fn alias(&self, localpart: &str) -> OwnedRoomAliasId {
        RoomAliasId::parse(format!("#{localpart}:example.org")).unwrap()
    }

    async fn user(&self, name: &str) -> Result<OwnedUserId, String> {
        self.homeserver
            .register(name)
            .map_err(|refusal| refusal.to_string())
    }

    async fn act(&self, user: &UserId, op: UserOp) -> Result<UserOpOutcome, Refusal> {
        self.homeserver.act(user, &op)
    }

    async fn content(
        &self,
        _user: &UserId,
        room: &RoomId,
        kind: &str,
        key: &str,
    ) -> Result<Option<Value>, Refusal> {
        Ok(self.homeserver.state(room, kind, key))
    }

    async fn spoil_member(&self, room: &RoomId, user: &UserId) -> bool {
        self.homeserver.force_state(
            room,
            user,
            "m.room.member",
            user.as_str(),
            json!({"membership": 7}),
        );
        true
    }

    fn knows_accounts(&self) -> bool {
        self.knows_accounts
    }
}
