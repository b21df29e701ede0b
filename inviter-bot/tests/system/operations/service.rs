//! Word to systemd, and the unit file.

use std::{process::Command, time::Duration};

use anyhow::Result;
use inviter_testkit::terminate;

use super::{Supervisor, directory, hangup};
use crate::harness::{CONFIG, LONG, Site};

/// The whole life of a service: ready, statuses of runs, the watchdog, good and bad reloads, the end.
#[tokio::test]
async fn systemd_is_told_of_all_that_it_wants_to_know() -> Result<()> {
    let site = Site::new().await?;
    let directory = directory();
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let mut unit = Supervisor::start(&site, Some(Duration::from_millis(600)))?;
    let ready = unit.until("READY=1").await?;
    let status = ready
        .iter()
        .find_map(|line| line.strip_prefix("STATUS="))
        .unwrap();
    assert!(status.contains(site.bot.user_id()), "{status}");

    // After the first run.
    let mut statuses = Vec::new();
    let run = loop {
        let Some(message) = unit.next(LONG).await? else {
            panic!("no word of the run, but {statuses:?}");
        };
        statuses.extend(message);
        let told = |line: &&String| line.starts_with("STATUS=last run ");
        if let Some(line) = statuses.iter().find(told) {
            break line.clone();
        }
    };
    assert!(
        run.contains(" UTC at the start: ") && run.contains("; next "),
        "{run}"
    );

    // Twice in each period.
    for _ in 0..4 {
        unit.until("WATCHDOG=1").await?;
    }

    hangup(unit.pid()?)?;
    let reloading = unit.until("RELOADING=1").await?;
    let time = reloading
        .iter()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(
        time.is_some_and(|time| time.parse::<u64>().is_ok()),
        "{reloading:?}"
    );
    let ready = unit.until("READY=1").await?;
    assert!(
        ready
            .iter()
            .any(|line| line == "STATUS=the configuration was read"),
        "{ready:?}"
    );

    // A bad one ends the reload, too.
    site.write(CONFIG, "nonsense = ")?;
    hangup(unit.pid()?)?;
    unit.until("RELOADING=1").await?;
    let ready = unit.until("READY=1").await?;
    assert!(
        ready.iter().any(|line| line.contains("not taken over")),
        "{ready:?}"
    );

    terminate(unit.pid()?)?;
    unit.until("STOPPING=1").await?;
    assert!(unit.ended().await?.success());
    Ok(())
}

/// A homeserver that is away is no reason to start the bot again and again.
#[tokio::test]
async fn a_bot_that_waits_for_the_homeserver_is_up_and_says_so() -> Result<()> {
    let site = Site::new().await?;
    site.save(&directory())?;
    site.proxy.on_request(|_| Some(inviter_testkit::Fault::Html502));
    let mut unit = Supervisor::start(&site, None)?;
    let ready = unit.until("READY=1").await?;
    assert!(
        ready
            .iter()
            .any(|line| line.starts_with("STATUS=waiting for the homeserver")),
        "{ready:?}"
    );
    // Reloads are answered here as well.
    hangup(unit.pid()?)?;
    unit.until("RELOADING=1").await?;
    unit.until("READY=1").await?;
    let begun = std::time::Instant::now();
    terminate(unit.pid()?)?;
    unit.until("STOPPING=1").await?;
    assert!(unit.ended().await?.success());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    Ok(())
}

/// systemd understands every line of the unit file.
#[test]
fn the_unit_file_is_understood() -> Result<()> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/inviter-bot.service"))?;
    for line in [
        "Type=notify",
        "WatchdogSec=2min",
        "Restart=on-failure",
        "NoNewPrivileges=yes",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}");
    }
    // The program is looked for where the file says.
    let here = text.replace("/usr/local/bin/inviter-bot", env!("CARGO_BIN_EXE_inviter-bot"));
    assert_ne!(here, text);
    let verify = |text: &str| -> Result<Option<String>> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("inviter-bot.service");
        std::fs::write(&file, text)?;
        match Command::new("systemd-analyze").arg("verify").arg(&file).output() {
            Ok(output) => Ok(Some(String::from_utf8_lossy(&output.stderr).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let Some(wrong) = verify(&here)? else {
        eprintln!("systemd-analyze is not installed; the unit file was only looked at");
        return Ok(());
    };
    // What is wrong with other units of this machine is no concern of ours.
    let ours = |wrong: &str| wrong.lines().any(|line| line.contains("inviter-bot.service"));
    assert!(!ours(&wrong), "{wrong}");
    let broken = verify(&here.replace("WatchdogSec=2min", "WatchdogSec=soon"))?;
    assert!(broken.is_some_and(|wrong| ours(&wrong)), "a mistake is noticed");
    Ok(())
}
