//! A run that is watched tells all that it does, and comes to what its draft said.

use std::sync::{Arc, Mutex};

use futures_executor::block_on;
use inviter_core::{
    action::Op,
    backend::{BackendErrorKind, Counts, Event, Watched, Watcher},
    memory::Call,
    reconcile::RunOptions,
    report::Outcome,
};

use crate::{
    faults::{settled, without},
    model::{Step, World},
};

#[derive(Debug, Default)]
struct Log(Mutex<(Counts, Vec<Option<usize>>)>);

impl Watcher for Log {
    fn notice(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        log.0.add(event);
        if let Event::RoomsAsked(known) = event {
            log.1.push(*known);
        }
    }
}

impl Log {
    fn counts(&self) -> Counts {
        self.0.lock().unwrap().0
    }
}

fn watched(world: &mut World) -> Arc<Log> {
    let log = Arc::new(Log::default());
    let backend = Arc::clone(&world.reconciler.backend);
    world.reconciler.backend = Arc::new(Watched::new(backend, log.clone()));
    log
}

/// A world in which one leaves, another is lowered and two rooms get people.
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
fn everything_is_told() {
    let mut world = eventful();
    let log = watched(&mut world);
    let options = RunOptions::by_person();
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    let read = log.counts();
    assert!(read.rooms > 0 && read.ended() == 0, "{read:?}");
    assert_eq!(log.0.lock().unwrap().1, [None]);

    let operations = draft.operations() as u64;
    let levels = draft.report().rooms[0]
        .items
        .iter()
        .filter(|item| matches!(item.action.op, Op::SetLevels { .. }))
        .count();
    assert!(
        levels > 1 && operations > 2,
        "{levels} levels, {operations} operations"
    );
    let report = block_on(world.reconciler.apply(draft, &options));
    let done = log.counts();
    assert_eq!((done.done, done.failed, done.under_way), (operations, 0, 0));
    let items = report.rooms.iter().map(|room| room.items.len()).sum::<usize>() as u64;
    assert_eq!(done.done, items - levels as u64 + 1, "levels are one event");
}

#[test]
fn failures_are_told_apart_from_what_is_put_off() {
    let mut world = eventful();
    let invites = |call: &Call<'_>| matches!(call, Call::Execute(_, Op::Invite { .. }));
    let levels = |call: &Call<'_>| matches!(call, Call::Execute(_, Op::SetLevels { .. }));
    world.homeserver.fail_next(invites, BackendErrorKind::Unavailable);
    world.homeserver.fail_next(levels, BackendErrorKind::RateLimited);
    let log = watched(&mut world);
    let report = world.sync();
    let failed = report.rooms.iter().flat_map(|room| &room.items);
    let failed = failed
        .filter(|item| matches!(item.outcome, Outcome::Failed { .. }))
        .count();
    assert!(failed >= 2);
    // Without a time at which it may work again, it is a failure and not put off.
    assert_eq!((log.counts().failed, log.counts().put_off), (2, 0));
}

#[test]
fn what_is_read_before_and_after_a_creation_is_told() {
    let mut world = World::new("12");
    let log = watched(&mut world);
    world.directory.put_person("p0");
    world
        .directory
        .put_group(inviter_core::memory::MemoryGroup::new(crate::model::room_group(0)).members(["p0"]));
    let report = world.sync();
    assert_eq!(report.tally().rooms_created, 1);
    let counts = log.counts();
    // The creation and the invitation.
    assert_eq!(
        (counts.aliases, counts.rooms, counts.done),
        (1, 1, 2),
        "{counts:?}"
    );
    assert_eq!(log.0.lock().unwrap().1, [Some(1)]);
}
