//! What systemd is to a service: it starts the bot with a socket for its word, and listens.

use std::{
    io,
    os::unix::net::UnixDatagram,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

use crate::harness::{CONFIG, LONG, Site};

/// A bot that was started by it.
#[derive(Debug)]
pub(super) struct Supervisor {
    socket: UnixDatagram,
    child: Child,
}

impl Supervisor {
    /// Starts the bot, with a watchdog that wants to hear this often.
    pub(super) fn start(site: &Site, watchdog: Option<Duration>) -> Result<Self> {
        let path = site.path("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_nonblocking(true)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_inviter-bot"));
        command
            .arg("--config")
            .arg(site.path(CONFIG))
            .current_dir(site.path(""))
            .env_clear()
            .env("HOME", site.path(""))
            .env("NOTIFY_SOCKET", &path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(site.path("log"))?)
            .kill_on_drop(true);
        if let Some(period) = watchdog {
            command.env("WATCHDOG_USEC", period.as_micros().to_string());
        }
        Ok(Self {
            socket,
            child: command.spawn().context("inviter-bot")?,
        })
    }

    /// The process.
    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("it has ended")
    }

    /// The next message, line by line, if there is one within this time.
    pub(super) async fn next(&self, within: Duration) -> Result<Option<Vec<String>>> {
        let until = Instant::now() + within;
        let mut buffer = [0; 8192];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let text = std::str::from_utf8(&buffer[..length])?;
                    return Ok(Some(text.lines().map(str::to_owned).collect()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() > until {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for a message with this line; answers with all of its lines.
    pub(super) async fn until(&self, line: &str) -> Result<Vec<String>> {
        let mut heard = Vec::new();
        while let Some(message) = self.next(LONG).await? {
            if message.iter().any(|said| said == line) {
                return Ok(message);
            }
            heard.push(message);
        }
        bail!("no {line}, but {heard:?}")
    }

    /// Waits for the end.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(tokio::time::timeout(LONG, self.child.wait())
            .await
            .context("it does not end")??)
    }
}
