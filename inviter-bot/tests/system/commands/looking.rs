//! Commands that only look, and their help.

use anyhow::Result;

use crate::{
    console::Console,
    harness::{Directory, Site},
};

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("staff")
        .owners(["alice"])
        .members(["alice", "bob"]);
    directory
}

/// Every command that looks, in both spellings, on one installation: nothing that they do changes a room.
#[tokio::test]
async fn each_is_answered() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    let boss = Console::boss(&site).await?;
    let (staff, bob) = (site.alias("staff"), site.user("bob"));
    for (text, words) in [
        ("!idp".to_owned(), vec![staff.as_str(), &bob]),
        ("!inviter idp".to_owned(), vec![&staff, &bob]),
        ("!joined".to_owned(), vec![&staff, "joined: 2 rooms"]),
        ("!managed".to_owned(), vec![&staff, "managed: 1 of 1 room"]),
        (format!("!managed {staff}"), vec!["managed: 1 of 1 room"]),
        ("!plan".to_owned(), vec!["plan: no changes"]),
        (format!("!plan {staff}"), vec!["plan: no changes"]),
        ("!sync dry".to_owned(), vec!["plan: no changes"]),
        ("!inviter sync --dry-run".to_owned(), vec!["plan: no changes"]),
        ("!sync".to_owned(), vec!["sync: no changes"]),
        (format!("!sync {staff}"), vec!["sync: no changes"]),
        (format!("!explain {bob} {staff}"), vec![&bob, &staff]),
        (
            format!("!inviter explain {} '{staff}'", site.localpart("bob")),
            vec![&bob],
        ),
        (
            "!status".to_owned(),
            vec!["next run: ", "at the start", "directory people", "1 managed"],
        ),
        ("!check".to_owned(), vec![&staff]),
        ("!release".to_owned(), vec!["nothing is held"]),
        ("!pause".to_owned(), vec!["nothing is paused"]),
        ("!version".to_owned(), vec!["inviter-bot "]),
        ("!inviter".to_owned(), vec!["Commands:", "kick-member"]),
        ("!help".to_owned(), vec!["Commands:", "kick-member"]),
        ("!help sync".to_owned(), vec!["Usage: !inviter sync", "--release"]),
        (
            "!sync --help".to_owned(),
            vec!["Usage: !inviter sync", "--release"],
        ),
    ] {
        let (event, answer) = boss.told(&text, &words).await?;
        assert_eq!(
            answer.thread.as_deref(),
            Some(&*event),
            "in the command's thread: {text}"
        );
        assert_eq!(answer.kind, "m.notice", "{text}");
    }
    assert_eq!(site.room("staff").await?.differs(&directory(), "staff"), None);
    bot.stop().await
}

