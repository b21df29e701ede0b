//! [`Live`]: what was told is not asked again, and what is told reaches whoever listens.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use inviter_core::{
    OwnedRoomId, RoomBackend, RoomId, UserId,
    action::{Op, RoomTarget},
    backend::{BackendErrorKind, Effect, Observe},
    room::{Membership, RoomState},
};
use inviter_matrix::{Incoming, Live, LiveOptions, Message};
use inviter_testkit::{Client, Fault, unique};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

use crate::support::{World, lines, snapshot, world};

const SOON: Duration = Duration::from_secs(10);

async fn follow(world: &World) -> Result<(Live, mpsc::UnboundedReceiver<Incoming>)> {
    Ok(Live::start(world.backend.clone(), LiveOptions::default()).await?)
}

async fn all(live: &Live, what: Observe) -> Result<BTreeMap<String, RoomState>> {
    let mut states = BTreeMap::new();
    let mut stream = live.observe(what);
    while let Some(observed) = stream.next().await {
        let observed = observed?;
        states.insert(observed.room_id.to_string(), observed.state);
    }
    Ok(states)
}

/// A room of the bot's with somebody in it.
async fn room_with(world: &World, person: &Client) -> Result<String> {
    let room = world
        .bot
        .create_room(json!({ "preset": "private_chat", "invite": [person.user_id()] }))
        .await?;
    person.join(&room).await?;
    Ok(room)
}

/// Requests but the long polls.
fn asked(world: &World) -> Vec<String> {
    let long =
        |r: &&inviter_testkit::Recorded| !r.query.as_deref().unwrap_or_default().contains("timeout=30000");
    let requests = world.proxy.requests();
    let asked = requests.iter().filter(long);
    asked
        .map(|r| format!("{} {}", r.method, r.decoded_path()))
        .collect()
}

#[tokio::test]
async fn rooms_are_as_when_they_are_asked_and_cost_nothing_each() -> Result<()> {
    let world = world().await?;
    let person = world.synapse.register(&unique("person")).await?;
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(room_with(&world, &person).await?);
    }
    let (live, _incoming) = follow(&world).await?;
    // All kinds of changes after the first read, in and out of the room's list.
    person.leave(&rooms[0]).await?;
    let levels = json!({ "users": { world.bot.user_id(): 100, person.user_id(): 50 } });
    let later = world
        .bot
        .create_room(json!({ "room_version": "11", "name": "N", "power_level_content_override": levels }))
        .await?;
    world
        .bot
        .send_state(&later, "m.room.topic", "", json!({ "topic": "T" }))
        .await?;
    world.bot.leave(&rooms[1]).await?;
    let invited = person
        .create_room(json!({ "invite": [world.bot.user_id()] }))
        .await?;
    world
        .bot
        .send_state(
            &rooms[2],
            "m.room.history_visibility",
            "",
            json!({ "history_visibility": "joined" }),
        )
        .await?;

    world.proxy.clear();
    let followed = all(&live, Observe::Joined).await?;
    assert_eq!(
        asked(&world),
        [
            "GET /_matrix/client/v3/sync",
            "GET /_matrix/client/v3/joined_rooms"
        ],
        "no request for each room"
    );
    let read = world.joined().await?;
    let debug = |states: &BTreeMap<String, RoomState>| format!("{states:#?}");
    assert_eq!(debug(&followed), debug(&read));
    assert!(!followed.contains_key(&rooms[1]));
    assert!(
        matches!(&followed[&invited], RoomState::NotJoined { invited_by: Some(by) } if by == person.user_id())
    );

    world.proxy.clear();
    let some = vec![RoomId::parse(&rooms[0])?, RoomId::parse(&invited)?];
    let chosen = all(&live, Observe::Rooms(some)).await?;
    assert_eq!(asked(&world), ["GET /_matrix/client/v3/sync"]);
    let member = snapshot(&chosen[&rooms[0]]).member(person.user_id().try_into()?);
    assert_eq!(member.unwrap().membership, Membership::Left);
    Ok(())
}

