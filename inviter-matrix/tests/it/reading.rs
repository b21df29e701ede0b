//! `observe`, `resolve_alias` and `listing`.

use anyhow::Result;
use futures_util::StreamExt as _;
use inviter_core::{
    RoomAliasId, RoomBackend, RoomId,
    backend::{BackendErrorKind, Observe},
    room::{Binding, JoinRule, Membership, Power, RoomState},
    room_rules::{HistoryVisibility, Listing, RoomKind},
};
use inviter_testkit::{Fault, unique};
use serde_json::json;

use crate::support::{all, lines, snapshot, world};

#[tokio::test]
async fn snapshots_of_room_versions() -> Result<()> {
    let world = world().await?;
    let owner = world.synapse.register(&unique("owner")).await?;
    let gone = world.synapse.register(&unique("gone")).await?;
    for version in ["6", "10", "11", "12"] {
        let room = owner
            .create_room(json!({
                "room_version": version, "preset": "private_chat", "name": "N", "topic": "T",
                "invite": [world.bot.user_id(), gone.user_id()],
                "creation_content": { "m.federate": false },
            }))
            .await?;
        world.bot.join(&room).await?;
        gone.join(&room).await?;
        gone.leave(&room).await?;
        // `/sync` and the room's own state are two ways to the same snapshot.
        for state in [
            world.joined().await?.remove(&room).unwrap(),
            world.room(&room).await?,
        ] {
            let seen = snapshot(&state);
            assert_eq!(seen.room_id, room);
            assert_eq!(seen.version.as_str(), version);
            assert_eq!(seen.kind, RoomKind::Room);
            assert_eq!(seen.creator, owner.user_id());
            assert!(!seen.federate);
            assert_eq!(seen.join_rule, JoinRule::Invite);
            assert_eq!(seen.history_visibility, Some(HistoryVisibility::Shared));
            assert!(!seen.encrypted);
            assert_eq!(
                (seen.name.as_deref(), seen.topic.as_deref()),
                (Some("N"), Some("T"))
            );
            assert!(seen.unreadable.is_empty(), "{:?}", seen.unreadable);
            let bot = world.bot.user_id().try_into()?;
            let owner_id: &inviter_core::UserId = owner.user_id().try_into()?;
            let expected = if version == "12" {
                Power::Infinite
            } else {
                Power::Level(100)
            };
            assert_eq!(seen.power(owner_id), expected);
            assert_eq!(seen.power(bot), Power::Level(0));
            assert_eq!(seen.member(bot).unwrap().membership, Membership::Joined);
            let left = seen.member(gone.user_id().try_into()?).unwrap();
            assert_eq!(
                (left.membership, left.sender.as_str()),
                (Membership::Left, gone.user_id())
            );
            assert!(left.at.0 > 1_600_000_000_000);
            assert!(seen.members.is_sorted_by(|a, b| a.user_id < b.user_id));
            assert_eq!(seen.members.len(), 3);
            assert_eq!(RoomId::parse(&room)?.server_name().is_none(), version == "12");
        }
    }
    Ok(())
}

/// The state of `/sync` is that before the timeline: the last change must not be lost, whatever comes after it.
#[tokio::test]
async fn a_change_is_seen_at_once() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({})).await?;
    let user = world.synapse.register(&unique("user")).await?;
    for turn in 0..3 {
        world.bot.invite(&room, user.user_id()).await?;
        assert_membership(&world, &room, user.user_id(), Membership::Invited).await?;
        user.join(&room).await?;
        assert_membership(&world, &room, user.user_id(), Membership::Joined).await?;
        for message in 0..turn * 8 {
            user.send_text(&room, &format!("message {message}")).await?;
        }
        let name = format!("name {turn}");
        world
            .bot
            .send_state(&room, "m.room.name", "", json!({ "name": name }))
            .await?;
        let states = world.joined().await?;
        assert_eq!(snapshot(&states[&room]).name.as_ref(), Some(&name));
        world.bot.kick(&room, user.user_id()).await?;
        assert_membership(&world, &room, user.user_id(), Membership::Left).await?;
    }
    Ok(())
}

