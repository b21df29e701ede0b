//! Reading rooms.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use ruma_common::{OwnedRoomId, OwnedUserId, RoomVersionId};
use serde_json::{Map, json};

use super::{
    Check, Checked, Verdict, ensure, equal,
    stage::{Stage, invite},
};
use crate::{
    backend::Observe,
    memory::{NewRoom, Preset, UserOp},
    room::{JoinRule, Membership, Power, RoomState},
    room_rules::HistoryVisibility,
};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("observe_joined_and_invited", |s| joined_and_invited(s).boxed()),
    ("observe_leaves_out_what_was_left", |s| left(s).boxed()),
    ("observe_rooms_each_once", |s| each_once(s).boxed()),
    ("observe_not_joined", |s| not_joined(s).boxed()),
    ("observe_invitation_by_id", |s| invitation_by_id(s).boxed()),
    ("observe_creators_of_version_12", |s| creators(s).boxed()),
    ("observe_creator_of_version_10", |s| old_creator(s).boxed()),
    ("observe_memberships_and_senders", |s| memberships(s).boxed()),
    ("observe_settings", |s| settings(s).boxed()),
    ("observe_upgraded_room", |s| upgraded(s).boxed()),
    ("observe_changes_at_once", |s| at_once(s).boxed()),
    ("observe_every_one_of_sixty_members", |s| sixty(s).boxed()),
    ("observe_unreadable_member", |s| unreadable(s).boxed()),
];

async fn joined_and_invited(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let own = stage.own_room("own").await?;
    let joined = stage.room_with_bot(&alice, NewRoom::default()).await?;
    let invited = stage.room_of(&alice, NewRoom::default()).await?;
    stage.act(&alice, invite(&invited, &stage.bot)).await?;
    let mut found = BTreeMap::new();
    for observed in stage.observe(Observe::Joined).await? {
        let seen = match observed.state {
            RoomState::Joined(_) => "joined".to_owned(),
            RoomState::NotJoined { invited_by } => format!("invited by {invited_by:?}"),
            other => format!("{other:?}"),
        };
        let before = found.insert(observed.room_id, seen);
        ensure(before.is_none(), || "a room came twice".to_owned())?;
    }
    let wanted = BTreeMap::from([
        (own, "joined".to_owned()),
        (joined, "joined".to_owned()),
        (invited, format!("invited by {:?}", Some(&alice))),
    ]);
    equal("rooms", &found, &wanted)
}

async fn left(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let stays = stage.room_with_bot(&alice, NewRoom::default()).await?;
    let left = stage.room_with_bot(&alice, NewRoom::default()).await?;
    let banned = stage.room_with_bot(&alice, NewRoom::default()).await?;
    let declined = stage.room_of(&alice, NewRoom::default()).await?;
    stage.act(&alice, invite(&declined, &stage.bot)).await?;
    // Looked at once, so that what is remembered from this has to go again.
    stage.observe(Observe::Joined).await?;
    for room in [left, declined] {
        stage.act(&stage.bot, UserOp::Leave { room }).await?;
    }
    let ban = UserOp::Ban {
        room: banned,
        user: stage.bot.clone(),
        reason: None,
    };
    stage.act(&alice, ban).await?;
    let found: Vec<OwnedRoomId> = stage
        .observe(Observe::Joined)
        .await?
        .into_iter()
        .map(|observed| observed.room_id)
        .collect();
    equal("rooms", &found, &vec![stays])
}

async fn each_once(stage: &Stage<'_>) -> Checked {
    let mut rooms = vec![stage.own_room("one").await?, stage.own_room("two").await?];
    stage.own_room("three").await?;
    rooms.sort();
    let mut found: Vec<OwnedRoomId> = stage
        .observe(Observe::Rooms(rooms.clone()))
        .await?
        .into_iter()
        .map(|observed| observed.room_id)
        .collect();
    found.sort();
    equal("rooms", &found, &rooms)
}

async fn not_joined(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let public = NewRoom {
        preset: Preset::PublicChat,
        listed: true,
        ..NewRoom::default()
    };
    let world_readable = NewRoom {
        initial_state: vec![(
            "m.room.history_visibility".to_owned(),
            String::new(),
            json!({"history_visibility": "world_readable"}),
        )],
        ..NewRoom::default()
    };
    for new in [NewRoom::default(), public, world_readable] {
        let room = stage.room_of(&alice, new).await?;
        let found = stage.state(&room).await?;
        ensure(
            matches!(
                found,
                RoomState::NotJoined { invited_by: None } | RoomState::Unknown(_)
            ),
            || format!("a room that the bot is not in: found {found:?}, wanted NotJoined"),
        )?;
    }
    Ok(())
}

/// Asked for by its ID, an invitation has to be told like in the list of all rooms: a run for one room alone has to
/// come to the same as a run for all.
async fn invitation_by_id(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let invited = stage.room_of(&alice, NewRoom::default()).await?;
    stage.act(&alice, invite(&invited, &stage.bot)).await?;
    let found = stage.state(&invited).await?;
    ensure(
        matches!(&found, RoomState::NotJoined { invited_by: Some(by) } if *by == alice),
        || format!("an invitation: found {found:?}, wanted NotJoined with the inviter"),
    )
}

