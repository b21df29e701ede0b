//! Answers without end, answers that are too large, and answers that lead elsewhere: whatever answers in a homeserver's
//! place fills no memory, keeps nobody waiting, and gets no token for another host.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::StreamExt as _;
use inviter_core::{
    RoomBackend as _, RoomId, UserId,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, BackendErrorKind as Kind, Observe},
    room::RoomState,
};
use inviter_matrix::{
    AnswerSizes, Attachment, Credentials, Live, LiveOptions, MatrixBackend, MatrixConfig, Message,
};

use crate::{
    scripted::{Reply, Scripted},
    support::{all, config},
};

/// What one member takes of a room's state.
const MEMBER: &str = r#"{"type":"m.room.member","state_key":"@a:x","sender":"@a:x","origin_server_ts":1,"content":{"membership":"join"}},"#;
/// State without an end of it.
const STATE: &str = r#"{"type":"m.room.create","state_key":"","sender":"@bot:x","origin_server_ts":1,"content":{"room_version":"11"}},"#;

fn small() -> AnswerSizes {
    let mut sizes = AnswerSizes::default();
    (sizes.event, sizes.room, sizes.sync) = (64 << 10, 1 << 20, 4 << 20);
    sizes
}

fn small_config(server: &Scripted) -> MatrixConfig {
    let mut config = config(&server.url, "token");
    config.sizes = small();
    config
}

async fn backend(server: &Scripted) -> Result<MatrixBackend> {
    let backend = MatrixBackend::connect(small_config(server)).await?;
    backend.whoami().await?;
    Ok(backend)
}

