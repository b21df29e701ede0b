//! Names, topics, history visibility, listing.

use futures_util::FutureExt;
use serde_json::json;

use super::{Check, Checked, Verdict, ensure, equal, stage::Stage};
use crate::{
    action::{Blueprint, Op},
    backend::Effect,
    memory::{NewRoom, UserOp},
    room_rules::{HistoryVisibility, Listing},
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("name_of_a_nameless_room", |s| name(s).boxed()),
    ("name_given_meanwhile_stays", |s| name_stays(s).boxed()),
    ("topic_of_a_topicless_room", |s| topic(s).boxed()),
    ("history_visibility", |s| history(s).boxed()),
    ("history_visibility_changed_meanwhile_stays", |s| {
        history_stale(s).boxed()
    }),
    ("listing_there_and_back", |s| listing(s).boxed()),
    ("nothing_without_being_in_the_room", |s| outside(s).boxed()),
];

async fn name(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("nameless").await?;
    let op = Op::SetName {
        to: "Engineering".to_owned(),
    };
    stage.expect(&room, op.clone(), Effect::Done).await?;
    let name = stage.snapshot(&room).await?.name;
    equal("name", &name.as_deref(), &Some("Engineering"))?;
    stage.expect(&room, op, Effect::AlreadySo).await
}

async fn name_stays(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("nameless").await?;
    stage.snapshot(&room).await?;
    let by_hand = UserOp::set(room.clone(), "m.room.name", json!({"name": "By hand"}));
    stage.act(&stage.bot, by_hand).await?;
    let op = Op::SetName {
        to: "Engineering".to_owned(),
    };
    let effect = stage.try_execute(&room, op).await?;
    ensure(matches!(effect, Effect::AlreadySo | Effect::Stale(_)), || {
        format!("naming a room that has a name: found {effect:?}, wanted Stale")
    })?;
    let name = stage.snapshot(&room).await?.name;
    equal("name", &name.as_deref(), &Some("By hand"))
}

async fn topic(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("topicless").await?;
    let op = Op::SetTopic {
        to: "Bridges".to_owned(),
    };
    stage.expect(&room, op.clone(), Effect::Done).await?;
    let topic = stage.snapshot(&room).await?.topic;
    equal("topic", &topic.as_deref(), &Some("Bridges"))?;
    stage.expect(&room, op, Effect::AlreadySo).await
}

async fn history(stage: &Stage<'_>) -> Checked {
    let blueprint = Blueprint {
        history_visibility: Some(HistoryVisibility::Shared),
        ..stage.blueprint("history")
    };
    let room = stage.create(&blueprint).await?;
    let op = Op::SetHistoryVisibility {
        from: Some(HistoryVisibility::Shared),
        to: HistoryVisibility::Joined,
    };
    stage.expect(&room, op.clone(), Effect::Done).await?;
    equal(
        "history visibility",
        &stage.snapshot(&room).await?.history_visibility,
        &Some(HistoryVisibility::Joined),
    )?;
    stage.expect(&room, op, Effect::AlreadySo).await
}

async fn history_stale(stage: &Stage<'_>) -> Checked {
    let blueprint = Blueprint {
        history_visibility: Some(HistoryVisibility::WorldReadable),
        ..stage.blueprint("history")
    };
    let room = stage.create(&blueprint).await?;
    stage.snapshot(&room).await?;
    let tightened = json!({"history_visibility": "joined"});
    stage
        .act(
            &stage.bot,
            UserOp::set(room.clone(), "m.room.history_visibility", tightened),
        )
        .await?;
    let op = Op::SetHistoryVisibility {
        from: Some(HistoryVisibility::WorldReadable),
        to: HistoryVisibility::Shared,
    };
    let effect = stage.try_execute(&room, op).await?;
    ensure(matches!(effect, Effect::AlreadySo | Effect::Stale(_)), || {
        format!("a visibility that somebody has tightened since: found {effect:?}, wanted Stale")
    })?;
    equal(
        "history visibility",
        &stage.snapshot(&room).await?.history_visibility,
        &Some(HistoryVisibility::Joined),
    )
}

async fn listing(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("listed").await?;
    for to in [Listing::Public, Listing::Private] {
        stage.expect(&room, Op::SetListing { to }, Effect::Done).await?;
        equal("listing", &stage.backend.listing(&room).await?, &to)?;
        stage
            .expect(&room, Op::SetListing { to }, Effect::AlreadySo)
            .await?;
    }
    Ok(())
}

/// What cannot be done must not be reported as done.
async fn outside(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_of(&alice, NewRoom::default()).await?;
    let ops = [
        Op::SetName {
            to: "Ours".to_owned(),
        },
        super::stage::invite_op(&carol),
        super::stage::remove_op(&alice, false),
    ];
    for op in ops {
        let what = format!("{op:?}");
        if let Ok(effect @ (Effect::Done | Effect::Revisit(_))) = stage.try_execute(&room, op).await {
            return Err(Verdict::Failed(format!("{what} in a room of others: {effect:?}")));
        }
    }
    let name = stage.world.content(&alice, &room, "m.room.name", "").await?;
    equal("name", &name, &None)
}
