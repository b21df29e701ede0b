//! Rooms that somebody changes by hand are put right at once, and nothing else is done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, Recorded};
use serde_json::{Value, json};

use crate::harness::{
    Bot, Configuration, DIRECTORY, Directory, LONG, Room, Site, eventually, healed, is_poll, lines,
};

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("staff")
        .owners(["alice"])
        .members(["bob", "carol"]);
    directory.room("club").members(["alice", "bob"]);
    directory.room("den").members(["carol"]);
    directory.people(["mallory"]);
    directory
}

/// The bot runs, alice and bob are in, and the boss is an admin of the room `staff`, of which this is the ID.
async fn scene(site: &Site) -> Result<(Bot, String)> {
    let bot = site.start_with(&directory()).await?;
    site.join("staff", ["alice", "bob"]).await?;
    let room = site.boss_in("staff").await?;
    site.quiet().await?;
    Ok((bot, room))
}

/// Sets somebody's level by hand.
async fn set_level(by: &Client, room: &str, user: &str, level: i64) -> Result<()> {
    let mut levels = by.power_levels(room).await?;
    levels["users"][user] = json!(level);
    by.send_state(room, "m.room.power_levels", "", levels)
        .await
        .map(drop)
}

async fn is(site: &Site, look: impl Fn(&Room) -> bool) -> Result<bool> {
    Ok(look(&site.room("staff").await?))
}

/// How often the bot has asked for what is new, other than by its long polls.
fn catch_ups(requests: &[Recorded]) -> usize {
    let is_sync = |request: &&Recorded| request.path.ends_with("/sync") && !is_poll(request);
    requests.iter().filter(is_sync).count()
}

#[tokio::test]
async fn what_is_changed_by_hand_is_put_right_in_that_room_alone() -> Result<()> {
    let site = Site::new().await?;
    let (bot, room) = scene(&site).await?;
    let (boss, alice, carol) = (&site.boss, site.user("alice"), site.user("carol"));
    site.proxy.clear();

    boss.kick(&room, &site.user("bob")).await?;
    healed("a member was kicked", async || {
        is(&site, |r| r.membership("bob") == "invite").await
    })
    .await?;
    set_level(boss, &room, &alice, 0).await?;
    healed("an owner was lowered", async || {
        is(&site, |r| r.level("alice") == 50).await
    })
    .await?;
    set_level(boss, &room, &carol, 60).await?;
    healed("a member was raised", async || {
        is(&site, |r| r.level("carol") == 0).await
    })
    .await?;
    let open = json!({ "history_visibility": "world_readable" });
    boss.send_state(&room, "m.room.history_visibility", "", open)
        .await?;
    let shown = |r: &Room| r.setting("m.room.history_visibility", "history_visibility") == Some("shared");
    healed("the history was shown to the world", async || {
        is(&site, shown).await
    })
    .await?;
    let name = site
        .room("staff")
        .await?
        .setting("m.room.name", "name")
        .map(str::to_owned);
    anyhow::ensure!(name.is_some(), "the bot gives names to rooms");
    boss.send_state(&room, "m.room.name", "", json!({ "name": "" }))
        .await?;
    let named = |r: &Room| r.setting("m.room.name", "name").map(str::to_owned) == name;
    healed("the name was removed", async || is(&site, named).await).await?;
    boss.invite(&room, &site.user("mallory")).await?;
    healed("a stranger was invited", async || {
        is(&site, |r| r.membership("mallory") == "leave").await
    })
    .await?;
    site.register(["stranger"]).await?;
    boss.invite(&room, &site.user("stranger")).await?;
    site.person("stranger").await?.join(&room).await?;
    healed("somebody whom no directory knows came in", async || {
        is(&site, |r| r.membership("stranger") == "leave").await
    })
    .await?;

    site.quiet().await?;
    let now = site.room("staff").await?;
    assert_eq!(now.differs(&directory(), "staff"), None);
    let requests = site.proxy.requests();
    for other in ["club", "den"] {
        let id = site.room_id(other).await?;
        let about: Vec<String> = lines(&requests)
            .into_iter()
            .filter(|line| line.contains(&id))
            .collect();
        assert_eq!(about, [""; 0], "nothing happened in {other}");
    }
    let writes = site.proxy.writes();
    let in_room = |line: &&String| line.contains(&room);
    assert_eq!(
        lines(&writes).iter().filter(in_room).count(),
        7,
        "{:#?}",
        lines(&writes)
    );
    // The plan, the run, and what the bot's own events bring about: nothing.
    let asked = catch_ups(&requests);
    assert!(asked <= 7 * 4, "{asked} times for news: {:#?}", lines(&requests));
    eprintln!(
        "{} requests for 7 changes, {asked} of them for news",
        requests.len()
    );
    bot.stop().await
}

