//! The homeserver through one account.

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use ruma_common::{OwnedUserId, RoomAliasId, RoomId, UserId};
use serde_json::{Value, json};

use super::{
    InMemoryHomeserver, blueprint,
    faults::Call,
    ops::{Refusal, UserOp, UserOpOutcome},
    room::{LEVELS, MEMBER},
    snapshot,
};
use crate::{
    action::{Blueprint, Op, RoomTarget},
    backend::{
        AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed, RoomBackend,
    },
    levels::{self, LevelChange, LevelRules},
    room::{Binding, Cause, RoomState},
    room_rules::{HistoryVisibility, Listing},
    server::{RateOverride, ServerFacts, Software},
};

/// A [`RoomBackend`] over an [`InMemoryHomeserver`].
#[derive(Debug, Clone)]
pub struct InMemoryBackend {
    homeserver: InMemoryHomeserver,
    user: OwnedUserId,
}

impl InMemoryBackend {
    pub(super) const fn new(homeserver: InMemoryHomeserver, user: OwnedUserId) -> Self {
        Self { homeserver, user }
    }

    /// The homeserver behind it.
    pub const fn homeserver(&self) -> &InMemoryHomeserver {
        &self.homeserver
    }

    /// The account that it acts as.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Sends a writing request.
    fn send(&self, about: &str, op: &UserOp) -> Result<UserOpOutcome, BackendError> {
        let mut world = self.homeserver.world();
        world.writes += 1;
        world
            .act(&self.user, op)
            .map_err(|refusal| error(about, &refusal))
    }

    fn set(&self, room: &RoomId, kind: &str, content: Value) -> Result<Effect, BackendError> {
        self.send(room.as_str(), &UserOp::set(room.to_owned(), kind, content))?;
        Ok(Effect::Done)
    }

    /// The raw membership of someone, read afresh.
    fn membership(&self, room: &RoomId, user: &OwnedUserId) -> Option<String> {
        let content = self.homeserver.state(room, MEMBER, user.as_str())?;
        Some(content.get("membership")?.as_str()?.to_owned())
    }

    fn existing(&self, room: &RoomId, op: &Op) -> Result<Effect, BackendError> {
        match op {
            Op::CreateRoom(_) => Err(misuse(room.as_str(), "a room that exists cannot be created")),
            Op::Join { .. } => self.join(room),
            Op::SetLevels { changes } => self.set_levels(room, changes),
            Op::SetHistoryVisibility { from, to } => self.set_history(room, *from, *to),
            Op::SetName { to } => self.set_if_none(room, "m.room.name", "name", to),
            Op::SetTopic { to } => self.set_if_none(room, "m.room.topic", "topic", to),
            Op::SetListing { to } => self.set_listing(room, *to),
            Op::Invite { user, reason } => self.invite(room, user, reason.as_deref()),
            Op::Add { user, reason } => self.add(room, user, reason.as_deref()),
            Op::Remove { user, reason, .. } => {
                // Somebody who knocks is not in the room either; a knock is nobody's to remove here.
                if !matches!(self.membership(room, user).as_deref(), Some("join" | "invite")) {
                    return Ok(Effect::AlreadySo);
                }
                self.send(
                    room.as_str(),
                    &UserOp::Kick {
                        room: room.to_owned(),
                        user: user.clone(),
                        reason: reason.clone(),
                    },
                )?;
                Ok(Effect::Done)
            }
            Op::Leave => self.leave(room),
        }
    }

    fn invite(
        &self,
        room: &RoomId,
        user: &OwnedUserId,
        reason: Option<&str>,
    ) -> Result<Effect, BackendError> {
        if matches!(self.membership(room, user).as_deref(), Some("join" | "invite")) {
            return Ok(Effect::AlreadySo);
        }
        let op = UserOp::Invite {
            room: room.to_owned(),
            user: user.clone(),
            reason: reason.map(str::to_owned),
        };
        self.send(room.as_str(), &op)?;
        Ok(Effect::Done)
    }

    fn add(&self, room: &RoomId, user: &OwnedUserId, reason: Option<&str>) -> Result<Effect, BackendError> {
        let before = self.membership(room, user);
        if before.as_deref() == Some("join") {
            return Ok(Effect::AlreadySo);
        }
        let is_admin = {
            let world = self.homeserver.world();
            world.users.get(&self.user).is_some_and(|account| account.admin)
        };
        let op = UserOp::AdminJoin {
            room: room.to_owned(),
            user: user.clone(),
        };
        if is_admin && self.send(room.as_str(), &op).is_ok() {
            return Ok(Effect::Done);
        }
        match self.invite(room, user, reason)? {
            // That of the request which came to nothing else.
            Effect::AlreadySo if before.as_deref() != Some("invite") => Ok(Effect::Done),
            effect => Ok(effect),
        }
    }

