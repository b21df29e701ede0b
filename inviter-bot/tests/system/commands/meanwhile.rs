//! What changes, or goes wrong, between a command and what it does.

use std::time::Duration;

use anyhow::Result;
use inviter::RunLock;
use inviter_testkit::Fault;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    console::{Console, YES},
    harness::{Configuration, Directory, LONG, Site, eventually},
    operations::hangup,
};

/// Longer than the bot takes to hear of something.
const HEARD: Duration = Duration::from_secs(3);

fn directory(staff: &[&str]) -> Directory {
    let mut directory = Directory::default();
    directory.people(["alice", "bob", "carol"]);
    directory.room("staff").members(staff.iter().copied());
    directory
}

async fn site(sections: &str) -> Result<Site> {
    let site = Site::new().await?;
    let configuration = Configuration::default().bot("cautious", "true");
    site.configure(&configuration.sections(sections))?;
    Ok(site)
}

const HIGH: &str = "[limits]\nroom_count = 50\nroom_percent = 100\n";

async fn membership(site: &Site, name: &str) -> Result<String> {
    Ok(site.room("staff").await?.membership(name).to_owned())
}

#[tokio::test]
async fn a_reload_is_no_stop_to_what_waits() -> Result<()> {
    let site = site(HIGH).await?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    let boss = Console::boss(&site).await?;
    site.save(&directory(&["alice"]))?;
    let (_, question) = boss.asked("!sync", &["removes 1 person"]).await?;
    hangup(bot.pid()?)?;
    let told = boss
        .becomes(
            &question.event,
            &["not done, because the configuration was read anew; type it again"],
        )
        .await?;
    assert!(!told.text().contains("stop"), "{told:?}");
    // The old question is nobody's any more.
    boss.react(&question, YES).await?;
    let (event, question) = boss.asked("!sync", &["removes 1 person"]).await?;
    assert_eq!(membership(&site, "bob").await?, "invite");
    boss.react(&question, YES).await?;
    boss.answer(&event, &["1 removed"]).await?;
    let said = site.said().await?;
    assert!(!said.iter().any(|text| text.contains("stopping")), "{said:?}");
    bot.stop().await
}

#[tokio::test]
async fn nothing_is_asked_about_what_could_not_be_shown() -> Result<()> {
    let site = site(HIGH).await?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    let boss = Console::boss(&site).await?;
    site.save(&directory(&["alice"]))?;
    boss.told("!version", &["inviter-bot"]).await?;
    site.proxy.on_request(|request| {
        let shows = request.method == "PUT" && request.json().to_string().contains("plan: ");
        shows.then(|| Fault::matrix(403, "M_FORBIDDEN"))
    });
    let (_, told) = boss
        .told(
            "!sync",
            &["removes 1 person", "not all of what it comes to could be shown"],
        )
        .await?;
    assert!(!told.text().contains("react with"), "{told:?}");
    boss.react(&told, YES).await?;
    site.proxy.heal();
    boss.told("!plan", &["1 to remove"]).await?;
    assert_eq!(membership(&site, "bob").await?, "invite");
    bot.stop().await
}

/// What is held is another by the time it is confirmed: neither that nor anything else is done.
#[tokio::test]
async fn a_code_that_fits_no_longer_is_no_sync() -> Result<()> {
    let site = site("[limits]\nroom_count = 0\nroom_percent = 0\n").await?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    let boss = Console::boss(&site).await?;
    site.save(&directory(&["alice"]))?;
    let (_, held) = boss.told("!release", &["release: 1 held in 1 room"]).await?;
    let code = held.text().split("!inviter release ").nth(1).unwrap();
    let code = code.split('`').next().unwrap().to_owned();
    let (event, question) = boss
        .asked(&format!("!release {code}"), &["removes 1 person"])
        .await?;
    site.save(&directory(&["bob", "carol"]))?;
    boss.react(&question, YES).await?;
    boss.answer(&event, &["not done", "the code fits it no longer"])
        .await?;
    for (name, is) in [("alice", "invite"), ("bob", "invite"), ("carol", "leave")] {
        assert_eq!(membership(&site, name).await?, is, "{name}");
    }
    bot.stop().await
}

