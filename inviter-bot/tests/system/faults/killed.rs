//! A bot that is killed in a run leaves nothing that the next one does not put right.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_testkit::{Fault, When, enc, expect_ok, sigkill};

use super::has_run;
use crate::harness::{Bot, Directory, LONG, Site, eventually, is_poll, lines};

/// Sites at the same time.
const LANES: usize = 2;
/// How long a request of a run is waited for.
const COMES_WITHIN: Duration = Duration::from_secs(20);
/// Two rooms with four invitations, and joining the administration room before.
const WRITES: usize = 7;

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.room("staff").owners(["alice"]).members(["bob"]);
    directory.room("club").members(["alice", "carol"]);
    directory
}

/// Everybody was invited once into each room.
async fn once(site: &Site) -> Result<()> {
    for name in directory().rooms() {
        let mut invitations: BTreeMap<String, usize> = BTreeMap::new();
        for event in site.history(&site.room_id(&name).await?).await? {
            if event["content"]["membership"] == "invite" {
                let user = event["state_key"].as_str().context("no state key")?;
                *invitations.entry(site.short(user).to_owned()).or_default() += 1;
            }
        }
        let wanted = directory()
            .wanted(&name)
            .into_keys()
            .map(|who| (who, 1))
            .collect();
        assert_eq!(invitations, wanted, "{name}");
    }
    Ok(())
}

async fn killed_at(k: usize, when: When) -> Result<()> {
    let site = Site::new().await?;
    site.register(directory().everybody()).await?;
    site.save(&directory())?;
    let mut bot = Bot::spawn(&site).await?;
    let pid = bot.pid()?;
    let (tell, told) = tokio::sync::oneshot::channel();
    site.proxy.on_write(k, when, move |write| async move {
        let killed = sigkill(pid);
        // The test is gone if nobody listens.
        let _ = tell.send(killed.map(|()| write));
    });
    let status = bot.ended().await?;
    assert!(status.code().is_none(), "write {k} never came: {status}");
    eprintln!("{when:?} write {k}: {}", told.await??);
    site.proxy.settled().await;
    site.proxy.heal();

    let bot = site.start().await?;
    site.is_as_wanted(&directory()).await?;
    site.quiet().await?;
    once(&site).await?;
    let path = format!("/_synapse/admin/v1/users/{}/memberships", enc(site.bot.user_id()));
    let rooms = expect_ok(&path, site.admin.get(&path).await?)?;
    let count = rooms["memberships"].as_object().map(serde_json::Map::len);
    assert_eq!(count, Some(3), "the administration room and two more: {rooms}");
    bot.kill().await?;

    site.proxy.clear();
    let bot = site.start().await?;
    eventually("its run at the start", LONG, async || {
        Ok((bot.logged(&["run ended", "changes=0"]) > 0).then_some(()))
    })
    .await?;
    assert_eq!(lines(&site.proxy.writes()), [""; 0]);
    bot.stop().await
}

/// What the bot has asked of the homeserver: its requests but for the long polls, which no run waits for.
fn at_request(site: &Site, k: usize, after_effect: bool, pid: u32) {
    let mut seen = 0;
    site.proxy.on_request(move |request| {
        seen += usize::from(!is_poll(request));
        if seen != k || is_poll(request) {
            return None;
        }
        // A process that is gone already ends the test by what it has not done.
        let _ = sigkill(pid);
        Some(if after_effect {
            Fault::LoseAnswer
        } else {
            Fault::Cut
        })
    });
}

/// How all rooms of the bot are in the end, without what differs from site to site.
async fn end_state(site: &Site) -> Result<String> {
    let mut rooms = String::new();
    for name in directory().rooms() {
        writeln!(rooms, "{name} {:#?}", site.room(&name).await?)?;
    }
    Ok(rooms.replace(&site.localpart(""), ""))
}

