//! Creating rooms.

use futures_util::FutureExt;
use ruma_common::{OwnedUserId, RoomVersionId};
use serde_json::json;

use super::{Check, Checked, Verdict, ensure, equal, stage::Stage};
use crate::{
    action::Blueprint,
    backend::{BackendErrorKind, Effect},
    levels::Key,
    memory::{NewRoom, UserOp},
    room::{Binding, JoinRule, Membership, Power, RoomSnapshot},
    room_rules::{HistoryVisibility, Listing, PowerTemplate, RoomKind},
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("create_version_6", |s| exact(s, RoomVersionId::V6).boxed()),
    ("create_version_10", |s| exact(s, RoomVersionId::V10).boxed()),
    ("create_version_11", |s| exact(s, RoomVersionId::V11).boxed()),
    ("create_version_12", |s| exact(s, RoomVersionId::V12).boxed()),
    ("create_default_version", |s| default_version(s).boxed()),
    ("create_minimal", |s| minimal(s).boxed()),
    ("create_without_template_keeps_bot_in_power", |s| {
        levels_only(s).boxed()
    }),
    ("create_space", |s| space(s).boxed()),
    ("create_twice_takes_own_room", |s| twice(s).boxed()),
    ("create_alias_of_another_is_taken", |s| taken(s).boxed()),
    ("create_moderators_cannot_close_version_11", |s| {
        tombstone(s, RoomVersionId::V11).boxed()
    }),
    ("create_moderators_cannot_close_version_12", |s| {
        tombstone(s, RoomVersionId::V12).boxed()
    }),
];

fn full(stage: &Stage<'_>, version: RoomVersionId, levels: Vec<(OwnedUserId, i64)>) -> Blueprint {
    let mut template = PowerTemplate::default();
    template.events.insert("org.example.custom".to_owned(), 7);
    Blueprint {
        version: Some(version),
        name: Some("The engine room".to_owned()),
        topic: Some("Oil, steam, noise".to_owned()),
        encrypt: true,
        history_visibility: Some(HistoryVisibility::Joined),
        listing: Listing::Public,
        template: Some(template),
        levels,
        ..stage.blueprint("engine")
    }
}

async fn exact(stage: &Stage<'_>, version: RoomVersionId) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let mut levels = vec![(alice, 50), (carol, 25)];
    levels.sort();
    let blueprint = full(stage, version.clone(), levels);
    let room = stage.create(&blueprint).await?;
    equal(
        "binding",
        &stage.backend.resolve_alias(&blueprint.alias).await,
        &Binding::Bound(room.clone()),
    )?;
    equal("listing", &stage.backend.listing(&room).await?, &Listing::Public)?;
    let snapshot = stage.snapshot(&room).await?;
    equal("version", &snapshot.version, &version)?;
    equal("kind", &snapshot.kind, &RoomKind::Room)?;
    equal("creator", &snapshot.creator, &stage.bot)?;
    equal("additional creators", &snapshot.additional_creators, &Vec::new())?;
    equal("name", &snapshot.name, &blueprint.name)?;
    equal("topic", &snapshot.topic, &blueprint.topic)?;
    equal("encrypted", &snapshot.encrypted, &true)?;
    equal(
        "history visibility",
        &snapshot.history_visibility,
        &blueprint.history_visibility,
    )?;
    equal("join rule", &snapshot.join_rule, &JoinRule::Invite)?;
    equal(
        "canonical alias",
        &snapshot.canonical_alias,
        &Some(blueprint.alias.clone()),
    )?;
    let guests = stage.content(&room, "m.room.guest_access").await?;
    equal(
        "guest access",
        &guests,
        &Some(json!({"guest_access": "forbidden"})),
    )?;
    alone(stage, &snapshot)?;
    exact_levels(stage, &snapshot, &blueprint)
}

/// Nobody but the bot has a member event.
fn alone(stage: &Stage<'_>, snapshot: &RoomSnapshot) -> Checked {
    let members: Vec<_> = snapshot
        .members
        .iter()
        .map(|member| (&member.user_id, member.membership))
        .collect();
    equal("members", &members, &vec![(&stage.bot, Membership::Joined)])
}

