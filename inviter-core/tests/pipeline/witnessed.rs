//! A witness of a run knows what was done at any moment of it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use futures_executor::block_on;
use futures_util::{FutureExt, stream::BoxStream};
use inviter_core::{
    OwnedUserId, RoomAliasId, RoomBackend, RoomId,
    action::{Action, Op, RoomTarget},
    apply::{InRoom, Witness},
    backend::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed},
    guard::{GuardedPlan, ReleaseCode},
    memory::{Call, MemoryGroup},
    reconcile::RunOptions,
    report::{Outcome, Report},
    room::{Binding, RoomRef},
    room_rules::Listing,
};

use crate::{
    faults::{settled, without},
    model::{Step, World, room_group, user},
};

type Told = (RoomRef, Action, Outcome);

#[derive(Debug, Default)]
struct Notes {
    told: Mutex<Vec<Told>>,
    targets: Mutex<Vec<RoomTarget>>,
    rounds: AtomicUsize,
    released: Mutex<Vec<ReleaseCode>>,
}

impl Witness for Notes {
    fn begins(&self, plan: &GuardedPlan) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
        self.released
            .lock()
            .unwrap()
            .extend(plan.released().iter().cloned());
    }

    fn settled(&self, room: InRoom<'_>, action: &Action, outcome: &Outcome) {
        assert!(!room.feeds.is_empty(), "reasons can be named: {room:?}");
        let told = (room.room.clone(), action.clone(), outcome.clone());
        self.told.lock().unwrap().push(told);
        self.targets.lock().unwrap().push(room.target.clone());
    }
}

fn run(world: &World, options: &RunOptions, notes: &Notes) -> Report {
    block_on(async {
        let draft = world.reconciler.plan(options).await.unwrap();
        world.reconciler.apply_witnessed(draft, options, notes).await
    })
}

/// What was told is what the report has, each once.
#[track_caller]
fn same(notes: &Notes, report: &Report) {
    let settled = |outcome: &Outcome| !matches!(outcome, Outcome::Held { .. } | Outcome::Pending);
    let mut reported: Vec<Told> = Vec::new();
    for room in &report.rooms {
        let items = room.items.iter().filter(|item| settled(&item.outcome));
        reported.extend(items.map(|item| (room.room.clone(), item.action.clone(), item.outcome.clone())));
    }
    let in_order = |told: &[Told]| {
        let mut lines: Vec<String> = told.iter().map(|told| format!("{told:?}")).collect();
        lines.sort();
        lines
    };
    assert_eq!(in_order(&notes.told.lock().unwrap()), in_order(&reported));
}

/// One leaves, another is lowered, one comes back.
fn eventful() -> World {
    let world = settled();
    without(&world, 4);
    for (person, level) in [(1, 50), (2, 25)] {
        world.step(&Step::Raise(person, 0, level));
    }
    world.step(&Step::Kick(3, 0));
    world
}

#[test]
fn both_rounds_are_told() {
    let world = eventful();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    let notes = Notes::default();
    let report = run(&world, &RunOptions::by_person(), &notes);
    same(&notes, &report);
    assert_eq!(notes.rounds.load(Ordering::Relaxed), 2);
    let tally = report.tally();
    assert_eq!((tally.rooms_created, tally.removed), (1, 1), "{tally:?}");
    assert_eq!(tally.invited, 3, "{tally:?}");
    let targets = notes.targets.lock().unwrap();
    let exists = |target: &RoomTarget| matches!(target, RoomTarget::Existing(_));
    assert!(targets.iter().all(exists), "the new one has its ID: {targets:?}");
}

#[test]
fn what_failed_is_told_and_what_waits_is_not() {
    let world = eventful();
    let invites = |call: &Call<'_>| matches!(call, Call::Execute(_, Op::Invite { .. }));
    world.homeserver.fail_next(invites, BackendErrorKind::Refused);
    let notes = Notes::default();
    // Cautious: who loses something waits for a person.
    let report = run(&world, &RunOptions::default(), &notes);
    assert!(report.tally().pending > 0 && report.tally().failed == 1);
    same(&notes, &report);

    // A room that cannot be made: the rest of it is skipped.
    let world = World::new("12");
    world.directory.put_person("p0");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0"]));
    let all = |call: &Call<'_>| matches!(call, Call::Execute(..));
    world.homeserver.fail_always(all, BackendErrorKind::Unavailable);
    let notes = Notes::default();
    let report = run(&world, &RunOptions::by_person(), &notes);
    same(&notes, &report);
    let told = notes.told.lock().unwrap();
    assert!(
        told.iter()
            .any(|(_, _, outcome)| matches!(outcome, Outcome::Skipped { .. })),
        "{told:?}"
    );
}

#[test]
fn only_releases_that_let_something_go_are_named() {
    let mut world = settled();
    world.reconciler.limits.room_count = 0;
    world.reconciler.limits.room_percent = 0;
    without(&world, 4);
    let held = run(&world, &RunOptions::by_person(), &Notes::default());
    let code = held.rooms[0].release.clone().unwrap();
    let mut options = RunOptions::by_person();
    options
        .releases
        .extend([code.clone(), ReleaseCode::new("0123456789")]);
    let notes = Notes::default();
    let report = run(&world, &options, &notes);
    assert_eq!(report.tally().removed, 1);
    assert_eq!(*notes.released.lock().unwrap(), [code]);
    same(&notes, &report);
    // It is good for once.
    let notes = Notes::default();
    run(&world, &options, &notes);
    assert!(notes.released.lock().unwrap().is_empty());
}

/// Answers only so many writing requests; the next one is done and its answer never comes.
#[derive(Debug)]
struct Hanging {
    inner: Arc<dyn RoomBackend>,
    left: AtomicUsize,
}

#[async_trait]
impl RoomBackend for Hanging {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.inner.whoami().await
    }
    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        self.inner.resolve_alias(alias).await
    }
    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        self.inner.observe(what)
    }
    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.inner.accounts(users).await
    }
    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.inner.listing(room).await
    }
    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        let result = self.inner.execute(room, op).await;
        let before = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if before.is_err() {
            return futures_util::future::pending().await;
        }
        result
    }
}

#[test]
fn what_was_done_before_a_run_is_cut_off_was_told() {
    const PEOPLE: usize = 6;
    // The room, and its people.
    for done in 0..=PEOPLE {
        let mut world = World::new("12");
        world.reconciler.people_at_once = 1;
        for person in 0..PEOPLE {
            world.directory.put_person(format!("p{person}").as_str());
        }
        let everybody = (0..PEOPLE).map(|person| format!("p{person}"));
        world
            .directory
            .put_group(MemoryGroup::new(room_group(0)).members(everybody));
        world.reconciler.backend = Arc::new(Hanging {
            inner: Arc::clone(&world.reconciler.backend),
            left: AtomicUsize::new(done),
        });
        let options = RunOptions::by_person();
        let draft = world.plan();
        let notes = Notes::default();
        let cut_off = world
            .reconciler
            .apply_witnessed(draft, &options, &notes)
            .now_or_never();
        assert!(cut_off.is_none(), "it hangs after {done}");
        let told = notes.told.into_inner().unwrap();
        assert_eq!(told.len(), done, "{told:?}");
        assert!(told.iter().all(|(_, _, outcome)| *outcome == Outcome::Done));
        let invited = told.iter().filter_map(|(_, action, _)| action.op.brings_in());
        let invited: Vec<OwnedUserId> = invited.cloned().collect();
        let first: Vec<OwnedUserId> = (0..done.saturating_sub(1)).map(user).collect();
        assert_eq!(invited, first);
    }
}