#[tokio::test]
async fn changes_by_others_are_told_and_those_of_the_bot_are_not() -> Result<()> {
    let world = world().await?;
    let person = world.synapse.register(&unique("person")).await?;
    let other = world.synapse.register(&unique("other")).await?;
    let room = room_with(&world, &person).await?;
    let (live, _incoming) = follow(&world).await?;
    let mut changes = live.changes();
    let id: OwnedRoomId = RoomId::parse(&room)?;
    let op = Op::Invite {
        user: UserId::parse(other.user_id())?,
        reason: None,
    };
    let target = RoomTarget::Existing(id.clone());
    assert_eq!(live.execute(&target, &op).await?, Effect::Done);
    live.catch_up().await?;
    assert!(
        timeout(Duration::from_millis(500), changes.next()).await.is_err(),
        "its own doing"
    );

    other.join(&room).await?;
    assert_eq!(timeout(SOON, changes.next()).await?, Some(id.clone()));
    assert_eq!(live.changed_by(&id).as_deref(), Some(other.user_id().try_into()?));
    // Talk is no change.
    person.send_text(&room, "hello").await?;
    live.catch_up().await?;
    assert!(timeout(Duration::from_millis(500), changes.next()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn what_was_written_is_never_missing_from_what_is_observed() -> Result<()> {
    let world = world().await?;
    let person = world.synapse.register(&unique("person")).await?;
    let room = room_with(&world, &person).await?;
    let (live, _incoming) = follow(&world).await?;
    // As a worker that lags: what it tells is from before.
    world.proxy.on_request(|request| {
        request
            .decoded_path()
            .ends_with("/sync")
            .then(|| Fault::Delay(Duration::from_millis(10)))
    });
    for n in 0..10 {
        let user = UserId::parse(world.synapse.user_id(&unique(&format!("u{n}"))))?;
        let target = RoomTarget::Existing(RoomId::parse(&room)?);
        let op = Op::Invite {
            user: user.clone(),
            reason: None,
        };
        live.execute(&target, &op).await?;
        let seen = all(&live, Observe::Rooms(vec![RoomId::parse(&room)?])).await?;
        let member = snapshot(&seen[&room]).member(&user).context("not seen")?;
        assert_eq!(member.membership, Membership::Invited);
    }
    Ok(())
}

#[tokio::test]
async fn what_people_say_is_told_once_and_only_from_then_on() -> Result<()> {
    let world = world().await?;
    let person = world.synapse.register(&unique("person")).await?;
    let room = room_with(&world, &person).await?;
    person.send_text(&room, "before").await?;
    let (live, mut incoming) = follow(&world).await?;
    let chat = live.chat();
    let id = RoomId::parse(&room)?;
    let said = chat
        .send(&id, &Message::formatted("plain", "<b>rich</b>"))
        .await?;
    chat.edit(&id, &said, &Message::plain("changed")).await?;
    let asked = person.send_text(&room, "!idp").await?;
    let Some(Incoming::Message(text)) = timeout(SOON, incoming.recv()).await.context("first")? else {
        panic!("no message")
    };
    assert_eq!(
        (text.body.as_str(), text.event_id.as_str()),
        ("!idp", asked.as_str())
    );
    assert_eq!(text.sender, person.user_id());
    // Through an outage, nothing that is said is lost.
    world
        .proxy
        .on_request(|request| request.decoded_path().ends_with("/sync").then_some(Fault::Cut));
    assert!(live.catch_up().await.is_err());
    assert!(live.pulse().borrow().trouble.is_some());
    person.send_text(&room, "meanwhile").await?;
    world.proxy.heal();
    let Some(Incoming::Message(text)) = timeout(2 * SOON, incoming.recv()).await? else {
        panic!("no message")
    };
    assert_eq!(text.body, "meanwhile");
    assert!(live.pulse().borrow().trouble.is_none());
    let invited = person
        .create_room(json!({ "invite": [world.bot.user_id()] }))
        .await?;
    let told = timeout(SOON, incoming.recv()).await.context("invited")?;
    assert!(
        matches!(told, Some(Incoming::Invited { room, by: Some(by) }) if room == invited && by == person.user_id())
    );
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_taken_back_ends_it() -> Result<()> {
    let world = world().await?;
    let (live, _incoming) = follow(&world).await?;
    world.bot.post("/_matrix/client/v3/logout", json!({})).await?;
    let mut pulse = live.pulse();
    let logged_out = pulse.wait_for(|pulse| {
        pulse
            .trouble
            .as_ref()
            .is_some_and(|trouble| trouble.kind == BackendErrorKind::Unauthenticated)
    });
    drop(timeout(SOON, logged_out).await??);
    let error = live.catch_up().await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unauthenticated, "{error}");
    assert!(lines(&world.proxy).len() < 10, "it does not insist");
    Ok(())
}

#[tokio::test]
async fn a_position_that_is_not_known_any_more_is_begun_anew() -> Result<()> {
    let world = world().await?;
    let person = world.synapse.register(&unique("person")).await?;
    let (live, _incoming) = follow(&world).await?;
    world.proxy.on_request(|request| {
        let goes_on = request.decoded_path().ends_with("/sync")
            && request.query.as_deref().unwrap_or_default().contains("since=");
        goes_on.then(|| Fault::matrix(400, "M_UNKNOWN"))
    });
    let room = room_with(&world, &person).await?;
    // Whoever waits just then is told that it failed.
    drop(live.catch_up().await);
    world.proxy.heal();
    let seen = all(&live, Observe::Joined).await?;
    assert!(matches!(seen[&room], RoomState::Joined(_)));
    Ok(())
}
