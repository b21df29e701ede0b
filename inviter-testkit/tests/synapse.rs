//! The testkit's Synapse, client and digest, tried on a real server.

use anyhow::Result;
use inviter_testkit::{Options, Synapse, changes, digest, digest_all, unique};
use serde_json::json;

#[tokio::test]
async fn registers_and_logs_in() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let name = unique("alice");
    let alice = synapse.register(&name).await?;
    assert_eq!(alice.user_id(), synapse.user_id(&name));

    let again = synapse.login(&name).await?;
    let (status, me) = again.get("/_matrix/client/v3/account/whoami").await?;
    assert_eq!((status, &me["user_id"]), (200, &json!(alice.user_id())));
    assert_ne!(again.token(), alice.token());

    let (status, answer) = alice.get("/_synapse/admin/v2/users").await?;
    assert_eq!((status, &answer["errcode"]), (403, &json!("M_FORBIDDEN")));
    let second_admin = synapse.register_admin(&unique("root")).await?;
    assert!(!second_admin.admin_users().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn every_verb_of_the_client_has_its_effect() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let (admin, alice) = (synapse.admin(), synapse.register(&unique("alice")).await?);
    let names = [unique("bob"), unique("carol"), unique("dave")];
    let [bob, carol, dave] = &names;
    let bob = synapse.register(bob).await?;
    let carol = synapse.register(carol).await?;
    synapse.create_users(&[dave]).await?;
    let dave = synapse.user_id(dave);

    let alias = unique("room");
    let room = alice
        .create_room(json!({ "room_alias_name": alias, "preset": "public_chat" }))
        .await?;
    let alias = synapse.alias(&alias);
    assert_eq!(alice.resolve_alias(&alias).await?.as_deref(), Some(room.as_str()));
    assert_eq!(
        alice.resolve_alias(&synapse.alias("nobody-made-this")).await?,
        None
    );
    let second = synapse.alias(&unique("second"));
    alice.add_alias(&second, &room).await?;
    assert_eq!(alice.aliases(&room).await?.len(), 2);
    assert_eq!(alice.directory_visibility(&room).await?, "private");

    assert_eq!(bob.join(&alias).await?, room);
    alice.invite(&room, carol.user_id()).await?;
    alice.ban(&room, &dave).await?;
    let members = alice.members(&room).await?;
    assert_eq!(members[alice.user_id()], "join");
    assert_eq!(members[bob.user_id()], "join");
    assert_eq!(members[carol.user_id()], "invite");
    assert_eq!(members[&dave], "ban");
    assert_eq!(members, admin.admin_members(&room).await?);
    assert_eq!(admin.admin_memberships(&dave).await?[&room], "ban");

    alice.kick(&room, carol.user_id()).await?;
    alice.unban(&room, &dave).await?;
    bob.leave(&room).await?;
    let gone = alice.members(&room).await?;
    assert!(
        gone.iter()
            .all(|(user, membership)| membership == "leave" || user == alice.user_id()),
        "{gone:?}"
    );

    alice
        .send_state(&room, "m.room.topic", "", json!({ "topic": "walks" }))
        .await?;
    assert_eq!(
        alice.state_event(&room, "m.room.topic", "").await?.unwrap()["topic"],
        "walks"
    );
    assert_eq!(alice.state_event(&room, "m.room.avatar", "").await?, None);
    alice
        .send_state(&room, "m.room.join_rules", "", json!({ "join_rule": "knock" }))
        .await?;
    bob.knock(&room).await?;
    assert_eq!(alice.members(&room).await?[bob.user_id()], "knock");
    alice.send_text(&room, "hello").await?;
    assert_eq!(
        alice.state(&room).await?.len(),
        admin.admin_room_state(&room).await?.len()
    );
    assert!(alice.power_levels(&room).await?["users"].is_object());

    let helper = synapse.register_admin(&unique("helper")).await?;
    let own = helper.create_room(json!({})).await?;
    helper.force_join(&own, carol.user_id()).await?;
    assert_eq!(helper.members(&own).await?[carol.user_id()], "join");
    admin.override_ratelimit(carol.user_id()).await?;
    admin.deactivate(carol.user_id()).await?;
    assert_eq!(carol.get("/_matrix/client/v3/account/whoami").await?.0, 401);

    assert!(bob.kick(&room, alice.user_id()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn the_digest_tells_the_same_state_from_a_changed_one() -> Result<()> {
    let synapse = Synapse::start(Options::new()).await?;
    let admin = synapse.admin();
    let alice = synapse.register("alice").await?;
    let room = alice
        .create_room(json!({ "room_alias_name": "one", "name": "One" }))
        .await?;
    let other = alice.create_room(json!({ "name": "Two" })).await?;
    let before = digest_all(&admin).await?;
    assert_eq!(before, digest_all(&admin).await?);
    assert_eq!(before, digest(&admin, &[&other, &room, &other]).await?);
    assert!(before.contains(&format!("room {room}\n")) && before.contains(&format!("room {other}\n")));

    // The same content again is a new event.
    alice
        .send_state(&room, "m.room.name", "", json!({ "name": "One" }))
        .await?;
    alice
        .send_state(
            &room,
            "org.example",
            "",
            json!({ "b": [1, { "d": 1, "c": 2 }], "a": "x" }),
        )
        .await?;
    let after = digest_all(&admin).await?;
    assert!(after.contains(r#"{"a":"x","b":[1,{"c":2,"d":1}]}"#), "{after}");

    alice
        .send_state(&room, "org.example", "", json!({ "b": [] }))
        .await?;
    let changed = changes(&after, &digest_all(&admin).await?);
    assert_eq!(changed.len(), 2, "{changed:#?}");
    assert!(
        changed
            .iter()
            .all(|line| line[1..].starts_with(&format!("{room} org.example"))),
        "{changed:#?}"
    );

    let before = digest_all(&admin).await?;
    alice.add_alias("#uno:example.test", &room).await?;
    assert_eq!(changes(&before, &digest_all(&admin).await?).len(), 2);

    let before = digest_all(&admin).await?;
    let path = format!(
        "/_matrix/client/v3/directory/list/room/{}",
        inviter_testkit::enc(&room)
    );
    assert_eq!(alice.put(&path, json!({ "visibility": "public" })).await?.0, 200);
    let changed = changes(&before, &digest_all(&admin).await?);
    assert_eq!(changed.len(), 2, "{changed:#?}");
    assert!(
        changed.iter().any(|line| line.ends_with("directory public")),
        "{changed:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn survives_being_stopped_and_killed() -> Result<()> {
    let mut synapse = Synapse::start(Options::new().set("default_room_version", "10")).await?;
    let url = synapse.url().to_owned();
    let admin = synapse.admin();
    let room = admin.create_room(json!({})).await?;
    assert_eq!(
        admin.state_event(&room, "m.room.create", "").await?.unwrap()["room_version"],
        "10"
    );
    let before = digest_all(&admin).await?;

    synapse.stop().await?;
    assert!(admin.state(&room).await.is_err());
    assert!(synapse.stop().await.is_ok());
    synapse.restart().await?;
    assert_eq!(synapse.url(), url);
    assert!(synapse.restart().await.is_err());
    assert_eq!(digest_all(&synapse.admin()).await?, before);

    synapse.crash().await?;
    synapse.restart().await?;
    assert_eq!(digest_all(&synapse.admin()).await?, before);

    let (dir, pid) = (synapse.data_dir().unwrap().to_owned(), synapse.pid());
    drop(synapse);
    assert!(!dir.exists());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    Ok(())
}

#[tokio::test]
async fn takes_another_name_and_stock_limits() -> Result<()> {
    let synapse = Synapse::start(Options::new().server_name("other.test").stock_limits()).await?;
    let alice = synapse.register("alice").await?;
    assert_eq!(alice.user_id(), "@alice:other.test");
    let mut refused = None;
    for _ in 0..12 {
        let (status, body) = alice.post("/_matrix/client/v3/createRoom", json!({})).await?;
        if status == 429 {
            refused = Some(body);
            break;
        }
    }
    assert_eq!(refused.unwrap()["errcode"], "M_LIMIT_EXCEEDED");
    synapse.admin().override_ratelimit(alice.user_id()).await?;
    alice.create_room(json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn says_that_it_cannot_start() {
    let error = Synapse::start(Options::new().set("listeners", 3))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("did not start"), "{error}");
}
