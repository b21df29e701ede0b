//! Health and readiness over the life of a bot.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use inviter_testkit::{Fault, Options, Synapse};

use super::{directory, numbers};
use crate::harness::{Bot, Configuration, LONG, Site, eventually};

/// It is alive all the time, and ready when rooms are kept in step.
#[tokio::test]
async fn ready_while_the_homeserver_is_there() -> Result<()> {
    let mut site = Site::on(Arc::new(Synapse::start(Options::new()).await?)).await?;
    let directory = directory();
    site.register(directory.everybody()).await?;
    site.save(&directory)?;

    // Starting takes a while: the first look at all rooms is slow.
    let slow = |request: &inviter_testkit::Recorded| {
        let first = request.path.ends_with("/sync") && !request.query.as_ref()?.contains("since=");
        first.then_some(Fault::Delay(Duration::from_secs(2)))
    };
    site.proxy.on_request(slow);
    let mut bot = Bot::spawn(&site).await?;
    assert_eq!(bot.ask("/readyz").await?, (503, "not logged in yet".to_owned()));
    assert_eq!(bot.ask("/healthz").await?, (200, "ok".to_owned()));
    bot.until_ready().await?;
    site.is_as_wanted(&directory).await?;
    assert!((numbers(&bot).await?["inviter_ready"] - 1.0).abs() < 0.1);

    Arc::get_mut(&mut site.synapse).context("shared")?.stop().await?;
    let why = bot.until_unready().await?;
    assert_eq!(why.lines().count(), 1, "{why}");
    assert_eq!(bot.ask("/healthz").await?.0, 200, "the bot itself is well");
    assert!(numbers(&bot).await?["inviter_ready"].abs() < 0.1);

    Arc::get_mut(&mut site.synapse)
        .context("shared")?
        .restart()
        .await?;
    let took = bot.until_ready().await?;
    eprintln!("ready again after {:.1} s", took.as_secs_f64());
    bot.stop().await
}

/// A token that is no longer valid is told, and a new one is taken from the file without a restart.
#[tokio::test]
async fn a_revoked_token_is_told_and_a_new_one_taken() -> Result<()> {
    let site = Site::new().await?;
    let directory = directory();
    let mut bot = site.start_with(&directory).await?;
    site.synapse.revoke_tokens(&site.localpart("bot")).await?;
    let why = bot.until_unready().await?;
    eprintln!("{why}");
    assert!(why.contains("token"), "{why}");
    assert!(!why.contains(site.bot.token()));
    assert_eq!(bot.ask("/healthz").await?.0, 200);
    let again = site.synapse.login(&site.localpart("bot")).await?;
    site.write_secret("token", again.token())?;
    bot.until_ready().await?;
    bot.stop().await
}

/// A run that could not begin is a reason not to be ready, until one could.
#[tokio::test]
async fn not_ready_while_runs_cannot_begin() -> Result<()> {
    let site = Site::new().await?;
    site.configure(&Configuration::default().bot("interval", "\"2s\""))?;
    let directory = directory();
    let mut bot = site.start_with(&directory).await?;
    // The place of the lock that every run takes is gone.
    fs::rename(site.path("state"), site.path("state.away"))?;
    fs::write(site.path("state"), "")?;
    let why = bot.until_unready().await?;
    assert!(why.contains("could not begin"), "{why}");
    eventually("the failed run is counted", LONG, async || {
        let numbers = numbers(&bot).await?;
        let failed = numbers.get("inviter_runs_total{cause=\"schedule\",result=\"not_begun\"}");
        Ok(failed.filter(|count| **count >= 1.0).map(drop))
    })
    .await?;
    fs::remove_file(site.path("state"))?;
    fs::rename(site.path("state.away"), site.path("state"))?;
    bot.until_ready().await?;
    bot.stop().await
}

/// What cannot be served or written is said at the start, and the bot ends.
#[tokio::test]
async fn a_taken_port_and_an_unwritable_audit_log_are_told_at_the_start() -> Result<()> {
    let site = Site::new().await?;
    site.save(&directory())?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?;
    let listen = format!("\"{address}\"");
    site.configure(&Configuration::default().bot("listen", &listen))?;
    let (status, log) = Bot::ends(&site).await?;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains(&format!("error: {address} cannot be listened on")) && log.contains("`listen` in [bot]"),
        "{log}"
    );

    site.configure(&Configuration::default().bot("audit_file", "\"nowhere/audit.jsonl\""))?;
    let (status, log) = Bot::ends(&site).await?;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("nowhere/audit.jsonl: the audit log cannot be written") && log.contains("`audit_file`"),
        "{log}"
    );
    Ok(())
}
