//! [`Obstacle`]: what keeps runs from beginning.

use inviter::core::{backend::BackendErrorKind, reconcile::RunError};

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct NotBegun {
    /// What was in the way.
    pub(crate) obstacle: Obstacle,
    /// One sentence without a full stop.
    pub(crate) why: String,
}

/// What keeps runs from beginning, whatever is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Somebody else runs, or the bot stops.
    NoTurn,
    /// The place of the lock.
    LockFile,
    /// The homeserver, in this way.
    Homeserver(BackendErrorKind),
    /// What is remembered cannot be read.
    Memory,
    /// What was asked for.
    Wish,
}

impl From<&RunError> for Obstacle {
    fn from(error: &RunError) -> Self {
        match error {
            RunError::Backend(error) => Self::Homeserver(error.kind.clone()),
            RunError::Store(_) => Self::Memory,
            _ => Self::Wish,
        }
    }
}
