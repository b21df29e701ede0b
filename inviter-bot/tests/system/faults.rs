//! What the bot needs goes away and comes back: it stays, says so, and goes on.

mod killed;
mod killed_later;
mod ldap;
mod quarantine;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use inviter_testkit::{Options, Synapse};
use tokio::time::sleep;

use crate::harness::{Bot, Configuration, Directory, LONG, Site, eventually, healed};

/// How long the homeserver is away: six seconds, or as many as the environment says.
fn away() -> Duration {
    let given = std::env::var("INVITER_TEST_AWAY_SECONDS").ok();
    Duration::from_secs(given.and_then(|seconds| seconds.parse().ok()).unwrap_or(6))
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.room("staff").owners(["alice"]).members(["bob"]);
    directory.people(["carol"]);
    directory
}

/// Runs every two seconds.
fn often() -> Configuration {
    Configuration::default().bot("interval", "\"2s\"")
}

/// Waits until the bot's run at its start is over.
async fn has_run(bot: &Bot) -> Result<()> {
    let look = async || Ok((bot.logged(&["run ended", "cause=at the start"]) > 0).then_some(()));
    eventually("its run at the start", LONG, look).await.map(drop)
}

/// A site with a homeserver of its own.
async fn own_site() -> Result<Site> {
    let site = Site::on(Arc::new(Synapse::start(Options::new()).await?)).await?;
    site.register(directory().everybody()).await?;
    site.save(&directory())?;
    Ok(site)
}

#[tokio::test]
async fn the_homeserver_goes_and_comes_back() -> Result<()> {
    let mut site = own_site().await?;
    site.configure(&often())?;
    let mut bot = site.start_with(&directory()).await?;
    let room = site.boss_in("staff").await?;
    site.join("staff", ["alice", "bob"]).await?;

    site.own_synapse()?.stop().await?;
    let why = bot.until_unready().await?;
    eprintln!("away: {why}");
    assert!(!why.contains('\n') && !why.is_empty(), "{why}");
    assert_eq!(bot.ask("/healthz").await?.0, 200, "it is no fault of the bot");
    let mut wanted = directory();
    wanted.room("staff").without("bob").members(["carol"]);
    site.save(&wanted)?;
    sleep(away()).await;
    bot.lives()?;
    assert_eq!(bot.ask("/readyz").await?.0, 503);

    site.own_synapse()?.restart().await?;
    // At once, before the bot can have noticed.
    site.types("!inviter status").await?;
    site.boss.kick(&room, &site.user("alice")).await?;
    let took = bot.until_ready().await?;
    eprintln!("ready again {:.1} s after the homeserver", took.as_secs_f64());
    site.is_as_wanted(&wanted).await?;
    site.told(&["next run"]).await.context("the command")?;
    // It follows again.
    site.boss.kick(&room, &site.user("carol")).await?;
    healed("a member was kicked", async || {
        Ok(site.room("staff").await?.membership("carol") == "invite")
    })
    .await?;
    bot.stop().await
}

#[tokio::test]
async fn a_homeserver_that_is_not_there_yet_is_waited_for() -> Result<()> {
    let mut site = own_site().await?;
    site.own_synapse()?.stop().await?;
    let mut bot = Bot::spawn(&site).await?;
    bot.until_unready().await?;
    eventually("it says what it waits for", LONG, async || {
        Ok((bot.logged(&["not connected"]) > 1).then_some(()))
    })
    .await?;
    bot.lives()?;
    site.own_synapse()?.restart().await?;
    let took = bot.until_ready().await?;
    eprintln!("ready {:.1} s after the homeserver", took.as_secs_f64());
    site.is_as_wanted(&directory()).await?;
    bot.stop().await
}

#[tokio::test]
async fn a_wrong_token_ends_it_at_the_start() -> Result<()> {
    let site = Site::new().await?;
    site.write_secret("token", "syt_this_is_none")?;
    let (status, log) = Bot::ends(&site).await?;
    assert_eq!(status.code(), Some(1), "{log}");
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("error:")).collect();
    let [error] = errors[..] else {
        anyhow::bail!("one line says what is wrong: {log}")
    };
    assert!(
        error.starts_with("inviter-bot: error: ") && error.contains("token"),
        "{error}"
    );
    assert!(!log.contains("syt_this_is_none"), "{log}");
    Ok(())
}

/// The bot's sessions are ended by an administrator.
#[tokio::test]
async fn with_a_password_it_logs_in_anew() -> Result<()> {
    let site = Site::new().await?;
    site.write_secret("password", &Synapse::password(&site.localpart("bot")))?;
    site.configure(&often().credentials("password_file = \"password\""))?;
    let mut bot = site.start_with(&directory()).await?;
    let room = site.boss_in("staff").await?;
    site.synapse.revoke_tokens(&site.localpart("bot")).await?;
    let mut wanted = directory();
    wanted.room("staff").members(["carol"]);
    site.save(&wanted)?;
    site.is_as_wanted(&wanted).await?;
    let took = bot.until_ready().await?;
    eprintln!(
        "ready again {:.1} s after the room was as wanted",
        took.as_secs_f64()
    );
    site.boss.kick(&room, &site.user("bob")).await?;
    healed("a member was kicked", async || {
        Ok(site.room("staff").await?.membership("bob") == "invite")
    })
    .await?;
    bot.stop().await
}

#[tokio::test]
async fn with_a_token_it_waits_for_another() -> Result<()> {
    let site = Site::new().await?;
    let mut bot = site.start_with(&directory()).await?;
    let room = site.boss_in("staff").await?;
    site.synapse.revoke_tokens(&site.localpart("bot")).await?;
    let why = bot.until_unready().await?;
    eprintln!("without a token: {why}");
    assert!(why.contains("token"), "{why}");
    assert!(bot.logged(&["ERROR", "token"]) > 0);
    site.boss.kick(&room, &site.user("bob")).await?;
    bot.lives()?;

    let new = site.synapse.login(&site.localpart("bot")).await?;
    site.write_secret("token", new.token())?;
    let took = bot.until_ready().await?;
    eprintln!("ready {:.1} s after the new token", took.as_secs_f64());
    // What happened meanwhile is put right, and it follows again.
    site.is_as_wanted(&directory()).await?;
    site.boss.kick(&room, &site.user("alice")).await?;
    healed("a member was kicked", async || {
        Ok(site.room("staff").await?.membership("alice") == "invite")
    })
    .await?;
    site.types("!inviter status").await?;
    site.told(&["next run"]).await.context("the command")?;
    bot.stop().await
}
