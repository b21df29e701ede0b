//! Points in time, handed in by the caller: the core reads no clock of its own.

use std::{fmt::Debug, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as Matrix's `origin_server_ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This point moved forward by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// Tells the time. Frontends hand in the system's; tests hand in one that stands still.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// A clock that always tells the same time: for tests, and for planning "as of".
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
