//! [`Quarantines`]: which directories keep failing and are left alone, through reloads, new log-ins and restarts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use inviter::core::{
    directory::ProviderId,
    quarantine::{Failures, Pauses, Quarantine, Quarantined},
    recall::{MemoryChange, RememberedQuarantine},
    reconcile::Reconciler,
    time::Timestamp,
};

/// The quarantines that people were told.
pub(crate) type Told = BTreeMap<ProviderId, RememberedQuarantine>;

/// The failed reads of each directory. Clones share them; they outlive a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quarantines(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    failures: BTreeMap<ProviderId, Failures>,
    /// What is remembered of those that people were told; nothing until it was recalled.
    told: Option<Told>,
}

impl Quarantines {
    /// Takes over what an earlier process has left, once: directories that were left alone when it ended still are, and
    /// are asked by the first run.
    pub(crate) async fn recall(&self, reconciler: &Reconciler) {
        if self.lock().told.is_some() {
            return;
        }
        let told = match reconciler.store.recall().await {
            Ok(recalled) => recalled.into_memory().quarantined,
            Err(error) => {
                // The run says so as well, and cannot begin.
                tracing::debug!(%error, "which directories were in quarantine is not known");
                return;
            }
        };
        let now = reconciler.clock.now();
        let mut known = self.lock();
        for (id, quarantine) in &told {
            let failures = || Failures::remembered(id, quarantine, now);
            known.failures.entry(id.clone()).or_insert_with(failures);
        }
        known.told = Some(told);
    }

    /// What people were told, as of the last time that it was written down.
    pub(crate) fn told(&self) -> Told {
        self.lock().told.clone().unwrap_or_default()
    }

    /// People were told of these quarantines, and that there are no others: writes it down, so that a restart tells none
    /// anew, and tells each that is over.
    pub(crate) async fn remember(
        &self,
        reconciler: &Reconciler,
        quarantined: &BTreeMap<ProviderId, Quarantined>,
    ) {
        let now: Told = quarantined
            .iter()
            .map(|(id, of)| {
                let remembered = RememberedQuarantine {
                    failing_since: of.failing_since,
                    since: of.since,
                    failures: of.failures,
                };
                (id.clone(), remembered)
            })
            .collect();
        let before = self.told();
        let over = before.keys().filter(|id| !now.contains_key(*id));
        let over = over.map(|id| MemoryChange::Quarantined(id.clone(), None));
        let new = now.iter().filter(|(id, of)| before.get(*id) != Some(of));
        let new = new.map(|(id, of)| MemoryChange::Quarantined(id.clone(), Some(*of)));
        let changes: Vec<MemoryChange> = over.chain(new).collect();
        if changes.is_empty() {
            return;
        }
        match reconciler.store.commit(&changes).await {
            Ok(()) => self.lock().told = Some(now),
            // It is tried again after the next run.
            Err(error) => tracing::warn!(%error, "which directories are in quarantine was not written down"),
        }
    }

    /// Has each directory of a connection left alone while it keeps failing, for at most this long.
    pub(crate) fn around(&self, reconciler: &mut Reconciler, longest: Duration) {
        let mut known = self.lock();
        for directory in &mut reconciler.providers {
            let failures = known.failures.entry(directory.id()).or_default().clone();
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
        self.lock().failures.retain(|id, _| there(id));
    }

    /// Has all of them asked by the next run, and their pauses begin anew: a person has changed the configuration, or the
    /// files that it names.
    pub(crate) fn ask_at_once(&self, now: Timestamp) {
        self.lock()
            .failures
            .values()
            .for_each(|failures| failures.ask_at_once(now));
    }

    /// Each directory, and how it is left alone if it is.
    pub(crate) fn all(&self) -> BTreeMap<ProviderId, Option<Quarantined>> {
        let known = self.lock();
        known
            .failures
            .iter()
            .map(|(id, failures)| (id.clone(), failures.quarantined()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
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

    /// Each process knows what the one before has told, and asks at once.
    #[tokio::test]
    async fn what_was_told_outlives_a_restart() {
        let world = World::new("this is no directory").await;
        let process = async || {
            let quarantines = Quarantines::default();
            let mut reconciler = world.setup.reconciler.clone();
            quarantines.recall(&reconciler).await;
            quarantines.around(&mut reconciler, HOUR);
            (quarantines, reconciler)
        };
        let quarantined = |quarantines: &Quarantines| -> BTreeMap<ProviderId, Quarantined> {
            let all = quarantines.all().into_iter();
            all.filter_map(|(id, of)| Some((id, of?))).collect()
        };
        let (first, reconciler) = process().await;
        assert!(first.told().is_empty());
        for _ in 0..3 {
            assert!(!read(&reconciler).await);
        }
        let known = quarantined(&first);
        let since = known.values().next().unwrap().since;
        let (untold, _) = process().await;
        assert!(untold.all().values().all(Option::is_none), "nobody was told yet");
        first.remember(&reconciler, &known).await;

        let (second, reconciler) = process().await;
        assert_eq!(second.told(), first.told());
        let known = quarantined(&second);
        assert_eq!(
            known.values().map(|of| (of.since, of.failures)).next(),
            Some((since, 3))
        );
        // It is asked, and is in the same quarantine still; pauses begin anew.
        assert!(!read(&reconciler).await);
        let known = quarantined(&second);
        let of = known.values().next().unwrap();
        assert_eq!((of.since, of.failures), (since, 4));
        assert!(of.again.since(reconciler.clock.now()) <= HOUR / 60 && !of.error.contains("not been asked"));
        second.remember(&reconciler, &known).await;

        world.write(PEOPLE);
        let (third, reconciler) = process().await;
        assert_eq!(
            third.told().values().map(|of| of.failures).collect::<Vec<_>>(),
            [4]
        );
        assert!(read(&reconciler).await && quarantined(&third).is_empty());
        assert_eq!(third.told().len(), 1, "that it is over was not told yet");
        third.remember(&reconciler, &BTreeMap::new()).await;
        assert!(process().await.0.told().is_empty());
    }
}
