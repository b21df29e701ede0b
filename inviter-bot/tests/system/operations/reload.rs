//! SIGHUP: a good configuration takes over, a bad one does not, and nobody notices anything else.

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use anyhow::Result;
use inviter_testkit::Client;

use super::{directory, hangup};
use crate::harness::{CONFIG, Configuration, LONG, Site, eventually};

/// The old one goes on and says why.
#[tokio::test]
async fn a_bad_configuration_is_told_and_the_old_one_stays() -> Result<()> {
    let site = Site::new().await?;
    let mut bot = site.start_with(&directory()).await?;
    let good = std::fs::read_to_string(site.path(CONFIG))?;
    site.write(CONFIG, &good.replace("interval = \"1h\"", "interval = \"often\""))?;
    hangup(bot.pid()?)?;
    let told = site.told(&["was not taken over", "interval"]).await?;
    assert!(told.contains("old one stays"), "{told}");
    assert_eq!(bot.logged(&["ERROR", "was not taken over"]), 1);
    bot.lives()?;
    assert_eq!(bot.ask("/readyz").await?.0, 200);

    // One that is right and cannot be used: a port that somebody else has.
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?;
    site.write(CONFIG, &good.replace("127.0.0.1:0", &address.to_string()))?;
    hangup(bot.pid()?)?;
    site.told(&["was not taken over", &address.to_string()]).await?;
    assert_eq!(
        bot.ask("/readyz").await?.0,
        200,
        "the old address is still served"
    );

    // And mended.
    site.write(CONFIG, &good)?;
    hangup(bot.pid()?)?;
    eventually("the good one takes over", LONG, async || {
        Ok((bot.logged(&["connection ended"]) > 0).then_some(()))
    })
    .await?;
    bot.until_ready().await?;
    bot.stop().await
}

/// Health moves to the new address, and the old port is free.
#[tokio::test]
async fn a_new_address_takes_the_place_of_the_old_one() -> Result<()> {
    let site = Site::new().await?;
    let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
    let (old, new) = (free()?, free()?);
    let listen =
        |address: std::net::SocketAddr| Configuration::default().bot("listen", &format!("\"{address}\""));
    site.configure(&listen(old))?;
    let bot = site.start_with(&directory()).await?;
    site.configure(&listen(new))?;
    hangup(bot.pid()?)?;
    let there = Client::new(format!("http://{new}"), "", "");
    eventually("the new address is served", LONG, async || {
        Ok((there.get("/readyz").await?.0 == 200).then_some(()))
    })
    .await?;
    eventually("the old port is free", LONG, async || {
        Ok(TcpListener::bind(old).ok())
    })
    .await?;
    bot.stop().await
}

/// Commands that come while one connection takes the place of another are all answered, each once.
#[tokio::test]
async fn no_command_is_lost_or_done_twice() -> Result<()> {
    const COMMANDS: usize = 24;
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    eventually("the bot is in the administration room", LONG, async || {
        let members = site.boss.members(&site.admin_room).await?;
        Ok((members.get(site.bot.user_id()).map(String::as_str) == Some("join")).then_some(()))
    })
    .await?;
    for number in 0..COMMANDS {
        site.boss.send_text(&site.admin_room, "!inviter help").await?;
        // In the midst of them, twice.
        if number == COMMANDS / 4 || number == COMMANDS / 2 {
            hangup(bot.pid()?)?;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let answers = async || {
        let mut answers: BTreeMap<String, usize> = BTreeMap::new();
        for event in site.history(&site.admin_room).await? {
            let content = &event["content"];
            if event["type"] != "m.room.message" {
                continue;
            }
            if event["sender"] == site.boss.user_id() {
                answers
                    .entry(event["event_id"].as_str().unwrap().to_owned())
                    .or_default();
            } else if content["m.relates_to"]["rel_type"] == "m.thread" {
                let root = content["m.relates_to"]["event_id"].as_str().unwrap();
                *answers.entry(root.to_owned()).or_default() += 1;
            }
        }
        anyhow::Ok(answers)
    };
    let is_reloaded = || bot.logged(&["connection ended"]) == 2;
    let last = eventually("all commands are answered", LONG, async || {
        let answers = answers().await?;
        let all = answers.values().all(|count| *count > 0) && is_reloaded();
        Ok(all.then_some(()))
    })
    .await;
    // Time for what comes twice.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answers = answers().await?;
    assert!(last.is_ok(), "{last:?}: {answers:?}");
    assert_eq!(answers.len(), COMMANDS, "{answers:?}");
    let counts: std::collections::BTreeSet<usize> = answers.values().copied().collect();
    assert_eq!(
        counts.len(),
        1,
        "each has the same number of answers: {answers:?}"
    );
    bot.stop().await
}
