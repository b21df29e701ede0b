//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use inviter_core::time::{Clock, Timestamp};

/// Tells the time of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Before 1970 the clock is wrong, and the epoch is as good an answer as any.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(0).plus(since)
    }
}
