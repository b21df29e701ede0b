//! Rate limits.

use std::time::{Duration, Instant};

use anyhow::Result;
use inviter_core::backend::{BackendErrorKind, Effect};
use inviter_testkit::{Fault, Options, Synapse, unique};
use serde_json::json;

use crate::support::{lines, world, world_on};

#[tokio::test]
async fn a_short_wait_is_waited() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({})).await?;
    let user = world.synapse.register(&unique("user")).await?;
    let mut left = 2;
    world.proxy.on_request(move |r| {
        let hit = r.path.ends_with("/invite") && left > 0;
        left -= i32::from(hit);
        hit.then(|| Fault::limited(Duration::from_secs(1)))
    });
    world.proxy.clear();
    let started = Instant::now();
    assert_eq!(world.invite(&room, user.user_id()).await?, Effect::Done);
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(world.proxy.writes().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_long_wait_fails_at_once_and_is_not_asked_for_again() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({})).await?;
    let other = world.bot.create_room(json!({})).await?;
    let user = world.synapse.register(&unique("user")).await?;
    let friend = world.synapse.register(&unique("friend")).await?;
    let limited = user.user_id().to_owned();
    world.proxy.on_request(move |r| {
        let hit = r.path.ends_with("/invite") && r.json()["user_id"] == limited;
        hit.then(|| Fault::limited(Duration::from_secs(300)))
    });
    world.proxy.clear();
    for _ in 0..5 {
        let error = world.invite(&room, user.user_id()).await.unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::RateLimited, "{error}");
        assert!(error.retry_after.unwrap() > Duration::from_secs(290));
    }
    assert_eq!(world.proxy.writes().len(), 1, "{:?}", lines(&world.proxy));
    // The room goes on for others. In another room the invitee is refused once more, in a third no more is sent.
    assert_eq!(world.invite(&room, friend.user_id()).await?, Effect::Done);
    let third = world.bot.create_room(json!({})).await?;
    world.proxy.clear();
    for room in [&other, &third, &third] {
        assert_eq!(
            world.invite(room, user.user_id()).await.unwrap_err().kind,
            BackendErrorKind::RateLimited
        );
    }
    assert_eq!(world.proxy.writes().len(), 2, "{:?}", lines(&world.proxy));
    assert_eq!(world.invite(&other, friend.user_id()).await?, Effect::Done);
    Ok(())
}

#[tokio::test]
async fn a_removal_is_not_held_up_by_invitations() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({})).await?;
    let user = world.synapse.register(&unique("user")).await?;
    world.bot.invite(&room, user.user_id()).await?;
    world.proxy.on_request(|r| {
        r.path
            .ends_with("/invite")
            .then(|| Fault::limited(Duration::from_secs(300)))
    });
    for name in ["@a:example.test", "@b:example.test", "@c:example.test"] {
        assert_eq!(
            world.invite(&room, name).await.unwrap_err().kind,
            BackendErrorKind::RateLimited
        );
    }
    assert_eq!(world.remove(&room, user.user_id()).await?, Effect::Done);
    Ok(())
}

/// Synapse's own limits: ten invitations to a room at once, then one in three seconds.
#[tokio::test]
async fn stock_limits() -> Result<()> {
    let synapse = Synapse::start(Options::new().stock_limits()).await?;
    let names: Vec<String> = (0..14).map(|n| format!("user{n}")).collect();
    synapse.create_users(&names).await?;
    let world = world_on(synapse, false, |_| {}).await?;
    let room = world.bot.create_room(json!({})).await?;
    world.proxy.clear();
    let users: Vec<String> = names.iter().map(|name| world.synapse.user_id(name)).collect();
    let all = users.iter().map(|user| world.invite(&room, user));
    for effect in futures_util::future::join_all(all).await {
        assert_eq!(effect?, Effect::Done);
    }
    // Room and account have limiters of their own that open one after the other, so one wait may not be enough.
    let refused = world
        .proxy
        .requests()
        .iter()
        .filter(|r| r.status == Some(429))
        .count();
    assert!(
        (1..=14).contains(&refused),
        "{refused} of {}",
        world.proxy.requests().len()
    );
    let members = world.bot.members(&room).await?;
    assert_eq!(members.len(), 15);
    Ok(())
}

/// Two people have been invited as often as the homeserver lets somebody be, and the account may not invite all the
/// others at once: those two are put off, and everybody else is invited as fast as the account may.
#[tokio::test]
async fn people_who_are_limited_stop_nobody_else() -> Result<()> {
    let limits = json!({
        "per_room": { "per_second": 1000, "burst_count": 1000 },
        "per_user": { "per_second": 0.003, "burst_count": 5 },
        "per_issuer": { "per_second": 2, "burst_count": 5 },
    });
    let synapse = Synapse::start(Options::new().set("rc_invites", limits)).await?;
    let names: Vec<String> = (0..15).map(|n| format!("user{n}")).collect();
    let limited = ["limited0", "limited1"];
    synapse.create_users(&names).await?;
    synapse.create_users(&limited.map(str::to_owned)).await?;
    // Waiting for one's turn may take longer than any request waits for a limit of its own.
    let world = world_on(synapse, false, |config| {
        config.wait_ceiling = Duration::from_secs(3);
    })
    .await?;
    for name in limited {
        let issuer = world.synapse.register(&unique("issuer")).await?;
        for _ in 0..5 {
            let room = issuer.create_room(json!({})).await?;
            issuer.invite(&room, &world.synapse.user_id(name)).await?;
        }
    }
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(world.bot.create_room(json!({})).await?);
    }
    for (name, room) in limited.iter().zip(&rooms) {
        let error = world
            .invite(room, &world.synapse.user_id(name))
            .await
            .unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::RateLimited, "{error}");
        assert!(error.message.contains("before this is tried again"), "{error}");
    }
    let users: Vec<String> = names.iter().map(|name| world.synapse.user_id(name)).collect();
    let all = users
        .iter()
        .zip(rooms.iter().cycle())
        .map(|(user, room)| world.invite(room, user));
    for (effect, user) in futures_util::future::join_all(all).await.into_iter().zip(&users) {
        assert_eq!(
            effect.map_err(|error| error.to_string()),
            Ok(Effect::Done),
            "{user}"
        );
    }
    let refused = world
        .proxy
        .requests()
        .iter()
        .filter(|r| r.status == Some(429))
        .count();
    assert!(refused > limited.len(), "the account's limit was not met");
    Ok(())
}
