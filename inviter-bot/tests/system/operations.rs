//! What whoever runs the bot sees of it: health, numbers, the audit log, signals, and word to systemd.

mod audit;
mod ending;
mod life;
mod logs;
mod metrics;
mod reload;
mod service;
mod supervisor;

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use self::supervisor::Supervisor;
use crate::harness::{Bot, Directory, Site};

/// Two rooms with three people.
fn directory() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("staff")
        .owners(["alice"])
        .members(["bob", "carol"]);
    directory.room("club").members(["alice", "bob"]);
    directory
}

/// Asks a process to read its configuration anew.
pub(crate) fn hangup(pid: u32) -> Result<()> {
    let status = Command::new("kill").args(["-HUP", &pid.to_string()]).status()?;
    ensure!(status.success(), "kill: {status}");
    Ok(())
}

/// Samples by name and labels, as Prometheus would read them.
async fn numbers(bot: &Bot) -> Result<BTreeMap<String, f64>> {
    let (status, text) = bot.ask("/metrics").await?;
    ensure!(status == 200, "{status}: {text}");
    parsed(&text)
}

fn parsed(text: &str) -> Result<BTreeMap<String, f64>> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
        let value = value.parse().with_context(|| line.to_owned())?;
        ensure!(
            samples.insert(sample.to_owned(), value).is_none(),
            "twice: {line}"
        );
    }
    Ok(samples)
}

/// The lines of an audit log; every one has to be a JSON document.
fn audited(site: &Site, file: &str) -> Result<Vec<Value>> {
    let text = fs::read_to_string(site.path(file)).with_context(|| file.to_owned())?;
    ensure!(text.is_empty() || text.ends_with('\n'), "torn: {text}");
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}
