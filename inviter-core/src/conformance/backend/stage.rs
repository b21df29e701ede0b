//! What checks have in common.

use std::sync::Arc;

use futures_util::StreamExt;
use ruma_common::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde_json::Value;

use super::{BackendWorld, Checked, Verdict};
use crate::{
    action::{Blueprint, Op, RoomTarget},
    backend::{BackendError, BackendErrorKind, Effect, Observe, Observed, RoomBackend},
    memory::{NewRoom, UserOp},
    room::{Membership, RoomSnapshot, RoomState},
    room_rules::{Listing, RoomKind},
};

/// One check's world.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) world: &'a dyn BackendWorld,
    pub(super) backend: Arc<dyn RoomBackend>,
    pub(super) bot: OwnedUserId,
}

impl<'a> Stage<'a> {
    pub(super) fn new(world: &'a dyn BackendWorld) -> Self {
        Self {
            world,
            backend: world.backend(),
            bot: world.bot(),
        }
    }

    pub(super) async fn user(&self, name: &str) -> Checked<OwnedUserId> {
        self.world
            .user(name)
            .await
            .map_err(|why| Verdict::Failed(format!("no user {name}: {why}")))
    }

    pub(super) async fn act(&self, user: &UserId, op: UserOp) -> Checked {
        self.world.act(user, op).await?;
        Ok(())
    }

    /// A room that a person makes.
    pub(super) async fn room_of(&self, user: &UserId, new: NewRoom) -> Checked<OwnedRoomId> {
        self.world
            .act(user, UserOp::CreateRoom(Box::new(new)))
            .await?
            .created()
            .ok_or_else(|| Verdict::Failed("the homeserver named no room".to_owned()))
    }

    /// A room of a person's that the bot is in.
    pub(super) async fn room_with_bot(&self, user: &UserId, new: NewRoom) -> Checked<OwnedRoomId> {
        let room = self.room_of(user, new).await?;
        self.bring_in(user, &room, &self.bot).await?;
        Ok(room)
    }

    /// Has somebody invited, and joins as them.
    pub(super) async fn bring_in(&self, by: &UserId, room: &RoomId, user: &UserId) -> Checked {
        self.act(by, invite(room, user)).await?;
        self.act(
            user,
            UserOp::Join {
                room: room.to_owned(),
            },
        )
        .await
    }

    /// A simple room that the backend makes.
    pub(super) async fn own_room(&self, alias: &str) -> Checked<OwnedRoomId> {
        self.create(&self.blueprint(alias)).await
    }

    /// The least that a blueprint can say.
    pub(super) fn blueprint(&self, alias: &str) -> Blueprint {
        Blueprint {
            alias: self.world.alias(alias),
            kind: RoomKind::Room,
            version: None,
            name: None,
            topic: None,
            encrypt: false,
            history_visibility: None,
            listing: Listing::Private,
            template: None,
            levels: Vec::new(),
        }
    }

    pub(super) async fn try_create(&self, blueprint: &Blueprint) -> Result<Effect, BackendError> {
        self.backend
            .execute(
                &RoomTarget::New(blueprint.alias.clone()),
                &Op::CreateRoom(Box::new(blueprint.clone())),
            )
            .await
    }

    /// Creates a room and answers with its ID.
    pub(super) async fn create(&self, blueprint: &Blueprint) -> Checked<OwnedRoomId> {
        match self.try_create(blueprint).await? {
            Effect::Revisit(room) => Ok(room),
            other => Err(Verdict::Failed(format!(
                "creating a room had the effect {other:?}, not Revisit"
            ))),
        }
    }

    pub(super) async fn try_execute(&self, room: &RoomId, op: Op) -> Result<Effect, BackendError> {
        self.backend
            .execute(&RoomTarget::Existing(room.to_owned()), &op)
            .await
    }

    /// Runs an operation that has to have this effect.
    pub(super) async fn expect(&self, room: &RoomId, op: Op, wanted: Effect) -> Checked {
        let what = format!("effect of {op:?}");
        let found = self.try_execute(room, op).await?;
        super::equal(&what, &found, &wanted)
    }

    /// Runs an operation that has to be refused for good.
    pub(super) async fn expect_refused(&self, room: &RoomId, op: Op) -> Checked {
        let what = format!("{op:?}");
        match self.try_execute(room, op).await {
            Err(error) if error.kind == BackendErrorKind::Refused => Ok(()),
            other => Err(Verdict::Failed(format!(
                "{what}: found {other:?}, wanted an error of the kind Refused"
            ))),
        }
    }

    /// All that a stream has; an error in it fails the check.
    pub(super) async fn observe(&self, what: Observe) -> Checked<Vec<Observed>> {
        let mut stream = self.backend.observe(what);
        let mut all = Vec::new();
        while let Some(observed) = stream.next().await {
            all.push(observed?);
        }
        Ok(all)
    }

    /// The one answer about a room.
    pub(super) async fn state(&self, room: &RoomId) -> Checked<RoomState> {
        let mut answers = self.observe(Observe::Rooms(vec![room.to_owned()])).await?;
        match (answers.pop(), answers.is_empty()) {
            (Some(one), true) if one.room_id == room => Ok(one.state),
            (one, _) => Err(Verdict::Failed(format!(
                "asked for {room}, and got {} answers, the last for {:?}",
                answers.len() + usize::from(one.is_some()),
                one.map(|one| one.room_id)
            ))),
        }
    }

    /// The room as the bot sees it, which has to be in it.
    pub(super) async fn snapshot(&self, room: &RoomId) -> Checked<RoomSnapshot> {
        match self.state(room).await? {
            RoomState::Joined(snapshot) => Ok(*snapshot),
            other => Err(Verdict::Failed(format!("{room}: found {other:?}, wanted Joined"))),
        }
    }

    /// Somebody's membership and who set it.
    pub(super) async fn membership(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Checked<Option<(Membership, OwnedUserId)>> {
        let snapshot = self.snapshot(room).await?;
        Ok(snapshot
            .member(user)
            .map(|member| (member.membership, member.sender.clone())))
    }

    /// The content of a state event as the bot's account reads it.
    pub(super) async fn content(&self, room: &RoomId, kind: &str) -> Checked<Option<Value>> {
        Ok(self.world.content(&self.bot, room, kind, "").await?)
    }
}

/// The request that invites somebody.
pub(super) fn invite(room: &RoomId, user: &UserId) -> UserOp {
    UserOp::Invite {
        room: room.to_owned(),
        user: user.to_owned(),
        reason: None,
    }
}

/// The operation that invites somebody.
pub(super) fn invite_op(user: &UserId) -> Op {
    Op::Invite {
        user: user.to_owned(),
        reason: None,
    }
}

/// The operation that removes somebody.
pub(super) fn remove_op(user: &UserId, invitation: bool) -> Op {
    Op::Remove {
        user: user.to_owned(),
        invitation,
        reason: None,
    }
}