/// Wrong use is told with what is wrong and how it is right; what is another bot's is not answered.
#[tokio::test]
async fn wrong_use_is_told() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    let boss = Console::boss(&site).await?;
    let staff = site.alias("staff");
    for (text, words) in [
        (
            "!explain ada".to_owned(),
            vec!["<ROOM>", "Usage: !inviter explain"],
        ),
        (
            format!("!explain 'ada lovelace' {staff}"),
            vec!["not done", "is no Matrix ID"],
        ),
        (
            "!unmanage staff".to_owned(),
            vec!["'staff'", "'#room:example.com'"],
        ),
        ("!sync wet".to_owned(), vec!["'wet'", "`dry`"]),
        (
            "!sync #nowhere:example.com".to_owned(),
            vec!["not done", "is not a room of any directory"],
        ),
        (
            "!plan #nowhere:example.com".to_owned(),
            vec!["not done", "!inviter idp"],
        ),
        ("!adopt #nowhere:example.com".to_owned(), vec!["not done"]),
        ("!adopt".to_owned(), vec!["Usage: !inviter adopt"]),
        ("!resume".to_owned(), vec!["Usage: !inviter resume"]),
        (format!("!resume {staff}"), vec!["was not paused"]),
        (
            "!release 0000000000".to_owned(),
            vec!["not done", "nothing is held under this code"],
        ),
        (
            "!managed --json".to_owned(),
            vec!["--json", "Usage: !inviter managed"],
        ),
        ("!status now".to_owned(), vec!["'now'", "Usage: !inviter status"]),
        ("!joined now".to_owned(), vec!["'now'", "Usage: !inviter joined"]),
        ("!idp now".to_owned(), vec!["'now'", "Usage: !inviter idp"]),
        ("!check now".to_owned(), vec!["'now'", "Usage: !inviter check"]),
        ("!pause staff".to_owned(), vec!["'staff'", "'#room:example.com'"]),
        (
            format!("!invite-member {staff} {}", site.user("bob")),
            vec!["not done"],
        ),
        (
            format!("!kick-member {staff} {}", site.user("bob")),
            vec!["not done"],
        ),
        (
            format!("!invite-admin {staff} {}", site.user("bob")),
            vec!["not done"],
        ),
        (
            format!("!invite-member {staff} bob"),
            vec!["'bob'", "'@user:example.com'", "Usage: !inviter invite-member"],
        ),
        (format!("!unmanage {staff}"), vec!["unmanage: not done"]),
        ("!pause '#a:b".to_owned(), vec!["not closed"]),
        (
            "!inviter snyc".to_owned(),
            vec!["no command `snyc`", "!inviter sync"],
        ),
    ] {
        boss.told(&text, &words).await?;
    }
    let mut ignored = Vec::new();
    for text in ["hello", "!foo", "!snyc", "! sync", "inviter sync"] {
        ignored.push(boss.nio.send(&boss.room, text).await?);
    }
    let notice = boss.nio.send_notice(&boss.room, "!sync").await?;
    let edited = boss.nio.send(&boss.room, "nothing").await?;
    boss.nio.edit(&boss.room, &edited, "!sync", None).await?;
    boss.is_ignored("now all of that has been seen").await?;
    for event in ignored.into_iter().chain([notice, edited]) {
        let seen = boss.nio.seen();
        assert_eq!(
            seen.answers(&boss.room, &event, boss.nio.user_id()).count(),
            0,
            "{event}"
        );
    }
    bot.stop().await
}

/// Pausing, resuming and adopting change what the next sync does, and say so.
#[tokio::test]
async fn rooms_are_paused_resumed_and_adopted() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    let boss = Console::boss(&site).await?;
    let staff = site.alias("staff");
    boss.told(&format!("!pause {staff}"), &[&staff, "paused since"])
        .await?;
    boss.told("!status", &["paused: "]).await?;
    boss.told("!plan", &["1 room not managed"]).await?;
    boss.told(&format!("!resume {staff}"), &["nothing is paused"])
        .await?;
    boss.told("!pause --all", &["everything", "paused since"]).await?;
    boss.told("!resume --all", &["nothing is paused"]).await?;

    // A room that was there before, with somebody in it who belongs in no group.
    let mut wanted = directory();
    wanted.room("old").members(["alice"]);
    site.register(["eve"]).await?;
    let body = serde_json::json!({
        "preset": "private_chat", "room_alias_name": site.localpart("old"),
        "invite": [site.user("eve"), site.bot.user_id()],
    });
    let id = site.boss.create_room(body).await?;
    site.person("eve").await?.join(&id).await?;
    boss.nio
        .membership(&id, site.bot.user_id(), "join", crate::harness::LONG)
        .await?;
    let mut levels = site.boss.power_levels(&id).await?;
    levels["users"][site.bot.user_id()] = serde_json::json!(100);
    site.boss
        .send_state(&id, "m.room.power_levels", "", levels)
        .await?;
    site.save(&wanted)?;
    let old = site.alias("old");
    boss.told(&format!("!managed {old}"), &["managed: 0 of 1 room"])
        .await?;
    let (event, answer) = boss
        .told(&format!("!adopt {old}"), &["adopt: 1 of 1", "!inviter plan"])
        .await?;
    assert_eq!(answer.thread.as_deref(), Some(&*event));
    boss.answer(&event, &["invite", &site.user("alice"), "plan: "])
        .await?;
    boss.told(&format!("!adopt {old}"), &["managed already"]).await?;
    bot.stop().await
}
