//! A bot that is killed in a run leaves nothing that the next one does not put right.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_testkit::{When, enc, expect_ok, sigkill};

use crate::harness::{Bot, Directory, LONG, Site, eventually, lines};

/// Sites at the same time.
const LANES: usize = 2;
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

#[tokio::test]
async fn a_bot_that_is_killed_in_a_run_goes_on_after_it() -> Result<()> {
    let times = [
        (1, When::BeforeForward),
        (2, When::AfterEffect),
        (4, When::BeforeForward),
        (WRITES - 1, When::AfterEffect),
    ];
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
