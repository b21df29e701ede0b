//! The log of a real bot.

use anyhow::{Context as _, Result};
use inviter_testkit::terminate;
use serde_json::Value;

use super::{Supervisor, directory, hangup};
use crate::harness::{CONFIG, Configuration, Site};

/// Each line is a document, and no secret is in it, with as much logged as can be.
#[tokio::test]
async fn each_line_is_json_and_none_has_a_secret() -> Result<()> {
    let site = Site::new().await?;
    let configuration = Configuration::default()
        .bot("log", "\"trace\"")
        .bot("log_format", "\"json\"");
    site.configure(&configuration)?;
    let directory = directory();
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let mut unit = Supervisor::start(&site, None)?;
    site.is_as_wanted(&directory).await?;
    // What goes wrong is told as well.
    site.synapse.revoke_tokens(&site.localpart("bot")).await?;
    let again = site.synapse.login(&site.localpart("bot")).await?;
    site.write_secret("token", again.token())?;
    hangup(unit.pid()?)?;
    unit.until("READY=1").await?;
    site.write(
        CONFIG,
        &format!("access_token = {:?}\n[homeserver", again.token()),
    )?;
    hangup(unit.pid()?)?;
    unit.until("RELOADING=1").await?;
    unit.until("READY=1").await?;
    terminate(unit.pid()?)?;
    unit.ended().await?;
    let log = std::fs::read_to_string(site.path("log"))?;
    let mut levels = std::collections::BTreeSet::new();
    for line in log.lines() {
        let document: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        for key in ["timestamp", "level", "message", "target"] {
            assert!(document[key].is_string(), "{key} in {line}");
        }
        levels.insert(document["level"].as_str().unwrap().to_owned());
    }
    assert!(
        levels.contains("INFO") && levels.contains("DEBUG") && levels.contains("ERROR"),
        "{levels:?}"
    );
    for secret in [site.bot.token(), again.token()] {
        assert!(!log.contains(secret), "a secret is in the log");
        let half = &secret[secret.len() / 2..];
        assert!(!log.contains(half), "half of a secret is in the log");
    }
    Ok(())
}
