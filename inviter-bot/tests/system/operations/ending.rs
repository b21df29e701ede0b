//! The end of a bot, at any moment, and one that should not have begun.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use inviter_testkit::{Fault, Recorded, terminate};

use super::directory;
use crate::harness::{Bot, LONG, Site, eventually};

/// The grace of five seconds for what is under way, and a little.
const WITHIN: Duration = Duration::from_secs(6);

async fn ends_in_time(mut bot: Bot) -> Result<()> {
    let begun = Instant::now();
    terminate(bot.pid()?)?;
    let status = bot.ended().await?;
    let took = begun.elapsed();
    eprintln!("ended after {:.2} s", took.as_secs_f64());
    ensure!(status.success(), "{status}");
    ensure!(took < WITHIN, "{took:?}");
    Ok(())
}

/// One bot for each account; the second says which process the first is.
#[tokio::test]
async fn a_second_bot_refuses_to_start() -> Result<()> {
    let site = Site::new().await?;
    let mut first = site.start_with(&directory()).await?;
    let (status, log) = Bot::ends(&site).await?;
    assert_eq!(status.code(), Some(1), "{log}");
    let pid = format!("(process {})", first.pid()?);
    assert!(
        log.contains("another bot for") && log.contains(&pid) && log.contains("stop it first"),
        "{log}"
    );
    first.lives()?;
    assert_eq!(first.ask("/readyz").await?.0, 200);
    first.kill().await?;
    // What is left of one that was killed keeps nobody away.
    site.start().await?.stop().await
}

/// Nothing of a run that is held up keeps the bot, and the next one does the rest.
#[tokio::test]
async fn it_ends_within_seconds_while_a_run_is_held_up() -> Result<()> {
    let site = Site::new().await?;
    let directory = directory();
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let is_invite = |request: &Recorded| request.path.ends_with("/invite");
    site.proxy
        .on_request(move |request| is_invite(request).then_some(Fault::Delay(Duration::from_secs(90))));
    let bot = Bot::spawn(&site).await?;
    eventually("the run is held up", LONG, async || {
        Ok(site.proxy.requests().iter().any(is_invite).then_some(()))
    })
    .await?;
    ends_in_time(bot).await?;
    site.proxy.heal();
    let bot = site.start().await?;
    site.is_as_wanted(&directory).await?;
    bot.stop().await
}

/// Nor does a rate limit of hours.
#[tokio::test]
async fn it_ends_within_seconds_while_it_waits_for_a_rate_limit() -> Result<()> {
    let site = Site::new().await?;
    let directory = directory();
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let is_invite = |request: &Recorded| request.path.ends_with("/invite");
    site.proxy
        .on_request(move |request| is_invite(request).then(|| Fault::limited(Duration::from_secs(50))));
    let bot = Bot::spawn(&site).await?;
    eventually("the run waits", LONG, async || {
        Ok(site.proxy.requests().iter().any(is_invite).then_some(()))
    })
    .await?;
    ends_in_time(bot).await
}

/// Before it is up: while the homeserver does not answer the first look at the rooms.
#[tokio::test]
async fn it_ends_within_seconds_while_it_starts() -> Result<()> {
    let site = Site::new().await?;
    site.save(&directory())?;
    site.proxy.on_request(|request| {
        request
            .path
            .ends_with("/sync")
            .then_some(Fault::Delay(Duration::from_secs(90)))
    });
    let bot = Bot::spawn(&site).await?;
    eventually("it looks at the rooms", LONG, async || {
        Ok(site
            .proxy
            .requests()
            .iter()
            .any(|request| request.path.ends_with("/sync"))
            .then_some(()))
    })
    .await?;
    ends_in_time(bot).await
}

/// While a new configuration is being taken over.
#[tokio::test]
async fn it_ends_within_seconds_during_a_reload() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    site.proxy.clear();
    let is_first_look = |request: &Recorded| {
        request.path.ends_with("/sync") && !request.query.as_deref().unwrap_or_default().contains("since=")
    };
    site.proxy
        .on_request(move |request| is_first_look(request).then_some(Fault::Delay(Duration::from_secs(90))));
    super::hangup(bot.pid()?)?;
    eventually("the reload is held up", LONG, async || {
        Ok(site.proxy.requests().iter().any(is_first_look).then_some(()))
    })
    .await?;
    ends_in_time(bot).await
}
