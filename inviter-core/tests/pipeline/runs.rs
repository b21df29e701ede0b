//! What runs leave behind for whoever asks how things stand, and plans without a read.

use std::{sync::Arc, time::Duration};

use futures_executor::block_on;
use inviter_core::{
    backend::BackendErrorKind, memory::Call, provider::ProviderErrorKind, reconcile::RunOptions,
    room::RoomRef, runs::RunCause,
};

use crate::{
    faults::{settled, without},
    model::{Step, alias, user},
};

#[test]
fn runs_are_remembered_with_what_they_came_to() {
    let world = settled();
    without(&world, 4);
    let who = RunCause::Person { who: Some(user(0)) };
    let mut options = RunOptions::by_person();
    assert_eq!(options.cause, RunCause::Person { who: None });
    options.cause = who.clone();
    options.rooms.insert(RoomRef::Alias(alias(0)));
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    let began = world.homeserver.now();
    world.homeserver.advance(Duration::from_secs(90));
    let report = block_on(world.reconciler.apply(draft, &options));
    let run = world.store.memory().runs.last().unwrap().clone();
    assert_eq!(
        (run.cause, run.whole, run.errors, run.not_begun),
        (who, false, false, None)
    );
    assert_eq!((run.tally, run.tally.removed), (report.tally(), 1));
    assert!(run.at <= began && run.took >= 90_000);
    world.sync();
    assert!(world.store.memory().runs.last().unwrap().whole);
}

#[test]
fn a_run_that_could_not_begin_is_remembered() {
    let world = settled();
    let down = |call: &Call<'_>| matches!(call, Call::Whoami);
    world.homeserver.fail_next(down, BackendErrorKind::Unavailable);
    let cautious = RunOptions::default();
    block_on(world.reconciler.sync(&cautious)).unwrap_err();
    let run = world.store.memory().runs.last().unwrap().clone();
    assert!(run.errors && run.not_begun.unwrap().contains("made to fail"));
    assert_eq!(run.cause, RunCause::Schedule);
    // Plans leave nothing behind.
    let before = world.store.memory();
    world.plan();
    assert_eq!(world.store.memory(), before);
}

#[test]
fn a_plan_from_what_was_read_before_asks_no_directory() {
    let world = settled();
    let draft = world.plan();
    world.directory.fail(ProviderErrorKind::Unavailable, "down");
    let options = RunOptions::default();
    let again = || {
        block_on(
            world
                .reconciler
                .plan_with(Arc::clone(&draft.directories), &options),
        )
        .unwrap()
    };
    assert!(again().plan.is_empty());
    world.step(&Step::Bring(6, 0));
    let changed = again();
    assert_eq!(changed.report().tally().pending, 1, "cautious");
    assert_eq!(changed.report().tally().changes(), 0);
}
