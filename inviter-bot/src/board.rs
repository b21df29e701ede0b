//! [`Board`]: what the bot knows of itself, for `status`, readiness and metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use inviter::{
    Report,
    core::{
        OwnedUserId,
        desired::{Desired, SourceOutcome},
        directory::ProviderId,
        reconcile::Reconciler,
        runs::RunCause,
        time::Timestamp,
    },
};

use crate::quarantines::Quarantines;

/// Shared by everything that runs; outlives a connection to the homeserver.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Known>);

/// What is known at one time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The bot's account, once it has been logged in.
    pub(crate) account: Option<OwnedUserId>,
    /// Why the homeserver cannot be used at the moment, if so; one sentence without a full stop.
    pub(crate) trouble: Option<String>,
    /// When the homeserver last told news, or that there are none.
    pub(crate) heard: Option<Instant>,
    /// The run that is under way.
    pub(crate) running: Option<Running>,
    /// The last run that came to an end.
    pub(crate) last: Option<Finished>,
    /// The last one over everything.
    pub(crate) last_whole: Option<Finished>,
    /// When the next scheduled one begins.
    pub(crate) next: Option<Timestamp>,
    /// `next`, by a clock that nobody sets.
    pub(crate) due: Option<Instant>,
    /// How each directory fared when it was last read.
    pub(crate) directories: BTreeMap<ProviderId, DirectoryKnown>,
    /// Which of them keep failing and are left alone; not as of one time, but as it is.
    pub(crate) quarantines: Quarantines,
}

/// A run that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Since when.
    pub(crate) since: Timestamp,
    /// What started it.
    pub(crate) cause: RunCause,
    /// `since`, by a clock that nobody sets.
    pub(crate) started: Instant,
}

/// A run that came to an end.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// When it began.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
    /// What started it.
    pub(crate) cause: RunCause,
    /// What came of it, or why it could not even begin.
    pub(crate) outcome: Result<Arc<Report>, String>,
}

/// How a directory fared when it was last read.
#[derive(Debug, Clone, Default)]
pub(crate) struct DirectoryKnown {
    /// When it was last read as a whole.
    pub(crate) good: Option<Timestamp>,
    /// What was wrong at the last read.
    pub(crate) error: Option<String>,
}

impl Board {
    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        self.lock().clone()
    }

    /// The bot is logged in.
    pub(crate) fn connected(&self, account: &OwnedUserId) {
        let mut known = self.lock();
        known.account = Some(account.clone());
        known.trouble = None;
        known.heard = Some(Instant::now());
    }

    /// There are these directories, and no others any more.
    pub(crate) fn has_directories(&self, reconciler: &Reconciler) {
        let mut known = self.lock();
        known.quarantines.keep_only(reconciler);
        let there = |id: &ProviderId| reconciler.providers.iter().any(|directory| directory.id() == *id);
        known.directories.retain(|id, _| there(id));
    }

    /// The homeserver last answered then.
    pub(crate) fn heard(&self, at: Option<Instant>) {
        let mut known = self.lock();
        known.heard = known.heard.max(at);
    }

    /// The homeserver cannot be used, or can again (`None`).
    pub(crate) fn trouble(&self, why: Option<String>) {
        self.lock().trouble = why;
    }

    /// The next scheduled run begins then.
    pub(crate) fn scheduled(&self, at: Timestamp, due: Instant) {
        let mut known = self.lock();
        (known.next, known.due) = (Some(at), Some(due));
    }

    /// A run has begun.
    pub(crate) fn begun(&self, since: Timestamp, cause: RunCause) {
        self.lock().running = Some(Running {
            since,
            cause,
            started: Instant::now(),
        });
    }

    /// Whatever was under way was given up.
    pub(crate) fn given_up(&self) {
        self.lock().running = None;
    }

    /// The directories have been read.
    pub(crate) fn read(&self, desired: &Desired, now: Timestamp) {
        let mut known = self.lock();
        for source in &desired.sources {
            let entry = known.directories.entry(source.provider.clone()).or_default();
            if source.is_complete() {
                entry.good = Some(now);
            }
            entry.error = trouble_of(source);
        }
    }

    /// A run has come to an end.
    pub(crate) fn ended(&self, finished: Finished, whole: bool) {
        let mut known = self.lock();
        known.running = None;
        if whole {
            known.last_whole = Some(finished.clone());
        }
        known.last = Some(finished);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was wrong with a directory, as one sentence.
fn trouble_of(source: &SourceOutcome) -> Option<String> {
    if source.is_complete() {
        return None;
    }
    let gap = || source.listing.as_ref()?.gaps().first().map(ToString::to_string);
    let why = source.error.clone().or_else(gap);
    Some(why.unwrap_or_else(|| "it was not read as a whole".to_owned()))
}
