//! Whether it is any use to ask more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{GraphError, GraphErrorKind};

/// After so many batches in a row without any answer, the others are not sent: each would be waited for as long.
const ENOUGH: u32 = 3;

/// Whether it is any use to send more batches.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Batches without any answer.
    in_a_row: u32,
    answered: Option<Instant>,
    error: Option<GraphError>,
}

impl Outage {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain data: whatever panicked elsewhere has left it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing more is sent, if so.
    pub(crate) fn error(&self) -> Option<GraphError> {
        self.lock().error.clone()
    }

    /// A batch was answered.
    pub(crate) fn answered(&self) {
        let mut state = self.lock();
        state.in_a_row = 0;
        state.answered = Some(Instant::now());
    }

    /// A batch that was begun then failed as a whole, after all tries.
    pub(crate) fn failed(&self, started: Instant, error: &GraphError) {
        let mut state = self.lock();
        let hopeless = match error.kind {
            // Without a token the others would fare no better, nor where nothing more may come.
            GraphErrorKind::Unauthorized | GraphErrorKind::Outgrown | GraphErrorKind::Token(_) => true,
            // Others were answered meanwhile, so it is about this one.
            GraphErrorKind::Unavailable if state.answered.is_some_and(|answered| answered > started) => false,
            GraphErrorKind::Unavailable => {
                state.in_a_row += 1;
                state.in_a_row >= ENOUGH
            }
            _ => false,
        };
        if hopeless {
            state.error.get_or_insert_with(|| error.clone());
        }
    }
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod tests;
