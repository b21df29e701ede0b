//! Commands that take something from people wait for a reaction.

use anyhow::Result;

use crate::{
    console::{Console, NO, YES},
    harness::{Configuration, Directory, LONG, Site, eventually},
};

fn directory(staff: &[&str]) -> Directory {
    let mut directory = Directory::default();
    directory.people(["alice", "bob", "carol", "dave"]);
    directory.room("staff").members(staff.iter().copied());
    directory
}

/// A cautious bot, so that losses wait for a person; nothing is held.
async fn cautious(within: &str) -> Result<Site> {
    let site = Site::new().await?;
    let limits = "[limits]\nroom_count = 50\nroom_percent = 100\n";
    let configuration = Configuration::default()
        .bot("cautious", "true")
        .bot("confirm_within", within)
        .sections(limits);
    site.configure(&configuration)?;
    Ok(site)
}

async fn membership(site: &Site, name: &str) -> Result<String> {
    Ok(site.room("staff").await?.membership(name).to_owned())
}

#[tokio::test]
async fn a_sync_that_removes_somebody_asks_first() -> Result<()> {
    let site = cautious("\"2m\"").await?;
    let bot = site.start_with(&directory(&["alice", "bob", "carol"])).await?;
    let boss = Console::boss(&site).await?;
    let bob = site.user("bob");
    site.save(&directory(&["alice", "carol"]))?;

    // Left.
    let (_, question) = boss.asked("!sync", &["removes 1 person in 1 room"]).await?;
    boss.react(&question, NO).await?;
    boss.becomes(&question.event, &["not done, cancelled by", site.boss.user_id()])
        .await?;
    assert_eq!(membership(&site, "bob").await?, "invite");

    // Done, by the word of another who may command.
    site.boss.invite(&boss.room, &site.user("dave")).await?;
    let dave = Console::of(&site, "dave").await?;
    dave.nio.invite_accept(&boss.room, LONG).await?;
    let (event, question) = boss.asked("!sync", &["removes 1 person in 1 room"]).await?;
    boss.answer(&event, &[&bob, "plan: ", "1 to remove"]).await?;
    dave.react(&question, YES).await?;
    boss.becomes(&question.event, &["confirmed by", &site.user("dave")])
        .await?;
    boss.answer(&event, &[&bob, "1 removed"]).await?;
    assert_eq!(membership(&site, "bob").await?, "leave");

    // What comes to more than was confirmed is asked about again.
    site.save(&directory(&["alice"]))?;
    let (event, question) = boss.asked("!sync", &["removes 1 person"]).await?;
    site.save(&directory(&["dave"]))?;
    boss.react(&question, YES).await?;
    let again = boss
        .answer(&event, &["other than what was confirmed", "removes 2 people"])
        .await?;
    assert_eq!(membership(&site, "alice").await?, "invite");
    assert_eq!(membership(&site, "carol").await?, "invite");
    boss.react(&again, YES).await?;
    boss.answer(&event, &["2 removed"]).await?;
    assert_eq!(membership(&site, "carol").await?, "leave");
    bot.stop().await
}

#[tokio::test]
async fn a_confirmation_expires() -> Result<()> {
    let site = cautious("\"4s\"").await?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    let boss = Console::boss(&site).await?;
    site.save(&directory(&["alice"]))?;
    let (_, question) = boss.asked("!sync", &["removes 1 person"]).await?;
    boss.becomes(&question.event, &["not done, expired"]).await?;
    boss.react(&question, YES).await?;
    boss.told("!plan", &["1 to remove"]).await?;
    assert_eq!(membership(&site, "bob").await?, "invite");
    bot.stop().await
}

#[tokio::test]
async fn a_stop_ends_what_waits_and_says_so() -> Result<()> {
    let site = cautious("\"2m\"").await?;
    let bot = site.start_with(&directory(&["alice", "bob"])).await?;
    let boss = Console::boss(&site).await?;
    site.save(&directory(&["alice"]))?;
    let (_, question) = boss.asked("!sync", &["removes 1 person"]).await?;
    bot.stop().await?;
    boss.becomes(&question.event, &["not done, because the bot stops"])
        .await?;
    // What was typed while it was away is not obeyed, and neither is the old question.
    let missed = boss.nio.send(&boss.room, "!sync").await?;
    boss.react(&question, YES).await?;
    let bot = site.start().await?;
    boss.told("!version", &["inviter-bot"]).await?;
    assert_eq!(
        boss.nio
            .seen()
            .answers(&boss.room, &missed, boss.nio.user_id())
            .count(),
        0
    );
    assert_eq!(membership(&site, "bob").await?, "invite");
    bot.stop().await
}

