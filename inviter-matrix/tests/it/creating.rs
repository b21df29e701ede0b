//! Creating rooms, and their settings.

use anyhow::Result;
use inviter_core::{
    RoomAliasId, RoomBackend, RoomId, UserId,
    action::{Blueprint, Op},
    backend::{BackendErrorKind, Effect},
    levels::{Key, LevelChange, LevelSlot},
    room::{Binding, JoinRule, Power},
    room_rules::{HistoryVisibility, Listing, PowerTemplate, RoomKind},
};
use inviter_testkit::{Fault, unique};
use serde_json::json;

use crate::support::{World, lines, snapshot, world};

fn created(effect: &Effect) -> String {
    match effect {
        Effect::Revisit(room) => room.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_request_makes_the_whole_room() -> Result<()> {
    let world = world().await?;
    for version in [Some("6"), Some("10"), Some("11"), Some("12"), None] {
        let name = unique("room");
        let people = [("@a:example.test", 50), ("@b:example.test", 100)];
        let blueprint = Blueprint {
            levels: people
                .map(|(user, level)| (UserId::parse(user).unwrap(), level))
                .to_vec(),
            ..world.blueprint(&name, version)
        };
        world.proxy.clear();
        let room = created(&world.create(blueprint.clone()).await?);
        assert_eq!(lines(&world.proxy), ["POST /_matrix/client/v3/createRoom"]);
        assert!(world.proxy.requests()[0].json().get("invite").is_none());
        assert_eq!(
            world.backend.resolve_alias(&blueprint.alias).await,
            Binding::Bound(RoomId::parse(&room)?)
        );
        let state = world.room(&room).await?;
        let seen = snapshot(&state);
        let v12 = version.is_none_or(|version| version == "12");
        assert_eq!(seen.version.as_str(), version.unwrap_or("12"));
        assert_eq!(
            (seen.name.as_deref(), seen.topic.as_deref()),
            (Some("A name"), Some("A topic"))
        );
        assert!(seen.encrypted);
        assert_eq!(seen.history_visibility, Some(HistoryVisibility::Invited));
        assert_eq!(seen.join_rule, JoinRule::Invite);
        let bot: &UserId = world.bot.user_id().try_into()?;
        assert_eq!(
            seen.power(bot),
            if v12 { Power::Infinite } else { Power::Level(100) }
        );
        assert_eq!(seen.levels.user_entry(bot), if v12 { None } else { Some(100) });
        for (user, level) in people {
            assert_eq!(seen.power(user.try_into()?), Power::Level(level));
        }
        let template = PowerTemplate::default();
        assert_eq!(seen.levels.key(Key::Invite), 100);
        assert_eq!(seen.levels.key(Key::Kick), 100);
        assert_eq!(seen.levels.key(Key::StateDefault), 50);
        for (kind, level) in &template.events {
            assert_eq!(seen.levels.event_entry(kind), Some(*level), "{kind}");
        }
        // Replacing `events` must not open what the homeserver keeps closed.
        assert_eq!(seen.levels.event_entry("m.room.server_acl"), Some(100));
        assert_eq!(seen.levels.event_entry("m.room.encryption"), Some(100));
        assert_eq!(
            seen.levels.event_entry("m.room.tombstone"),
            Some(if v12 { 150 } else { 100 })
        );
        let guests = world.bot.state_event(&room, "m.room.guest_access", "").await?;
        assert_eq!(guests, Some(json!({ "guest_access": "forbidden" })));
        assert_eq!(
            world.backend.listing(&RoomId::parse(&room)?).await?,
            Listing::Private
        );
        let members = world.bot.members(&room).await?;
        assert_eq!(members.len(), 1, "{members:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_template_the_server_decides() -> Result<()> {
    let world = world().await?;
    for version in ["11", "12"] {
        let blueprint = Blueprint {
            template: None,
            listing: Listing::Public,
            encrypt: false,
            levels: vec![(UserId::parse("@a:example.test")?, 50)],
            ..world.blueprint(&unique("plain"), Some(version))
        };
        let room = created(&world.create(blueprint).await?);
        let state = world.room(&room).await?;
        let seen = snapshot(&state);
        assert_eq!(seen.levels.key(Key::Kick), 50);
        assert!(seen.levels.event_entry("m.room.tombstone").is_some());
        assert!(!seen.encrypted);
        assert_eq!(seen.power("@a:example.test".try_into()?), Power::Level(50));
        assert_eq!(
            world.backend.listing(&RoomId::parse(&room)?).await?,
            Listing::Public
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_tombstone_level_that_is_set_is_taken() -> Result<()> {
    let world = world().await?;
    let mut template = PowerTemplate::default();
    template.events.insert("m.room.tombstone".to_owned(), 100);
    let blueprint = Blueprint {
        template: Some(template),
        ..world.blueprint(&unique("tomb"), Some("12"))
    };
    let room = created(&world.create(blueprint).await?);
    assert_eq!(
        snapshot(&world.room(&room).await?)
            .levels
            .event_entry("m.room.tombstone"),
        Some(100)
    );
    Ok(())
}

#[tokio::test]
async fn spaces_are_people_and_a_name() -> Result<()> {
    let world = world().await?;
    let blueprint = Blueprint {
        kind: RoomKind::Space,
        ..world.blueprint(&unique("space"), None)
    };
    let room = created(&world.create(blueprint).await?);
    let state = world.room(&room).await?;
    let seen = snapshot(&state);
    assert_eq!(seen.kind, RoomKind::Space);
    assert!(!seen.encrypted);
    assert_eq!(seen.name.as_deref(), Some("A name"));
    assert_eq!(seen.levels.key(Key::Kick), 50);
    assert_eq!(seen.history_visibility, Some(HistoryVisibility::Shared));
    Ok(())
}

#[tokio::test]
async fn what_an_earlier_attempt_left_is_taken() -> Result<()> {
    let world = world().await?;
    // Created already.
    let blueprint = world.blueprint(&unique("twice"), None);
    let room = created(&world.create(blueprint.clone()).await?);
    assert_eq!(created(&world.create(blueprint).await?), room);
    // Created, and the answer lost, in three ways.
    for fault in [Fault::LoseAnswer, Fault::TruncatedBody] {
        let blueprint = world.blueprint(&unique("lost"), None);
        one_fault(&world, "/createRoom", fault);
        world.proxy.clear();
        let room = created(&world.create(blueprint.clone()).await?);
        assert_eq!(world.proxy.writes().len(), 1, "{:?}", lines(&world.proxy));
        world.proxy.heal();
        assert_eq!(
            world.backend.resolve_alias(&blueprint.alias).await,
            Binding::Bound(RoomId::parse(&room)?)
        );
    }
    // Never arrived: an error, and no second room behind the caller's back.
    let blueprint = world.blueprint(&unique("never"), None);
    world
        .proxy
        .on_request(|r| r.path.ends_with("/createRoom").then_some(Fault::Html502));
    world.proxy.clear();
    let error = world.create(blueprint.clone()).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unavailable);
    assert_eq!(world.proxy.writes().len(), 1);
    world.proxy.heal();
    assert_eq!(
        world.backend.resolve_alias(&blueprint.alias).await,
        Binding::Missing
    );
    Ok(())
}

fn one_fault(world: &World, path: &'static str, fault: Fault) {
    let mut fault = Some(fault);
    world.proxy.on_request(move |r| {
        if r.path.ends_with(path) {
            fault.take()
        } else {
            None
        }
    });
}

#[tokio::test]
async fn somebody_elses_room_is_not_taken() -> Result<()> {
    let world = world().await?;
    let squatter = world.synapse.register(&unique("squatter")).await?;
    let name = unique("squatted");
    let room = squatter
        .create_room(json!({ "room_alias_name": name, "invite": [world.bot.user_id()] }))
        .await?;
    let error = world.create(world.blueprint(&name, None)).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::AliasTaken, "{error}");
    // Nor is it when the bot is in it, admin or not.
    world.bot.join(&room).await?;
    let error = world.create(world.blueprint(&name, None)).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::AliasTaken, "{error}");
    assert!(error.to_string().contains(squatter.user_id()), "{error}");
    Ok(())
}

/// The alias is bound before the bot is in the room, so that a look in between finds a room in which the bot is not.
/// That the room was created is true here; that it cannot be seen yet is what the proxy says.
#[tokio::test]
async fn a_room_that_is_still_being_made_is_waited_for() -> Result<()> {
    let world = world().await?;
    for (unseen, taken) in [(2, true), (u32::MAX, false)] {
        let blueprint = world.blueprint(&unique("slow"), None);
        let mut left = unseen;
        world.proxy.on_request(move |r| {
            if r.path.ends_with("/createRoom") {
                return Some(Fault::LoseAnswer);
            }
            let looks = r.path.ends_with("/state") && left > 0;
            looks.then(|| {
                left -= 1;
                Fault::matrix(403, "M_FORBIDDEN")
            })
        });
        world.proxy.clear();
        let result = world.create(blueprint.clone()).await;
        assert_eq!(world.proxy.writes().len(), 1, "{:?}", lines(&world.proxy));
        world.proxy.heal();
        let Binding::Bound(made) = world.backend.resolve_alias(&blueprint.alias).await else {
            panic!("it was made");
        };
        if taken {
            assert_eq!(created(&result?), made.as_str());
            continue;
        }
        let error = result.unwrap_err();
        assert!(error.is_temporary(), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains("may still be making it") && message.contains(made.as_str()),
            "{message}"
        );
        // Once it can be seen it is taken, and no second one made.
        assert_eq!(created(&world.create(blueprint).await?), made.as_str());
    }
    Ok(())
}

/// Whoever takes the alias while we wait for an answer does not give us their room.
#[tokio::test]
async fn somebody_elses_room_is_not_taken_after_a_lost_answer_either() -> Result<()> {
    let world = world().await?;
    let squatter = world.synapse.register(&unique("squatter")).await?;
    let name = unique("raced");
    let invites = json!({ "room_alias_name": name, "invite": [world.bot.user_id()] });
    let room = squatter.create_room(invites).await?;
    world
        .proxy
        .on_request(|r| r.path.ends_with("/createRoom").then_some(Fault::Html502));
    let error = world.create(world.blueprint(&name, None)).await.unwrap_err();
    // As far as anybody can see, it may be the bot's own.
    assert!(error.is_temporary(), "{error:?}");
    assert!(error.to_string().contains(&room), "{error}");
    world.bot.join(&room).await?;
    let error = world.create(world.blueprint(&name, None)).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::AliasTaken, "{error}");
    assert!(error.to_string().contains(squatter.user_id()), "{error}");
    Ok(())
}

#[tokio::test]
async fn only_our_own_server_can_have_the_alias() -> Result<()> {
    let world = world().await?;
    let blueprint = Blueprint {
        alias: RoomAliasId::parse("#x:elsewhere.example")?,
        ..world.blueprint("x", None)
    };
    world.proxy.clear();
    assert_eq!(
        world.create(blueprint).await.unwrap_err().kind,
        BackendErrorKind::Refused
    );
    assert!(world.proxy.requests().is_empty());
    Ok(())
}

fn change(user: &str, from: Option<i64>, to: Option<i64>) -> LevelChange {
    LevelChange {
        slot: LevelSlot::User(UserId::parse(user).unwrap()),
        from,
        to,
    }
}

#[tokio::test]
async fn levels_are_merged_into_what_is_there() -> Result<()> {
    let world = world().await?;
    for version in ["6", "11", "12"] {
        let room = world.bot.create_room(json!({ "room_version": version })).await?;
        let mut before = world.bot.power_levels(&room).await?;
        before["users"]["@hand:example.test"] = json!(50);
        before["org.example.own"] = json!({ "kept": true });
        world
            .bot
            .send_state(&room, "m.room.power_levels", "", before.clone())
            .await?;
        let set = |changes| Op::SetLevels { changes };
        let add = change("@a:example.test", None, Some(50));
        world.proxy.clear();
        assert_eq!(world.execute(&room, set(vec![add.clone()])).await?, Effect::Done);
        assert_eq!(world.proxy.writes().len(), 1);
        before["users"]["@a:example.test"] = json!(50);
        assert_eq!(world.bot.power_levels(&room).await?, before, "version {version}");
        // Again: nothing to do. And what has changed since is dropped, the rest done.
        assert_eq!(world.execute(&room, set(vec![add])).await?, Effect::AlreadySo);
        let stale = change("@hand:example.test", Some(10), None);
        let good = change("@a:example.test", Some(50), None);
        let effect = world
            .execute(&room, set(vec![good.clone(), stale.clone()]))
            .await?;
        assert_eq!(effect, Effect::Stale(vec![stale.clone()]));
        world.proxy.clear();
        assert_eq!(
            world.execute(&room, set(vec![stale.clone()])).await?,
            Effect::Stale(vec![stale])
        );
        assert!(world.proxy.writes().is_empty());
        let after = world.bot.power_levels(&room).await?;
        assert!(after["users"].get("@a:example.test").is_none());
        assert_eq!(after["users"]["@hand:example.test"], 50);
    }
    // Not allowed to: refused.
    let owner = world.synapse.register(&unique("owner")).await?;
    let room = owner
        .create_room(json!({ "invite": [world.bot.user_id()] }))
        .await?;
    world.bot.join(&room).await?;
    let changes = vec![change("@a:example.test", None, Some(50))];
    let error = world.execute(&room, Op::SetLevels { changes }).await.unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Refused, "{error}");
    Ok(())
}

#[tokio::test]
async fn settings() -> Result<()> {
    let world = world().await?;
    let room = world.bot.create_room(json!({})).await?;
    let name = || Op::SetName { to: "N".to_owned() };
    let topic = || Op::SetTopic { to: "T".to_owned() };
    let list = || Op::SetListing { to: Listing::Public };
    let history = |from, to| Op::SetHistoryVisibility { from, to };
    let tighten = || history(Some(HistoryVisibility::Shared), HistoryVisibility::Joined);
    for op in [name(), topic(), list(), tighten()] {
        assert_eq!(world.execute(&room, op).await?, Effect::Done);
    }
    world.proxy.clear();
    for op in [
        name(),
        topic(),
        list(),
        tighten(),
        Op::SetName {
            to: "other".to_owned(),
        },
    ] {
        assert_eq!(world.execute(&room, op).await?, Effect::AlreadySo);
    }
    let late = history(Some(HistoryVisibility::Shared), HistoryVisibility::Invited);
    assert_eq!(world.execute(&room, late).await?, Effect::Stale(vec![]));
    assert!(world.proxy.writes().is_empty());
    let state = world.room(&room).await?;
    let seen = snapshot(&state);
    assert_eq!(
        (seen.name.as_deref(), seen.topic.as_deref()),
        (Some("N"), Some("T"))
    );
    assert_eq!(seen.history_visibility, Some(HistoryVisibility::Joined));
    assert_eq!(world.bot.directory_visibility(&room).await?, "public");
    Ok(())
}
