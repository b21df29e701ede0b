//! [`Quarantine`]: a directory that keeps failing is asked ever more seldom.
//!
//! A password that has expired gets no better by being sent every few seconds, and accounts are locked for that. What
//! the last read met is answered meanwhile, so that the directory stays what it is: unknown, and not empty.

mod kept;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use self::kept::Kept;
use crate::{
    IdentityProvider,
    directory::{Directory, ProviderId},
    provider::{Advice, ProviderError, ProviderErrorKind, ReadRequest},
    recall::RememberedQuarantine,
    time::{Clock, Timestamp},
};

/// So many reads in a row have to fail before a directory is left alone.
const FAILURES: u32 = 3;
/// The first pause is this part of the longest one: a minute of an hour.
const FIRST_OF_LONGEST: u32 = 60;
/// The first pause of a directory that refuses us. Accounts are commonly locked after five wrong passwords within half
/// an hour; with this one, doubled each time, no more than three are sent in that time.
const FIRST_OF_REFUSED: Duration = Duration::from_secs(10 * 60);

/// How long a directory that keeps failing is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    longest: Duration,
}

impl Pauses {
    /// From the third failed read in a row on: a sixtieth of the longest pause, doubled by each further failure up to
    /// the longest. From the first refusal on: ten minutes, doubled by each further one up to the longest.
    pub const fn up_to(longest: Duration) -> Self {
        Self { longest }
    }

    /// The pause after so many failed reads in a row; nothing as long as there are too few of them.
    pub fn after(self, failures: u32) -> Option<Duration> {
        let doublings = failures.checked_sub(FAILURES)?;
        Some(self.doubled(self.longest / FIRST_OF_LONGEST, doublings))
    }

    /// The pause after so many reads since the last answer at which the directory refused us
    /// ([`Denied`](ProviderErrorKind::Denied)), whatever else failed between them; nothing if there was none.
    pub fn after_refusals(self, refusals: u32) -> Option<Duration> {
        let doublings = refusals.checked_sub(1)?;
        Some(self.doubled(FIRST_OF_REFUSED, doublings))
    }

    fn doubled(self, first: Duration, times: u32) -> Duration {
        let pause = first.saturating_mul(2_u32.saturating_pow(times));
        pause.min(self.longest)
    }
}

impl Default for Pauses {
    /// From a minute to an hour; from ten minutes where the directory refuses us.
    fn default() -> Self {
        Self::up_to(Duration::from_secs(60 * 60))
    }
}

/// A directory that is left alone for now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// When the first of the reads in a row failed that led to this.
    pub failing_since: Timestamp,
    /// When one too many had failed.
    pub since: Timestamp,
    /// How many reads in a row have failed, those that people insisted on among them.
    pub failures: u32,
    /// From when on the directory is asked again.
    pub again: Timestamp,
    /// What whoever mends it can do about what the last read met.
    pub kind: ProviderErrorKind,
    /// What the last read met: a sentence without a full stop.
    pub error: String,
}

/// What is known of the failed reads of one directory. Clones share it, so that it can outlive the object that reads
/// the directory.
#[derive(Debug, Clone, Default)]
pub struct Failures(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    /// Goes up with every read that was counted, so that reads at the same time count once.
    counted: u64,
    /// In a row.
    failures: u32,
    failing_since: Timestamp,
    /// Those of the failures in a row that the pause grows with.
    steps: u32,
    /// Those of the steps that were refusals.
    refusals: u32,
    quarantine: Option<Ward>,
}

/// What is kept while the directory is left alone.
#[derive(Debug)]
struct Ward {
    since: Timestamp,
    pause: Pause,
    error: Kept,
}

/// A time in which the directory is not asked.
#[derive(Debug, Clone, Copy)]
struct Pause {
    from: Timestamp,
    length: Duration,
}

impl Pause {
    /// One that is over.
    const fn none(now: Timestamp) -> Self {
        Self {
            from: now,
            length: Duration::ZERO,
        }
    }