fn rooms(of: &str) -> String {
    format!(r#"{{"next_batch":"s1","rooms":{{"join":{{"!r:x":{{"state":{{"events":[{of}"#)
}

/// Every way in which a `/sync` has no end, and what is said of it.
fn endless_syncs() -> Vec<(Reply, &'static str)> {
    let text = "x".repeat(1000);
    let room = format!(r#""!more:x":{{"state":{{"events":[{MEMBER}7]}}}},"#);
    vec![
        (
            Reply::endless(&rooms(STATE), MEMBER),
            "a single room in it has more than 1 MiB",
        ),
        (
            Reply::endless(r#"{"rooms":{"join":{"#, &room),
            "it has more than 4 MiB",
        ),
        // One event, one name, one number, one value outside of rooms.
        (
            Reply::endless(&rooms(r#"{"type":""#), &text),
            "a single part of it has more than 65536 bytes",
        ),
        (
            Reply::endless(&rooms("{"), r#""a":1,"#),
            "a single part of it has more than 65536 bytes",
        ),
        (
            Reply::endless(r#"{"rooms":{"join":{"!"#, &text),
            "a single part of it has more than 65536 bytes",
        ),
        (
            Reply::endless(r#"{"next_batch":"#, "1111"),
            "a single part of it has more than 65536 bytes",
        ),
        (
            Reply::endless("", " "),
            "a single part of it has more than 65536 bytes",
        ),
        (Reply::endless(r#"{"other":["#, "1,"), "it has more than 4 MiB"),
        (
            Reply::endless(r#"{"other":"#, r#"{"a":"#),
            "it is nested more than 1000 levels deep",
        ),
        (
            Reply::endless(&rooms(""), "["),
            "it is nested more than 1000 levels deep",
        ),
    ]
}

/// Fails unless the server was left soon.
#[track_caller]
fn is_left(server: &Scripted, started: Instant, limit: u64) {
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    // What the operating system and the parser had in hand already.
    let sent = server.sent();
    assert!(sent < limit + (24 << 20), "{sent} bytes were taken");
}

#[track_caller]
fn says(error: &BackendError, kind: &Kind, words: &str) {
    assert_eq!(error.kind, *kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// How reading all rooms ends; what came before may be any number of rooms, each any number of times.
async fn failure(backend: &MatrixBackend) -> BackendError {
    let mut rooms = backend.observe(Observe::Joined);
    loop {
        match rooms.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

#[tokio::test]
async fn a_sync_without_end() -> Result<()> {
    for (reply, words) in endless_syncs() {
        let server = Scripted::homeserver(move |path| path.contains("/sync").then(|| reply.clone())).await?;
        let backend = backend(&server).await?;
        let started = Instant::now();
        says(&failure(&backend).await, &Kind::Malformed, words);
        is_left(&server, started, 4 << 20);
        let started = Instant::now();
        let Err(error) = Live::start(backend, LiveOptions::default()).await else {
            panic!("{words}: began")
        };
        says(&error, &Kind::Malformed, words);
        is_left(&server, started, 8 << 20);
    }
    Ok(())
}

/// The room that was known stays known: what never ends has told nothing.
#[tokio::test]
async fn news_without_end() -> Result<()> {
    for (reply, words) in endless_syncs() {
        let server = Scripted::homeserver(move |path| {
            let news = path.contains("since=");
            let first = || Reply::ok(format!("{}]}}}}}}}}}}", rooms(STATE.trim_end_matches(','))));
            path.contains("/sync")
                .then(|| if news { reply.clone() } else { first() })
        })
        .await?;
        let (live, _incoming) = Live::start(backend(&server).await?, LiveOptions::default()).await?;
        let started = Instant::now();
        let error = live.catch_up().await.unwrap_err();
        says(&error, &Kind::Malformed, words);
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        let room = RoomId::parse("!r:x")?;
        assert!(matches!(live.room(&room), Some(RoomState::Joined(_))), "{words}");
        // The position is given up, once: other news may be read from another.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let begun = server
            .asked()
            .iter()
            .filter(|line| line.contains("/sync") && !line.contains("since="))
            .count();
        assert!((1..=2).contains(&begun), "{begun}: {:?}", server.asked());
    }
    Ok(())
}

#[tokio::test]
async fn the_state_of_a_room_without_end() -> Result<()> {
    let giant = "x".repeat(70_000);
    for (reply, words) in [
        (
            Reply::endless(&format!("[{STATE}"), MEMBER),
            "it has more than 1 MiB",
        ),
        (Reply::endless("[", "7,"), "it has more than 1 MiB"),
        (
            Reply::endless(&format!("[{STATE}{{"), r#""a":1,"#),
            "a single part of it has more than 65536 bytes",
        ),
        (
            Reply::endless("[", "["),
            "it is nested more than 1000 levels deep",
        ),
        (
            Reply::ok(format!(
                r#"[{STATE}{{"type":"m.room.topic","state_key":"","content":{{"topic":"{giant}"}}}}]"#
            )),
            "a single part of it has more than 65536 bytes",
        ),
    ] {
        let server =
            Scripted::homeserver(move |path| path.ends_with("/state").then(|| reply.clone())).await?;
        let backend = backend(&server).await?;
        let started = Instant::now();
        let room = RoomId::parse("!r:x")?;
        let states = all(&backend, Observe::Rooms(vec![room])).await?;
        match &states["!r:x"] {
            RoomState::Unknown(cause) => assert!(cause.0.contains(words), "{cause}"),
            other => panic!("{words}: {other:?}"),
        }
        is_left(&server, started, 1 << 20);
    }
    Ok(())
}

/// Deep, but not too deep to be told from what is around it: that event is unreadable, nothing else.
#[tokio::test]
async fn an_event_that_is_nested_deeply() -> Result<()> {
    let deep = format!("{}{}", r#"{"a":"#.repeat(900), "1") + &"}".repeat(900);
    for (kind, key) in [("m.room.power_levels", ""), ("m.room.name", "")] {
        let event = format!(
            r#"{{"type":"{kind}","state_key":"{key}","sender":"@bot:x","origin_server_ts":1,"content":{deep}}}"#
        );
        let body = format!(
            "[{STATE}{MEMBER}{},{event}]",
            MEMBER.trim_end_matches(',').replace("@a:x", "@bot:x")
        );
        let server =
            Scripted::homeserver(move |path| path.ends_with("/state").then(|| Reply::ok(&body))).await?;
        let states = all(
            &backend(&server).await?,
            Observe::Rooms(vec![RoomId::parse("!r:x")?]),
        )
        .await?;
        match &states["!r:x"] {
            RoomState::Unknown(cause) => assert!(cause.0.contains(kind), "{cause}"),
            RoomState::Joined(room) => {
                assert_ne!(kind, "m.room.power_levels");
                assert!(
                    room.unreadable.iter().any(|cause| cause.0.contains(kind)),
                    "{room:?}"
                );
                assert_eq!(room.members.len(), 2);
            }
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

/// Every answer that is read as a whole: 16 MiB, whether it is a success or an error.
#[tokio::test]
async fn whole_answers_without_end() -> Result<()> {
    let server = Scripted::start(|_| Reply::endless(r#"{"versions":[""#, "xxxxxxxx")).await?;
    let started = Instant::now();
    let error = MatrixBackend::connect(config(&server.url, "token"))
        .await
        .unwrap_err();
    says(&error, &Kind::Malformed, "answered with more than 16 MiB");
    is_left(&server, started, 16 << 20);

    let server = Scripted::homeserver(|_| Some(Reply::endless(r#"{"a":""#, "xxxxxxxx"))).await?;
    let backend = backend(&server).await?;
    let room = RoomId::parse("!r:x")?;
    let user = UserId::parse("@a:x")?;
    let too_much = "more than 16 MiB";
    let alias = inviter_core::RoomAliasId::parse("#r:x")?;
    assert!(matches!(
        backend.resolve_alias(&alias).await,
        inviter_core::room::Binding::Unknown(_)
    ));
    says(
        &backend.listing(&room).await.unwrap_err(),
        &Kind::Malformed,
        too_much,
    );
    says(
        &all(&backend, Observe::Joined).await.unwrap_err(),
        &Kind::Malformed,
        too_much,
    );
    let remove = Op::Remove {
        user: user.clone(),
        invitation: false,
        reason: None,
    };
    let target = RoomTarget::Existing(room.clone());
    assert!(backend.execute(&target, &remove).await.is_err());
    assert!(backend.chat().send(&room, &Message::plain("x")).await.is_err());
    assert!(
        backend
            .chat()
            .attach(&room, &Attachment::text("a", "b"))
            .await
            .is_err()
    );
    assert_eq!(backend.accounts(&[user]).await?, [AccountState::Unknown]);
    assert_eq!(backend.inspect().await.admin, None);

    // A log-in.
    let mut config = config(&server.url, "");
    config.credentials = Credentials::password_without_store("bot", "word".to_owned().into());
    let error = MatrixBackend::connect(config).await?.whoami().await.unwrap_err();
    says(&error, &Kind::Malformed, too_much);
    Ok(())
}

/// An error's body is read no further either.
#[tokio::test]
async fn errors_without_end() -> Result<()> {
    let body = vec![b'x'; 17 << 20];
    let server = Scripted::homeserver(move |path| {
        let rooms = path.contains("/sync") || path.contains("/state");
        rooms.then(|| Reply::Whole(403, String::new(), body.clone()))
    })
    .await?;
    let backend = backend(&server).await?;
    says(
        &all(&backend, Observe::Joined).await.unwrap_err(),
        &Kind::Malformed,
        "more than 16 MiB",
    );
    Ok(())
}

/// Pages of the list of users that lead in a circle, or bring nobody: the question ends, and accounts are unknown.
#[tokio::test]
async fn a_list_of_users_without_end() -> Result<()> {
    let server = Scripted::homeserver(|path| {
        let (base, query) = path.split_once('?').unwrap_or((path, ""));
        if base == "/_synapse/admin/v2/users" {
            let from: u64 = query
                .split('&')
                .find_map(|part| part.strip_prefix("from=")?.parse().ok())
                .unwrap_or_default();
            let next = (from + 1) % 7;
            return Some(Reply::ok(format!(
                r#"{{"users":[{{"name":"@u{from}:x","deactivated":false}}],"next_token":"{next}","total":1000}}"#
            )));
        }
        base.starts_with("/_synapse/admin/v2/users/")
            .then(|| Reply::ok(r#"{"name":"@bot:x","deactivated":false}"#))
    })
    .await?;
    let backend = backend(&server).await?;
    let users: Vec<_> = (0..30)
        .map(|n| UserId::parse(format!("@u{n}:x")).unwrap())
        .collect();
    let started = Instant::now();
    let states = backend.accounts(&users).await?;
    assert!(
        states.iter().all(|state| *state == AccountState::Unknown),
        "{states:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert!(server.asked().len() < 20, "{:?}", server.asked());
    Ok(())
}

/// Redirects lead nowhere, whatever their kind and wherever to: nobody else gets the token, nor this host's other paths.
#[tokio::test]
async fn redirects_are_not_followed() -> Result<()> {
    let elsewhere = Scripted::start(|_| Reply::ok("{}")).await?;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("location: {}/_matrix/client/versions\r\n", elsewhere.url);
        let server = {
            let to = to.clone();
            Scripted::start(move |_| Reply::Whole(status, to.clone(), Vec::new())).await?
        };
        let error = MatrixBackend::connect(config(&server.url, "token"))
            .await
            .unwrap_err();
        says(&error, &Kind::Malformed, "redirects elsewhere");
        assert_eq!(server.asked().len(), 1, "{:?}", server.asked());

        let server =
            Scripted::homeserver(move |_| Some(Reply::Whole(status, to.clone(), Vec::new()))).await?;
        let backend = backend(&server).await?;
        let room = RoomId::parse("!r:x")?;
        says(
            &all(&backend, Observe::Joined).await.unwrap_err(),
            &Kind::Malformed,
            "redirects elsewhere",
        );
        let states = all(&backend, Observe::Rooms(vec![room.clone()])).await?;
        assert!(matches!(states["!r:x"], RoomState::Unknown(_)), "{states:?}");
        let target = RoomTarget::Existing(room.clone());
        let invite = Op::Invite {
            user: UserId::parse("@a:x")?,
            reason: None,
        };
        says(
            &backend.execute(&target, &invite).await.unwrap_err(),
            &Kind::Malformed,
            "redirects elsewhere",
        );
        assert!(backend.chat().send(&room, &Message::plain("x")).await.is_err());
        assert!(
            backend
                .chat()
                .attach(&room, &Attachment::text("a", "b"))
                .await
                .is_err()
        );
        backend.inspect().await;
    }
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
    Ok(())
}
