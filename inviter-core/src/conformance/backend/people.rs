//! Inviting, removing, joining.

use futures_util::FutureExt;

use super::{
    Check, Checked, Verdict, ensure, equal,
    stage::{Stage, invite, invite_op, remove_op},
};
use ruma_common::{RoomId, RoomVersionId, UserId};

use crate::{
    action::{Blueprint, Op},
    backend::Effect,
    levels::{LevelChange, LevelSlot},
    memory::{NewRoom, UserOp},
    room::{Membership, RoomState},
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("invite", |s| invites(s).boxed()),
    ("invite_again_changes_nothing", |s| invite_again(s).boxed()),
    ("invite_joined_is_already_so", |s| invite_joined(s).boxed()),
    ("invite_after_leaving", |s| invite_after_leaving(s).boxed()),
    ("invite_banned_is_refused", |s| invite_banned(s).boxed()),
    ("invite_without_power_is_refused", |s| invite_powerless(s).boxed()),
    ("remove_joined", |s| remove_joined(s).boxed()),
    ("remove_invited", |s| remove_invited(s).boxed()),
    ("remove_absent_is_already_so", |s| remove_absent(s).boxed()),
    ("remove_banned_keeps_the_ban", |s| remove_banned(s).boxed()),
    ("remove_equal_rank_is_refused", |s| remove_outranked(s).boxed()),
    ("join_by_invitation", |s| join(s).boxed()),
    ("join_uninvited_is_refused", |s| join_uninvited(s).boxed()),
    ("leave", |s| leave(s).boxed()),
    ("leave_again_is_already_so", |s| leave_again(s).boxed()),
    ("leave_keeps_an_invitation", |s| leave_invited(s).boxed()),
    ("lower_oneself_and_leave", |s| lower_and_leave(s).boxed()),
];

async fn invites(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    let op = Op::Invite {
        user: alice.clone(),
        reason: Some("You are in the group".to_owned()),
    };
    stage.expect(&room, op, Effect::Done).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Invited, stage.bot.clone())),
    )?;
    // It is an invitation that can be accepted.
    stage.act(&alice, UserOp::Join { room: room.clone() }).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Joined, alice.clone())),
    )
}

async fn invite_again(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.expect(&room, invite_op(&alice), Effect::Done).await?;
    let before = stage.snapshot(&room).await?.member(&alice).cloned();
    let effect = stage.try_execute(&room, invite_op(&alice)).await?;
    ensure(matches!(effect, Effect::AlreadySo | Effect::Done), || {
        format!("inviting again: found {effect:?}, wanted AlreadySo")
    })?;
    let after = stage.snapshot(&room).await?.member(&alice).cloned();
    equal("the member event", &after, &before)
}

async fn invite_joined(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    stage.expect(&room, invite_op(&alice), Effect::AlreadySo).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Joined, alice.clone())),
    )
}

async fn invite_after_leaving(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    stage.act(&alice, UserOp::Leave { room: room.clone() }).await?;
    stage.expect(&room, invite_op(&alice), Effect::Done).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Invited, stage.bot.clone())),
    )
}

async fn invite_banned(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    let ban = UserOp::Ban {
        room: room.clone(),
        user: alice.clone(),
        reason: None,
    };
    stage.act(&stage.bot, ban).await?;
    stage.expect_refused(&room, invite_op(&alice)).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Banned, stage.bot.clone())),
    )
}

async fn invite_powerless(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_with_bot(&alice, only_admins()).await?;
    stage.expect_refused(&room, invite_op(&carol)).await?;
    equal("membership", &stage.membership(&room, &carol).await?, &None)
}

/// A room in which only people of level 100 may do anything.
fn only_admins() -> NewRoom {
    let levels = [
        ("invite", 100),
        ("kick", 100),
        ("ban", 100),
        ("state_default", 100),
    ];
    NewRoom {
        levels: Some(
            levels
                .map(|(key, level)| (key.to_owned(), level.into()))
                .into_iter()
                .collect(),
        ),
        ..NewRoom::default()
    }
}

async fn remove_joined(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    let op = Op::Remove {
        user: alice.clone(),
        invitation: false,
        reason: Some("You are in no group any more".to_owned()),
    };
    stage.expect(&room, op, Effect::Done).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Left, stage.bot.clone())),
    )
}

async fn remove_invited(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    stage.act(&stage.bot, invite(&room, &alice)).await?;
    stage.expect(&room, remove_op(&alice, true), Effect::Done).await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Left, stage.bot.clone())),
    )?;
    let joined = stage.world.act(&alice, UserOp::Join { room }).await;
    ensure(joined.is_err(), || {
        "somebody could join by an invitation that was withdrawn".to_owned()
    })
}

async fn remove_absent(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.own_room("party").await?;
    stage
        .expect(&room, remove_op(&carol, false), Effect::AlreadySo)
        .await?;
    equal("membership", &stage.membership(&room, &carol).await?, &None)?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    stage.act(&alice, UserOp::Leave { room: room.clone() }).await?;
    stage
        .expect(&room, remove_op(&alice, false), Effect::AlreadySo)
        .await?;
    // They still have left by themselves.
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Left, alice.clone())),
    )
}