async fn creators(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let mut creation = Map::new();
    creation.insert("additional_creators".to_owned(), json!([carol]));
    creation.insert("m.federate".to_owned(), false.into());
    let new = NewRoom {
        version: Some(RoomVersionId::V12),
        creation,
        ..NewRoom::default()
    };
    let room = stage.room_with_bot(&alice, new).await?;
    let snapshot = stage.snapshot(&room).await?;
    equal("creator", &snapshot.creator, &alice)?;
    equal(
        "additional creators",
        &snapshot.additional_creators,
        &vec![carol.clone()],
    )?;
    equal("m.federate", &snapshot.federate, &false)?;
    for (user, power) in [
        (&alice, Power::Infinite),
        (&carol, Power::Infinite),
        (&stage.bot, Power::Level(0)),
    ] {
        equal(&format!("power of {user}"), &snapshot.power(user), &power)?;
    }
    ensure(snapshot.room_id.server_name().is_none(), || {
        format!("{} has a server name", snapshot.room_id)
    })
}

async fn old_creator(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let new = NewRoom {
        version: Some(RoomVersionId::V10),
        ..NewRoom::default()
    };
    let room = stage.room_with_bot(&alice, new).await?;
    let snapshot = stage.snapshot(&room).await?;
    equal("version", &snapshot.version, &RoomVersionId::V10)?;
    equal("creator", &snapshot.creator, &alice)?;
    equal("m.federate", &snapshot.federate, &true)?;
    equal("power", &snapshot.power(&alice), &Power::Level(100))
}

async fn memberships(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let new = NewRoom {
        version: Some(RoomVersionId::V11),
        initial_state: vec![(
            "m.room.join_rules".to_owned(),
            String::new(),
            json!({"join_rule": "knock"}),
        )],
        ..NewRoom::default()
    };
    let room = stage.room_with_bot(&alice, new).await?;
    let mut wanted = vec![
        (alice.clone(), Membership::Joined, alice.clone()),
        (stage.bot.clone(), Membership::Joined, stage.bot.clone()),
    ];
    for name in [
        "joins",
        "leaves",
        "kicked",
        "banned",
        "invited",
        "declines",
        "withdrawn",
        "knocks",
    ] {
        let user = stage.user(name).await?;
        let (reason, user_id, in_room) = (None, user.clone(), room.clone());
        match name {
            "joins" | "leaves" | "kicked" | "banned" => stage.bring_in(&alice, &room, &user).await?,
            "knocks" => stage.act(&user, UserOp::Knock { room: room.clone() }).await?,
            _ => stage.act(&alice, invite(&room, &user)).await?,
        }
        let kick = UserOp::Kick {
            room: room.clone(),
            user: user.clone(),
            reason: None,
        };
        match name {
            "leaves" | "declines" => stage.act(&user, UserOp::Leave { room: in_room }).await?,
            "kicked" | "withdrawn" => stage.act(&alice, kick).await?,
            "banned" => {
                let ban = UserOp::Ban {
                    room: in_room,
                    user: user_id,
                    reason,
                };
                stage.act(&alice, ban).await?;
            }
            _ => {}
        }
        wanted.push(match name {
            "joins" => (user.clone(), Membership::Joined, user),
            "leaves" | "declines" => (user.clone(), Membership::Left, user),
            "kicked" | "withdrawn" => (user, Membership::Left, alice.clone()),
            "banned" => (user, Membership::Banned, alice.clone()),
            "knocks" => (user.clone(), Membership::Knocking, user),
            _ => (user, Membership::Invited, alice.clone()),
        });
    }
    wanted.sort();
    let found: Vec<_> = stage
        .snapshot(&room)
        .await?
        .members
        .into_iter()
        .map(|member| (member.user_id, member.membership, member.sender))
        .collect();
    equal("members", &found, &wanted)
}