async fn assert_membership(
    world: &crate::support::World,
    room: &str,
    user: &str,
    expected: Membership,
) -> Result<()> {
    let states = world.joined().await?;
    let member = snapshot(&states[room]).member(user.try_into()?).cloned();
    assert_eq!(member.unwrap().membership, expected);
    Ok(())
}

#[tokio::test]
async fn all_rooms_by_two_reading_requests() -> Result<()> {
    let world = world().await?;
    let owner = world.synapse.register(&unique("owner")).await?;
    let mut rooms = Vec::new();
    for n in 0..30 {
        rooms.push(
            world
                .bot
                .create_room(json!({ "name": format!("room {n}") }))
                .await?,
        );
    }
    let space = json!({ "creation_content": { "type": "m.space" } });
    let space = world.bot.create_room(space).await?;
    let invited = owner
        .create_room(json!({ "invite": [world.bot.user_id()] }))
        .await?;
    let left = world.bot.create_room(json!({})).await?;
    world.bot.leave(&left).await?;
    let forgotten = world.bot.create_room(json!({})).await?;
    world.bot.leave(&forgotten).await?;
    world.proxy.clear();
    let states = world.joined().await?;
    assert_eq!(
        lines(&world.proxy),
        [
            "GET /_matrix/client/v3/joined_rooms",
            "GET /_matrix/client/v3/sync"
        ]
    );
    assert_eq!(states.len(), 32);
    for (n, room) in rooms.iter().enumerate() {
        assert_eq!(snapshot(&states[room]).name, Some(format!("room {n}")));
    }
    assert_eq!(snapshot(&states[&space]).kind, RoomKind::Space);
    match &states[&invited] {
        RoomState::NotJoined { invited_by: Some(by) } => assert_eq!(by, owner.user_id()),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn single_rooms() -> Result<()> {
    let world = world().await?;
    let owner = world.synapse.register(&unique("owner")).await?;
    let mine = world.bot.create_room(json!({})).await?;
    let foreign = owner.create_room(json!({})).await?;
    let left = owner
        .create_room(json!({ "invite": [world.bot.user_id()] }))
        .await?;
    world.bot.join(&left).await?;
    world.bot.leave(&left).await?;
    let open = owner.create_room(json!({ "preset": "public_chat" })).await?;
    let readable = json!({ "history_visibility": "world_readable" });
    owner
        .send_state(&open, "m.room.history_visibility", "", readable)
        .await?;
    let ids = [&mine, &foreign, &left, &open].map(|id| RoomId::parse(id).unwrap());
    world.proxy.clear();
    let states = all(&world.backend, Observe::Rooms(ids.to_vec())).await?;
    // One each, and one for the invitations to those that the bot is not in.
    assert_eq!(world.proxy.requests().len(), 5);
    assert!(world.proxy.writes().is_empty());
    snapshot(&states[&mine]);
    for room in [&foreign, &left, &open] {
        let state = &states[room];
        assert!(
            matches!(state, RoomState::NotJoined { invited_by: None }),
            "{room}: {state:?}"
        );
    }
    let invited = owner
        .create_room(json!({ "invite": [world.bot.user_id()] }))
        .await?;
    match world.room(&invited).await? {
        RoomState::NotJoined { invited_by: Some(by) } => assert_eq!(by, owner.user_id()),
        other => panic!("{other:?}"),
    }
    // Whether there is an invitation is unknown if that cannot be read.
    world
        .proxy
        .on_request(|r| r.path.ends_with("/sync").then_some(Fault::TruncatedBody));
    assert!(matches!(world.room(&invited).await?, RoomState::Unknown(_)));
    // Another answer than the homeserver's own no is no news of the room.
    world
        .proxy
        .on_request(|_| Some(Fault::Status(403, vec![], "<html>WAF</html>".to_owned())));
    assert!(matches!(world.room(&foreign).await?, RoomState::Unknown(_)));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error() -> Result<()> {
    let world = world().await?;
    for _ in 0..5 {
        world.bot.create_room(json!({})).await?;
    }
    let room = world.bot.create_room(json!({})).await?;
    for body in [
        r#"{"rooms":{"join":{"!a:b":"#,
        "<html>",
        r#"{"rooms":[]}"#,
        r#"{"rooms":{"join":[]}}"#,
        "",
        r#"{"rooms":{}} x"#,
    ] {
        world.proxy.on_request(move |r| {
            r.path
                .ends_with("/sync")
                .then(|| Fault::Status(200, vec![], body.to_owned()))
        });
        let error = all(&world.backend, Observe::Joined).await.unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::Malformed, "{body}: {error}");
    }
    world
        .proxy
        .on_request(|r| r.path.ends_with("/sync").then_some(Fault::TruncatedBody));
    let mut stream = world.backend.observe(Observe::Joined);
    let mut last = None;
    while let Some(item) = stream.next().await {
        assert!(last.is_none(), "something after the error");
        last = item.err();
    }
    assert_eq!(last.unwrap().kind, BackendErrorKind::Unavailable);
    world
        .proxy
        .on_request(|r| r.path.ends_with("/state").then_some(Fault::TruncatedBody));
    assert!(matches!(world.room(&room).await?, RoomState::Unknown(_)));
    // A room that the homeserver leaves out is unknown, not gone.
    world.proxy.on_request(|r| {
        r.path
            .ends_with("/sync")
            .then(|| Fault::Status(200, vec![], "{}".to_owned()))
    });
    let states = all(&world.backend, Observe::Joined).await?;
    assert_eq!(states.len(), 6);
    assert!(
        states
            .values()
            .all(|state| matches!(state, RoomState::Unknown(_)))
    );
    Ok(())
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_no_trouble() -> Result<()> {
    let world = world().await?;
    for _ in 0..20 {
        world.bot.create_room(json!({})).await?;
    }
    let mut stream = world.backend.observe(Observe::Joined);
    snapshot(&stream.next().await.unwrap()?.state);
    drop(stream);
    assert_eq!(world.joined().await?.len(), 20);
    Ok(())
}

#[tokio::test]
async fn aliases() -> Result<()> {
    let world = world().await?;
    let name = unique("alias");
    let alias = RoomAliasId::parse(world.synapse.alias(&name))?;
    assert_eq!(world.backend.resolve_alias(&alias).await, Binding::Missing);
    let room = world.bot.create_room(json!({ "room_alias_name": name })).await?;
    assert_eq!(
        world.backend.resolve_alias(&alias).await,
        Binding::Bound(RoomId::parse(&room)?)
    );
    let foreign = RoomAliasId::parse("#x:127.0.0.1:1")?;
    assert!(matches!(
        world.backend.resolve_alias(&foreign).await,
        Binding::Unknown(_)
    ));
    for fault in [
        Fault::Status(404, vec![], "<html>not here</html>".to_owned()),
        Fault::matrix(404, "M_UNRECOGNIZED"),
        Fault::matrix(403, "M_FORBIDDEN"),
        Fault::Html502,
        Fault::Cut,
    ] {
        world.proxy.on_request(move |_| Some(fault.clone()));
        let nowhere = RoomAliasId::parse(world.synapse.alias("nowhere"))?;
        assert!(matches!(
            world.backend.resolve_alias(&nowhere).await,
            Binding::Unknown(_)
        ));
    }
    // Of another server even M_NOT_FOUND says nothing.
    world
        .proxy
        .on_request(|_| Some(Fault::matrix(404, "M_NOT_FOUND")));
    assert!(matches!(
        world.backend.resolve_alias(&foreign).await,
        Binding::Unknown(_)
    ));
    Ok(())
}

#[tokio::test]
async fn listings() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({})).await?;
    let id = RoomId::parse(&room)?;
    assert_eq!(world.backend.listing(&id).await?, Listing::Private);
    let room = world.bot.create_room(json!({ "visibility": "public" })).await?;
    assert_eq!(
        world.backend.listing(&RoomId::parse(&room)?).await?,
        Listing::Public
    );
    Ok(())
}
