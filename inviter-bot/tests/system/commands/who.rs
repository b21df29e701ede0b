//! Who may command, and where.

use anyhow::Result;
use serde_json::json;

use crate::{
    console::{Console, YES},
    harness::{Configuration, Directory, LONG, Site},
};

fn directory(staff: &[&str]) -> Directory {
    let mut directory = Directory::default();
    directory.people(["alice", "bob"]);
    directory.room("staff").members(staff.iter().copied());
    directory
}

#[tokio::test]
async fn elsewhere_it_points_to_the_room_once() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    site.join("staff", ["alice"]).await?;
    let mut alice = Console::of(&site, "alice").await?;
    alice.room = site.room_id("staff").await?;
    alice.is_ignored("!sync").await?;
    alice.is_ignored("!inviterbot sync").await?;
    let answer = alice.ask("!inviter sync").await?;
    assert_eq!(
        answer.text(),
        format!("commands are taken in {} only", site.alias("inviter"))
    );
    alice.is_ignored("!inviter sync").await?;

    // A conversation of two, once the bot is in it.
    let body = json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [site.bot.user_id()] });
    let room = site.boss.create_room(body).await?;
    let mut boss = Console::boss(&site).await?;
    boss.nio
        .membership(&room, site.bot.user_id(), "join", LONG)
        .await?;
    boss.room = room;
    let answer = boss.ask("!inviter status").await?;
    assert!(answer.text().contains("are taken in"), "{answer:?}");
    boss.is_ignored("!inviter status").await?;
    bot.stop().await
}

#[tokio::test]
async fn only_members_with_the_level_command_and_confirm() -> Result<()> {
    let site = Site::new().await?;
    site.configure(
        &Configuration::default()
            .bot("cautious", "true")
            .bot("command_level", "50"),
    )?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    let boss = Console::boss(&site).await?;
    site.boss.invite(&boss.room, &site.user("alice")).await?;
    let alice = Console::of(&site, "alice").await?;
    alice.nio.invite_accept(&boss.room, LONG).await?;
    alice
        .told(
            "!sync",
            &[
                "commands need power level 50",
                &site.user("alice"),
                "`command_level`",
            ],
        )
        .await?;
    site.save(&directory(&["alice"]))?;
    let (event, question) = boss.asked("!sync", &["removes 1 person"]).await?;
    alice.react(&question, YES).await?;
    boss.nio
        .message(
            &boss.room,
            |message| message.text().contains("does not count"),
            LONG,
        )
        .await?;
    assert_eq!(site.room("staff").await?.membership("bob"), "invite");
    // Raised by the boss, she may.
    let mut levels = site.boss.power_levels(&boss.room).await?;
    levels["users"][site.user("alice")] = json!(50);
    site.boss
        .send_state(&boss.room, "m.room.power_levels", "", levels)
        .await?;
    alice.told("!version", &["inviter-bot"]).await?;
    // The homeserver takes the same reaction only once.
    alice.nio.react(&boss.room, &question.event, "✅\u{fe0f}").await?;
    boss.answer(&event, &["1 removed"]).await?;
    bot.stop().await
}

#[tokio::test]
async fn a_room_that_others_can_enter_or_read_is_refused() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory(&["alice"])).await?;
    let boss = Console::boss(&site).await?;
    boss.told("!version", &["inviter-bot"]).await?;
    let state = |kind: &'static str, content: serde_json::Value| {
        let (site, room) = (&site, boss.room.clone());
        async move { site.boss.send_state(&room, kind, "", content).await.map(drop) }
    };
    state("m.room.join_rules", json!({ "join_rule": "public" })).await?;
    let (_, answer) = boss.told("!idp", &["anyone may join"]).await?;
    assert!(!answer.text().contains("staff"), "{answer:?}");
    state(
        "m.room.join_rules",
        json!({ "join_rule": "restricted", "allow": [] }),
    )
    .await?;
    boss.told("!idp", &["members of other rooms may join", "invite first"])
        .await?;
    state("m.room.join_rules", json!({ "join_rule": "invite" })).await?;
    state(
        "m.room.history_visibility",
        json!({ "history_visibility": "world_readable" }),
    )
    .await?;
    boss.told("!idp", &["anyone in the world may read"]).await?;
    state(
        "m.room.history_visibility",
        json!({ "history_visibility": "shared" }),
    )
    .await?;
    boss.told("!idp", &[&site.alias("staff")]).await?;
    bot.stop().await
}

/// It is said when the room is encrypted, and again at the next start.
#[tokio::test]
async fn an_encrypted_room_is_told_that_it_cannot_be_read() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory(&["alice"])).await?;
    let boss = Console::boss(&site).await?;
    boss.told("!version", &["inviter-bot"]).await?;
    let content = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    site.boss
        .send_state(&boss.room, "m.room.encryption", "", content)
        .await?;
    let told = |number: usize| {
        let boss = &boss;
        async move {
            boss.nio
                .wait("it is told", LONG, |seen| {
                    let fits = |body: &str| body.contains("is encrypted, and the bot cannot read");
                    (seen.messages.iter().filter(|message| fits(&message.body)).count() >= number)
                        .then_some(())
                })
                .await
        }
    };
    told(1).await?;
    // Plain text in spite of it is seen, and refused.
    let event = site.boss.send_text(&boss.room, "!idp").await?;
    boss.answer(&event, &["is encrypted"]).await?;
    bot.stop().await?;
    let bot = site.start().await?;
    told(2).await?;
    bot.stop().await
}
