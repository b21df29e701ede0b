//! The built bot as a process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use inviter_testkit::{Client, terminate};
use reqwest::Method;
use serde_json::Value;
use tokio::process::{Child, Command};

/// A running `inviter-bot`; killed by its process ID when dropped.
#[derive(Debug)]
pub(crate) struct Bot {
    process: Child,
    pid: u32,
    log: PathBuf,
    http: Client,
}

/// A port on 127.0.0.1 that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

impl Bot {
    /// Starts it in a directory with its configuration, and waits until it is ready.
    pub(crate) async fn start(program: &Path, config: &Path, port: u16, patience: Duration) -> Result<Self> {
        let dir = config.parent().context("a configuration without a directory")?;
        let log = dir.join("bot.log");
        let output = File::create(&log).context("bot.log")?;
        let process = Command::new(program)
            .arg("--config")
            .arg(config)
            .current_dir(dir)
            .env_clear()
            .env("HOME", dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}; build it first", program.display()))?;
        let pid = process.id().context("the bot has no process id")?;
        let http = Client::new(format!("http://127.0.0.1:{port}"), "", "");
        let mut bot = Self {
            process,
            pid,
            log,
            http,
        };
        let began = Instant::now();
        while !bot.is_ready().await {
            bot.is_alive()?;
            if began.elapsed() > patience {
                bail!("the bot was not ready after {} s", patience.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(bot)
    }

    async fn is_ready(&self) -> bool {
        matches!(
            self.http.raw(Method::GET, "/readyz", None, None).await,
            Ok((200, _))
        )
    }

    /// An error once it has ended by itself.
    pub(crate) fn is_alive(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            Some(status) => bail!("the bot ended by itself ({status})"),
            None => Ok(()),
        }
    }

    /// How many scheduled runs it has made, by its metrics.
    pub(crate) async fn runs(&self) -> Result<u64> {
        let (status, body) = self.http.raw(Method::GET, "/metrics", None, None).await?;
        match body {
            Value::String(text) if status == 200 => Ok(scheduled_runs(&text)),
            other => bail!("/metrics answered {status}: {other}"),
        }
    }

    /// Its memory that is in use, in megabytes.
    pub(crate) fn rss(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.pid);
        let status = fs::read_to_string(&path).context(path)?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        let kilobytes: f64 = kilobytes.context("no VmRSS")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// The end of what it has logged.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Ends it in order, which takes no longer than seconds and is a success.
    pub(crate) async fn stop(mut self) -> Result<()> {
        terminate(self.pid)?;
        let ended = tokio::time::timeout(Duration::from_secs(15), self.process.wait()).await;
        let status = ended.context("the bot did not stop within 15 s")??;
        if !status.success() {
            bail!("the bot stopped with {status}");
        }
        Ok(())
    }
}

/// The scheduled runs that came to an end, however, in the text format of Prometheus. There is no sample before the
/// first.
fn scheduled_runs(text: &str) -> u64 {
    let samples = text
        .lines()
        .filter(|line| line.starts_with("inviter_runs_total{"));
    let scheduled = samples.filter(|line| line.contains("cause=\"schedule\""));
    scheduled
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheduled_runs_are_read_from_metrics() {
        let text = "# TYPE inviter_runs_total counter\n\
                    inviter_runs_total{cause=\"schedule\",result=\"ok\"} 41\n\
                    inviter_runs_total{cause=\"schedule\",result=\"failed\"} 1\n\
                    inviter_runs_total{cause=\"drift\",result=\"ok\"} 7\n\
                    inviter_rooms 30\n";
        assert_eq!(scheduled_runs(text), 42);
        assert_eq!(scheduled_runs("inviter_rooms 30\n"), 0);
    }
}
