//! Lists where the specification has an object: serde would fill an object's fields from them, in their order, and make
//! a page of nobody or a person who exists out of nothing. And lists of users that fill the memory by their names.

use anyhow::Result;
use inviter_core::{
    RoomAliasId, RoomBackend as _, RoomId, UserId,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendErrorKind as Kind, Observe},
    room::{Binding, RoomState},
};
use inviter_matrix::{MatrixBackend, Message};

use crate::{
    scripted::{Reply, Scripted},
    support::{all, config},
};

const USERS: &str = "/_synapse/admin/v2/users";

/// A backend whose homeserver answers this.
async fn backend(
    script: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
) -> Result<(Scripted, MatrixBackend)> {
    let server = Scripted::homeserver(script).await?;
    let backend = MatrixBackend::connect(config(&server.url, "token")).await?;
    backend.whoami().await?;
    Ok((server, backend))
}

/// One answer, to paths with these words.
fn only(words: &'static str, body: &str) -> impl Fn(&str) -> Option<Reply> + Send + Sync + 'static {
    let body = body.to_owned();
    move |path| path.contains(words).then(|| Reply::ok(&body))
}

#[tokio::test]
async fn a_list_is_no_beginning() -> Result<()> {
    let server = Scripted::start(|_| Reply::ok(r#"[["v1.11"],{}]"#)).await?;
    let error = MatrixBackend::connect(config(&server.url, "token"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Malformed, "{error}");

    let server = Scripted::start(|path| match path {
        path if path.contains("/versions") => Reply::ok(r#"{"versions":["v1.11"]}"#),
        path if path.contains("/whoami") => Reply::ok(r#"["@bot:x","D",false]"#),
        _ => Reply::ok(r#"{"capabilities":{}}"#),
    })
    .await?;
    let backend = MatrixBackend::connect(config(&server.url, "token")).await?;
    let error = backend.whoami().await.unwrap_err();
    assert_eq!(error.kind, Kind::Malformed, "{error}");
    Ok(())
}

#[tokio::test]
async fn a_list_is_no_answer() -> Result<()> {
    let room = RoomId::parse("!r:x")?;
    let alias = RoomAliasId::parse("#r:x")?;
    let (_server, leads) = backend(only("/directory/room/", r#"["!r:x",[]]"#)).await?;
    assert!(matches!(leads.resolve_alias(&alias).await, Binding::Unknown(_)));
    // An error is an object as well: this one does not say that the alias is free.
    let gone = |path: &str| {
        let body = br#"["M_NOT_FOUND","no"]"#.to_vec();
        path.contains("/directory/room/")
            .then(|| Reply::Whole(404, String::new(), body))
    };
    let (_server, leads) = backend(gone).await?;
    assert!(matches!(leads.resolve_alias(&alias).await, Binding::Unknown(_)));
    let (_server, listed) = backend(only("/directory/list/", r#"["public"]"#)).await?;
    assert_eq!(listed.listing(&room).await.unwrap_err().kind, Kind::Malformed);
    let (_server, rooms) = backend(only("/joined_rooms", r#"[["!r:x"]]"#)).await?;
    assert_eq!(
        all(&rooms, Observe::Joined).await.unwrap_err().kind,
        Kind::Malformed
    );
    let (_server, sent) = backend(only("/send/", r#"["$e"]"#)).await?;
    assert!(sent.chat().send(&room, &Message::plain("x")).await.is_err());
    // Where nothing is read from an answer, it is still to be one.
    for body in ["[]", "null", "<html></html>", " "] {
        let (_server, invited) = backend(only("/invite", body)).await?;
        let invite = Op::Invite {
            user: UserId::parse("@a:x")?,
            reason: None,
        };
        let done = invited
            .execute(&RoomTarget::Existing(room.clone()), &invite)
            .await;
        assert!(done.is_err(), "{body}: {done:?}");
    }
    let (_server, about) = backend(only("server_version", r#"["1.2"]"#)).await?;
    assert_eq!(about.inspect().await.software, None);
    let (_server, about) = backend(only("federation/v1/version", r#"{"server":["x","1"]}"#)).await?;
    assert_eq!(about.inspect().await.software, None);
    Ok(())
}

/// Events and their contents.
#[tokio::test]
async fn a_list_is_no_event() -> Result<()> {
    let create = r#"{"type":"m.room.create","state_key":"","sender":"@bot:x","origin_server_ts":1,"content":{"room_version":"11"}}"#;
    let member = |key: &str, content: &str| {
        format!(
            r#"{{"type":"m.room.member","state_key":"{key}","sender":"{key}","origin_server_ts":1,"content":{content}}}"#
        )
    };
    let me = member("@bot:x", r#"{"membership":"join"}"#);
    let setting = |kind: &str| {
        format!(r#"{{"type":"{kind}","state_key":"","sender":"@bot:x","origin_server_ts":1,"content":[]}}"#)
    };
    let room = RoomId::parse("!r:x")?;
    for (events, known) in [
        (format!("[{create},{me}]"), Some(0)),
        (
            format!("[{create},{me},{}]", member("@a:x", r#"["join"]"#)),
            Some(1),
        ),
        (
            format!(r#"[{create},{me},["m.room.member","@a:x","@a:x",1,{{"membership":"join"}}]]"#),
            Some(1),
        ),
        (
            format!("[{create},{me},{}]", setting("m.room.encryption")),
            Some(1),
        ),
        (format!("[{create},{me},{}]", setting("m.room.name")), Some(0)),
        (
            format!("[{create},{me},{}]", setting("m.room.tombstone")),
            Some(1),
        ),
        (
            format!("[{create},{me},{}]", setting("m.room.power_levels")),
            None,
        ),
        (format!("[{},{me}]", setting("m.room.create")), None),
        ("{}".to_owned(), None),
    ] {
        let (_server, backend) = backend(only("/state", &events)).await?;
        let states = all(&backend, Observe::Rooms(vec![room.clone()])).await?;
        match (&states["!r:x"], known) {
            (RoomState::Joined(room), Some(unreadable)) => {
                assert_eq!(
                    (room.unreadable.len(), room.members.len()),
                    (unreadable, 1),
                    "{events}: {room:?}"
                );
                assert!(!room.encrypted, "{events}");
            }
            (RoomState::Unknown(_), None) => {}
            (other, _) => panic!("{events}: {other:?}"),
        }
    }
    Ok(())
}

/// Parts of a `/sync`.
#[tokio::test]
async fn a_list_is_no_part_of_a_sync() -> Result<()> {
    let invited = |content: &str| {
        format!(
            r#"{{"next_batch":"s","rooms":{{"invite":{{"!i:x":{{"invite_state":{{"events":[{{"type":"m.room.member",
            "state_key":"@bot:x","sender":"@boss:x","content":{content}}}]}}}}}}}}}}"#
        )
    };
    for (body, by) in [
        (invited(r#"{"membership":"invite"}"#), Some("@boss:x")),
        (invited(r#"["invite"]"#), None),
    ] {
        let (_server, backend) = backend(only("/sync", &body)).await?;
        let states = all(&backend, Observe::Joined).await?;
        let RoomState::NotJoined { invited_by } = &states["!i:x"] else {
            panic!("{states:?}")
        };
        assert_eq!(invited_by.as_ref().map(|by| by.as_str()), by, "{body}");
    }
    for body in [
        r#"["s",{"join":{}}]"#,
        r#"{"next_batch":"s","rooms":[{}]}"#,
        r#"{"next_batch":"s","rooms":{"join":[]}}"#,
    ] {
        let (_server, backend) = backend(only("/sync", body)).await?;
        let error = all(&backend, Observe::Joined).await.unwrap_err();
        assert_eq!(error.kind, Kind::Malformed, "{body}: {error}");
    }
    for room in ["[[],[]]", r#"{"state":[[]]}"#, r#"{"timeline":[[]]}"#] {
        let body = format!(r#"{{"next_batch":"s","rooms":{{"join":{{"!r:x":{room}}}}}}}"#);
        let (_server, backend) = backend(only("/sync", &body)).await?;
        let states = all(&backend, Observe::Joined).await?;
        assert!(
            matches!(states["!r:x"], RoomState::Unknown(_)),
            "{body}: {states:?}"
        );
    }
    Ok(())
}

/// What is known of people, where the administration API answers this beside the bot's own account.
async fn accounts(
    ask: usize,
    bytes: Option<u64>,
    script: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
) -> Result<(Vec<AccountState>, usize)> {
    let server = Scripted::homeserver(move |path| {
        let me = path.starts_with(USERS) && path.ends_with("@bot:x");
        me.then(|| Reply::ok(r#"{"name":"@bot:x","deactivated":false}"#))
            .or_else(|| script(path))
    })
    .await?;
    let mut config = config(&server.url, "token");
    if let Some(bytes) = bytes {
        config.sizes.users = bytes;
    }
    let backend = MatrixBackend::connect(config).await?;
    let users: Vec<_> = (0..ask)
        .map(|n| UserId::parse(format!("@u{n}:x")).unwrap())
        .collect();
    let states = backend.accounts(&users).await?;
    let pages = server
        .asked()
        .iter()
        .filter(|line| line.contains("/users?"))
        .count();
    Ok((states, pages))
}

/// Nobody is missing, and nobody exists, by the word of a list.
#[tokio::test]
async fn a_list_is_no_page_and_no_person() -> Result<()> {
    for body in ["[[],null,0]", r#"{"users":[["@u0:x",false]],"total":1}"#] {
        let (states, pages) = accounts(30, None, only("/users?", body)).await?;
        assert_eq!(states, vec![AccountState::Unknown; 30], "{body}");
        assert_eq!(pages, 1, "{body}");
    }
    let (states, _) = accounts(1, None, only("/users/@u0:x", r#"["@u0:x",false]"#)).await?;
    assert_eq!(states, [AccountState::Unknown]);
    Ok(())
}

/// Five pages of a hundred names of this length each.
fn pages(length: usize) -> impl Fn(&str) -> Option<Reply> + Send + Sync + 'static {
    move |path| {
        let from = path.split_once(&format!("{USERS}?from="))?.1;
        let from: usize = from.split('&').next()?.parse().ok()?;
        let names = (from..from + 100).map(|n| {
            let name = format!("@u{n}:x");
            let fill = length.saturating_sub(name.len());
            // The last of each page; the others are asked for.
            let name = if n % 100 == 99 {
                format!("@u{n}{}:x", "y".repeat(fill))
            } else {
                name
            };
            format!(r#"{{"name":"{name}","deactivated":false}}"#)
        });
        let names: Vec<String> = names.collect();
        let next = if from < 400 {
            format!(r#","next_token":"{}""#, from + 100)
        } else {
            String::new()
        };
        Some(Reply::ok(format!(
            r#"{{"users":[{}]{next},"total":500}}"#,
            names.join(",")
        )))
    }
}

#[tokio::test]
async fn names_that_fill_the_memory() -> Result<()> {
    let exists = (vec![AccountState::Exists; 30], 5);
    assert_eq!(accounts(30, None, pages(255)).await?, exists);
    // All names together are 3,401 bytes.
    assert_eq!(accounts(30, Some(3_401), pages(9)).await?, exists);
    let unknown = |pages| (vec![AccountState::Unknown; 30], pages);
    assert_eq!(accounts(30, Some(3_400), pages(9)).await?, unknown(5));
    assert_eq!(accounts(30, Some(1_000), pages(9)).await?, unknown(2));
    // Names that are no user IDs, since they are too long, are nobody's, and hide nobody; nor do they end it.
    assert_eq!(accounts(30, None, pages(256)).await?, exists);
    // Their bytes count, since they have come; without them it would be 3,356.
    assert_eq!(accounts(30, Some(3_401), pages(256)).await?, unknown(4));
    let others = |path: &str| {
        let page = path.split_once(&format!("{USERS}?from="))?.1;
        let page: usize = page.split('&').next()?.parse().ok()?;
        let name = format!("@{}{page}:x", "y".repeat(300));
        Some(Reply::ok(format!(
            r#"{{"users":[{{"name":"{name}","deactivated":false}}],"next_token":"{}","total":500}}"#,
            page + 1
        )))
    };
    assert_eq!(accounts(30, Some(10_000), others).await?, unknown(33));
    Ok(())
}
