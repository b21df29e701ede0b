//! An administration room that is not there, or cannot be found, when the bot starts.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use inviter_testkit::Fault;
use serde_json::json;

use crate::{
    console::Console,
    harness::{CONFIG, Directory, LONG, Site, eventually},
};

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.people(["alice"]);
    directory.room("staff").members(["alice"]);
    directory
}

#[tokio::test]
async fn a_room_that_could_not_be_looked_up_is_found_later() -> Result<()> {
    let site = Site::new().await?;
    let alias = site.alias("inviter");
    site.proxy.on_request(move |request| {
        let asks = request
            .decoded_path()
            .ends_with(&format!("/directory/room/{alias}"));
        asks.then(|| Fault::matrix(502, "M_UNKNOWN"))
    });
    let bot = site.start_with(&directory()).await?;
    let boss = Console::boss(&site).await?;
    boss.nio
        .membership(&boss.room, site.bot.user_id(), "join", LONG)
        .await?;
    boss.told(
        "!inviter version",
        &["are taken in", "cannot be found yet", "looked for again"],
    )
    .await?;
    site.proxy.heal();
    // By itself, without anybody who types anything.
    eventually("it is found", LONG, async || {
        Ok((bot.logged(&["the administration room is found"]) == 1).then_some(()))
    })
    .await?;
    boss.told("!version", &["inviter-bot"]).await?;
    bot.stop().await
}

/// The first command there finds the room, before the bot looks for it by itself again.
#[tokio::test]
async fn an_alias_that_is_made_later_is_followed() -> Result<()> {
    let site = Site::new().await?;
    let config = std::fs::read_to_string(site.path(CONFIG))?;
    let later = site.alias("later");
    site.write(CONFIG, &config.replace(&site.alias("inviter"), &later))?;
    let bot = site.start_with(&directory()).await?;
    assert!(bot.logged(&["WARN", &later, "leads nowhere"]) > 0);
    let mut boss = Console::boss(&site).await?;
    let body = json!({
        "preset": "private_chat", "room_alias_name": site.localpart("later"), "invite": [site.bot.user_id()],
    });
    boss.room = site.boss.create_room(body).await?;
    boss.nio
        .membership(&boss.room, site.bot.user_id(), "join", LONG)
        .await?;
    boss.told("!version", &["inviter-bot"]).await?;
    bot.stop().await
}

#[tokio::test]
async fn an_invitation_is_accepted_in_the_end() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    let mut boss = Console::boss(&site).await?;
    boss.told("!version", &["inviter-bot"]).await?;
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    site.proxy.on_request(move |request| {
        let joins = request.method == "POST" && request.path.contains("/join");
        let fails = joins && counted.fetch_add(1, Ordering::Relaxed) < 2;
        fails.then(|| Fault::matrix(403, "M_FORBIDDEN"))
    });
    let body = json!({ "preset": "private_chat", "invite": [site.bot.user_id()] });
    boss.room = site.boss.create_room(body).await?;
    boss.nio
        .membership(&boss.room, site.bot.user_id(), "join", LONG)
        .await?;
    assert_eq!(tried.load(Ordering::Relaxed), 3);
    assert_eq!(bot.logged(&["WARN", "the invitation could not be accepted"]), 2);
    let audit = std::fs::read_to_string(site.path("audit.jsonl"))?;
    let of_room: Vec<&str> = audit
        .lines()
        .filter(|line| line.contains("invitation_accepted") && line.contains(&boss.room))
        .collect();
    assert_eq!(of_room.len(), 3, "{audit}");
    assert!(of_room[2].contains("\"done\""), "{audit}");
    bot.stop().await
}
