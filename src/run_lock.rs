//! [`RunLock`]: one run at a time for each account, in whatever process (decision 34).

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use inviter_core::{OwnedUserId, UserId};

use crate::state_dir::{account_dir, create_private};

/// What a lock is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Held {
    /// A run.
    Run,
    /// The life of a bot.
    Bot,
}

impl Held {
    const fn file_name(self) -> &'static str {
        match self {
            Self::Run => "run.lock",
            Self::Bot => "bot.lock",
        }
    }
}

/// Held while a run is under way; another process, or another part of this one, cannot take it meanwhile.
///
/// The operating system holds the lock, so that it ends with the process however that ends: a file that was left
/// behind locks nothing.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    path: PathBuf,
}

impl RunLock {
    /// Takes the lock of an account, without waiting for it.
    ///
    /// # Errors
    /// [`LockError::Held`] if another run holds it, and [`LockError::Io`] if the state directory cannot be used.
    pub fn acquire(state_dir: &Path, account: &UserId) -> Result<Self, LockError> {
        Self::acquire_for(Held::Run, state_dir, account)
    }

    /// Takes the lock of an account that a bot holds for as long as it lives, so that there is one. It keeps nobody from
    /// a run in between.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_bot(state_dir: &Path, account: &UserId) -> Result<Self, LockError> {
        Self::acquire_for(Held::Bot, state_dir, account)
    }

    fn acquire_for(what: Held, state_dir: &Path, account: &UserId) -> Result<Self, LockError> {
        let dir = account_dir(state_dir, account);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Io { path, source }
        };
        create_private(&dir).map_err(failed(&dir))?;
        let path = dir.join(what.file_name());
        // Not truncated: until we hold the lock, what is in the file is the holder's.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held(LockHeld {
                    what,
                    account: account.to_owned(),
                    pid: holder(&mut file),
                    path,
                }));
            }
            Err(TryLockError::Error(source)) => return Err(failed(&path)(source)),
        }
        // Only for the message of whoever comes while we run: that it is missing does no harm.
        if let Err(error) = write_holder(&mut file) {
            tracing::debug!(file = %path.display(), %error, "the lock does not say who holds it");
        }
        Ok(Self { file, path })
    }

    /// The file that is locked.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // The file stays: removing it would let a second process lock a new one while a third waits for this.
        // Closing it gives the lock back in any case.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())?;
    file.flush()
}

/// The process that holds the lock, if the file says so; on Windows a locked file cannot be read.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The lock could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run holds it.
    #[error(transparent)]
    Held(#[from] LockHeld),
    /// The state directory cannot be used.
    #[error(
        "{}: cannot be used for the lock of this account; make the state directory writable for the bot, or set \
         another `dir` in [state]",
        path.display()
    )]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
}

/// Another run, or another bot, holds the lock of the account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "another {} for {account} is under way{}; {} ({})",
    match what { Held::Run => "run", Held::Bot => "bot" },
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
    match what {
        Held::Run => "wait until it has ended, or stop it",
        Held::Bot => "stop it first: there can be one for each account",
    },
    path.display()
)]
pub struct LockHeld {
    /// What it is for.
    pub what: Held,
    /// The account.
    pub account: OwnedUserId,
    /// The process that holds it, where that could be learnt.
    pub pid: Option<u32>,
    /// The file that is locked.
    pub path: PathBuf,
}
