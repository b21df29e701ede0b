//! A little chance, so that several bots do not come back at the same moment.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// Somewhere between nothing and `most`.
pub(crate) fn jitter(most: Duration) -> Duration {
    // The keys of the standard library's hash maps are random; nothing here has to be unpredictable.
    let share = RandomState::new().build_hasher().finish() % 1000;
    most * u32::try_from(share).unwrap_or(0) / 1000
}

/// A number that this process has not used before, and hardly another one.
pub(crate) fn nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}