    /// Only somebody who has joined leaves; an invitation is not declined by this.
    fn leave(&self, room: &RoomId) -> Result<Effect, BackendError> {
        if self.membership(room, &self.user).as_deref() != Some("join") {
            return Ok(Effect::AlreadySo);
        }
        let room = room.to_owned();
        self.send(room.clone().as_str(), &UserOp::Leave { room })?;
        Ok(Effect::Done)
    }

    fn join(&self, room: &RoomId) -> Result<Effect, BackendError> {
        if self.membership(room, &self.user).as_deref() == Some("join") {
            return Ok(Effect::AlreadySo);
        }
        self.send(
            room.as_str(),
            &UserOp::Join {
                room: room.to_owned(),
            },
        )?;
        Ok(Effect::Revisit(room.to_owned()))
    }

    fn set_levels(&self, room: &RoomId, changes: &[LevelChange]) -> Result<Effect, BackendError> {
        let malformed =
            |message: String| BackendError::new(BackendErrorKind::Malformed, room.as_str(), message);
        let version = {
            let world = self.homeserver.world();
            let room = world
                .room(room)
                .map_err(|refusal| error(room.as_str(), &refusal))?;
            room.version.clone()
        };
        let rules = LevelRules::of(&version)
            .ok_or_else(|| malformed(format!("room version {version} is not known")))?;
        // A room without the event has empty content; that its first event must not take the bot's own power away
        // is for the plan to see to.
        let content = self.homeserver.levels(room).unwrap_or_else(|| json!({}));
        let merged = levels::merge(&content, changes, rules)
            .map_err(|error| malformed("the power levels cannot be read".to_owned()).caused_by(error))?;
        let sent = merged.content.is_some();
        if let Some(content) = merged.content {
            self.set(room, LEVELS, content)?;
        }
        Ok(if !merged.dropped.is_empty() {
            Effect::Stale(merged.dropped)
        } else if sent {
            Effect::Done
        } else {
            Effect::AlreadySo
        })
    }

    fn set_history(
        &self,
        room: &RoomId,
        from: Option<HistoryVisibility>,
        to: HistoryVisibility,
    ) -> Result<Effect, BackendError> {
        let now = {
            let world = self.homeserver.world();
            let room = world
                .room(room)
                .map_err(|refusal| error(room.as_str(), &refusal))?;
            snapshot::history(room)
        };
        match now {
            Ok(now) if now == Some(to) => Ok(Effect::AlreadySo),
            Ok(now) if now == from => self.set(
                room,
                "m.room.history_visibility",
                json!({"history_visibility": to.as_str()}),
            ),
            // Somebody has changed it since: their choice may be the tighter one.
            Ok(_) => Ok(Effect::Stale(Vec::new())),
            Err(cause) => Err(BackendError::new(
                BackendErrorKind::Malformed,
                room.as_str(),
                cause.0,
            )),
        }
    }

    fn set_if_none(&self, room: &RoomId, kind: &str, key: &str, to: &str) -> Result<Effect, BackendError> {
        let now = self.homeserver.state(room, kind, "");
        let now = now.as_ref().and_then(|content| content.get(key)?.as_str());
        match now {
            Some(now) if now == to => Ok(Effect::AlreadySo),
            Some(now) if !now.is_empty() => Ok(Effect::Stale(Vec::new())),
            _ => self.set(room, kind, json!({key: to})),
        }
    }

    fn set_listing(&self, room: &RoomId, to: Listing) -> Result<Effect, BackendError> {
        if self.homeserver.listing_of(room) == Some(to) {
            return Ok(Effect::AlreadySo);
        }
        let op = UserOp::SetListing {
            room: room.to_owned(),
            listing: to,
        };
        self.send(room.as_str(), &op)?;
        Ok(Effect::Done)
    }

    /// Creates a room, or takes over the one that we have created under this alias before: an earlier run may
    /// have been killed in between (decision 16).
    fn create(&self, blueprint: &Blueprint) -> Result<Effect, BackendError> {
        let alias = &blueprint.alias;
        let taken = {
            let world = self.homeserver.world();
            world.aliases.get(alias).map(|entry| {
                // Only who is in it can see who has made it.
                let ours = world
                    .rooms
                    .get(&entry.room)
                    .is_some_and(|room| room.creator() == Some(&self.user) && room.is_joined(&self.user));
                (entry.room.clone(), ours)
            })
        };
        match taken {
            Some((room, true)) => Ok(Effect::Revisit(room)),
            Some((room, false)) => Err(BackendError::new(
                BackendErrorKind::AliasTaken,
                alias.as_str(),
                format!("the alias leads to {room}, which is not a room that we created and are in"),
            )),
            None => {
                let default = self.homeserver.world().default_version.clone();
                let new = blueprint::new_room(blueprint, &self.user, &default);
                let outcome = self.send(alias.as_str(), &UserOp::CreateRoom(Box::new(new)))?;
                let room = outcome
                    .created()
                    .ok_or_else(|| misuse(alias.as_str(), "no room was created"))?;
                Ok(Effect::Revisit(room))
            }
        }
    }