async fn settings(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let new = NewRoom {
        preset: Preset::PublicChat,
        name: Some("Market".to_owned()),
        topic: Some("Fish".to_owned()),
        ..NewRoom::default()
    };
    let room = stage.room_with_bot(&alice, new).await?;
    let other = stage.room_of(&alice, NewRoom::default()).await?;
    let snapshot = stage.snapshot(&room).await?;
    equal("name", &snapshot.name.as_deref(), &Some("Market"))?;
    equal("topic", &snapshot.topic.as_deref(), &Some("Fish"))?;
    equal("join rule", &snapshot.join_rule, &JoinRule::Public)?;
    equal("encrypted", &snapshot.encrypted, &false)?;
    equal("canonical alias", &snapshot.canonical_alias, &None)?;
    equal(
        "history visibility",
        &snapshot.history_visibility,
        &Some(HistoryVisibility::Shared),
    )?;
    equal("replaced by", &snapshot.replaced_by, &None)?;
    let changes = [
        ("m.room.name", json!({"name": ""})),
        ("m.room.topic", json!({"topic": ""})),
        ("m.room.join_rules", json!({"join_rule": "knock"})),
        ("m.room.encryption", json!({"algorithm": "m.megolm.v1.aes-sha2"})),
        (
            "m.room.history_visibility",
            json!({"history_visibility": "invited"}),
        ),
        ("m.room.tombstone", json!({"body": "", "replacement_room": other})),
    ];
    for (kind, content) in changes {
        stage
            .act(&alice, UserOp::set(room.clone(), kind, content))
            .await?;
    }
    let snapshot = stage.snapshot(&room).await?;
    equal("an empty name", &snapshot.name, &None)?;
    equal("an empty topic", &snapshot.topic, &None)?;
    equal("join rule", &snapshot.join_rule, &JoinRule::Knock)?;
    equal("encrypted", &snapshot.encrypted, &true)?;
    equal(
        "history visibility",
        &snapshot.history_visibility,
        &Some(HistoryVisibility::Invited),
    )?;
    let replaced = snapshot.replaced_by.map(|r| (r.named, r.room, r.by, r.at.0 > 0));
    let wanted = (other.to_string(), Some(other), alice, true);
    equal("replaced by", &replaced, &Some(wanted))
}

/// An upgraded room names the one that takes its place, and that one names it, in versions with and without a server in
/// room IDs.
async fn upgraded(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let new = |version: RoomVersionId| NewRoom {
        version: Some(version),
        ..NewRoom::default()
    };
    let old = stage.room_with_bot(&alice, new(RoomVersionId::V11)).await?;
    let found = stage.snapshot(&old).await?;
    equal("predecessor of the first", &found.predecessor, &None)?;
    equal("replaced by", &found.replaced_by, &None)?;
    let mut last = old;
    for version in [RoomVersionId::V12, RoomVersionId::V12] {
        let mut creation = Map::new();
        creation.insert("predecessor".to_owned(), json!({"room_id": last}));
        let next = NewRoom {
            creation,
            ..new(version)
        };
        let next = stage.room_with_bot(&alice, next).await?;
        let tombstone = json!({"body": "moved", "replacement_room": next});
        stage
            .act(&alice, UserOp::set(last.clone(), "m.room.tombstone", tombstone))
            .await?;
        let before = stage.snapshot(&last).await?;
        let replaced = before.replaced_by.map(|r| (r.room, r.by));
        equal(
            "replaced by",
            &replaced,
            &Some((Some(next.clone()), alice.clone())),
        )?;
        equal(
            "predecessor",
            &stage.snapshot(&next).await?.predecessor,
            &Some(last),
        )?;
        last = next;
    }
    Ok(())
}

async fn at_once(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    stage.snapshot(&room).await?;
    for round in 0..3 {
        let name = format!("Round {round}");
        stage
            .act(
                &alice,
                UserOp::set(room.clone(), "m.room.name", json!({"name": name})),
            )
            .await?;
        stage.bring_in(&alice, &room, &carol).await?;
        let snapshot = stage.snapshot(&room).await?;
        equal("name", &snapshot.name, &Some(name))?;
        equal(
            "membership",
            &snapshot.member(&carol).map(|member| member.membership),
            &Some(Membership::Joined),
        )?;
        stage.act(&carol, UserOp::Leave { room: room.clone() }).await?;
        equal(
            "membership",
            &stage.membership(&room, &carol).await?,
            &Some((Membership::Left, carol.clone())),
        )?;
    }
    Ok(())
}

async fn sixty(stage: &Stage<'_>) -> Checked {
    let alice = stage.user("alice").await?;
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    let mut wanted: Vec<OwnedUserId> = vec![alice.clone(), stage.bot.clone()];
    for n in 0..58 {
        // Nobody has to exist to be invited.
        let user = ruma_common::UserId::parse(format!("@sixty-{n}:{}", stage.bot.server_name()))
            .map_err(|error| Verdict::Failed(error.to_string()))?;
        stage.act(&alice, invite(&room, &user)).await?;
        wanted.push(user);
    }
    wanted.sort();
    let snapshot = stage.snapshot(&room).await?;
    let found: Vec<OwnedUserId> = snapshot.members.iter().map(|m| m.user_id.clone()).collect();
    equal("members", &found, &wanted)?;
    let timeless = snapshot.members.iter().filter(|member| member.at.0 == 0).count();
    equal("members without a time", &timeless, &0)
}

async fn unreadable(stage: &Stage<'_>) -> Checked {
    let (alice, carol) = (stage.user("alice").await?, stage.user("carol").await?);
    let room = stage.room_with_bot(&alice, NewRoom::default()).await?;
    if !stage.world.spoil_member(&room, &carol).await {
        return Err(Verdict::NotApplicable(
            "this homeserver lets no malformed member event in".to_owned(),
        ));
    }
    match stage.state(&room).await? {
        RoomState::Unknown(_) => Ok(()),
        RoomState::Joined(snapshot) => ensure(!snapshot.unreadable.is_empty(), || {
            "a malformed member event is not reported as unreadable".to_owned()
        }),
        other => Err(Verdict::Failed(format!("found {other:?}, wanted Joined"))),
    }
}