/// A whole first run: every request up to its end, and how rooms are then.
async fn undisturbed() -> Result<(Vec<bool>, String)> {
    let site = Site::new().await?;
    site.register(directory().everybody()).await?;
    site.save(&directory())?;
    let bot = site.start().await?;
    site.is_as_wanted(&directory()).await?;
    site.quiet().await?;
    let requests = site.proxy.requests();
    let writing = requests
        .iter()
        .filter(|request| !is_poll(request))
        .map(|request| request.writing);
    let rooms = end_state(&site).await?;
    bot.stop().await?;
    Ok((writing.collect(), rooms))
}

/// Fails unless a whole run has passed, and it had fewer requests than that; tells so otherwise.
fn was_shorter(site: &Site, k: usize) -> Result<()> {
    let requests = site.proxy.requests();
    let count = requests.iter().filter(|request| !is_poll(request)).count();
    ensure!(count < k, "{count} requests came, and the bot lives");
    eprintln!("not killed at request {k}: the run had {count}");
    Ok(())
}

/// Kills the bot at its `k`-th request; answers whether it came to that one.
async fn killed_at_request(k: usize, after_effect: bool, rooms: &str) -> Result<bool> {
    let site = Site::new().await?;
    site.register(directory().everybody()).await?;
    site.save(&directory())?;
    let mut bot = Bot::begin(&site)?;
    at_request(&site, k, after_effect, bot.pid()?);
    // A run whose requests come in another order may be one shorter.
    let Ok(ended) = tokio::time::timeout(COMES_WITHIN, bot.ended()).await else {
        site.is_as_wanted(&directory()).await?;
        was_shorter(&site, k)?;
        return Ok(false);
    };
    assert!(ended?.code().is_none(), "request {k} never came");
    site.proxy.settled().await;
    site.proxy.heal();
    let bot = site.start().await?;
    site.is_as_wanted(&directory()).await?;
    has_run(&bot).await?;
    assert_eq!(end_state(&site).await?, rooms);
    once(&site).await?;
    bot.stop().await?;
    Ok(true)
}

/// At each request of a whole run in turn, or, unless `INVITER_TEST_EVERY_REQUEST` is set, at each write and at every
/// third of the others: the same end state each time.
#[tokio::test]
async fn a_bot_that_is_killed_at_any_request_comes_to_the_same_end() -> Result<()> {
    let (writing, rooms) = undisturbed().await?;
    let every = std::env::var_os("INVITER_TEST_EVERY_REQUEST").is_some();
    let mut times = Vec::new();
    for (index, writes) in writing.iter().enumerate() {
        if every || *writes || index % 3 == 0 {
            times.push((index + 1, index % 2 == 1));
        }
        if every && *writes {
            times.push((index + 1, index % 2 == 0));
        }
    }
    let total = times.len();
    let requests = writing.len();
    let (killed, rooms) = (&AtomicUsize::new(0), rooms.as_str());
    stream::iter(times)
        .map(|(k, after_effect)| async move {
            let came = killed_at_request(k, after_effect, rooms).await;
            let came = came.with_context(|| format!("request {k}, after its effect: {after_effect}"))?;
            // Only the last ones may not come.
            ensure!(came || k + 2 > requests, "request {k} of {requests} did not come");
            Ok(came)
        })
        .buffer_unordered(2 * LANES)
        .try_for_each(|came| {
            killed.fetch_add(usize::from(came), Ordering::SeqCst);
            std::future::ready(Ok(()))
        })
        .await?;
    let killed = killed.load(Ordering::SeqCst);
    eprintln!("killed {killed} times at {requests} requests of a run");
    assert!(killed + 2 >= total, "killed {killed} times, and not {total}");
    Ok(())
}

#[tokio::test]
async fn a_bot_that_is_killed_in_a_run_goes_on_after_it() -> Result<()> {
    // The test above has every write.
    let times = [(2, When::AfterEffect), (WRITES - 1, When::BeforeForward)];
    stream::iter(times)
        .map(|(k, when)| async move {
            killed_at(k, when)
                .await
                .with_context(|| format!("{when:?} write {k}"))
        })
        .buffer_unordered(LANES)
        .try_collect()
        .await
}
