//! [`Seldom`]: what is said again only after a time.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// So many are remembered at most; beyond that the oldest is forgotten.
const MOST: usize = 10_000;

/// When something was last said, by what it is about.
#[derive(Debug)]
pub(super) struct Seldom<K> {
    every: Duration,
    last: BTreeMap<K, Instant>,
}

impl<K: Ord + Clone> Seldom<K> {
    /// At most once in this time.
    pub(super) const fn new(every: Duration) -> Self {
        Self {
            every,
            last: BTreeMap::new(),
        }
    }

    /// Whether it is to be said now; if so, it counts as said.
    pub(super) fn is_due(&mut self, about: K) -> bool {
        let now = Instant::now();
        let every = self.every;
        if self
            .last
            .get(&about)
            .is_some_and(|last| now.duration_since(*last) < every)
        {
            return false;
        }
        if self.last.len() >= MOST {
            self.last.retain(|_, last| now.duration_since(*last) < every);
        }
        if self.last.len() >= MOST
            && let Some(oldest) = self
                .last
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(key, _)| key.clone())
        {
            self.last.remove(&oldest);
        }
        self.last.insert(about, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn once_in_a_while_for_each() {
        let mut pointers = Seldom::new(Duration::from_secs(3600));
        assert!(pointers.is_due("a"));
        assert!(!pointers.is_due("a"));
        assert!(pointers.is_due("b"));
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert!(!pointers.is_due("a"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pointers.is_due("a"));
        assert!(!pointers.is_due("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_grow_for_ever() {
        let mut pointers = Seldom::new(Duration::from_secs(3600));
        for number in 0..MOST + 10 {
            assert!(pointers.is_due(number));
        }
        assert_eq!(pointers.last.len(), MOST);
        assert!(!pointers.is_due(MOST + 9));
    }
}
