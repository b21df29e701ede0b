//! Whether the bot is alive, and whether it is ready: told over HTTP and to systemd's watchdog.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{board::Known, metrics::Metrics};

/// How often the runtime shows that it lets tasks run.
const BEAT: Duration = Duration::from_secs(2);
/// After so long without that it does not.
const BEATLESS: Duration = Duration::from_secs(30);
/// A run may take hours, and sends requests all the while or waits for a limit that the homeserver has named. After so
/// long without either it hangs. Reading a directory takes less.
const STUCK: Duration = Duration::from_secs(2 * 60 * 60);
/// The homeserver answers at least every half minute while it is followed, and a slow one a little later.
const SILENT: Duration = Duration::from_secs(100);

/// Signs of life.
#[derive(Debug)]
pub(crate) struct Signs(Mutex<Times>);

#[derive(Debug, Clone, Copy)]
struct Times {
    beat: Instant,
    progress: Instant,
}

impl Default for Signs {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Times {
            beat: now,
            progress: now,
        }))
    }
}

impl Signs {
    /// The runtime lets tasks run.
    fn beat(&self, now: Instant) {
        self.lock().beat = now;
    }

    /// Something was sent and answered, or a wait until this time began.
    pub(crate) fn progress(&self, until: Instant) {
        let mut times = self.lock();
        times.progress = times.progress.max(until);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows for ever that the runtime lets tasks run.
pub(crate) async fn beat(metrics: Arc<Metrics>) {
    loop {
        metrics.signs.beat(Instant::now());
        sleep(BEAT).await;
    }
}

/// A scheduled run that is later than this is not merely waiting for its turn.
const OVERDUE: Duration = Duration::from_secs(15 * 60);

/// Whether the process works. That the homeserver is away is no fault of it.
///
/// # Errors
/// What hangs: one sentence without a full stop.
pub(crate) fn alive(known: &Known, signs: &Signs, now: Instant) -> Result<(), String> {
    let times = *signs.lock();
    let since = now.saturating_duration_since(times.beat);
    if since > BEATLESS {
        return Err(format!("no task has run for {} s", since.as_secs()));
    }
    if let Some(running) = &known.running {
        let since = now.saturating_duration_since(times.progress.max(running.started));
        if since > STUCK {
            return Err(format!(
                "the run {} has made no progress for {} min",
                running.cause,
                since.as_secs() / 60
            ));
        }
    }
    Ok(())
}

/// Whether rooms are kept in step: the bot is logged in, the homeserver is followed, and the last run could begin.
///
/// # Errors
/// What is in the way: one sentence without a full stop.
pub(crate) fn ready(known: &Known, signs: &Signs, now: Instant) -> Result<(), String> {
    alive(known, signs, now)?;
    if let Some(trouble) = &known.trouble {
        return Err(trouble.clone());
    }
    let (Some(_), Some(heard)) = (&known.account, known.heard) else {
        return Err("not logged in yet".to_owned());
    };
    let silent = now.saturating_duration_since(heard);
    if silent > SILENT {
        return Err(format!(
            "the homeserver has told no news for {} s",
            silent.as_secs()
        ));
    }
    if let (Some(due), None) = (known.due, &known.running)
        && now.saturating_duration_since(due) > OVERDUE
    {
        return Err(format!(
            "the run that was due {} min ago has not begun",
            now.saturating_duration_since(due).as_secs() / 60
        ));
    }
    if let Some(Err(why)) = known.last.as_ref().map(|run| &run.outcome) {
        return Err(format!("the last run could not begin: {why}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use inviter::core::{OwnedUserId, runs::RunCause, time::Timestamp};

    use super::*;
    use crate::board::{Board, Finished};

    const MINUTE: Duration = Duration::from_secs(60);

    fn up() -> Board {
        let board = Board::default();
        board.connected(&OwnedUserId::try_from("@bot:x").unwrap());
        board
    }

    #[test]
    fn a_runtime_that_runs_nothing_is_not_alive() {
        let signs = Signs::default();
        let now = Instant::now();
        assert_eq!(alive(&Known::default(), &signs, now + BEATLESS / 2), Ok(()));
        let late = now + BEATLESS + MINUTE;
        let why = alive(&Known::default(), &signs, late).unwrap_err();
        assert!(why.starts_with("no task has run"), "{why}");
        signs.beat(late);
        assert_eq!(alive(&Known::default(), &signs, late), Ok(()));
    }

    #[test]
    fn a_long_run_is_alive_while_it_sends_or_waits_for_a_limit() {
        let board = up();
        let signs = Signs::default();
        let begin = Instant::now();
        // Idle for long, as between two runs.
        let at = |after: Duration| {
            signs.beat(begin + after);
            alive(&board.known(), &signs, begin + after)
        };
        assert_eq!(at(10 * STUCK), Ok(()));
        board.begun(Timestamp(0), RunCause::Schedule);
        assert_eq!(at(STUCK / 2), Ok(()));
        assert!(at(STUCK + MINUTE).unwrap_err().contains("no progress"));
        signs.progress(begin + STUCK);
        assert_eq!(at(STUCK + MINUTE), Ok(()));
        // It waits for three hours, as the homeserver wants.
        signs.progress(begin + 3 * STUCK);
        signs.progress(begin + STUCK);
        assert_eq!(at(STUCK * 7 / 2), Ok(()));
        assert!(at(4 * STUCK + MINUTE).is_err());
        board.given_up();
        assert_eq!(at(4 * STUCK + MINUTE), Ok(()));
    }

    #[test]
    fn ready_is_logged_in_and_followed_and_running() {
        let signs = Signs::default();
        let now = Instant::now();
        let why = |board: &Board| ready(&board.known(), &signs, now).unwrap_err();
        assert_eq!(why(&Board::default()), "not logged in yet");
        let board = up();
        assert_eq!(ready(&board.known(), &signs, now), Ok(()));
        board.trouble(Some("does not answer".to_owned()));
        assert_eq!(why(&board), "does not answer");
        board.trouble(None);
        let finished = Finished {
            at: Timestamp(0),
            took: MINUTE,
            cause: RunCause::Schedule,
            outcome: Err("no".to_owned()),
        };
        board.ended(finished, true);
        assert_eq!(why(&board), "the last run could not begin: no");
    }

    #[test]
    fn silence_is_not_ready() {
        let board = up();
        let signs = Signs::default();
        let late = Instant::now() + SILENT + MINUTE;
        signs.beat(late);
        let why = ready(&board.known(), &signs, late).unwrap_err();
        assert!(why.contains("told no news"), "{why}");
        board.heard(Some(late));
        assert_eq!(ready(&board.known(), &signs, late), Ok(()));
    }
}
