//! The bot's process.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use inviter_testkit::{Client, sigkill, terminate};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{CONFIG, LONG, Site, eventually};

/// How long a bot that was told to stop may take: "within seconds".
const STOPPED_WITHIN: Duration = Duration::from_secs(15);

/// A bot that runs. It is killed when this is dropped, and its log goes to the test's output.
#[derive(Debug)]
pub(crate) struct Bot {
    child: Child,
    log: PathBuf,
    http: Client,
}

impl Bot {
    /// Starts the bot with the site's configuration, and waits until it says that it is ready.
    pub(crate) async fn start(site: &Site) -> Result<Self> {
        let mut bot = Self::spawn(site).await?;
        bot.until_ready().await?;
        Ok(bot)
    }

    /// Starts the bot, and waits only until it answers at all.
    pub(crate) async fn spawn(site: &Site) -> Result<Self> {
        let mut bot = Self::begin(site)?;
        let (address, _) = eventually("the bot listens", LONG, async || {
            bot.lives()?;
            let log = bot.log();
            let told = log.lines().find(|line| line.contains("metrics are served"));
            Ok(told
                .and_then(|line| line.split("address=").nth(1))
                .and_then(|rest| rest.split_whitespace().next())
                .map(str::to_owned))
        })
        .await?;
        bot.http = Client::new(format!("http://{address}"), "", "");
        Ok(bot)
    }

    /// Starts the bot, which has to end by itself; answers how it did and what it wrote.
    pub(crate) async fn ends(site: &Site) -> Result<(ExitStatus, String)> {
        let mut bot = Self::begin(site)?;
        let status = timeout(LONG, bot.child.wait())
            .await
            .context("it does not end")??;
        Ok((status, bot.log()))
    }

    /// Starts the bot, and waits for nothing.
    pub(crate) fn begin(site: &Site) -> Result<Self> {
        let log = site.path(&inviter_testkit::unique("bot.log"));
        let file = std::fs::File::create(&log)?;
        let child = Command::new(env!("CARGO_BIN_EXE_inviter-bot"))
            .arg("--config")
            .arg(site.path(CONFIG))
            .current_dir(site.path(""))
            .env_clear()
            .env("HOME", site.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("inviter-bot")?;
        Ok(Self {
            child,
            log,
            http: Client::new("", "", ""),
        })
    }

    /// Everything that it has written to its log.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The process ID.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("the bot has ended")
    }

    /// Fails if it has ended.
    pub(crate) fn lives(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the bot has ended: {status}"),
            None => Ok(()),
        }
    }

    /// What it answers to a request such as `/readyz`: the status and the text.
    pub(crate) async fn ask(&self, path: &str) -> Result<(u16, String)> {
        let (status, body) = self.http.get(path).await?;
        let text = match body {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok((status, text.trim_end().to_owned()))
    }

    /// Waits until it is ready; answers how long that took.
    pub(crate) async fn until_ready(&mut self) -> Result<Duration> {
        let ready = eventually("the bot is ready", LONG, async || {
            self.lives()?;
            Ok((self.ask("/readyz").await?.0 == 200).then_some(()))
        });
        Ok(ready.await?.1)
    }

    /// Waits until it is not ready; answers with what it says about that.
    pub(crate) async fn until_unready(&mut self) -> Result<String> {
        let unready = eventually("the bot is not ready", LONG, async || {
            self.lives()?;
            let (status, why) = self.ask("/readyz").await?;
            Ok((status == 503).then_some(why))
        });
        Ok(unready.await?.0)
    }

    /// How many log lines have all these words.
    pub(crate) fn logged(&self, words: &[&str]) -> usize {
        let log = self.log();
        let fits = |line: &&str| words.iter().all(|word| line.contains(word));
        log.lines().filter(fits).count()
    }

    /// Asks it to stop, as an init system does, and waits for it; it has to end well and soon.
    pub(crate) async fn stop(mut self) -> Result<()> {
        terminate(self.pid()?)?;
        let ended = timeout(STOPPED_WITHIN, self.child.wait()).await;
        let status = ended.context("the bot does not stop")??;
        assert!(status.success(), "{status}");
        Ok(())
    }

    /// Kills it at once.
    pub(crate) async fn kill(mut self) -> Result<()> {
        sigkill(self.pid()?)?;
        self.child.wait().await?;
        Ok(())
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        timeout(LONG, self.child.wait()).await?.context("wait")
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        eprintln!("-- log of the bot\n{}--", self.log());
    }
}
