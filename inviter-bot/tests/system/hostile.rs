//! Texts that are there to do harm, from a homeserver, a directory and a configuration, through everything that the bot
//! writes: its log and last words, the administration room, the audit log, and what it serves.

use std::fs;

use anyhow::{Context as _, Result};
use inviter_testkit::{
    Fault, is_readable,
    ldap::{self, Behaviour, Entries, LdapServer},
};
use serde_json::{Value, json};

use crate::harness::{Bot, CONFIG, Configuration, DIRECTORY, Directory, LONG, Site, eventually};

/// Of a terminal, of a chat client, of a log.
const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\n[error] forged\r\t<b>x</b>**y** @room `!inviter sync` \u{202e}txt\u{2066}\u{200b}\u{9b}31m\u{7f}";
const SUFFIX: &str = "dc=example,dc=test";
const PASSWORD: &str = "password of the reader";

/// What a homeserver says that refuses something.
fn refusal() -> String {
    json!({ "errcode": format!("M_{EVIL}"), "error": format!("{EVIL}{}", "<&\u{1}".repeat(10_000)) })
        .to_string()
}

/// Requests to this path are answered like this, by something in the homeserver's place.
fn answer(site: &Site, path: &'static str, status: u16) {
    site.proxy.on_request(move |request| {
        let hit = request.path.contains(path);
        hit.then(|| Fault::Status(status, Vec::new(), refusal()))
    });
}

/// A directory that fails with such words, whichever way it is asked.
async fn failing() -> Result<LdapServer> {
    let entries = Entries::new(SUFFIX).with_account(&format!("cn=reader,{SUFFIX}"), PASSWORD);
    let server = LdapServer::start(entries, Behaviour::default()).await?;
    server.on_search(|_, _| Some(ldap::Fault::result(80, EVIL)));
    Ok(server)
}

fn section(url: &str) -> String {
    format!(
        "[[directory]]\nname = \"staff\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{url}\"]\n\
         bind_dn = \"cn=reader,{SUFFIX}\"\npassword_file = \"ldap-password\"\n\
         user_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n"
    )
}

/// A room that is not to be had, and groups and people with such names.
fn directory(site: &Site) -> String {
    let uid = site.localpart("alice");
    json!({
        "people": [{ "id": "alice", "uid": uid }],
        "groups": [
            { "id": "lab", "name": format!("MTRX {}", site.alias("lab")), "members": ["alice", format!("nobody {EVIL}")] },
            { "id": "bad", "name": format!("MTRX #bad{EVIL}"), "members": ["alice"] },
        ],
    })
    .to_string()
}

/// Every message of the bot in the administration room is harmless, and there are some; answers with all.
async fn messages(site: &Site) -> Result<Vec<Value>> {
    let events = site.history(&site.admin_room).await?.into_iter();
    let messages: Vec<Value> = events
        .filter(|event| {
            event["type"] == "m.room.message" && event["sender"].as_str() == Some(site.bot.user_id())
        })
        .map(|event| event["content"].clone())
        .collect();
    for content in &messages {
        for content in [content, &content["m.new_content"]] {
            for part in ["body", "formatted_body"] {
                is_readable(content[part].as_str().unwrap_or_default(), part);
            }
            let html = content["formatted_body"].as_str().unwrap_or_default();
            assert!(!html.contains("<b>"), "{html}");
        }
        assert_eq!(content["m.mentions"], json!({}), "nobody is called: {content}");
    }
    Ok(messages)
}

/// A homeserver that says no to whatever matters, and a directory that fails: what is told of it without anybody having
/// asked, what is answered, and what is logged and served meanwhile.
#[tokio::test]
async fn what_a_homeserver_and_a_directory_say() -> Result<()> {
    let site = Site::new().await?;
    site.register(["alice"]).await?;
    site.write(DIRECTORY, &directory(&site))?;
    site.write_secret("ldap-password", PASSWORD)?;
    let server = failing().await?;
    let often = Configuration::default().bot("interval", "\"2s\"");
    site.configure(&often.sections(&section(&server.url())))?;
    answer(&site, "/createRoom", 403);
    let bot = Bot::spawn(&site).await?;
    site.told(&["not read: ", "forged"]).await?;
    site.told(&[&site.alias("lab"), "forged"]).await?;
    for (command, words) in [
        ("!inviter status", "next run"),
        ("!inviter plan", "plan: "),
        ("!inviter sync", "sync: "),
    ] {
        site.types(command).await?;
        site.told(&[words]).await.context(command)?;
    }
    site.told(&["quarantine: ", "forged"]).await?;
    let met = site.proxy.requests();
    let met = met.iter().filter(|request| request.path.ends_with("/createRoom"));
    assert!(met.filter(|request| request.status == Some(403)).count() > 0);
    assert!(!server.searches().is_empty());
    is_readable(&bot.ask("/metrics").await?.1, "/metrics");

    // The bot loses the homeserver, and says so where it still can.
    answer(&site, "/sync", 403);
    let (why, _) = eventually("it says why it is not ready", LONG, async || {
        let (status, why) = bot.ask("/readyz").await?;
        Ok((status == 503 && why.contains("forged")).then_some(why))
    })
    .await?;
    is_readable(&why, "/readyz");
    assert_eq!(why.lines().count(), 1, "{why}");
    site.proxy.heal();
    assert!(messages(&site).await?.len() >= 5);
    let log = bot.log();
    is_readable(&log, "the log");
    assert!(
        bot.logged(&["forged", "error="]) > 0 && bot.logged(&["no news", "forged"]) > 0,
        "{log}"
    );
    let audit = fs::read_to_string(site.path("audit.jsonl"))?;
    assert!(audit.contains("forged"), "{audit}");
    is_readable(&audit, "the audit log");
    bot.stop().await
}

/// The log for programs tells all of it, and is as harmless to whoever looks at it.
#[tokio::test]
async fn as_documents() -> Result<()> {
    let site = Site::new().await?;
    let mut lab = Directory::default();
    lab.room("lab").members(["alice"]);
    site.register(lab.everybody()).await?;
    site.save(&lab)?;
    site.configure(
        &Configuration::default()
            .bot("log_format", "\"json\"")
            .bot("log", "\"debug\""),
    )?;
    answer(&site, "/createRoom", 403);
    let bot = Bot::begin(&site)?;
    site.told(&[&site.alias("lab"), "forged"]).await?;
    let log = bot.log();
    is_readable(&log, "the log");
    let lines: Vec<Value> = log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let told = lines.iter().filter(|line| {
        line["error"]
            .as_str()
            .is_some_and(|error| error.contains("forged"))
    });
    assert!(told.count() > 0, "{log}");
    bot.stop().await
}

/// The last words of a bot that cannot start.
#[tokio::test]
async fn last_words() -> Result<()> {
    let site = Site::new().await?;
    answer(&site, "/versions", 403);
    let refused = Bot::ends(&site).await?;
    site.proxy.heal();
    let text = fs::read_to_string(site.path(CONFIG))?;
    site.write(
        CONFIG,
        &format!("{text}\n\"k\\u202e\\u001b[2J\\n[error] forged\" = 1\n"),
    )?;
    let wrong = Bot::ends(&site).await?;
    for (status, log) in [refused, wrong] {
        assert_eq!(status.code(), Some(1), "{log}");
        is_readable(&log, "last words");
        let last = log.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("inviter-bot: error: ") && last.contains("forged"),
            "{log}"
        );
    }
    Ok(())
}