#[tokio::test]
async fn what_takes_something_away_waits_for_a_person_where_the_bot_is_cautious() -> Result<()> {
    let site = Site::new().await?;
    site.configure(&Configuration::default().bot("cautious", "true"))?;
    let (bot, room) = scene(&site).await?;
    site.proxy.clear();
    site.boss.invite(&room, &site.user("mallory")).await?;
    let told = site.told(&["removal", "waiting for"]).await?;
    assert!(told.contains(&site.alias("staff")), "{told}");
    // What takes nothing away is done meanwhile, and the room is as it was otherwise.
    site.boss.kick(&room, &site.user("bob")).await?;
    healed("a member was kicked", async || {
        is(&site, |r| r.membership("bob") == "invite").await
    })
    .await?;
    site.quiet().await?;
    assert_eq!(site.room("staff").await?.membership("mallory"), "invite");
    let about = |text: &&String| text.contains("waiting for");
    assert_eq!(site.said().await?.iter().filter(about).count(), 1, "told once");
    bot.stop().await
}

/// Joins, messages and the like: nothing is written, and no directory is asked.
#[tokio::test]
async fn what_needs_nothing_done_costs_nothing() -> Result<()> {
    let site = Site::new().await?;
    let (bot, room) = scene(&site).await?;
    let good = std::fs::read_to_string(site.path(DIRECTORY))?;
    let warnings = bot.logged(&["WARN"]);
    // Whoever reads this notices.
    site.write(DIRECTORY, "this is no directory")?;
    site.proxy.clear();
    site.join("staff", ["carol"]).await?;
    site.join("club", ["alice"]).await?;
    site.person("alice").await?.send_text(&room, "hello").await?;
    site.boss.send_text(&room, "hello yourself").await?;
    let topic = json!({ "topic": "what people may set" });
    site.person("alice")
        .await?
        .send_state(&room, "m.room.topic", "", topic)
        .await?;
    site.quiet().await?;
    assert_eq!(lines(&site.proxy.writes()), [""; 0]);
    assert_eq!(bot.logged(&["WARN"]), warnings);
    let asked = catch_ups(&site.proxy.requests());
    assert!(
        asked <= 4,
        "{asked} times for news: {:#?}",
        lines(&site.proxy.requests())
    );

    // And it would have been noticed.
    site.boss.kick(&room, &site.user("bob")).await?;
    site.told(&["not read", "people"]).await?;
    assert_eq!(
        site.room("staff").await?.membership("bob"),
        "leave",
        "nothing is done on guesses"
    );
    site.write(DIRECTORY, &good)?;
    site.types("!inviter sync").await?;
    site.is_as_wanted(&directory()).await?;
    bot.stop().await
}

/// The level events of a room by the bot since the boss came in.
async fn level_events(site: &Site, room: &str) -> Result<usize> {
    let events = site.history(room).await?;
    let by = |event: &Value, who: &str| event["type"] == "m.room.power_levels" && event["sender"] == who;
    let first = events.iter().position(|event| by(event, site.boss.user_id()));
    let since = first.context("the boss has changed no level")?;
    let own = events[since..]
        .iter()
        .filter(|event| by(event, site.bot.user_id()));
    Ok(own.count())
}