    fn call<T>(
        &self,
        call: &Call<'_>,
        about: &str,
        run: impl FnOnce() -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let verdict = self.homeserver.meet(call);
        let injected = |kind| BackendError::new(kind, about, "made to fail by the test");
        if let Some(kind) = verdict.fail {
            return Err(injected(kind));
        }
        let answer = run();
        match verdict.lose_answer {
            Some(kind) => Err(injected(kind)),
            None => answer,
        }
    }

    fn look_at(&self, room: &RoomId) -> Result<Observed, BackendError> {
        self.call(&Call::Observe(room), room.as_str(), || {
            let state = self
                .homeserver
                .state_for(&self.user, room)
                // A homeserver does not tell a room that it does not know from one that is none of our business.
                .unwrap_or(RoomState::NotJoined { invited_by: None });
            Ok(Observed {
                room_id: room.to_owned(),
                state,
            })
        })
    }
}

#[async_trait]
impl RoomBackend for InMemoryBackend {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.call(&Call::Whoami, self.user.as_str(), || {
            let version = self.homeserver.world().default_version.clone();
            Ok(Identity::new(self.user.clone(), Some(version)))
        })
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        let answer = self.call(&Call::ResolveAlias(alias), alias.as_str(), || {
            let world = self.homeserver.world();
            Ok(if let Some(cause) = world.unknown_aliases.get(alias) {
                Binding::Unknown(cause.clone())
            } else if let Some(entry) = world.aliases.get(alias) {
                Binding::Bound(entry.room.clone())
            } else if world.is_ours(alias.server_name()) {
                Binding::Missing
            } else {
                // The other server may not have told the truth, or not have been asked at all (decision 8).
                Binding::Unknown(Cause::new(format!("{alias} is an alias of another server")))
            })
        });
        answer.unwrap_or_else(|error| Binding::Unknown(Cause::new(error.to_string())))
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        let rooms = match what {
            Observe::Rooms(rooms) => rooms,
            Observe::Joined => {
                let world = self.homeserver.world();
                let ours = |membership| matches!(membership, Some("join" | "invite"));
                world
                    .rooms
                    .values()
                    .filter(|room| ours(room.membership(self.user.as_str())))
                    .map(|room| room.id.clone())
                    .collect()
            }
        };
        let backend = self.clone();
        let mut failed = false;
        stream::iter(rooms)
            .map(move |room| backend.look_at(&room))
            .take_while(move |observed| {
                // The error itself still comes; nothing comes after it.
                let go_on = !failed;
                failed = observed.is_err();
                std::future::ready(go_on)
            })
            .boxed()
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.call(&Call::Accounts(users), "accounts", || {
            let world = self.homeserver.world();
            let admin = world.users.get(&self.user).is_some_and(|account| account.admin);
            let look_up = |user: &OwnedUserId| {
                if !admin || !world.is_ours(user.server_name()) {
                    return AccountState::Unknown;
                }
                match world.users.get(user) {
                    None => AccountState::Missing,
                    Some(account) if account.deactivated => AccountState::Deactivated,
                    Some(_) => AccountState::Exists,
                }
            };
            Ok(users.iter().map(look_up).collect())
        })
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.call(&Call::Listing(room), room.as_str(), || {
            self.homeserver
                .listing_of(room)
                .ok_or_else(|| BackendError::new(BackendErrorKind::NotFound, room.as_str(), "no such room"))
        })
    }

    async fn inspect(&self) -> ServerFacts {
        let world = self.homeserver.world();
        let account = world.users.get(&self.user);
        let admin = account.is_some_and(|account| account.admin);
        ServerFacts {
            software: Some(Software {
                name: "in memory".to_owned(),
                version: None,
            }),
            stable_room_versions: vec![world.default_version.clone()],
            admin: Some(admin),
            // It has no limits, and tells administrators so.
            rate_override: if admin {
                RateOverride::Exempt
            } else {
                RateOverride::NotKnown
            },
            ..ServerFacts::default()
        }
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        let about = match room {
            RoomTarget::Existing(id) => id.as_str(),
            RoomTarget::New(alias) => alias.as_str(),
        };
        self.call(&Call::Execute(room, op), about, || match (room, op) {
            (RoomTarget::New(alias), Op::CreateRoom(blueprint)) if *alias == blueprint.alias => {
                self.create(blueprint)
            }
            (RoomTarget::Existing(room), op) => self.existing(room, op),
            (RoomTarget::New(alias), _) => Err(misuse(alias.as_str(), "the room has to be created first")),
        })
    }
}

fn misuse(about: &str, message: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Refused, about, message)
}

fn error(about: &str, refusal: &Refusal) -> BackendError {
    let kind = match (refusal.status, refusal.errcode.as_str()) {
        (_, "M_ROOM_IN_USE") => BackendErrorKind::AliasTaken,
        (401, _) => BackendErrorKind::Unauthenticated,
        (404, _) => BackendErrorKind::NotFound,
        _ => BackendErrorKind::Refused,
    };
    BackendError::new(kind, about, refusal.to_string())
}
