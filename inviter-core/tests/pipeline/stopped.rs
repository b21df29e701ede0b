//! Runs that are stopped: what was not sent has not failed, and is done by the next one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_executor::block_on;
use futures_util::future::{BoxFuture, FutureExt as _, pending};
use inviter_core::{
    action::Op,
    backend::{BackendErrorKind, Stop, Stoppable},
    guard::GuardedRoom,
    memory::{Call, MemoryGroup, NewRoom, UserOp},
    reconcile::RunOptions,
    report::{Outcome, Report},
};

use crate::{
    faults::{outcomes, settled, without},
    model::{World, room_group},
};

#[derive(Debug, Default)]
struct Switch(AtomicBool);

impl Stop for Switch {
    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn out_of_time(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }
}

/// A room from which somebody is to be removed and to which somebody is to come, one to be created, and one to be joined.
/// Its runs can be stopped.
fn busy() -> (World, Arc<Switch>) {
    let mut world = settled();
    without(&world, 4);
    for room in 1..3 {
        let group = MemoryGroup::new(room_group(room)).members([format!("p{}", 5 + room)]);
        world.directory.put_group(group);
    }
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p5"]).owners(["p1"]));
    let owner = world.homeserver.register("owner").unwrap();
    world.reconciler.policy.trusted_inviters.insert(owner.clone());
    let new = NewRoom {
        alias: Some("r2".to_owned()),
        ..NewRoom::default()
    };
    world
        .homeserver
        .act(&owner, &UserOp::CreateRoom(Box::new(new)))
        .unwrap();
    let invite = UserOp::Invite {
        room: world.room(2).unwrap(),
        user: world.bot.clone(),
        reason: None,
    };
    world.homeserver.act(&owner, &invite).unwrap();
    world.reconciler.rooms_at_once = 1;
    let switch = Arc::new(Switch::default());
    let backend = Arc::clone(&world.reconciler.backend);
    let stop = Arc::clone(&switch) as Arc<dyn Stop>;
    world.reconciler.backend = Arc::new(Stoppable::new(backend, stop));
    (world, switch)
}

fn not_sent(report: &Report) -> usize {
    let outcomes = outcomes(report);
    outcomes
        .iter()
        .filter(|outcome| ***outcome == Outcome::NotSent)
        .count()
}

#[test]
fn nothing_that_was_not_sent_is_said_to_have_failed() {
    let (world, switch) = busy();
    let options = RunOptions::by_person();
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    let ops = draft.plan.rooms().iter().flat_map(GuardedRoom::actions);
    let ops: Vec<&Op> = ops.map(|guarded| &guarded.action.op).collect();
    let has = |is: fn(&Op) -> bool| assert!(ops.iter().any(|op| is(op)), "{ops:#?}");
    // Each is not sent in a way of its own.
    has(|op| matches!(op, Op::SetLevels { .. }));
    has(|op| matches!(op, Op::Invite { .. }));
    has(|op| matches!(op, Op::Remove { .. }));
    has(|op| matches!(op, Op::CreateRoom(_)));
    has(|op| matches!(op, Op::Join { .. }));
    let (planned, before, writes) = (
        ops.len(),
        world.store.memory().clean_run,
        world.homeserver.writes(),
    );
    switch.0.store(true, Ordering::SeqCst);
    let report = block_on(world.reconciler.apply(draft, &options));
    assert_eq!(world.homeserver.writes(), writes);
    assert_eq!(
        (not_sent(&report), report.not_sent()),
        (planned, planned),
        "{report:#?}"
    );
    assert_eq!(
        (report.tally().failed as usize, report.tally().changes()),
        (planned, 0)
    );
    assert_eq!(world.store.memory().clean_run, before, "no clean run");
    // The next one does all of it.
    switch.0.store(false, Ordering::SeqCst);
    let report = world.sync();
    assert_eq!((report.tally().failed, report.not_sent()), (0, 0), "{report:#?}");
    assert!(!world.people_in(0).contains(&4) && world.people_in(0).contains(&5));
}

/// A room that cannot be created for another reason, as the run is stopped, tells that reason.
#[test]
fn what_was_refused_is_told_although_the_run_was_stopped() {
    let (world, switch) = busy();
    world.homeserver.fail_next(
        move |call| {
            let creates = matches!(call, Call::Execute(_, Op::CreateRoom(_)));
            switch.0.fetch_or(creates, Ordering::SeqCst);
            creates
        },
        BackendErrorKind::Refused,
    );
    let report = world.sync();
    let of_room = |name: &str| {
        let room = report.rooms.iter().find(|room| room.room.to_string() == name);
        let items = room.unwrap().items.iter();
        items.map(|item| item.outcome.clone()).collect::<Vec<_>>()
    };
    assert!(
        matches!(
            &of_room("#r1:example.org")[..],
            [Outcome::Failed { temporary: false, .. }, Outcome::Skipped { because }] if because == "the room was not created"
        ),
        "{report:#?}"
    );
    assert!(
        of_room("#r2:example.org")
            .iter()
            .all(|outcome| *outcome == Outcome::NotSent)
    );
    assert!(world.people_in(0).contains(&5), "{report:#?}");
}
