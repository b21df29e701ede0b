//! Trying again: how often, after how long, and with which token.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, sleep, sleep_until},
};
use tracing::debug;

use super::{
    Graph, GraphError, GraphErrorKind,
    errors::{Course, Failure},
    exchange::{Answer, Ask},
    throttle::{Pause, jitter},
};
use crate::token::Token;

/// How often something is tried in all.
const TRIES: u32 = 4;

/// How long is waited.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Before the second try; twice as long before each one after.
    pub(super) again: Duration,
    /// Before asking again after a 429 that tells no time; twice as long after each one after.
    pub(super) throttled: Duration,
    /// The longest such wait.
    pub(super) throttled_most: Duration,
    /// The longest wait that anybody tells and that is waited.
    pub(super) single: Duration,
    /// The longest that one request waits in sum.
    pub(super) sum: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            again: Duration::from_millis(300),
            throttled: Duration::from_secs(1),
            throttled_most: Duration::from_secs(60),
            single: Duration::from_secs(5 * 60),
            sum: Duration::from_secs(15 * 60),
        }
    }
}

/// What has been tried for one request, or for one item of a batch.
#[derive(Debug, Default, Clone)]
pub(super) struct Effort {
    failed: u32,
    refused: u32,
    waited: Duration,
    misread: bool,
    renewed: bool,
}

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Not at all.
    GiveUp,
    /// Again, after a while.
    After(Duration),
    /// Again, after nobody has asked anything for a while.
    Pause(Duration),
    /// Not at all, and nobody else does for a while.
    Close(Duration),
    /// Again, with another token.
    NewToken,
}

impl Effort {
    /// Decides what follows from a failure.
    pub(super) fn next(&mut self, course: Course, pace: &Pace) -> Step {
        match course {
            Course::GiveUp | Course::Less => Step::GiveUp,
            Course::Again => {
                self.failed += 1;
                if self.failed >= TRIES {
                    return Step::GiveUp;
                }
                let pause = pace.again * 2_u32.pow(self.failed - 1);
                Step::After(pause + jitter(pause))
            }
            Course::AgainOnce if std::mem::replace(&mut self.misread, true) => Step::GiveUp,
            Course::AgainOnce => Step::After(pace.again + jitter(pace.again)),
            Course::NewToken if std::mem::replace(&mut self.renewed, true) => Step::GiveUp,
            Course::NewToken => Step::NewToken,
            Course::Pause(told) => {
                let pause = match told {
                    // A moment more than told: clocks tick in whole seconds on the way.
                    Some(told) if !told.is_zero() => told + jitter(Duration::from_millis(250)),
                    _ => {
                        let own = pace.throttled * 2_u32.pow(self.refused.min(10));
                        let own = own.min(pace.throttled_most);
                        own / 2 + jitter(own / 2)
                    }
                };
                self.refused += 1;
                self.waited += pause;
                let too_long = told.is_some_and(|told| told > pace.single);
                if too_long || self.waited > pace.sum {
                    Step::Close(pause)
                } else {
                    Step::Pause(pause)
                }
            }
        }
    }
}

impl Graph {
    /// Sends a request as often as it takes, and reads its answer. Also returns the token that was accepted.
    pub(super) async fn send<R>(
        &self,
        ask: &Ask,
        read: impl Fn(&Answer) -> Result<R, Failure> + Send + Sync,
    ) -> Result<(R, Token), Failure> {
        let shared = &self.shared;
        let mut effort = Effort::default();
        let mut renewed = None;
        loop {
            let permit = self.admit(&ask.about).await?;
            let token = match renewed.take() {
                Some(token) => token,
                None => self.token(&ask.about, None).await?,
            };
            let outcome = self.exchange(ask, &token).await;
            let failure = match outcome.and_then(|answer| read(&answer)) {
                Ok(read) => return Ok((read, token)),
                Err(failure) => failure,
            };
            let step = effort.next(failure.course, &shared.pace);
            if let Step::Pause(pause) | Step::Close(pause) = step {
                let hopeless = matches!(step, Step::Close(_)) && pause > shared.pace.single;
                shared.throttle.close(&ask.about, pause, hopeless);
            }
            // Only now, so that whoever stands in line sees the pause.
            drop(permit);
            match step {
                Step::GiveUp => return Err(failure),
                Step::Close(pause) => return Err(beyond_patience(failure, pause)),
                Step::Pause(_) => {}
                Step::After(pause) => {
                    debug!(about = %ask.about, ?pause, error = %failure.error, "trying again");
                    sleep(pause).await;
                }
                Step::NewToken => renewed = Some(self.renew(&ask.about, &token).await?),
            }
        }
    }

    /// Comes back when nothing is to be waited for and there is room for one more request.
    async fn admit(&self, about: &str) -> Result<SemaphorePermit<'_>, Failure> {
        let shared = &self.shared;
        loop {
            // No place is held meanwhile.
            while let Some(Pause { until, hopeless }) = shared.throttle.pause() {
                if hopeless {
                    let error = GraphError::new(
                        GraphErrorKind::Throttled,
                        about,
                        "Graph has had too many requests and asks to wait",
                    );
                    let rest = until.saturating_duration_since(Instant::now());
                    return Err(beyond_patience(Failure::new(Course::GiveUp, error), rest));
                }
                sleep_until(until).await;
            }
            let Ok(permit) = shared.permits.acquire().await else {
                let error = GraphError::new(GraphErrorKind::Unavailable, about, "the client is shut down");
                return Err(Failure::new(Course::GiveUp, error));
            };
            // A pause may have begun while this stood in line.
            if shared.throttle.pause().is_none() {
                return Ok(permit);
            }
        }
    }

    /// A token that is good now, as far as is known.
    async fn token(&self, about: &str, refused: Option<&Token>) -> Result<Token, Failure> {
        let token = self.shared.tokens.token(refused).await;
        token.map_err(|failed| Failure::new(Course::GiveUp, GraphError::token(about, failed)))
    }

    /// Another token than one that was refused. Whoever else had the same one refused gets the same new one.
    pub(super) async fn renew(&self, about: &str, refused: &Token) -> Result<Token, Failure> {
        let _turn = self.shared.renewing.lock().await;
        let current = self.token(about, None).await?;
        if current.secret.expose_secret() != refused.secret.expose_secret() {
            return Ok(current);
        }
        self.token(about, Some(refused)).await
    }
}

/// The error of what would have to wait for too long.
pub(super) fn beyond_patience(mut failure: Failure, pause: Duration) -> Failure {
    let error = &mut failure.error;
    error.kind = GraphErrorKind::Throttled;
    let told = error.retry_after.filter(|told| !told.is_zero());
    let wait = *error.retry_after.insert(told.unwrap_or(pause));
    error.message = format!(
        "{}; it would take {} s more, which is too long to wait for",
        error.message,
        wait.as_secs().max(1)
    );
    failure
}

#[cfg(test)]
#[path = "retries_tests.rs"]
mod tests;