/// The limits hold a removal, and a code lets it go once it is confirmed.
#[tokio::test]
async fn what_is_held_is_released() -> Result<()> {
    let site = Site::new().await?;
    site.configure(&Configuration::default().sections("[limits]\nroom_count = 0\nroom_percent = 0\n"))?;
    let bot = site.start_with(&directory(&["alice", "bob", "carol"])).await?;
    let boss = Console::boss(&site).await?;
    site.save(&directory(&["alice"]))?;
    boss.told("!sync", &["2 held"]).await?;
    boss.told("!status", &["2 held"]).await?;
    let (_, held) = boss.told("!release", &["release: 2 held in 1 room"]).await?;
    let code = held.text().split("!inviter release ").nth(1).unwrap();
    let code = code.split('`').next().unwrap().to_owned();
    boss.told("!release 0123456789", &["nothing is held under this code"])
        .await?;
    boss.told(&format!("!release {code} --dry-run"), &["2 to remove"])
        .await?;
    assert_eq!(membership(&site, "bob").await?, "invite");
    let (event, question) = boss
        .asked(&format!("!release {code}"), &["removes 2 people"])
        .await?;
    boss.react(&question, YES).await?;
    boss.answer(&event, &["2 removed"]).await?;
    assert_eq!(membership(&site, "bob").await?, "leave");
    // A second time it is of no use, and it says so.
    boss.told(
        &format!("!release {code}"),
        &["nothing is held under this code", "a code is good once"],
    )
    .await?;
    let audit = std::fs::read_to_string(site.path("audit.jsonl"))?;
    let confirmed = format!("\"confirmed_by\":\"{}\"", site.boss.user_id());
    let released = |line: &&str| line.contains("\"released\"") && line.contains(&code);
    let removed = |line: &&str| line.contains("\"action\":\"remove\"");
    let count = |is: &dyn Fn(&&str) -> bool| {
        let lines = audit.lines().filter(|line| is(line) && line.contains(&confirmed));
        lines.count()
    };
    assert_eq!((count(&released), count(&removed)), (1, 2), "{audit}");
    bot.stop().await
}

/// Wishes about one person: the directories' people are of another server, so that this server's count as foreign.
#[tokio::test]
async fn wishes_about_one_person() -> Result<()> {
    let site = Site::new().await?;
    site.configure(&Configuration::default().sections("[accounts]\nserver = \"people.invalid\"\n"))?;
    site.register(["zoe", "olga"]).await?;
    let mut directory = Directory::default();
    directory.people(["anna"]);
    directory.room("staff");
    site.save(&directory)?;
    let bot = site.start().await?;
    let (staff, zoe, olga) = (site.alias("staff"), site.user("zoe"), site.user("olga"));
    eventually("the room", LONG, async || site.admin.resolve_alias(&staff).await).await?;
    let boss = Console::boss(&site).await?;

    boss.told(
        &format!("!invite-member {staff} {zoe} --dry-run"),
        &["nothing is done in a dry run"],
    )
    .await?;
    boss.told(
        &format!("!invite-member {staff} {zoe}"),
        &[&zoe, "invite-member: done"],
    )
    .await?;
    boss.told(
        &format!("!inviter invite-member '{staff}' {zoe}"),
        &["was so already"],
    )
    .await?;
    site.join("staff", ["zoe"]).await?;

    let kick = format!("!kick-member {staff} {zoe}");
    let (_, question) = boss.asked(&kick, &["removes", &zoe]).await?;
    boss.react(&question, NO).await?;
    boss.becomes(&question.event, &["cancelled"]).await?;
    assert_eq!(membership(&site, "zoe").await?, "join");
    let (event, question) = boss.asked(&kick, &["removes", &zoe]).await?;
    boss.react(&question, YES).await?;
    boss.answer(&event, &["kick-member: done"]).await?;
    assert_eq!(membership(&site, "zoe").await?, "leave");
    boss.told(&kick, &["was so already"]).await?;

    let (event, question) = boss
        .asked(
            &format!("!invite-admin {staff} {olga}"),
            &["makes", &olga, "an admin"],
        )
        .await?;
    boss.react(&question, YES).await?;
    boss.answer(&event, &["invite-admin: done"]).await?;
    boss.told(
        &format!("!kick-member {staff} {olga}"),
        &["kick-member: not done", "admin"],
    )
    .await?;

    // Nobody else is an admin there yet.
    boss.told(&format!("!unmanage {staff}"), &["unmanage: "]).await?;
    site.join("staff", ["olga"]).await?;
    let (event, question) = boss
        .asked(&format!("!unmanage {staff} {olga}"), &["out of the bot's hands"])
        .await?;
    boss.react(&question, YES).await?;
    boss.answer(&event, &["unmanage: done"]).await?;
    let id = site.room_id("staff").await?;
    assert_ne!(
        site.admin
            .admin_members(&id)
            .await?
            .get(site.bot.user_id())
            .map(String::as_str),
        Some("join")
    );
    let audit = std::fs::read_to_string(site.path("audit.jsonl"))?;
    assert!(
        audit.contains(&zoe) && audit.contains(&format!("\"confirmed_by\":\"{}\"", site.boss.user_id())),
        "{audit}"
    );
    bot.stop().await
}
