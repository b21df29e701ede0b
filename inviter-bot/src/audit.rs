//! [`Audit`]: what was sent or tried, a line of JSON for each action, appended to a file.
//!
//! What is held or waits for a person is no action and is not in it, nor is what was not tried because something
//! before it had failed.

mod lines;

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use inviter::{
    Policy, Report,
    core::{
        OwnedUserId, by_hand::WishReport, evidence::Evidence, resolve::ReadOutcome, runs::RunCause,
        time::Timestamp,
    },
};
use prometheus_client::metrics::counter::Counter;

pub(crate) use self::lines::Event;
use self::lines::Line;

/// Where actions are written down.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    to: Mutex<Option<Open>>,
    /// Lines that could not be written.
    lost: Counter,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    /// The last line has no end, because the disk was full or the process was killed.
    torn: bool,
}

/// The run that lines are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    /// When it began, which is its name.
    pub(crate) begun: Timestamp,
    /// What started it.
    pub(crate) cause: &'a RunCause,
}

impl Audit {
    /// Writes nowhere yet; lines that cannot be written are counted here.
    pub(crate) fn new(lost: Counter) -> Self {
        Self {
            to: Mutex::default(),
            lost,
        }
    }

    /// Appends to this file from now on, and opens it anew if it is the same: it may have been moved away. To none
    /// without it.
    ///
    /// # Errors
    /// When it cannot be written to; what was written to before stays.
    pub(crate) fn open(&self, file: Option<&Path>) -> anyhow::Result<()> {
        let open = match file {
            Some(path) => Some(Open::new(path).with_context(|| {
                format!(
                    "{}: the audit log cannot be written; make it writable for the bot, or change `audit_file` in [bot]",
                    path.display()
                )
            })?),
            None => None,
        };
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = open;
        Ok(())
    }

    /// Writes down what a run did or tried.
    pub(crate) fn report(
        &self,
        report: &Report,
        directories: &[ReadOutcome],
        policy: &Policy,
        run: Run<'_>,
        now: Timestamp,
    ) {
        // Most runs do nothing, and looking up evidence takes a look at every account.
        let tried = |report: &Report| {
            let mut items = report.rooms.iter().flat_map(|room| &room.items);
            items.any(|item| lines::result(&item.outcome).is_some())
        };
        if !self.is_open() || !tried(report) {
            return;
        }
        let evidence = Evidence::gather(directories, policy, &report.rooms, true);
        self.append(
            report
                .rooms
                .iter()
                .flat_map(|room| lines::of_room(room, &evidence, run, now)),
        );
    }

    /// Writes down what came of a command about one person or room.
    pub(crate) fn by_hand(&self, report: &WishReport, who: &OwnedUserId, now: Timestamp) {
        self.append(lines::of_wish(report, who, now));
    }

    /// Writes down something that is no action in a room.
    pub(crate) fn event(&self, event: &Event<'_>, who: Option<&OwnedUserId>, now: Timestamp) {
        self.append([lines::of_event(event, who, now)]);
    }

    fn is_open(&self) -> bool {
        self.to.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn append(&self, lines: impl IntoIterator<Item = Line>) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = to.as_mut() else { return };
        let mut failed = None;
        for line in lines {
            if let Err(error) = open.append(&line.text()) {
                self.lost.inc();
                failed = Some(error);
            }
        }
        if let Some(error) = failed {
            tracing::error!(file = %open.path.display(), %error, "the audit log cannot be written; lines are missing in it");
        }
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let torn = file.metadata()?.is_file() && is_torn(&mut file)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            torn,
        })
    }

    /// One write for each line: what another process appends does not come in between.
    fn append(&mut self, line: &str) -> io::Result<()> {
        let start = if self.torn { "\n" } else { "" };
        let bytes = format!("{start}{line}\n").into_bytes();
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.file.flush()?;
        self.torn = false;
        Ok(())
    }
}

/// Whether the last line has no end.
fn is_torn(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests;
