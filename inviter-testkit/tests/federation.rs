//! Two real homeservers that speak with each other.

use std::time::{Duration, Instant};

use anyhow::Result;
use inviter_testkit::{Nio, Synapse};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_room_is_shared_by_two_servers() -> Result<()> {
    let began = Instant::now();
    let (mut one, mut other) = Synapse::pair().await?;
    eprintln!("ready after {:.1} s", began.elapsed().as_secs_f64());
    assert_ne!(one.server_name(), other.server_name());
    assert!(
        one.server_name().starts_with("localhost:"),
        "{}",
        one.server_name()
    );
    let alice = one.register("alice").await?;
    let bob = other.register("bob").await?;
    for version in ["11", "12"] {
        let room = alice
            .create_room(json!({ "preset": "private_chat", "room_version": version }))
            .await?;
        let viewer = Nio::with_token(other.url(), bob.user_id(), bob.token()).await?;
        let host = Nio::with_token(one.url(), alice.user_id(), alice.token()).await?;
        alice.invite(&room, bob.user_id()).await?;
        viewer.invite_accept(&room, SOON).await?;
        host.membership(&room, bob.user_id(), "join", SOON).await?;

        // Both ways.
        viewer.send(&room, "hello from afar").await?;
        let heard = host
            .message(&room, |message| message.text() == "hello from afar", SOON)
            .await?;
        assert_eq!(heard.sender, bob.user_id());
        host.send_to(
            &room,
            "hello",
            Some("<b>hello</b>"),
            inviter_testkit::Place::default(),
        )
        .await?;
        viewer
            .message(&room, |message| message.html_now() == Some("<b>hello</b>"), SOON)
            .await?;

        alice.kick(&room, bob.user_id()).await?;
        viewer.membership(&room, bob.user_id(), "leave", SOON).await?;
        assert_eq!(one.admin().admin_members(&room).await?[bob.user_id()], "leave");
        // His own server has heard of it as well.
        assert!(viewer.send(&room, "still here").await.is_err());
    }

    // Names and ports outlast a restart, and what is sent meanwhile comes.
    let room = alice.create_room(json!({ "invite": [bob.user_id()] })).await?;
    bob.join(&room).await?;
    let names = [one.server_name().to_owned(), other.server_name().to_owned()];
    other.stop().await?;
    alice.send_text(&room, "while you were away").await?;
    other.restart().await?;
    one.stop().await?;
    one.restart().await?;
    assert_eq!(names, [one.server_name(), other.server_name()]);
    let viewer = Nio::with_token(other.url(), bob.user_id(), bob.token()).await?;
    alice.send_text(&room, "welcome back").await?;
    for text in ["while you were away", "welcome back"] {
        viewer
            .message(&room, |message| message.text() == text, Duration::from_secs(60))
            .await?;
    }
    Ok(())
}
