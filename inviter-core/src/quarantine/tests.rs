//! With a clock that is set by hand, and a directory that counts how often it is asked.

mod pauses;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use futures_executor::block_on;
use futures_util::{FutureExt as _, StreamExt as _, future::join, stream};

use super::*;
use crate::{
    directory::{Extent, Gap},
    provider::AdviceKind,
    scope::Selection,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Default)]
struct HandClock(AtomicU64);

impl HandClock {
    fn back(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.0.fetch_sub(millis, Ordering::Relaxed);
    }

    fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Fails as it is told to.
#[derive(Debug, Default)]
struct Shaky {
    asked: AtomicU32,
    failure: Mutex<Option<(ProviderErrorKind, Option<Duration>)>>,
    partly: Mutex<bool>,
    /// Reads come to an end only while it is open.
    gate: futures_util::lock::Mutex<()>,
}

impl Shaky {
    fn fail(&self, kind: ProviderErrorKind) {
        *self.failure.lock().unwrap() = Some((kind, None));
    }

    fn fail_for(&self, retry_after: Duration) {
        *self.failure.lock().unwrap() = Some((ProviderErrorKind::Unavailable, Some(retry_after)));
    }

    fn mend(&self) {
        *self.failure.lock().unwrap() = None;
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl IdentityProvider for Shaky {
    fn id(&self) -> ProviderId {
        ProviderId::new("staff")
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let failure = *self.failure.lock().unwrap();
        drop(self.gate.lock().await);
        if let Some((kind, retry_after)) = failure {
            let mut error = ProviderError::new(kind, "ldap://x", format!("failure {number}"))
                .caused_by(std::io::Error::other("the cause"));
            error.retry_after = retry_after;
            return Err(error);
        }
        let mut directory = Directory::default();
        if *self.partly.lock().unwrap() {
            directory.listing = Extent::AtLeast(vec![Gap {
                what: "ou=people".to_owned(),
                why: "it is hidden".to_owned(),
            }]);
        }
        Ok(directory)
    }

    async fn advice(&self) -> Vec<Advice> {
        vec![Advice::new(AdviceKind::Fine, "all is well")]
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        stream::repeat(()).take(2).boxed()
    }
}

struct World {
    shaky: Arc<Shaky>,
    clock: Arc<HandClock>,
    failures: Failures,
    quarantine: Quarantine,
}

impl World {
    fn new() -> Self {
        let (shaky, clock, failures) = (
            Arc::<Shaky>::default(),
            Arc::<HandClock>::default(),
            Failures::default(),
        );
        clock.pass(1000 * HOUR);
        let quarantine = Quarantine::new(
            Arc::clone(&shaky) as Arc<dyn IdentityProvider>,
            failures.clone(),
            Pauses::default(),
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        Self {
            shaky,
            clock,
            failures,
            quarantine,
        }
    }

    fn read(&self) -> Result<Directory, ProviderError> {
        block_on(self.quarantine.read(&ReadRequest::default()))
    }

    fn insist(&self) -> Result<Directory, ProviderError> {
        block_on(
            self.quarantine
                .read(&ReadRequest::new(Selection::default()).insisting()),
        )
    }

    /// In quarantine after three failures, for a minute.
    fn quarantined() -> Self {
        let world = Self::new();
        world.shaky.fail(ProviderErrorKind::Unavailable);
        for _ in 0..3 {
            world.read().unwrap_err();
        }
        assert!(world.quarantine.quarantined().is_some());
        world
    }
}

#[test]
fn what_another_process_knew_goes_on() {
    let world = World::new();
    let known = RememberedQuarantine {
        failing_since: Timestamp(7),
        since: Timestamp(8),
        failures: 12,
    };
    let id = ProviderId::new("staff");
    let quarantine = |now: Timestamp| {
        Quarantine::new(
            Arc::clone(&world.shaky) as Arc<dyn IdentityProvider>,
            Failures::remembered(&id, &known, now),
            Pauses::default(),
            Arc::clone(&world.clock) as Arc<dyn Clock>,
        )
    };
    for (kind, pause) in [
        (ProviderErrorKind::Unavailable, MINUTE),
        (ProviderErrorKind::Denied, 10 * MINUTE),
    ] {
        let quarantine = quarantine(world.clock.now());
        let told = quarantine.quarantined().unwrap();
        assert_eq!(
            (told.failing_since, told.since, told.failures),
            (Timestamp(7), Timestamp(8), 12)
        );
        assert!(told.error.starts_with("staff: ") && told.again == world.clock.now());
        world.shaky.fail(kind);
        let error = block_on(quarantine.read(&ReadRequest::default())).unwrap_err();
        assert_eq!(
            error.retry_after,
            Some(pause),
            "it is asked, and pauses begin anew"
        );
        let told = quarantine.quarantined().unwrap();
        assert_eq!((told.since, told.failures), (Timestamp(8), 13));
    }
    world.shaky.mend();
    let quarantine = quarantine(world.clock.now());
    block_on(quarantine.read(&ReadRequest::default())).unwrap();
    assert_eq!(quarantine.quarantined(), None);
}

#[test]
fn it_is_told_since_when_and_until_when() {
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Unavailable);
    let begun = world.clock.now();
    for _ in 0..2 {
        let error = world.read().unwrap_err();
        assert_eq!(error.retry_after, None);
        assert_eq!(world.quarantine.quarantined(), None);
        world.clock.pass(MINUTE);
    }
    let error = world.read().unwrap_err();
    assert_eq!(error.retry_after, Some(MINUTE));
    let entered = world.clock.now();
    world.clock.pass(MINUTE / 4);
    let error = world.read().unwrap_err();
    assert_eq!(error.retry_after, Some(MINUTE * 3 / 4));
    let mut told = Quarantined {
        failing_since: begun,
        since: entered,
        failures: 3,
        again: entered.plus(MINUTE),
        kind: ProviderErrorKind::Unavailable,
        error: "ldap://x: failure 3".to_owned(),
    };
    assert_eq!(world.quarantine.quarantined(), Some(told.clone()));
    // The next failure does not begin it anew.
    world.clock.pass(MINUTE);
    world.read().unwrap_err();
    told.failures = 4;
    told.again = world.clock.now().plus(2 * MINUTE);
    told.error = "ldap://x: failure 4".to_owned();
    assert_eq!(world.failures.quarantined(), Some(told));
}

#[test]
fn one_answer_ends_it_and_the_count_begins_anew() {
    let world = World::quarantined();
    world.shaky.mend();
    world.read().unwrap_err();
    assert_eq!(world.shaky.asked(), 3, "not yet");
    world.clock.pass(MINUTE);
    world.read().unwrap();
    assert_eq!(world.quarantine.quarantined(), None);
    world.shaky.fail(ProviderErrorKind::Unavailable);
    for _ in 0..2 {
        world.read().unwrap_err();
        assert_eq!(world.quarantine.quarantined(), None);
    }
    world.read().unwrap_err();
    let told = world.quarantine.quarantined().unwrap();
    assert_eq!(
        told.again,
        world.clock.now().plus(MINUTE),
        "the first pause again"
    );
}

#[test]
fn failures_with_answers_between_them_are_none_in_a_row() {
    let world = World::new();
    for _ in 0..20 {
        world.shaky.fail(ProviderErrorKind::Unavailable);
        world.read().unwrap_err();
        world.read().unwrap_err();
        world.shaky.mend();
        world.read().unwrap();
        assert_eq!(world.quarantine.quarantined(), None);
    }
    assert_eq!(world.shaky.asked(), 60);
}

#[test]
fn one_that_answers_in_parts_is_not_left_alone() {
    let world = World::quarantined();
    *world.shaky.partly.lock().unwrap() = true;
    world.shaky.mend();
    world.clock.pass(MINUTE);
    for asked in 4..10 {
        assert!(!world.read().unwrap().listing.is_complete());
        assert_eq!(world.quarantine.quarantined(), None);
        assert_eq!(world.shaky.asked(), asked);
    }
}

#[test]
fn whoever_insists_asks() {
    let world = World::quarantined();
    let error = world.insist().unwrap_err();
    assert_eq!((world.shaky.asked(), error.message.as_str()), (4, "failure 4"));
    let error = world.read().unwrap_err();
    assert_eq!((world.shaky.asked(), error.message.as_str()), (4, "failure 4"));
    world.shaky.mend();
    world.insist().unwrap();
    assert_eq!(world.quarantine.quarantined(), None);
    world.read().unwrap();
    assert_eq!(world.shaky.asked(), 6);
}

#[test]
fn what_is_known_outlives_the_object_that_reads() {
    let world = World::quarantined();
    let other = Arc::<Shaky>::default();
    other.fail(ProviderErrorKind::Unavailable);
    let anew = Quarantine::new(
        Arc::clone(&other) as Arc<dyn IdentityProvider>,
        world.failures.clone(),
        Pauses::default(),
        Arc::clone(&world.clock) as Arc<dyn Clock>,
    );
    let error = block_on(anew.read(&ReadRequest::default())).unwrap_err();
    assert_eq!((other.asked(), error.message.as_str()), (0, "failure 3"));
    assert_eq!(anew.quarantined(), world.quarantine.quarantined());
}

/// Reads that fail at the same time are one failure; one that was answered is not undone by one that began before it.
#[test]
fn reads_at_the_same_time_count_once() {
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Unavailable);
    let request = ReadRequest::default();
    let both = || {
        let shut = world.shaky.gate.try_lock().unwrap();
        let mut both = Box::pin(join(
            world.quarantine.read(&request),
            world.quarantine.read(&request),
        ));
        assert!((&mut both).now_or_never().is_none());
        drop(shut);
        block_on(both)
    };
    for _ in 0..2 {
        let (one, other) = both();
        assert!(one.is_err() && other.is_err());
        assert_eq!(world.quarantine.quarantined(), None);
    }
    let _ = both();
    let told = world.quarantine.quarantined().unwrap();
    assert_eq!((told.failures, world.shaky.asked()), (3, 6));

    // A failing read is under way while another is answered.
    world.clock.pass(MINUTE);
    let shut = world.shaky.gate.try_lock().unwrap();
    let mut failing = Box::pin(world.quarantine.read(&request));
    assert!((&mut failing).now_or_never().is_none());
    world.shaky.mend();
    let mut sound = Box::pin(world.quarantine.read(&request));
    assert!((&mut sound).now_or_never().is_none());
    drop(shut);
    // Answered first, although it came later.
    assert!((&mut sound).now_or_never().is_some_and(|read| read.is_ok()));
    assert!(block_on(failing).is_err());
    assert_eq!(world.quarantine.quarantined(), None);
}

/// A read that is given up in between leaves nothing behind.
#[test]
fn a_read_that_is_given_up_counts_for_nothing() {
    let world = World::quarantined();
    let before = world.quarantine.quarantined();
    world.clock.pass(MINUTE);
    let shut = world.shaky.gate.try_lock().unwrap();
    assert!(
        world
            .quarantine
            .read(&ReadRequest::default())
            .now_or_never()
            .is_none()
    );
    drop(shut);
    assert_eq!(world.quarantine.quarantined(), before);
    world.read().unwrap_err();
    assert_eq!(world.quarantine.quarantined().unwrap().failures, 4);
}

#[test]
fn everything_else_passes_through() {
    let world = World::quarantined();
    assert_eq!(world.quarantine.id(), world.shaky.id());
    assert_eq!(block_on(world.quarantine.advice()).len(), 1);
    assert_eq!(block_on(world.quarantine.changes().count()), 2);
    assert_eq!(world.shaky.asked(), 3);
    let shared: Arc<dyn IdentityProvider> = Arc::new(world.quarantine.clone());
    assert_eq!(shared.quarantined(), world.quarantine.quarantined());
}
