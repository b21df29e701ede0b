//! Texts that are there to do harm, from a directory and from a homeserver, through everything that the bot says and
//! writes: the administration room, the log, the audit log, metrics, and the reasons in rooms.

use anyhow::{Context as _, Result};
use inviter_testkit::{Fault, HOSTILE, harmful, hostile_documents, hostile_texts, is_readable};
use regex::Regex;
use serde_json::{Value, json};

use crate::{
    console::Console,
    harness::{Bot, Configuration, DIRECTORY, Site},
};

/// The most that an event may have, with what Matrix puts around it.
const EVENT: usize = 60 << 10;

/// Texts of a directory's file that cannot be read, one for each way to do harm.
const UNREADABLE: [&str; 4] = ["terminal escapes", "lines", "length", "half a character"];

/// A room whose group has groups with such names inside, and members who are nobody; and groups that are no rooms.
fn directory(site: &Site) -> Value {
    let people = ["alice", "bob"].map(|name| json!({ "id": name, "uid": site.localpart(name) }));
    let texts = hostile_texts();
    let mut groups = vec![json!({
        "id": "staff",
        "name": format!("MTRX {}", site.alias("staff")),
        "members": texts.iter().map(|(_, text)| text.as_str()).chain(["alice"]).collect::<Vec<_>>(),
        "groups": (0..texts.len()).map(|ix| format!("g{ix}")).collect::<Vec<_>>(),
    })];
    for (ix, (_, text)) in texts.iter().enumerate() {
        groups.push(json!({ "id": format!("g{ix}"), "name": text, "members": ["bob"] }));
        groups
            .push(json!({ "id": format!("b{ix}"), "name": format!("MTRX #bad{text}"), "members": ["bob"] }));
    }
    json!({ "people": people, "groups": groups })
}

/// What the bot has said in the administration room, changes of it included: plain and formatted.
async fn said(site: &Site) -> Result<Vec<(String, String)>> {
    let events = site.history(&site.admin_room).await?;
    let of_bot = events.iter().filter(|event| {
        event["type"] == "m.room.message" && event["sender"].as_str() == Some(site.bot.user_id())
    });
    let mut said = Vec::new();
    for event in of_bot {
        assert!(event.to_string().len() < EVENT, "{}", event.to_string().len());
        for content in [&event["content"], &event["content"]["m.new_content"]] {
            let Some(body) = content["body"].as_str() else {
                continue;
            };
            let html = content["formatted_body"].as_str().unwrap_or_default();
            said.push((body.to_owned(), html.to_owned()));
        }
    }
    Ok(said)
}

/// Nothing of it is harmful, and nothing is markup but the bot's own.
async fn nothing_harmful_is_said(site: &Site, told: &str) -> Result<String> {
    let ours =
        Regex::new(r#"</?(pre|code|strong|em|font|br|p|ul|li|a)( (color|data-mx-color)="\#[0-9a-f]{6}")*>"#)?;
    let mut whole = String::new();
    for (body, html) in said(site).await? {
        is_readable(&body, told);
        is_readable(&html, told);
        let rest = ours.replace_all(&html, "");
        assert!(!rest.contains(['<', '>']), "{told}: {html:.3000}");
        whole.push_str(&body);
        whole.push('\n');
    }
    Ok(whole)
}

/// What it writes for those who run it.
async fn nothing_harmful_is_written(site: &Site, bot: &Bot, told: &str) -> Result<()> {
    is_readable(&bot.log(), told);
    for path in ["/metrics", "/healthz", "/readyz"] {
        let (_, text) = bot.ask(path).await?;
        is_readable(&text, &format!("{told}: {path}"));
        assert!(
            !text.contains(HOSTILE) || path != "/metrics",
            "{told}: {text:.3000}"
        );
    }
    let audit = std::fs::read_to_string(site.path("audit.jsonl"))?;
    assert_eq!(harmful(&audit), None, "{told}: the audit log");
    for line in audit.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| told.to_owned())?;
        assert!(line["event"].is_string(), "{told}: {line}");
    }
    Ok(())
}

#[tokio::test]
async fn from_everywhere_to_everywhere() -> Result<()> {
    let site = Site::new().await?;
    let configuration = Configuration::default().bot("log", "\"debug\"");
    site.configure(&configuration.sections("[people]\ninvite_reason = \"By {groups}\"\n"))?;
    site.register(["alice", "bob"]).await?;
    site.write(DIRECTORY, &directory(&site).to_string())?;
    let bot = site.start().await?;
    let boss = Console::boss(&site).await?;
    boss.told("!status", &["run"]).await?;
    let (bob, staff) = (site.user("bob"), site.alias("staff"));
    for command in ["!plan", "!check", "!managed", &format!("!explain {bob} {staff}")] {
        boss.ask(command).await?;
    }
    // What is typed comes back in answers, too.
    for (_, text) in hostile_texts().iter().filter(|(_, text)| text.len() < 4_000) {
        boss.ask(&format!("!explain {text} {staff}")).await?;
    }
    let told = nothing_harmful_is_said(&site, "names").await?;
    assert!(told.contains("evil <b>x</b><script>"), "{told:.3000}");
    nothing_harmful_is_written(&site, &bot, "names").await?;
    let room = site.room_id("staff").await?;
    let member = site.bot.state_event(&room, "m.room.member", &bob).await?;
    let reason = member.context("bob")?["reason"]
        .as_str()
        .context("a reason")?
        .to_owned();
    assert!(
        reason.starts_with("By MTRX #staff") && reason.len() < 8_192,
        "{reason:.3000}"
    );
    assert_eq!(harmful(&reason), None, "{reason}");

    // What the homeserver says when it refuses to invite: each time something else.
    let mut bodies = hostile_documents(|text| json!({ "errcode": "M_FORBIDDEN", "error": text })).into_iter();
    let newcomers: Vec<String> = bodies
        .clone()
        .map(|(what, _)| format!("n{}", what.replace(' ', "").to_lowercase()))
        .collect();
    site.register(&newcomers).await?;
    let mut more = directory(&site);
    for name in &newcomers {
        let (people, members) = (json!({ "id": name, "uid": site.localpart(name) }), json!(name));
        more["people"].as_array_mut().context("people")?.push(people);
        more["groups"][0]["members"]
            .as_array_mut()
            .context("members")?
            .push(members);
    }
    site.write(DIRECTORY, &more.to_string())?;
    site.proxy.on_request(move |request| {
        let (_, body) = request.path.ends_with("/invite").then(|| bodies.next())??;
        Some(Fault::Status(403, Vec::new(), body))
    });
    boss.told("!sync", &[&format!("{} failed", newcomers.len())])
        .await?;
    site.proxy.heal();
    boss.told("!status", &["run"]).await?;
    // And what cannot be read of the directory; the program's own tests have the others.
    let unreadable = hostile_documents(|text| json!({ "people": [{ "id": text, "uid": { "a": text } }] }));
    let tried = unreadable.iter().filter(|(what, _)| UNREADABLE.contains(what));
    assert_eq!(tried.clone().count(), UNREADABLE.len());
    for (_, text) in tried {
        site.write(DIRECTORY, text)?;
        boss.told("!sync", &["could not be read"]).await?;
    }
    boss.told("!status", &["run"]).await?;
    let told = nothing_harmful_is_said(&site, "errors").await?;
    assert!(told.contains("evil **x**"), "{told:.3000}");
    assert!(
        bot.log().contains(HOSTILE),
        "nothing of it is in the log, which proves nothing"
    );
    nothing_harmful_is_written(&site, &bot, "errors").await?;
    bot.stop().await
}
