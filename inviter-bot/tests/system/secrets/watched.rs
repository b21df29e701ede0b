//! A bot whose every word is kept.

use std::{
    fs::{self, File},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use inviter_testkit::{Client, terminate};
use regex::Regex;
use tokio::process::{Child, Command};

use crate::harness::{CONFIG, LONG, Site, eventually};

/// A bot whose every word is kept.
pub(super) struct Watched {
    child: Child,
    name: &'static str,
    http: Client,
}

impl Watched {
    pub(super) async fn start(
        site: &Site,
        name: &'static str,
        environment: &[(&str, String)],
    ) -> Result<Self> {
        let file = |stream: &str| File::create(site.path(&format!("{name}.{stream}")));
        let mut child = Command::new(env!("CARGO_BIN_EXE_inviter-bot"))
            .arg("--config")
            .arg(site.path(CONFIG))
            .current_dir(site.path(""))
            .env_clear()
            .env("HOME", site.path(""))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(file("out")?)
            .stderr(file("err")?)
            .kill_on_drop(true)
            .spawn()?;
        let told = Regex::new(
            r#"metrics are served.*address["=:]+([0-9.:]+)|address["=:]+([0-9.:]+).*metrics are served"#,
        )?;
        let (address, _) = eventually("the bot is ready", LONG, async || {
            ensure!(child.try_wait()?.is_none(), "it has ended");
            let log = fs::read_to_string(site.path(&format!("{name}.err")))?;
            let Some(found) = told.captures(&log).and_then(|c| c.get(1).or(c.get(2))) else {
                return Ok(None);
            };
            let http = Client::new(format!("http://{}", found.as_str()), "", "");
            Ok((http.get("/readyz").await?.0 == 200).then(|| found.as_str().to_owned()))
        })
        .await
        .with_context(|| fs::read_to_string(site.path(&format!("{name}.err"))).unwrap_or_default())?;
        let http = Client::new(format!("http://{address}"), "", "");
        Ok(Self { child, name, http })
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("it has ended")
    }

    pub(super) async fn metrics(&self) -> Result<String> {
        let (_, body) = self.http.get("/metrics").await?;
        Ok(body.as_str().context("no text")?.to_owned())
    }

    /// What it answers over HTTP, and what others of the machine see of its process.
    pub(super) async fn shown(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut shown = Vec::new();
        for path in ["/healthz", "/readyz", "/metrics", "/", "/nowhere"] {
            let (_, body) = self.http.get(path).await?;
            shown.push((
                format!("{} of {}", path, self.name),
                body.to_string().into_bytes(),
            ));
        }
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid()?))?;
        ensure!(!arguments.is_empty());
        shown.push((format!("arguments of {}", self.name), arguments));
        Ok(shown)
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        terminate(self.pid()?)?;
        let status = tokio::time::timeout(LONG, self.child.wait()).await??;
        ensure!(status.success(), "{status}");
        Ok(())
    }
}