    fn end(self) -> Timestamp {
        self.from.plus(self.length)
    }

    /// How much of it is left, if any. A clock that was ahead when it began, and has been set right since, does not make
    /// it longer: it is over then.
    fn left(self, now: Timestamp) -> Option<Duration> {
        (self.from <= now && now < self.end()).then(|| self.end().since(now))
    }

    /// The one of two that ends later.
    fn or_longer(self, other: Self) -> Self {
        if other.end() > self.end() { other } else { self }
    }
}

impl Failures {
    /// What an earlier program knew of a directory that was left alone when it ended: it still is, and is asked by the
    /// next read, after which pauses begin anew.
    pub fn remembered(directory: &ProviderId, known: &RememberedQuarantine, now: Timestamp) -> Self {
        let mut record = Record {
            failures: known.failures,
            failing_since: known.failing_since,
            quarantine: Some(Ward {
                since: known.since,
                pause: Pause::none(now),
                error: Kept::of(ProviderError::new(
                    ProviderErrorKind::Unavailable,
                    directory.to_string(),
                    "it failed before this program was started, and has not been asked since",
                )),
            }),
            ..Record::default()
        };
        record.begin_anew(now);
        Self(Arc::new(Mutex::new(record)))
    }

    /// How the directory is left alone, if it is.
    pub fn quarantined(&self) -> Option<Quarantined> {
        self.lock().quarantined(Pause::end)
    }

    /// The same as of now: on a clock that was set back, the pause is over, and not in the future.
    fn quarantined_at(&self, now: Timestamp) -> Option<Quarantined> {
        let again = |pause: Pause| {
            pause
                .left(now)
                .map_or(pause.end().min(now), |left| now.plus(left))
        };
        self.lock().quarantined(again)
    }

    /// Has the directory asked by the next read from now on, whoever reads, and pauses begin anew, if it is left alone:
    /// somebody has probably mended it, or given us another password.
    pub fn ask_at_once(&self, now: Timestamp) {
        self.lock().begin_anew(now);
    }

    /// The error to be answered instead of asking, if the directory is to be left alone.
    fn instead(&self, now: Timestamp) -> Option<ProviderError> {
        let record = self.lock();
        let ward = record.quarantine.as_ref()?;
        ward.pause.left(now).map(|left| ward.error.again(left))
    }

    /// A read begins; what it comes to is told with this number.
    fn begin(&self) -> u64 {
        self.lock().counted
    }

    /// A read was answered; answers since when it had not been, if the directory had been left alone.
    fn answered(&self) -> Option<Timestamp> {
        let mut record = self.lock();
        record.counted += 1;
        (record.failures, record.steps, record.refusals) = (0, 0, 0);
        record.quarantine.take().map(|_| record.failing_since)
    }

