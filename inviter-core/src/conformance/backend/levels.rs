//! Changing power levels.

use futures_util::FutureExt;
use ruma_common::{OwnedRoomId, OwnedUserId, RoomVersionId};
use serde_json::{Value, json};

use super::{Check, Checked, equal, stage::Stage};
use crate::{
    action::{Blueprint, Op},
    backend::Effect,
    levels::{Key, LevelChange, LevelSlot},
    memory::{NewRoom, UserOp},
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("levels_change", |s| change(s).boxed()),
    ("levels_keep_what_is_not_ours", |s| keep(s).boxed()),
    ("levels_already_so", |s| already(s).boxed()),
    ("levels_drop_what_is_stale", |s| stale(s).boxed()),
    ("levels_of_version_12", |s| version_12(s).boxed()),
    ("levels_above_own_are_refused", |s| above(s).boxed()),
];

const LEVELS: &str = "m.room.power_levels";

fn user_change(user: &OwnedUserId, from: Option<i64>, to: Option<i64>) -> LevelChange {
    LevelChange {
        slot: LevelSlot::User(user.clone()),
        from,
        to,
    }
}

fn set(changes: Vec<LevelChange>) -> Op {
    Op::SetLevels { changes }
}

/// The levels as they are, changed by hand and written back as somebody.
async fn by_hand(
    stage: &Stage<'_>,
    user: &OwnedUserId,
    room: &OwnedRoomId,
    edit: impl FnOnce(&mut Value) + Send,
) -> Checked {
    let mut content = stage.content(room, LEVELS).await?.unwrap_or_default();
    edit(&mut content);
    stage.act(user, UserOp::set(room.clone(), LEVELS, content)).await
}

async fn change(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let blueprint = Blueprint {
        levels: vec![(carol.clone(), 25)],
        ..stage.blueprint("levels")
    };
    let room = stage.create(&blueprint).await?;
    let before = stage.snapshot(&room).await?.levels;
    let changes = vec![
        LevelChange {
            slot: LevelSlot::Key(Key::Invite),
            from: before.key_entry(Key::Invite),
            to: Some(60),
        },
        LevelChange {
            slot: LevelSlot::Event("org.example.custom".to_owned()),
            from: None,
            to: Some(10),
        },
        user_change(&alice, None, Some(50)),
        user_change(&carol, Some(25), None),
    ];
    stage.expect(&room, set(changes), Effect::Done).await?;
    let after = stage.snapshot(&room).await?.levels;
    equal("invite", &after.key(Key::Invite), &60)?;
    equal("event", &after.event_entry("org.example.custom"), &Some(10))?;
    equal("raised", &after.user_entry(&alice), &Some(50))?;
    equal("lowered", &after.user_entry(&carol), &None)?;
    equal("ban", &after.key(Key::Ban), &before.key(Key::Ban))?;
    equal(
        "the bot's entry",
        &after.user_entry(&stage.bot),
        &before.user_entry(&stage.bot),
    )
}

async fn keep(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("levels").await?;
    by_hand(stage, &stage.bot, &room, |content| {
        content["org.example.extension"] = json!({"deep": ["kept"]});
        content["notifications"] = json!({"room": 20});
        content["events"]["org.example.other"] = 33.into();
    })
    .await?;
    let mut wanted = stage.content(&room, LEVELS).await?.unwrap_or_default();
    stage
        .expect(
            &room,
            set(vec![user_change(&alice, None, Some(50))]),
            Effect::Done,
        )
        .await?;
    wanted["users"][alice.as_str()] = 50.into();
    let found = stage.content(&room, LEVELS).await?.unwrap_or_default();
    equal("content", &found, &wanted)
}

async fn already(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.own_room("levels").await?;
    let changes = vec![user_change(&alice, None, Some(50))];
    stage.expect(&room, set(changes.clone()), Effect::Done).await?;
    stage.expect(&room, set(changes), Effect::AlreadySo).await?;
    let none = vec![user_change(&stage.user("carol").await?, Some(50), None)];
    stage.expect(&room, set(none), Effect::AlreadySo).await
}

async fn stale(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.own_room("levels").await?;
    // Read, and then changed by somebody else before the bot writes.
    stage.snapshot(&room).await?;
    by_hand(stage, &stage.bot, &room, |content| {
        content["users"][alice.as_str()] = 75.into();
    })
    .await?;
    let dropped = user_change(&alice, None, Some(50));
    let changes = vec![dropped.clone(), user_change(&carol, None, Some(25))];
    stage
        .expect(&room, set(changes), Effect::Stale(vec![dropped.clone()]))
        .await?;
    let after = stage.snapshot(&room).await?.levels;
    equal("what was stale", &after.user_entry(&alice), &Some(75))?;
    equal("what was not", &after.user_entry(&carol), &Some(25))?;
    stage
        .expect(&room, set(vec![dropped.clone()]), Effect::Stale(vec![dropped]))
        .await?;
    let after = stage.snapshot(&room).await?.levels;
    equal("what was stale", &after.user_entry(&alice), &Some(75))
}

async fn version_12(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let blueprint = Blueprint {
        version: Some(RoomVersionId::V12),
        ..stage.blueprint("levels")
    };
    let room = stage.create(&blueprint).await?;
    // A creator may give and take any level, and has none to be written down.
    let raise = vec![user_change(&alice, None, Some(150))];
    stage.expect(&room, set(raise), Effect::Done).await?;
    let lower = vec![user_change(&alice, Some(150), Some(10))];
    stage.expect(&room, set(lower), Effect::Done).await?;
    let own = vec![user_change(&stage.bot, None, Some(100))];
    stage.expect_refused(&room, set(own)).await?;
    let levels = stage.snapshot(&room).await?.levels;
    equal("raised and lowered", &levels.user_entry(&alice), &Some(10))?;
    equal("the creator", &levels.user_entry(&stage.bot), &None)
}

async fn above(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    by_hand(stage, &alice, &room, |content| {
        content["events"][LEVELS] = 50.into();
        content["users"][stage.bot.as_str()] = 50.into();
        content["users"][carol.as_str()] = 50.into();
    })
    .await?;
    let before = stage.content(&room, LEVELS).await?;
    for (from, to) in [(Some(50), None), (Some(50), Some(51))] {
        let op = set(vec![user_change(&carol, from, to)]);
        stage.expect_refused(&room, op).await?;
    }
    equal("content", &stage.content(&room, LEVELS).await?, &before)
}
