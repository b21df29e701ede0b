//! Putting people straight in: where the bot may ask which accounts exist, it is an administrator and may do this too.

use futures_util::FutureExt;
use ruma_common::{OwnedRoomId, OwnedUserId, UserId};

use super::{
    Check, Checked, Verdict, ensure, equal,
    stage::{Stage, invite},
};
use crate::{
    action::Op,
    backend::Effect,
    memory::{NewRoom, UserOp},
    room::Membership,
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("add", |s| adds(s).boxed()),
    ("add_again_changes_nothing", |s| add_again(s).boxed()),
    ("add_joined_is_already_so", |s| add_joined(s).boxed()),
    ("add_invited", |s| add_invited(s).boxed()),
    ("add_after_leaving", |s| add_after_leaving(s).boxed()),
    ("add_nobody_invites_the_id", |s| add_nobody(s).boxed()),
    ("add_banned_is_refused", |s| add_banned(s).boxed()),
    ("add_without_power_is_refused", |s| add_powerless(s).boxed()),
    ("add_without_being_in_the_room_is_refused", |s| {
        add_from_outside(s).boxed()
    }),
];

/// The operation.
fn add_op(user: &UserId) -> Op {
    Op::Add {
        user: user.to_owned(),
        reason: Some("You are in the group".to_owned()),
    }
}

/// What somebody is once they were put in: joined by themselves, or invited by the bot where that is all that it may.
fn outcome(stage: &Stage<'_>, user: &OwnedUserId) -> (Membership, OwnedUserId) {
    if stage.world.knows_accounts() {
        (Membership::Joined, user.clone())
    } else {
        (Membership::Invited, stage.bot.clone())
    }
}

async fn is_in(stage: &Stage<'_>, room: &OwnedRoomId, user: &OwnedUserId) -> Checked {
    let found = stage.membership(room, user).await?;
    equal("membership", &found, &Some(outcome(stage, user)))
}

async fn adds(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.expect(&room, add_op(&alice), Effect::Done).await?;
    is_in(stage, &room, &alice).await
}

async fn add_again(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.expect(&room, add_op(&alice), Effect::Done).await?;
    let before = stage.snapshot(&room).await?.member(&alice).cloned();
    let effect = stage.try_execute(&room, add_op(&alice)).await?;
    // An invitation that is sent once more changes nothing, and does not tell.
    let is_right = match effect {
        Effect::AlreadySo => true,
        Effect::Done => !stage.world.knows_accounts(),
        _ => false,
    };
    ensure(is_right, || {
        format!("adding again: found {effect:?}, wanted AlreadySo")
    })?;
    let after = stage.snapshot(&room).await?.member(&alice).cloned();
    equal("the member event", &after, &before)
}

async fn add_joined(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    stage.expect(&room, add_op(&alice), Effect::AlreadySo).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Joined, alice.clone())),
    )
}

async fn add_invited(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.act(&stage.bot, invite(&room, &alice)).await?;
    stage.try_execute(&room, add_op(&alice)).await?;
    is_in(stage, &room, &alice).await
}

async fn add_after_leaving(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    stage.act(&alice, UserOp::Leave { room: room.clone() }).await?;
    stage.expect(&room, add_op(&alice), Effect::Done).await?;
    is_in(stage, &room, &alice).await
}

/// Who has no account cannot be put in, and an invitation waits for them.
async fn add_nobody(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("party").await?;
    let server = stage.bot.server_name();
    let nobody = UserId::parse(format!("@nobody-at-all:{server}"))
        .map_err(|error| Verdict::Failed(format!("no user ID: {error}")))?;
    stage.expect(&room, add_op(&nobody), Effect::Done).await?;
    equal(
        "membership",
        &stage.membership(&room, &nobody).await?,
        &Some((Membership::Invited, stage.bot.clone())),
    )
}

async fn add_banned(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    let ban = UserOp::Ban {
        room: room.clone(),
        user: alice.clone(),
        reason: None,
    };
    stage.act(&stage.bot, ban).await?;
    stage.expect_refused(&room, add_op(&alice)).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Banned, stage.bot.clone())),
    )
}

async fn add_powerless(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let only_admins = NewRoom {
        levels: Some([("invite".to_owned(), 100.into())].into_iter().collect()),
        ..NewRoom::default()
    };
    let room = stage.room_with_bot(&alice, only_admins).await?;
    stage.expect_refused(&room, add_op(&carol)).await?;
    equal("membership", &stage.membership(&room, &carol).await?, &None)
}

/// An administrator of the homeserver is nobody in a room that it is not in.
async fn add_from_outside(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_of(&alice, NewRoom::default()).await?;
    stage.expect_refused(&room, add_op(&carol)).await?;
    let content = stage
        .world
        .content(&alice, &room, "m.room.member", carol.as_str())
        .await?;
    equal("the member event", &content, &None)
}