/// Whoever may command no more by the time that it is their turn is not obeyed.
#[tokio::test]
async fn a_right_that_is_lost_while_waiting_is_lost() -> Result<()> {
    let site = Site::new().await?;
    site.configure(&Configuration::default().bot("command_level", "50"))?;
    let bot = site.start_with(&directory(&["alice"])).await?;
    let boss = Console::boss(&site).await?;
    site.boss.invite(&boss.room, &site.user("alice")).await?;
    let alice = Console::of(&site, "alice").await?;
    alice.nio.invite_accept(&boss.room, LONG).await?;
    let level = async |level: i64| {
        let mut levels = site.boss.power_levels(&boss.room).await?;
        levels["users"][site.user("alice")] = json!(level);
        let kind = "m.room.power_levels";
        site.boss.send_state(&boss.room, kind, "", levels).await.map(drop)
    };
    level(50).await?;
    alice.told("!version", &["inviter-bot"]).await?;
    site.save(&directory(&["alice", "bob"]))?;
    let account = inviter::core::OwnedUserId::try_from(site.bot.user_id())?;
    let lock = RunLock::acquire(&site.path("state"), &account)?;
    let event = alice.nio.send(&alice.room, "!sync").await?;
    sleep(HEARD).await;
    level(0).await?;
    sleep(HEARD).await;
    drop(lock);
    alice
        .answer(&event, &["not done: commands need power level"])
        .await?;
    assert_eq!(membership(&site, "bob").await?, "leave");
    bot.stop().await
}

/// More at the same time than the bot does is answered, and what waits for a word is not in its way.
#[tokio::test]
async fn too_much_at_the_same_time_is_answered() -> Result<()> {
    const MANY: usize = 80;
    const AT_ONCE: usize = 60;
    let site = site(HIGH).await?;
    let bot = site.start_with(&directory(&["alice"])).await?;
    let boss = Console::boss(&site).await?;
    boss.told("!version", &["inviter-bot"]).await?;
    let account = inviter::core::OwnedUserId::try_from(site.bot.user_id())?;
    let lock = RunLock::acquire(&site.path("state"), &account)?;
    for _ in 0..MANY {
        site.boss.send_text(&site.admin_room, "!sync").await?;
    }
    site.told(&["too much is asked at the same time", "try again"])
        .await?;
    drop(lock);
    eventually("what was not too much is done", LONG, async || {
        let said = site.said().await?;
        let done = said.iter().filter(|text| text.contains("sync: ")).count();
        Ok((done >= AT_ONCE).then_some(()))
    })
    .await?;
    boss.told("!version", &["inviter-bot"]).await?;
    let said = site.said().await?;
    let busy = said
        .iter()
        .filter(|text| text.contains("too much is asked"))
        .count();
    assert_eq!(busy, 1, "once a minute");
    bot.stop().await
}

/// Lifting limits is writing: it is asked about, and written down.
#[tokio::test]
async fn lifting_limits_waits_for_a_word() -> Result<()> {
    let site = site(HIGH).await?;
    let bot = site.start_with(&directory(&["alice"])).await?;
    let boss = Console::boss(&site).await?;
    let audit = || std::fs::read_to_string(site.path("audit.jsonl"));
    boss.told("!check --fix", &["not fixed", "no administrator"])
        .await?;
    assert!(!audit()?.contains("limits_lifted"));

    let user = inviter_testkit::enc(site.bot.user_id());
    let path = format!("/_synapse/admin/v1/users/{user}/admin");
    let (status, answer) = site.admin.put(&path, json!({ "admin": true })).await?;
    assert_eq!(status, 200, "{answer}");
    let limits = format!("/_synapse/admin/v1/users/{user}/override_ratelimit");
    let (_, question) = boss
        .asked("!check --fix", &["out of the homeserver's rate limits"])
        .await?;
    assert_eq!(site.admin.get(&limits).await?.1, json!({}));
    boss.react(&question, crate::console::NO).await?;
    boss.becomes(&question.event, &["not done, cancelled"]).await?;
    assert_eq!(site.admin.get(&limits).await?.1, json!({}));

    let (event, question) = boss
        .asked("!check --fix", &["out of the homeserver's rate limits"])
        .await?;
    boss.react(&question, YES).await?;
    boss.becomes(&question.event, &["confirmed by"]).await?;
    boss.answer(&event, &["they were lifted just now"]).await?;
    assert_eq!(site.admin.get(&limits).await?.1["messages_per_second"], 0);
    let audit = audit()?;
    let line = audit.lines().find(|line| line.contains("limits_lifted")).unwrap();
    assert!(
        line.contains(site.boss.user_id()) && line.contains("\"done\""),
        "{line}"
    );
    bot.stop().await
}
