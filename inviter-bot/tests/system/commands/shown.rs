//! How answers look.

use std::time::Duration;

use anyhow::{Context as _, Result};
use inviter_testkit::{Fault, Place};

use crate::{
    console::Console,
    harness::{Directory, LONG, Site, eventually},
};

/// Names are never markup, and a command in a thread is answered in that thread.
#[tokio::test]
async fn names_are_no_markup_and_threads_are_kept() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory
        .room("staff")
        .members(["alice"])
        .groups(["<b>x</b><script>&\u{202e}"]);
    directory.group("<b>x</b><script>&\u{202e}").members(["bob"]);
    let bot = site.start_with(&directory).await?;
    site.join("staff", ["alice", "bob"]).await?;
    let boss = Console::boss(&site).await?;
    let root = boss.nio.send(&boss.room, "let us see").await?;
    let place = Place {
        thread: Some(&root),
        reply_to: None,
    };
    let text = format!("!explain {} {}", site.user("bob"), site.alias("staff"));
    boss.nio.send_to(&boss.room, &text, None, place).await?;
    let answer = boss.answer(&root, &["<b>x</b>"]).await?;
    assert_eq!(answer.thread.as_deref(), Some(&*root));
    let html = answer.html_now().context("HTML")?;
    assert!(html.contains("&lt;b&gt;x&lt;/b&gt;&lt;script&gt;&amp;"), "{html}");
    assert!(!html.contains("<b>") && !html.contains("<script>"), "{html}");
    assert!(
        !html.contains('\u{202e}') && !answer.text().contains('\u{202e}'),
        "{html}"
    );
    assert!(
        !answer.text().contains('\u{1b}') && html.contains("<pre><code>"),
        "{html}"
    );
    assert!(answer.mentions.is_empty(), "nobody is called by an answer");
    // What was typed is not markup either.
    let (_, answer) = boss.told("!inviter <h1>snyc</h1>", &["no command"]).await?;
    assert!(
        answer.html_now().context("HTML")?.contains("&lt;h1&gt;"),
        "{answer:?}"
    );
    bot.stop().await
}

/// Clients send the display name of whom one picks from their list, and the ID only in the formatted text.
#[tokio::test]
async fn whoever_is_picked_from_a_list_is_meant() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice"]);
    let bot = site.start_with(&directory).await?;
    let boss = Console::boss(&site).await?;
    let (alice, staff) = (site.user("alice"), site.alias("staff"));
    let html = format!(
        "!explain <a href=\"https://matrix.to/#/{alice}\">Alice &lt;A&gt;</a> <a href=\"https://matrix.to/#/{staff}\">All of us</a>"
    );
    let event = boss
        .nio
        .send_to(
            &boss.room,
            "!explain Alice <A> All of us",
            Some(&html),
            Place::default(),
        )
        .await?;
    boss.answer(&event, &[&alice, &staff]).await?;
    bot.stop().await
}

/// A long plan is told in short, with all of it in a file; a run over it tells how far it is, in one message.
#[tokio::test]
async fn a_long_plan_is_attached_and_a_long_run_tells_its_progress() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice"]);
    let bot = site.start_with(&directory).await?;
    let boss = Console::boss(&site).await?;
    let people: Vec<String> = (0..120).map(|number| format!("p{number}")).collect();
    site.register(&people).await?;
    directory.room("staff").members(people.iter().cloned());
    site.save(&directory)?;
    let event = boss.nio.send(&boss.room, "!plan").await?;
    let answers = boss.answers(&event, 2).await?;
    let (plan, file) = (answers[0].text(), answers[1].file.clone().context("a file")?);
    assert!(
        plan.starts_with("plan: 0 rooms created")
            || plan.starts_with("plan: 0 rooms to create, 120 to invite"),
        "{plan}"
    );
    assert!(
        plan.lines().count() < 60 && plan.contains("more lines, and all of it in the file"),
        "{plan}"
    );
    let text = String::from_utf8(file.bytes)?;
    for person in ["p0", "p60", "p119"] {
        assert!(text.contains(&site.user(person)), "{person} in {text}");
    }
    assert!(!text.contains('\u{1b}'));
    assert_eq!(answers[1].thread.as_deref(), Some(&*event));

    let event = boss.nio.send(&boss.room, "!sync").await?;
    let answer = boss.answer(&event, &["sync: ", "120 invited"]).await?;
    let told = answer.edits.iter().map(|edit| &*edit.body).chain([&*answer.body]);
    assert!(
        told.clone().any(|text| text.contains(" of 120 actions done")),
        "{:?}",
        told.collect::<Vec<_>>()
    );
    bot.stop().await
}

/// A sync while another run is under way says that it waits, and then runs; commands that look are answered meanwhile.
#[tokio::test]
async fn a_sync_waits_for_the_run_that_is_under_way() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice"]);
    let bot = site.start_with(&directory).await?;
    let boss = Console::boss(&site).await?;
    boss.told("!version", &["inviter-bot"]).await?;
    let people: Vec<String> = (0..5).map(|number| format!("q{number}")).collect();
    site.register(&people).await?;
    directory.room("staff").members(people.iter().cloned());
    site.save(&directory)?;
    site.proxy.on_request(|request| {
        let slow = request.path.ends_with("/invite");
        slow.then_some(Fault::Delay(Duration::from_secs(3)))
    });
    let first = boss.nio.send(&boss.room, "!sync").await?;
    eventually("it has begun", LONG, async || {
        let requests = site.proxy.requests();
        Ok(requests
            .iter()
            .any(|request| request.path.ends_with("/invite"))
            .then_some(()))
    })
    .await?;
    let (second, _) = boss
        .told("!sync", &["is under way; this waits for its end"])
        .await?;
    boss.told("!status", &["under way: a run by"]).await?;
    boss.answer(&first, &["5 invited"]).await?;
    boss.answer(&second, &["sync: no changes"]).await?;
    bot.stop().await
}