async fn remove_banned(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("party").await?;
    let ban = UserOp::Ban {
        room: room.clone(),
        user: alice.clone(),
        reason: None,
    };
    stage.act(&stage.bot, ban).await?;
    stage
        .expect(&room, remove_op(&alice, false), Effect::AlreadySo)
        .await?;
    equal(
        "membership",
        &stage.membership(&room, &alice).await?,
        &Some((Membership::Banned, stage.bot.clone())),
    )
}

async fn remove_outranked(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    stage.bring_in(&alice, &room, &carol).await?;
    let mut levels = stage
        .content(&room, "m.room.power_levels")
        .await?
        .unwrap_or_default();
    for user in [&stage.bot, &carol] {
        levels["users"][user.as_str()] = 75.into();
    }
    stage
        .act(&alice, UserOp::set(room.clone(), "m.room.power_levels", levels))
        .await?;
    for user in [&alice, &carol] {
        stage.expect_refused(&room, remove_op(user, false)).await?;
        equal(
            "membership",
            &stage.membership(&room, user).await?,
            &Some((Membership::Joined, user.clone())),
        )?;
    }
    Ok(())
}

async fn join(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_of(&alice, NewRoom::default()).await?;
    stage.act(&alice, invite(&room, &stage.bot)).await?;
    let op = Op::Join {
        invited_by: Some(alice),
    };
    stage
        .expect(&room, op.clone(), Effect::Revisit(room.clone()))
        .await?;
    stage.snapshot(&room).await?;
    // Once more, as after a lost answer.
    let effect = stage.try_execute(&room, op).await?;
    ensure(matches!(effect, Effect::AlreadySo | Effect::Revisit(_)), || {
        format!("joining again: found {effect:?}, wanted AlreadySo")
    })
}

async fn join_uninvited(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_of(&alice, NewRoom::default()).await?;
    let op = Op::Join {
        invited_by: Some(alice),
    };
    stage.expect_refused(&room, op).await?;
    match stage.state(&room).await? {
        RoomState::Joined(_) => Err(Verdict::Failed(
            "the bot is said to be in a room that it could not join".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The bot's membership as somebody else in the room sees it.
async fn bot_seen_by(stage: &Stage<'_>, user: &UserId, room: &RoomId) -> Checked<Option<String>> {
    let bot = stage.bot.as_str();
    let content = stage.world.content(user, room, "m.room.member", bot).await?;
    Ok(content.and_then(|content| Some(content.get("membership")?.as_str()?.to_owned())))
}

async fn leave(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    stage.expect(&room, Op::Leave, Effect::Done).await?;
    equal(
        "the bot's membership",
        &bot_seen_by(stage, &alice, &room).await?,
        &Some("leave".to_owned()),
    )?;
    match stage.state(&room).await? {
        RoomState::NotJoined { invited_by: None } => Ok(()),
        other => Err(Verdict::Failed(format!(
            "after leaving: found {other:?}, wanted NotJoined"
        ))),
    }
}

async fn leave_again(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    stage.expect(&room, Op::Leave, Effect::Done).await?;
    stage.expect(&room, Op::Leave, Effect::AlreadySo).await?;
    // Never there.
    let other = stage.room_of(&alice, NewRoom::default()).await?;
    stage.expect(&other, Op::Leave, Effect::AlreadySo).await?;
    // Removed since.
    let third = stage.room_with_bot(&alice, NewRoom::default()).await?;
    let kick = UserOp::Kick {
        room: third.clone(),
        user: stage.bot.clone(),
        reason: None,
    };
    stage.act(&alice, kick).await?;
    stage.expect(&third, Op::Leave, Effect::AlreadySo).await
}

async fn leave_invited(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_of(&alice, NewRoom::default()).await?;
    stage.act(&alice, invite(&room, &stage.bot)).await?;
    stage.expect(&room, Op::Leave, Effect::AlreadySo).await?;
    equal(
        "the bot's membership",
        &bot_seen_by(stage, &alice, &room).await?,
        &Some("invite".to_owned()),
    )
}

async fn lower_and_leave(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let blueprint = Blueprint {
        version: Some(RoomVersionId::V11),
        levels: vec![(alice.clone(), 100)],
        ..stage.blueprint("left")
    };
    let room = stage.create(&blueprint).await?;
    stage.bring_in(&stage.bot, &room, &alice).await?;
    let own = LevelChange {
        slot: LevelSlot::User(stage.bot.clone()),
        from: Some(100),
        to: None,
    };
    let lower = Op::SetLevels { changes: vec![own] };
    stage.expect(&room, lower.clone(), Effect::Done).await?;
    stage.expect(&room, lower, Effect::AlreadySo).await?;
    stage.expect(&room, Op::Leave, Effect::Done).await?;
    let levels = stage
        .world
        .content(&alice, &room, "m.room.power_levels", "")
        .await?
        .unwrap_or_default();
    equal("the bot's entry", &levels["users"].get(stage.bot.as_str()), &None)?;
    equal(
        "the other admin's",
        &levels["users"][alice.as_str()],
        &serde_json::Value::from(100),
    )
}
