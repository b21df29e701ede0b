//! The floor: what the comparison costs where it is nothing but the comparison.

use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};

/// Sorts and merges two sets of memberships, each a room and a person in one integer. Answers how long that took, and
/// how many are only among the wanted and only among the actual.
pub(crate) fn run(mut wanted: Vec<u64>, mut actual: Vec<u64>) -> (Duration, usize, usize) {
    let started = Instant::now();
    wanted.sort_unstable();
    actual.sort_unstable();
    let (mut added, mut removed) = (0, 0);
    let (mut w, mut a) = (0, 0);
    while w < wanted.len() && a < actual.len() {
        let order = wanted[w].cmp(&actual[a]);
        added += usize::from(order == Ordering::Less);
        removed += usize::from(order == Ordering::Greater);
        w += usize::from(order.is_le());
        a += usize::from(order.is_ge());
    }
    added += wanted.len() - w;
    removed += actual.len() - a;
    (started.elapsed(), added, removed)
}
