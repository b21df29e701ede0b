//! Inviting, joining and removing.

use anyhow::Result;
use inviter_core::{
    UserId,
    action::Op,
    backend::{BackendErrorKind, Effect},
};
use inviter_testkit::{Fault, unique};
use serde_json::json;

use crate::support::{lines, snapshot, world, world_with};

#[tokio::test]
async fn inviting() -> Result<()> {
    let world = world().await?;
    let user = world.synapse.register(&unique("user")).await?;
    let room = world.bot.create_room(json!({})).await?;
    world.proxy.clear();
    assert_eq!(world.invite(&room, user.user_id()).await?, Effect::Done);
    assert_eq!(world.proxy.requests().len(), 1);
    let event = world
        .bot
        .state_event(&room, "m.room.member", user.user_id())
        .await?
        .unwrap();
    assert_eq!(event["reason"], "because");
    user.join(&room).await?;
    assert_eq!(world.invite(&room, user.user_id()).await?, Effect::AlreadySo);
    world.bot.ban(&room, user.user_id()).await?;
    let error = world.invite(&room, user.user_id()).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Refused);
    assert!(error.to_string().contains("banned"), "{error}");
    assert!(error.to_string().contains(user.user_id()) && error.to_string().contains(&room));
    Ok(())
}

#[tokio::test]
async fn leaving() -> Result<()> {
    let world = world().await?;
    let owner = world.synapse.register(&unique("owner")).await?;
    let me = world.bot.user_id();
    // Invited, and that stays.
    let room = owner.create_room(json!({ "invite": [me] })).await?;
    assert_eq!(world.execute(&room, Op::Leave).await?, Effect::AlreadySo);
    assert_eq!(world.proxy.writes().len(), 0);
    assert_eq!(owner.members(&room).await?[me], "invite");
    // Joined, with an answer that comes and with one that is lost.
    world.bot.join(&room).await?;
    assert_eq!(world.execute(&room, Op::Leave).await?, Effect::Done);
    assert_eq!(world.execute(&room, Op::Leave).await?, Effect::AlreadySo);
    assert_eq!(owner.members(&room).await?[me], "leave");
    owner.invite(&room, me).await?;
    world.bot.join(&room).await?;
    world
        .proxy
        .on_request(|r| r.path.ends_with("/leave").then_some(Fault::LoseAnswer));
    assert_eq!(world.execute(&room, Op::Leave).await?, Effect::Done);
    assert_eq!(owner.members(&room).await?[me], "leave");
    // The homeserver refuses: the bot is still there, and nobody is told otherwise.
    owner.invite(&room, me).await?;
    world.bot.join(&room).await?;
    world.proxy.on_request(|r| {
        let fault = || Fault::matrix(403, "M_FORBIDDEN");
        r.path.ends_with("/leave").then(fault)
    });
    let error = world.execute(&room, Op::Leave).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Refused, "{error}");
    Ok(())
}

#[tokio::test]
async fn removing() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({ "room_version": "11" })).await?;
    let user = world.synapse.register(&unique("user")).await?;
    // Never there.
    world.proxy.clear();
    assert_eq!(world.remove(&room, user.user_id()).await?, Effect::AlreadySo);
    // Invited, then joined.
    world.bot.invite(&room, user.user_id()).await?;
    assert_eq!(world.remove(&room, user.user_id()).await?, Effect::Done);
    assert_eq!(world.remove(&room, user.user_id()).await?, Effect::AlreadySo);
    world.bot.invite(&room, user.user_id()).await?;
    user.join(&room).await?;
    assert_eq!(world.remove(&room, user.user_id()).await?, Effect::Done);
    assert_eq!(world.proxy.writes().len(), 2);
    let event = world
        .bot
        .state_event(&room, "m.room.member", user.user_id())
        .await?
        .unwrap();
    assert_eq!(
        (event["membership"].as_str(), event["reason"].as_str()),
        (Some("leave"), Some("because"))
    );
    // Banned is gone.
    world.bot.ban(&room, user.user_id()).await?;
    assert_eq!(world.remove(&room, user.user_id()).await?, Effect::AlreadySo);
    // Outranked.
    let peer = world.synapse.register(&unique("peer")).await?;
    world.bot.invite(&room, peer.user_id()).await?;
    peer.join(&room).await?;
    let mut levels = world.bot.power_levels(&room).await?;
    levels["users"][peer.user_id()] = json!(100);
    world
        .bot
        .send_state(&room, "m.room.power_levels", "", levels)
        .await?;
    let error = world.remove(&room, peer.user_id()).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Refused, "{error}");
    Ok(())
}

#[tokio::test]
async fn joining() -> Result<()> {
    let world = world().await?;
    let owner = world.synapse.register(&unique("owner")).await?;
    let invited_by: inviter_core::OwnedUserId = UserId::parse(owner.user_id())?;
    let join = || Op::Join {
        invited_by: Some(invited_by.clone()),
    };
    for version in ["11", "12"] {
        let room = json!({ "room_version": version, "invite": [world.bot.user_id()] });
        let room = owner.create_room(room).await?;
        assert!(matches!(world.execute(&room, join()).await?, Effect::Revisit(id) if id == room));
        snapshot(&world.room(&room).await?);
        assert!(matches!(world.execute(&room, join()).await?, Effect::Revisit(_)));
    }
    let closed = owner.create_room(json!({})).await?;
    assert_eq!(
        world.execute(&closed, join()).await.unwrap_err().kind,
        BackendErrorKind::Refused
    );
    Ok(())
}

/// After a lost answer the member event tells what became of it; nothing is sent twice.
#[tokio::test]
async fn lost_answers() -> Result<()> {
    let world = world_with(|config| config.timeouts.request = std::time::Duration::from_secs(3)).await?;
    let room = world.bot.create_room(json!({})).await?;
    let user = world.synapse.register(&unique("user")).await?;
    for fault in [Fault::LoseAnswer, Fault::TruncatedBody] {
        for (part, effect) in [("/invite", Effect::Done), ("/kick", Effect::Done)] {
            let fault = fault.clone();
            world
                .proxy
                .on_request(move |r| r.path.ends_with(part).then(|| fault.clone()));
            world.proxy.clear();
            let got = match part {
                "/invite" => world.invite(&room, user.user_id()).await?,
                _ => world.remove(&room, user.user_id()).await?,
            };
            assert_eq!(got, effect);
            assert_eq!(world.proxy.writes().len(), 1, "{:?}", lines(&world.proxy));
        }
    }
    // Never arrived.
    for fault in [
        Fault::Cut,
        Fault::Html502,
        Fault::matrix(500, "M_UNKNOWN"),
        Fault::Delay(std::time::Duration::from_secs(30)),
    ] {
        world
            .proxy
            .on_request(move |r| r.path.ends_with("/invite").then(|| fault.clone()));
        world.proxy.clear();
        let error = world.invite(&room, user.user_id()).await.unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::Unavailable, "{error}");
        assert_eq!(world.proxy.writes().len(), 1, "{:?}", lines(&world.proxy));
    }
    Ok(())
}