/// Two who do not agree: the bot gives in, says so once, and goes on when it is told to.
#[tokio::test]
async fn a_fight_ends() -> Result<()> {
    let site = Site::new().await?;
    let (bot, room) = scene(&site).await?;
    let over = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let (over, boss, room, alice) = (
            Arc::clone(&over),
            site.boss.clone(),
            room.clone(),
            site.user("alice"),
        );
        async move {
            while !over.load(Ordering::Relaxed) {
                let levels = boss.power_levels(&room).await?;
                if levels["users"][&alice] == json!(50) {
                    set_level(&boss, &room, &alice, 0).await?;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            anyhow::Ok(())
        }
    });
    let told = site.told(&["keeps undoing", "resume"]).await?;
    assert!(
        told.contains(site.boss.user_id()) && told.contains(&site.alias("staff")),
        "{told}"
    );
    eventually("the other side has the last word", LONG, async || {
        Ok(is(&site, |r| r.level("alice") == 0).await?.then_some(()))
    })
    .await?;
    site.quiet().await?;
    over.store(true, Ordering::Relaxed);
    other.await??;
    let rounds = level_events(&site, &room).await?;
    assert!((3..=6).contains(&rounds), "{rounds} rounds");
    // Whatever else is done in the room is left alone as well.
    site.boss.kick(&room, &site.user("bob")).await?;
    site.quiet().await?;
    let left = site.room("staff").await?;
    assert_eq!((left.level("alice"), left.membership("bob")), (0, "leave"));
    assert_eq!(level_events(&site, &room).await?, rounds);
    let said = site.said().await?;
    assert_eq!(
        said.iter().filter(|text| text.contains("keeps undoing")).count(),
        1,
        "{said:?}"
    );

    let resume = told.split('`').nth(1).context("it says how to go on")?;
    site.types(resume).await?;
    eventually("it is resumed", LONG, async || {
        Ok((bot.logged(&["resume", "who="]) > 0).then_some(()))
    })
    .await?;
    site.types("!inviter sync").await?;
    site.is_as_wanted(&directory()).await?;
    set_level(&site.boss, &room, &site.user("alice"), 0).await?;
    healed("after the fight", async || {
        is(&site, |r| r.level("alice") == 50).await
    })
    .await?;
    bot.stop().await
}

/// Requests of so many scheduled runs in which nothing is to be done.
async fn requests_of_runs(rooms: usize, runs: usize) -> Result<usize> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    for number in 0..rooms {
        directory
            .room(&format!("room{number}"))
            .owners(["alice"])
            .members(["bob"]);
    }
    site.configure(&Configuration::default().bot("interval", "\"3s\""))?;
    let bot = site.start_with(&directory).await?;
    let done = || bot.logged(&["run ended", "cause=on schedule", "changes=0"]);
    let until = async |count: usize| {
        eventually("so many runs", LONG, async || Ok((done() >= count).then_some(()))).await
    };
    until(1).await?;
    site.proxy.clear();
    until(1 + runs).await?;
    let requests = site.proxy.requests();
    assert_eq!(lines(&site.proxy.writes()), [""; 0]);
    let sent = lines(&requests);
    assert!(sent.iter().all(|line| !line.contains("/rooms/")), "{sent:#?}");
    eprintln!("{rooms} rooms: {} requests in {runs} runs", requests.len());
    bot.stop().await?;
    Ok(requests.len())
}

/// However many rooms there are: whether there is news, which rooms there are, and the next long poll.
#[tokio::test]
async fn a_run_without_changes_costs_no_request_per_room() -> Result<()> {
    const RUNS: usize = 3;
    let (few, many) = tokio::try_join!(requests_of_runs(3, RUNS), requests_of_runs(30, RUNS))?;
    // A run may have begun before, or end after, what is counted.
    assert!(
        few <= 3 * (RUNS + 1) && many <= 3 * (RUNS + 1),
        "{few} and {many}"
    );
    Ok(())
}
