//! A memory that is lost at any time is told by the next run, whatever was remembered in between.

use futures_executor::block_on;
use inviter_core::{
    action::Op,
    backend::BackendErrorKind,
    finding::FindingKind,
    memory::{Call, MemoryGroup},
    recall::Pause,
    report::Report,
    room::{Membership, RoomRef},
};

use crate::{
    faults::{membership, settled, without},
    model::{World, alias, room_group, user},
};

fn tells_loss(report: &Report) -> bool {
    report.findings.iter().any(|f| f.kind == FindingKind::MemoryLost)
}

/// The memory is lost once something of this kind is about to be sent.
fn lose_before(world: &World, is: fn(&Op) -> bool) {
    let store = world.store.clone();
    world.homeserver.before_next(
        move |call| matches!(call, Call::Execute(_, op) if is(op)),
        move |_| store.lose("memory.sqlite: the memory of earlier runs is damaged"),
    );
}

/// A room that a run has created is planned once more by what is remembered: if that is lost meanwhile, nobody knows
/// what is paused, and the next run has to tell.
#[test]
fn a_loss_in_a_run_that_creates_a_room_is_told_by_the_next() {
    let world = settled();
    let paused = Pause::Room(RoomRef::Alias(alias(0)));
    block_on(world.reconciler.pause(&[paused])).unwrap();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0", "p1"]));
    lose_before(&world, |op| matches!(op, Op::CreateRoom(_)));
    let report = world.sync();
    let tally = report.tally();
    assert_eq!((tally.rooms_created, tally.invited), (1, 0), "{report:#?}");
    assert!(
        matches!(&report.errors[..], [error] if error.starts_with("memory.sqlite: ") && error.ends_with(
            "; this was during the run, so rooms that it has created or joined wait for the next one"
        )),
        "{:?}",
        report.errors
    );
    let memory = world.store.memory();
    assert_eq!((memory.clean_run, memory.runs.len()), (None, 1));
    without(&world, 4);
    let report = world.sync();
    assert!(tells_loss(&report), "{report:#?}");
    assert_eq!((report.tally().held, report.tally().invited), (1, 2));
    // That one was clean, over everything, by the new memory.
    let report = world.sync();
    assert!(!tells_loss(&report));
    assert_eq!((report.tally().held, report.tally().removed), (0, 1));
}

/// Whoever pauses a room may be the first to meet the loss. The pause holds, and the next run tells.
#[test]
fn a_pause_does_not_hide_a_loss() {
    let world = settled();
    world.store.lose("memory.sqlite: damaged");
    let paused = Pause::Room(RoomRef::Alias(alias(0)));
    block_on(world.reconciler.pause(std::slice::from_ref(&paused))).unwrap();
    without(&world, 4);
    let report = world.sync();
    assert!(tells_loss(&report), "{report:#?}");
    assert_eq!((report.tally().held, report.tally().removed), (0, 0));
    assert!(world.store.memory().paused.contains_key(&paused));
    assert!(!tells_loss(&world.sync()));
    block_on(world.reconciler.resume(&[paused])).unwrap();
    assert_eq!(world.sync().tally().held, 1, "no run was clean yet");
}

/// A run that began with the old memory says nothing of the new one, however clean it was.
#[test]
fn a_run_that_knew_the_old_memory_opens_no_way() {
    let world = settled();
    world.directory.edit_group(&room_group(0), |group| {
        group.members((0..6).map(|p| format!("p{p}")))
    });
    lose_before(&world, |op| matches!(op, Op::Invite { .. }));
    assert!(world.sync().errors.is_empty(), "it has not met it");
    assert!(world.store.memory().clean_run.is_some());
    without(&world, 4);
    // The one that tells is not clean.
    world.homeserver.fail_next(
        |call| matches!(call, Call::Execute(_, Op::Invite { .. })),
        BackendErrorKind::Unavailable,
    );
    world.directory.edit_group(&room_group(0), |group| {
        group.members(["p0", "p1", "p2", "p3", "p5", "p6"])
    });
    let report = world.sync();
    assert!(tells_loss(&report));
    assert_eq!(
        (report.tally().held, report.tally().failed),
        (1, 1),
        "{report:#?}"
    );
    let report = world.sync();
    assert!(!tells_loss(&report));
    assert_eq!((report.tally().held, report.tally().removed), (1, 0));
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
    assert_eq!(world.sync().tally().removed, 1);
}

/// The loss that a run has told is not the one that came after it began.
#[test]
fn a_second_loss_is_told_as_well() {
    let world = settled();
    world.store.lose("damaged");
    world.directory.edit_group(&room_group(0), |group| {
        group.members((0..6).map(|p| format!("p{p}")))
    });
    lose_before(
        &world,
        |op| matches!(op, Op::Invite { user: invited, .. } if *invited == user(5)),
    );
    assert!(tells_loss(&world.sync()));
    let report = world.sync();
    let told = report.findings.iter().find(|f| f.kind == FindingKind::MemoryLost);
    assert!(
        told.is_some_and(|f| f.message.starts_with("memory.sqlite: ")),
        "{report:#?}"
    );
    assert!(!tells_loss(&world.sync()));
}
