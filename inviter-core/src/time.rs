//! Points in time, handed in by the caller: the core reads no clock of its own.

use std::{
    fmt::{self, Debug},
    time::Duration,
};

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

/// A point in time for people, such as `2026-11-27 08:13 UTC`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dated(pub(crate) Timestamp);

impl fmt::Display for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = i64::try_from(self.0.0).map(jiff::Timestamp::from_millisecond);
        match known {
            Ok(Ok(at)) => write!(f, "{} UTC", at.strftime("%Y-%m-%d %H:%M")),
            _ => f.write_str("a day too far away to be told"),
        }
    }
}

/// A time span in words, by its largest units, such as `7 days` or `1 hour 30 minutes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken(pub(crate) Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        let mut words = Vec::new();
        for (unit, seconds) in [("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)] {
            let count = rest / seconds;
            rest %= seconds;
            match count {
                0 => {}
                1 => words.push(format!("1 {unit}")),
                _ => words.push(format!("{count} {unit}s")),
            }
        }
        match words.as_slice() {
            [] => write!(f, "{} ms", self.0.as_millis()),
            words => f.write_str(&words.join(" ")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_dated() {
        let dated = |ms| Dated(Timestamp(ms)).to_string();
        assert_eq!(dated(0), "1970-01-01 00:00 UTC");
        assert_eq!(dated(1_800_000_000_000), "2027-01-15 08:00 UTC");
        assert_eq!(dated(u64::MAX), "a day too far away to be told");
        assert_eq!(dated(i64::MAX.unsigned_abs()), "a day too far away to be told");
    }

    #[test]
    fn time_spans_are_spoken() {
        let spoken = |seconds| Spoken(Duration::from_secs(seconds)).to_string();
        assert_eq!(spoken(7 * 86400), "7 days");
        assert_eq!(spoken(5400), "1 hour 30 minutes");
        assert_eq!(spoken(86400 + 61), "1 day 1 minute 1 second");
        assert_eq!(Spoken(Duration::from_millis(500)).to_string(), "500 ms");
        assert_eq!(spoken(0), "0 ms");
    }
}
