//! Two people with matrix-nio on a real homeserver.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Nio, Options, Place, Synapse, count, unique};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

/// Two people in one room.
struct Pair {
    room: String,
    alice: Nio,
    bob: Nio,
    synapse: Synapse,
    names: [String; 2],
}

impl Pair {
    async fn new() -> Result<Self> {
        let synapse = Synapse::shared().await?;
        let names = [unique("alice"), unique("bob")];
        synapse.create_users(&names).await?;
        let (alice, bob) =
            tokio::try_join!(Nio::start(&synapse, &names[0]), Nio::start(&synapse, &names[1]),)?;
        let maker = synapse.login(&names[0]).await?;
        let room = maker
            .create_room(json!({ "preset": "private_chat", "invite": [bob.user_id()] }))
            .await?;
        bob.invite_accept(&room, SOON).await?;
        alice.membership(&room, bob.user_id(), "join", SOON).await?;
        Ok(Self {
            room,
            alice,
            bob,
            synapse,
            names,
        })
    }
}

#[tokio::test]
async fn two_people_talk() -> Result<()> {
    let pair = Pair::new().await?;
    let Pair { room, alice, bob, .. } = &pair;
    assert_eq!(bob.joined().await?, [room.as_str()]);

    // A plain message, and formatted ones in its thread and beside it.
    let question = alice.send(room, "!status").await?;
    let heard = bob
        .message(room, |message| message.text() == "!status", SOON)
        .await?;
    assert_eq!(
        (&heard.event, heard.sender.as_str()),
        (&question, alice.user_id())
    );
    assert_eq!(
        (heard.kind.as_str(), &heard.html, &heard.thread),
        ("m.text", &None, &None)
    );
    let in_thread = Place {
        thread: Some(&question),
        reply_to: None,
    };
    let as_reply = Place {
        thread: None,
        reply_to: Some(&question),
    };
    let first = bob
        .send_to(room, "all is well", Some("<b>all</b> is well"), in_thread)
        .await?;
    let second = bob.send_to(room, "really", None, as_reply).await?;
    bob.send(room, "beside it").await?;
    let answers = alice.answers(room, &question, count(2), SOON).await?;
    assert_eq!(answers.len(), 2);
    assert_eq!((&answers[0].event, &answers[1].event), (&first, &second));
    assert_eq!(answers[0].thread.as_ref(), Some(&question));
    assert_eq!(answers[0].html_now(), Some("<b>all</b> is well"));
    assert_eq!(
        (&answers[1].thread, answers[1].reply_to.as_ref()),
        (&None, Some(&question))
    );

    // A change of one's own message counts, one of somebody else's does not.
    bob.edit(room, &first, "all is better", Some("<i>all</i> is better"))
        .await?;
    alice.edit(room, &first, "all is worse", None).await?;
    let edited = |messages: &[inviter_testkit::Message]| messages[0].edits.len() == 1;
    let answers = alice.answers(room, &question, edited, SOON).await?;
    assert_eq!(answers[0].body, "all is well");
    assert_eq!(answers[0].text(), "all is better");
    assert_eq!(answers[0].html_now(), Some("<i>all</i> is better"));
    alice
        .wait("its own void edit", SOON, |seen| {
            (seen.void_edits == 1).then_some(())
        })
        .await?;
    assert_eq!(alice.seen().message(&first).unwrap().text(), "all is better");

    // Reactions, and taking one back.
    let reaction = alice.react(room, &first, "✅").await?;
    let seen = bob.reaction(&first, "✅", SOON).await?;
    assert_eq!((&seen.event, seen.sender.as_str()), (&reaction, alice.user_id()));
    alice.redact(room, &reaction).await?;
    bob.wait("the reaction's end", SOON, |seen| {
        seen.reactions[0].redacted.then_some(())
    })
    .await?;

    // A file comes with its bytes, whatever they are.
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    bob.send_file(
        room,
        "plan.bin",
        "application/octet-stream",
        &bytes,
        Some(&question),
    )
    .await?;
    let answers = alice.answers(room, &question, count(3), SOON).await?;
    let file = answers[2].file.as_ref().unwrap();
    assert_eq!(
        (file.name.as_str(), file.kind.as_str()),
        ("plan.bin", "application/octet-stream")
    );
    assert!(file.bytes == bytes, "{} bytes came", file.bytes.len());
    assert_eq!(answers[2].thread.as_ref(), Some(&question));
    Ok(())
}

