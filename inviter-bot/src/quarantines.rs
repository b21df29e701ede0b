//! [`Quarantines`]: which directories keep failing and are left alone, through reloads and new log-ins.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use inviter::core::{
    directory::ProviderId,
    quarantine::{Failures, Pauses, Quarantine, Quarantined},
    reconcile::Reconciler,
    time::Timestamp,
};

/// The failed reads of each directory. Clones share them; they outlive a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quarantines(Arc<Mutex<BTreeMap<ProviderId, Failures>>>);

impl Quarantines {
    /// Has each directory of a connection left alone while it keeps failing, for at most this long.
    pub(crate) fn around(&self, reconciler: &mut Reconciler, longest: Duration) {
        let mut all = self.lock();
        for directory in &mut reconciler.providers {
            let failures = all.entry(directory.id()).or_default().clone();
            *directory = Arc::new(Quarantine::new(
                Arc::clone(directory),
                failures,
                Pauses::up_to(longest),
                Arc::clone(&reconciler.clock),
            ));
        }
    }

    /// Forgets all directories that are not among those of this connection.
    pub(crate) fn keep_only(&self, reconciler: &Reconciler) {
        let there = |id: &ProviderId| reconciler.providers.iter().any(|directory| directory.id() == *id);
        self.lock().retain(|id, _| there(id));
    }

    /// Has all of them asked by the next run: a person has changed the configuration, or the files that it names.
    pub(crate) fn ask_at_once(&self, now: Timestamp) {
        self.lock()
            .values()
            .for_each(|failures| failures.ask_at_once(now));
    }

    /// Each directory, and how it is left alone if it is.
    pub(crate) fn all(&self) -> BTreeMap<ProviderId, Option<Quarantined>> {
        let all = self.lock();
        all.iter()
            .map(|(id, failures)| (id.clone(), failures.quarantined()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProviderId, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use inviter::core::provider::ReadRequest;

    use super::*;
    use crate::testing::{PEOPLE, World};

    const HOUR: Duration = Duration::from_secs(60 * 60);

    async fn read(reconciler: &Reconciler) -> bool {
        reconciler.providers[0]
            .read(&ReadRequest::default())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn what_is_known_outlives_a_connection() {
        let quarantines = Quarantines::default();
        let world = World::new(PEOPLE).await;
        let connection = || {
            let mut reconciler = world.setup.reconciler.clone();
            quarantines.around(&mut reconciler, HOUR);
            reconciler
        };
        let left_alone = || quarantines.all().values().any(Option::is_some);
        let first = connection();
        assert!(read(&first).await && !left_alone());
        world.write("this is no directory");
        assert!(!read(&first).await && !read(&first).await && !left_alone());
        // The third failure in a row is the next connection's.
        let second = connection();
        assert!(!read(&second).await && left_alone());
        // It is mended, and not asked yet by either.
        world.write(PEOPLE);
        assert!(!read(&first).await && !read(&second).await);
        let third = connection();
        quarantines.ask_at_once(third.clock.now());
        assert!(read(&third).await && !left_alone());
        assert_eq!(quarantines.all().len(), 1);
        // The directory is taken out of the configuration.
        let mut without = world.setup.reconciler.clone();
        without.providers.clear();
        quarantines.keep_only(&without);
        assert!(quarantines.all().is_empty());
    }
}
