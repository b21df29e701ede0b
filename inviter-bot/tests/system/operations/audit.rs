//! The audit log of a real bot.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Context as _, Result};
use inviter_testkit::{When, sigkill};

use super::{audited, directory, hangup};
use crate::harness::{Bot, Configuration, Directory, LONG, Site, eventually, healed};

const FILE: &str = "audit.jsonl";

/// Every invitation and every room is in it, each once, and nothing that was not done.
#[tokio::test]
async fn what_was_done_is_written_down_with_its_reason() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    let (lines, _) = eventually("the run is written down", LONG, async || {
        let lines = audited(&site, FILE)?;
        // Each is written once it is done, which others see earlier.
        let invited = lines.iter().filter(|line| line["action"] == "invite");
        Ok((invited.count() >= 5).then_some(lines))
    })
    .await?;
    let mode = fs::metadata(site.path(FILE))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let done = |action: &str| {
        let lines = lines.iter().filter(|line| line["action"] == action);
        lines.cloned().collect::<Vec<_>>()
    };
    let invited: BTreeSet<(String, String)> = done("invite")
        .iter()
        .map(|line| {
            let name = |id: &serde_json::Value| site.short(id.as_str().unwrap()).to_owned();
            (name(&line["room"]["alias"]), name(&line["user"]))
        })
        .collect();
    let wanted = [
        ("staff", "alice"),
        ("staff", "bob"),
        ("staff", "carol"),
        ("club", "alice"),
        ("club", "bob"),
    ];
    let wanted = wanted.map(|(room, user)| (room.to_owned(), user.to_owned()));
    assert_eq!(invited, BTreeSet::from(wanted));
    assert_eq!(done("invite").len(), 5);
    assert_eq!(done("create").len(), 2);
    for line in done("invite") {
        assert_eq!(line["cause"], "start");
        assert_eq!(line["result"], "done");
        assert_eq!(line["why"]["group"]["directory"], "people", "{line}");
        assert_eq!(line["accounts"][0]["status"], "active", "{line}");
        let room = site
            .room_id(site.short(line["room"]["alias"].as_str().unwrap()))
            .await?;
        assert_eq!(line["room"]["id"], room.as_str());
        assert!(
            line["time"].as_str().unwrap() >= line["run"].as_str().unwrap(),
            "{line}"
        );
    }
    // The administration room was made by a trusted inviter, who has invited the bot.
    let accepted = lines.iter().find(|line| line["event"] == "invitation_accepted");
    if let Some(line) = accepted {
        assert_eq!(line["inviter"], site.boss.user_id());
    }

    // As logrotate does; what comes then is in the new file.
    fs::rename(site.path(FILE), site.path("audit.jsonl.1"))?;
    hangup(bot.pid()?)?;
    eventually("the file is opened anew", LONG, async || {
        Ok(site.path(FILE).exists().then_some(()))
    })
    .await?;
    let before = audited(&site, "audit.jsonl.1")?.len();
    eventually("the reload has ended", LONG, async || {
        Ok((bot.logged(&["connection ended"]) > 0).then_some(()))
    })
    .await?;
    site.join("staff", ["bob"]).await?;
    let room = site.boss_in("staff").await?;
    site.boss.kick(&room, &site.user("bob")).await?;
    healed("kick", async || {
        Ok(site.room("staff").await?.membership("bob") == "invite")
    })
    .await?;
    let (lines, _) = eventually("the drift is written down", LONG, async || {
        let lines = audited(&site, FILE)?;
        Ok((!lines.is_empty()).then_some(lines))
    })
    .await?;
    let line = lines.iter().find(|line| line["action"] == "invite").unwrap();
    assert_eq!(line["user"], site.user("bob"));
    assert_eq!(audited(&site, "audit.jsonl.1")?.len(), before);
    bot.stop().await
}

/// Who was invited where, by the audit log: each line, in order.
fn invited_by_log(site: &Site) -> Result<Vec<(String, String)>> {
    let lines = audited(site, FILE)?.into_iter();
    let mut invited: Vec<(String, String)> = lines
        .filter(|line| line["action"] == "invite" && line["result"] == "done")
        .map(|line| {
            let name = |id: &serde_json::Value| site.short(id.as_str().unwrap()).to_owned();
            (name(&line["room"]["alias"]), name(&line["user"]))
        })
        .collect();
    invited.sort();
    Ok(invited)
}

/// Who was invited where, by what the rooms tell: each event.
async fn invited_by_rooms(site: &Site, directory: &Directory) -> Result<Vec<(String, String)>> {
    let mut invited = Vec::new();
    for room in directory.rooms() {
        for event in site.history(&site.room_id(&room).await?).await? {
            if event["content"]["membership"] == "invite" {
                let user = event["state_key"].as_str().context("no state key")?;
                invited.push((room.clone(), site.short(user).to_owned()));
            }
        }
    }
    invited.sort();
    Ok(invited)
}

/// What was done before a bot was killed in a run is in it, and nothing is in it twice.
#[tokio::test]
async fn a_bot_that_is_killed_in_a_run_has_written_down_what_it_did() -> Result<()> {
    let site = Site::new().await?;
    // One request after another, so that it is known what had been done by then.
    site.configure(&Configuration::default().credentials("access_token_file = \"token\"\nconcurrency = 1"))?;
    site.register(directory().everybody()).await?;
    site.save(&directory())?;
    let mut bot = Bot::spawn(&site).await?;
    let pid = bot.pid()?;
    let (tell, told) = tokio::sync::oneshot::channel();
    // The administration room, two rooms, and two of five invitations have come before.
    site.proxy
        .on_write(6, When::BeforeForward, move |write| async move {
            let killed = sigkill(pid);
            // The test is gone if nobody listens.
            let _ = tell.send(killed.map(|()| write));
        });
    let status = bot.ended().await?;
    assert!(status.code().is_none(), "it was not killed: {status}");
    eprintln!("killed before {}", told.await??);
    site.proxy.settled().await;
    site.proxy.heal();
    let before = invited_by_log(&site)?;
    assert!(!before.is_empty() && before.len() < 5, "{before:?}");
    assert_eq!(before, invited_by_rooms(&site, &directory()).await?);
    let created =
        |lines: &[serde_json::Value]| lines.iter().filter(|line| line["action"] == "create").count();
    assert_eq!(created(&audited(&site, FILE)?), 2);

    let bot = site.start().await?;
    site.is_as_wanted(&directory()).await?;
    site.quiet().await?;
    let (after, _) = eventually("the second run is written down", LONG, async || {
        let invited = invited_by_log(&site)?;
        Ok((invited.len() >= 5).then_some(invited))
    })
    .await?;
    assert_eq!(after, invited_by_rooms(&site, &directory()).await?);
    let each: BTreeSet<_> = after.iter().collect();
    assert_eq!((after.len(), each.len()), (5, 5), "{after:?}");
    let lines = audited(&site, FILE)?;
    assert_eq!(created(&lines), 2);
    let runs: BTreeSet<&str> = lines.iter().filter_map(|line| line["run"].as_str()).collect();
    assert_eq!(runs.len(), 2, "{runs:?}");
    bot.stop().await
}