    /// A read that began as this number failed; answers the error, and whether the directory is left alone from now on.
    fn failed(
        &self,
        begun: u64,
        error: ProviderError,
        pauses: Pauses,
        now: Timestamp,
    ) -> (ProviderError, bool) {
        let mut record = self.lock();
        if record.counted != begun {
            // One that went on at the same time has told already how the directory is.
            return (error, false);
        }
        record.counted += 1;
        if record.failures == 0 {
            record.failing_since = now;
        }
        record.failures = record.failures.saturating_add(1);
        let Some(pause) = record.pause_after(&error, pauses, now) else {
            return (error, false);
        };
        let since = record.quarantine.as_ref().map(|ward| ward.since);
        let error = Kept::of(error);
        let answer = error.again(pause.left(now).unwrap_or_default());
        record.quarantine = Some(Ward {
            since: since.unwrap_or(now),
            pause,
            error,
        });
        (answer, since.is_none())
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn quarantined(&self, again: impl FnOnce(Pause) -> Timestamp) -> Option<Quarantined> {
        let ward = self.quarantine.as_ref()?;
        Some(Quarantined {
            failing_since: self.failing_since,
            since: ward.since,
            failures: self.failures,
            again: again(ward.pause),
            kind: ward.error.kind,
            error: ward.error.text(),
        })
    }

    /// The next failure is followed by a first pause again.
    fn begin_anew(&mut self, now: Timestamp) {
        if let Some(ward) = &mut self.quarantine {
            ward.pause = Pause::none(now);
            (self.steps, self.refusals) = (FAILURES - 1, 0);
        }
    }

    /// How long the directory is left alone after one more failure, if it is.
    fn pause_after(&mut self, error: &ProviderError, pauses: Pauses, now: Timestamp) -> Option<Pause> {
        let under_way = self
            .quarantine
            .as_ref()
            .map(|ward| ward.pause)
            .filter(|pause| pause.left(now).is_some());
        let refused = error.kind == ProviderErrorKind::Denied;
        // Somebody insisted in the middle of a pause. It grows once by itself, however often people ask; only that we
        // are refused is news that counts at once.
        let is_first_refusal = refused && self.refusals == 0;
        if under_way.is_none() {
            self.steps = self.steps.saturating_add(1);
        }
        if refused && (under_way.is_none() || is_first_refusal) {
            self.refusals = self.refusals.saturating_add(1);
        }
        // A directory that names a longer time is believed, within bounds.
        let asked_for = error.retry_after.unwrap_or_default().min(pauses.longest);
        let from_now = |length| Pause { from: now, length };
        let refusals = pauses.after_refusals(self.refusals);
        let Some(under_way) = under_way else {
            let length = pauses.after(self.steps).max(refusals)?;
            return Some(from_now(length.max(asked_for)));
        };
        let length = refusals.filter(|_| is_first_refusal).unwrap_or_default();
        Some(under_way.or_longer(from_now(length.max(asked_for))))
    }
}

/// A directory that is asked ever more seldom while it fails: after three failed reads in a row, and after the first at
/// which it refuses us, not before a pause has passed, which grows from failure to failure. Reads meanwhile are answered
/// with the error of the last one, and [`retry_after`](ProviderError::retry_after) says when the directory is asked
/// again. A read that [`insists`](ReadRequest::insist) always asks, and does not make the pauses grow. One read that is
/// answered, and be it in parts, ends it.
///
/// A read fails if it answers `Err`, whether nobody was there or we were refused. Everything but reading passes through.
#[derive(Debug, Clone)]
pub struct Quarantine {
    directory: Arc<dyn IdentityProvider>,
    failures: Failures,
    pauses: Pauses,
    clock: Arc<dyn Clock>,
}

impl Quarantine {
    /// Around a directory, with what is known of its failures already.
    pub fn new(
        directory: Arc<dyn IdentityProvider>,
        failures: Failures,
        pauses: Pauses,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            directory,
            failures,
            pauses,
            clock,
        }
    }
}

#[async_trait]
impl IdentityProvider for Quarantine {
    fn id(&self) -> ProviderId {
        self.directory.id()
    }

    async fn read(&self, request: &ReadRequest) -> Result<Directory, ProviderError> {
        if !request.insist
            && let Some(error) = self.failures.instead(self.clock.now())
        {
            return Err(error);
        }
        let begun = self.failures.begin();
        match self.directory.read(request).await {
            Ok(directory) => {
                if let Some(since) = self.failures.answered() {
                    let after = self.clock.now().since(since);
                    tracing::info!(directory = %self.id(), ?after, "the directory answers again and is out of quarantine");
                }
                Ok(directory)
            }
            Err(error) => {
                let (error, enters) = self.failures.failed(begun, error, self.pauses, self.clock.now());
                if enters {
                    tracing::warn!(directory = %self.id(), %error, again_in = ?error.retry_after,
                        "the directory keeps failing and is asked ever more seldom from now on");
                }
                Err(error)
            }
        }
    }

    async fn advice(&self) -> Vec<Advice> {
        self.directory.advice().await
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        self.directory.changes()
    }

    fn quarantined(&self) -> Option<Quarantined> {
        self.failures.quarantined_at(self.clock.now())
    }
}
