//! Graph's rate limits: they are the application's in a tenant, so a pause is everybody's.

use std::{
    hash::{BuildHasher, Hasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, header::RETRY_AFTER};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::said::{Hidden, cleaned};

/// From this part of a limit on, people are told.
const NEAR: f64 = 0.8;
/// How often at most.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// No pause is longer, whatever is told: afterwards, somebody tries.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A pause that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// It is longer than anybody waits.
    pub(super) hopeless: bool,
}

/// What all requests wait for.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    pause: Mutex<Option<Pause>>,
    told_near: Mutex<Option<Instant>>,
}

impl Throttle {
    /// The pause, if one is on.
    pub(super) fn pause(&self) -> Option<Pause> {
        let pause = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.filter(|pause| pause.until > Instant::now())
    }

    /// Begins a pause, or makes the one that is on longer.
    pub(super) fn close(&self, about: &str, pause: Duration, hopeless: bool) {
        let now = Instant::now();
        let until = now + pause.min(LONGEST);
        let mut current = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let before = current.filter(|current| current.until > now);
        if before.is_none_or(|before| before.until < until) {
            *current = Some(Pause { until, hopeless });
        }
        drop(current);
        if before.is_none() {
            info!(
                about,
                ?pause,
                "Graph asks to wait; nothing is asked of it meanwhile"
            );
        } else {
            debug!(about, ?pause, "Graph asks to wait still");
        }
    }

    /// Says so when a limit comes near. Graph tells from 0.8 of it on.
    pub(super) fn note(&self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let part = text("x-ms-throttle-limit-percentage").and_then(|part| part.trim().parse::<f64>().ok());
        let Some(part) = part.filter(|part| *part >= NEAR) else {
            return;
        };
        let now = Instant::now();
        let mut told = self.told_near.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now - told < TELL_EVERY) {
            return;
        }
        *told = Some(now);
        drop(told);
        let scope = text("x-ms-throttle-scope").map(|scope| cleaned(scope, &Hidden::default()));
        warn!(
            part,
            scope, "the application comes near Graph's limits in this tenant, or is beyond"
        );
    }
}

/// How long Graph asks to wait: in seconds, or until a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        // What does not fit is too long as well.
        return Some(Duration::from_secs(
            text.parse::<u32>().unwrap_or(u32::MAX).into(),
        ));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Somewhere between nothing and `most`, so that several programs do not come back at the same moment.
pub(super) fn jitter(most: Duration) -> Duration {
    most * u32::try_from(chance() % 1000).unwrap_or(0) / 1000
}

/// A number that is hardly another's. Nothing here has to be unpredictable: the keys of the standard library's hash
/// maps are random enough.
pub(super) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod tests;
