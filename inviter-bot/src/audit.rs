//! [`Audit`]: what was sent or tried, a line of JSON for each action, appended to a file as soon as it is known what
//! became of the action.
//!
//! What is held or waits for a person is no action and is not in it, nor is what was not tried because something
//! before it had failed.

mod lines;
mod owner;
mod writer;

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use inviter::core::{
    OwnedUserId,
    by_hand::WishReport,
    time::{Clock, Timestamp},
};
use prometheus_client::metrics::counter::Counter;

use self::lines::Line;
pub(crate) use self::{
    lines::Event,
    writer::{Grounds, Occasion, Writer},
};

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
    /// The last line could not be written, and that was said.
    fails: bool,
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
    /// When it cannot be written to, belongs to somebody else, or every user may read it and that cannot be changed; what
    /// was written to before stays.
    pub(crate) fn open(&self, file: Option<&Path>) -> anyhow::Result<()> {
        let open = match file {
            Some(path) => Some(Open::new(path, owner::me())?),
            None => None,
        };
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = open;
        Ok(())
    }

    /// Writes down what is done or tried on an occasion, for as long as it lasts. `grounds` are those of a run.
    pub(crate) const fn writer<'a>(
        &'a self,
        occasion: Occasion<'a>,
        grounds: Option<Grounds<'a>>,
        clock: &'a dyn Clock,
    ) -> Writer<'a> {
        Writer {
            audit: self,
            clock,
            occasion,
            grounds,
            evidence: Mutex::new(None),
        }
    }

    /// Writes down what a command about one person or room came to. Its actions are a [`Writer`]'s.
    pub(crate) fn command(&self, report: &WishReport, occasion: Occasion<'_>, now: Timestamp) {
        self.append([lines::of_command(report, occasion, now)]);
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
        for line in lines {
            match open.append(&line.text()) {
                Ok(()) => open.fails = false,
                Err(error) => {
                    self.lost.inc();
                    // Each action has a line, and a full disk is not helped by a log of the same length.
                    if !std::mem::replace(&mut open.fails, true) {
                        tracing::error!(file = %open.path.display(), %error,
                            "the audit log cannot be written; lines are missing in it");
                    }
                }
            }
        }
    }
}

impl Open {
    /// For the user with the number `me`.
    fn new(path: &Path, me: u32) -> anyhow::Result<Self> {
        let file = open_to_append(path).with_context(|| {
            format!(
                "{}: the audit log cannot be written; make it writable for the bot, or change `audit_file` in [bot]",
                path.display()
            )
        });
        let (file, torn) = file?;
        owner::refuse_foreign(&file, path, me)?;
        owner::close_to_others(&file).with_context(|| {
            format!(
                "{0}: every user may read the audit log, and the bot cannot change that; run `chmod o= {0}`, or, on a \
                 volume without modes, mount that with others for files, such as `file_mode=0600`, or change `audit_file` \
                 in [bot]",
                path.display()
            )
        })?;
        Ok(Self {
            file,
            path: path.to_owned(),
            torn,
            fails: false,
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

/// The file, and whether its last line has no end.
fn open_to_append(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let torn = file.metadata()?.is_file() && is_torn(&mut file)?;
    Ok((file, torn))
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