#[tokio::test]
async fn what_does_not_come_and_what_fails_is_told() -> Result<()> {
    let pair = Pair::new().await?;
    let Pair { room, alice, bob, .. } = &pair;
    let question = alice.send(room, "anybody?").await?;
    bob.send(room, "not an answer").await?;
    let error = alice
        .answers(room, &question, count(1), Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in vain for answers to"), "{error}");
    assert!(error.to_string().contains("not an answer"), "{error}");
    let error = bob.join("!nowhere:example.test").await.unwrap_err();
    assert!(error.to_string().contains("join as @bob-"), "{error}");
    let error = Nio::login(pair.synapse.url(), &pair.names[0], "wrong")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("M_FORBIDDEN"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_revoked_token_is_noticed() -> Result<()> {
    let pair = Pair::new().await?;
    let raw = pair.synapse.login(&pair.names[1]).await?;
    let second = Nio::with_token(pair.synapse.url(), raw.user_id(), raw.token()).await?;
    assert_eq!(second.user_id(), pair.bob.user_id());
    pair.synapse.revoke_tokens(&pair.names[1]).await?;
    assert_eq!(raw.get("/_matrix/client/v3/account/whoami").await?.0, 401);
    for session in [&pair.bob, &second] {
        session
            .wait("the end of the session", SOON, |seen| {
                seen.logged_out.then_some(())
            })
            .await?;
        assert!(session.send(&pair.room, "still here?").await.is_err());
    }
    // Others are left alone, and the password stays.
    pair.alice.send(&pair.room, "where is bob?").await?;
    let again = Nio::start(&pair.synapse, &pair.names[1]).await?;
    again
        .message(&pair.room, |message| message.text() == "where is bob?", SOON)
        .await?;
    Ok(())
}

#[tokio::test]
async fn its_process_ends_with_it() -> Result<()> {
    let synapse = Synapse::shared().await?;
    let name = unique("carol");
    synapse.create_users(&[&name]).await?;
    let gone = |pid: u32| {
        // Killed and not waited for yet is gone as well.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !Path::new(&format!("/proc/{pid}")).exists() || stat.contains(") Z ")
    };
    let dropped = Nio::start(&synapse, &name).await?;
    let pid = dropped.pid().unwrap();
    assert!(!gone(pid));
    drop(dropped);
    for _ in 0..200 {
        if gone(pid) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(gone(pid));

    let stopped = Nio::start(&synapse, &name).await?;
    let pid = stopped.pid().unwrap();
    stopped.stop().await?;
    assert!(gone(pid));
    Ok(())
}

#[tokio::test]
async fn a_session_outlasts_a_homeserver_that_is_away() -> Result<()> {
    // Longer by the environment: `INVITER_TEST_AWAY_SECONDS=60`.
    let away: u64 = std::env::var("INVITER_TEST_AWAY_SECONDS").map_or(Ok(3), |text| text.parse())?;
    let mut synapse = Synapse::start(Options::new()).await?;
    let url = synapse.url().to_owned();
    let alice = synapse.register("alice").await?;
    let bob = synapse.register("bob").await?;
    let room = alice.create_room(json!({ "invite": [bob.user_id()] })).await?;
    let session = Nio::start(&synapse, "bob").await?;
    session.join(&room).await?;
    synapse.stop().await?;
    tokio::time::sleep(Duration::from_secs(away)).await;
    synapse.restart().await?;
    assert_eq!(synapse.url(), url);
    alice.send_text(&room, "welcome back").await?;
    session
        .message(&room, |message| message.text() == "welcome back", SOON)
        .await?;
    session.send(&room, "thanks").await?;
    Ok(())
}