fn exact_levels(stage: &Stage<'_>, snapshot: &RoomSnapshot, blueprint: &Blueprint) -> Checked {
    let levels = &snapshot.levels;
    let privileged = levels.rules().privileged_creators;
    let mut users: Vec<_> = blueprint.levels.clone();
    if !privileged {
        users.push((stage.bot.clone(), 100));
        users.sort();
    }
    let found: Vec<_> = levels.users().iter().map(|(u, l)| (u.clone(), *l)).collect();
    equal("`users`", &found, &users)?;
    let power = if privileged {
        Power::Infinite
    } else {
        Power::Level(100)
    };
    equal("the bot's power", &snapshot.power(&stage.bot), &power)?;
    let Some(template) = &blueprint.template else {
        return Ok(());
    };
    let keys = [
        (Key::UsersDefault, template.users_default),
        (Key::EventsDefault, template.events_default),
        (Key::StateDefault, template.state_default),
        (Key::Invite, template.invite),
        (Key::Kick, template.kick),
        (Key::Ban, template.ban),
        (Key::Redact, template.redact),
    ];
    for (key, wanted) in keys {
        if let Some(wanted) = wanted {
            equal(key.as_str(), &levels.key(key), &wanted)?;
        }
    }
    for (kind, wanted) in &template.events {
        equal(kind, &levels.event_entry(kind), &Some(*wanted))?;
    }
    let tombstone = if privileged { 150 } else { 100 };
    equal(
        "the level of m.room.tombstone",
        &levels.state_event("m.room.tombstone"),
        &tombstone,
    )
}

async fn default_version(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("default").await?;
    let snapshot = stage.snapshot(&room).await?;
    match stage.backend.whoami().await?.default_room_version {
        Some(version) => equal("version", &snapshot.version, &version),
        None => Ok(()),
    }
}

async fn minimal(stage: &Stage<'_>) -> Checked {
    let room = stage.own_room("minimal").await?;
    let snapshot = stage.snapshot(&room).await?;
    equal("name", &snapshot.name, &None)?;
    equal("topic", &snapshot.topic, &None)?;
    equal("encrypted", &snapshot.encrypted, &false)?;
    equal("join rule", &snapshot.join_rule, &JoinRule::Invite)?;
    equal("unreadable", &snapshot.unreadable, &Vec::new())?;
    equal("listing", &stage.backend.listing(&room).await?, &Listing::Private)?;
    alone(stage, &snapshot)
}

async fn levels_only(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    for (alias, version) in [("old", RoomVersionId::V10), ("new", RoomVersionId::V12)] {
        let blueprint = Blueprint {
            version: Some(version),
            levels: vec![(alice.clone(), 50)],
            ..stage.blueprint(alias)
        };
        let room = stage.create(&blueprint).await?;
        exact_levels(stage, &stage.snapshot(&room).await?, &blueprint)?;
    }
    Ok(())
}

async fn space(stage: &Stage<'_>) -> Checked {
    let blueprint = Blueprint {
        kind: RoomKind::Space,
        name: Some("Everything".to_owned()),
        ..stage.blueprint("space")
    };
    let room = stage.create(&blueprint).await?;
    let snapshot = stage.snapshot(&room).await?;
    equal("kind", &snapshot.kind, &RoomKind::Space)?;
    equal("encrypted", &snapshot.encrypted, &false)
}

async fn twice(stage: &Stage<'_>) -> Checked {
    let first = stage.own_room("once").await?;
    let second = stage.own_room("once").await?;
    equal("the room of the second creation", &second, &first)?;
    equal(
        "the rooms of the bot",
        &stage.observe(crate::backend::Observe::Joined).await?.len(),
        &1,
    )
}

async fn taken(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let blueprint = stage.blueprint("taken");
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    stage
        .act(
            &alice,
            UserOp::BindAlias {
                alias: blueprint.alias.clone(),
                room,
            },
        )
        .await?;
    match stage.try_create(&blueprint).await {
        Err(error) if error.kind == BackendErrorKind::AliasTaken => Ok(()),
        other => Err(Verdict::Failed(format!(
            "creating under the alias of another's room: found {other:?}, wanted AliasTaken"
        ))),
    }
}

/// Somebody with the level of `state_default` must not be able to send everyone elsewhere.
async fn tombstone(stage: &Stage<'_>, version: RoomVersionId) -> Checked {
    let alice = stage.user("alice").await?;
    let blueprint = full(stage, version, vec![(alice.clone(), 50)]);
    let room = stage.create(&blueprint).await?;
    let other = stage.own_room("trap").await?;
    let effect = stage.try_execute(&room, super::stage::invite_op(&alice)).await?;
    equal("effect of inviting", &effect, &Effect::Done)?;
    stage.act(&alice, UserOp::Join { room: room.clone() }).await?;
    let content = json!({"body": "moved", "replacement_room": other});
    let closed = stage
        .world
        .act(&alice, UserOp::set(room, "m.room.tombstone", content))
        .await;
    ensure(closed.is_err(), || {
        "a moderator could close the room with m.room.tombstone".to_owned()
    })
}
