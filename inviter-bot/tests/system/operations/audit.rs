//! The audit log of a real bot.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use anyhow::Result;

use super::{audited, directory, hangup};
use crate::harness::{LONG, Site, eventually, healed};

const FILE: &str = "audit.jsonl";

/// Every invitation and every room is in it, each once, and nothing that was not done.
#[tokio::test]
async fn what_was_done_is_written_down_with_its_reason() -> Result<()> {
    let site = Site::new().await?;
    let bot = site.start_with(&directory()).await?;
    let (lines, _) = eventually("the run is written down", LONG, async || {
        let lines = audited(&site, FILE)?;
        Ok(lines
            .iter()
            .any(|line| line["action"] == "invite")
            .then_some(lines))
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
