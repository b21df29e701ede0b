//! Plans that are saved, and applied when something else may have happened: what still holds is done, and nothing that
//! a run would not do by itself.

mod let_in_again;
mod not_known;
mod put_off;
mod rest;
mod tampering;

use std::{collections::BTreeSet, time::Duration};

use futures_executor::block_on;
use inviter_core::{
    action::Op,
    guard::{Limits, ReleaseCode, Verdict},
    memory::{MemoryGroup, NewRoom, UserOp},
    reconcile::{Replanned, RunOptions},
    report::{Outcome, Report},
    saved_plan::{Comparison, Made, SavedPlan, SavedRoom, Standing},
};
use proptest::{collection, prelude::*};

use self::tampering::{allowed, gone, is_in, is_part, tamper, tampers};
use crate::{
    faults::{settled, without},
    model::{Corp, Step, World, alias, room_group, user},
};

fn saved_by(world: &World, options: &RunOptions) -> SavedPlan {
    let draft = block_on(world.reconciler.plan(options)).unwrap();
    let made = Made {
        program: "0".to_owned(),
        at: "now".to_owned(),
    };
    let saved = SavedPlan::of(&draft, options, &world.reconciler.policy.scope, made);
    // As it is read back.
    let text = saved.to_text().unwrap();
    assert_eq!(SavedPlan::parse(text.as_bytes()).as_ref(), Ok(&saved));
    saved
}

fn saved(world: &World) -> SavedPlan {
    saved_by(world, &RunOptions::by_person())
}

fn again(world: &World, saved: &SavedPlan, codes: &[&ReleaseCode]) -> Replanned {
    let codes = codes.iter().map(|code| (*code).clone());
    block_on(world.reconciler.plan_saved(saved, codes)).unwrap()
}

fn apply(world: &World, saved: &SavedPlan) -> (Report, Comparison) {
    apply_with(world, saved, &[])
}

fn apply_with(world: &World, saved: &SavedPlan, codes: &[&ReleaseCode]) -> (Report, Comparison) {
    let Replanned {
        draft,
        comparison,
        options,
        ..
    } = again(world, saved, codes);
    (block_on(world.reconciler.apply(draft, &options)), comparison)
}

fn standings(comparison: &Comparison) -> Vec<&Standing> {
    comparison.rooms.iter().map(|room| &room.standing).collect()
}

#[test]
fn an_unchanged_world_comes_to_what_a_sync_comes_to() {
    let (one, another) = (World::new("12"), World::new("12"));
    for world in [&one, &another] {
        world.directory.put_person("p0");
        world.directory.put_person("p1");
        for room in 0..2 {
            let group = MemoryGroup::new(room_group(room))
                .members(["p0", "p1"])
                .owners(["p1"]);
            world.directory.put_group(group);
        }
    }
    let plan = saved(&one);
    assert_eq!(plan.rooms.len(), 2);
    let (report, comparison) = apply(&one, &plan);
    assert!(comparison.is_same());
    let options = RunOptions::by_person();
    let synced = block_on(another.reconciler.sync(&options)).unwrap();
    assert_eq!(report.tally(), synced.tally());
    assert_eq!(report.tally().failed, 0, "{report:#?}");
    assert_eq!(one.homeserver.writes(), another.homeserver.writes());
    for room in 0..2 {
        assert_eq!(one.people_in(room), BTreeSet::from([0, 1]));
    }
    // Once more: it has been done.
    let (report, comparison) = apply(&one, &plan);
    assert_eq!(standings(&comparison), [&Standing::Settled, &Standing::Settled]);
    assert_eq!((report.tally().changes(), comparison.skipped().count()), (0, 0));
}

#[test]
fn no_clean_run_and_no_sizes_are_learnt_from_a_part() {
    let world = World::new("12");
    world.directory.put_person("p0");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0"]));
    let plan = saved(&world);
    let (report, _) = apply(&world, &plan);
    assert_eq!(report.tally().rooms_created, 1);
    let memory = world.store.memory();
    assert_eq!((memory.clean_run, memory.directories.len()), (None, 0));
    assert!(memory.runs.iter().all(|run| !run.whole), "{:?}", memory.runs);
    // A sync learns it.
    world.sync();
    assert!(world.store.memory().clean_run.is_some());
    assert_eq!(world.store.memory().directories.len(), 1);
}

#[test]
fn a_room_that_changed_is_skipped_with_its_difference_and_the_others_are_done() {
    let world = settled();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p6"]));
    without(&world, 4);
    let plan = saved(&world);
    without(&world, 3);
    let (report, comparison) = apply(&world, &plan);
    let changed = comparison
        .rooms
        .iter()
        .find(|room| room.room.to_string() == "#r0:example.org");
    let Standing::Changed(difference) = &changed.unwrap().standing else {
        panic!("{comparison:?}")
    };
    assert_eq!((difference.only_in_file.len(), difference.only_now.len()), (0, 1));
    assert_eq!(difference.only_now[0].person(), Some(&user(3)));
    assert_eq!(report.rooms.len(), 1);
    assert_eq!(world.people_in(0).len(), 5, "nobody was removed");
    assert_eq!(world.people_in(1), BTreeSet::from([6]));
    assert!(!comparison.is_same());
}

#[test]
fn a_removal_that_somebody_wrote_into_the_file_removes_nobody() {
    let world = settled();
    without(&world, 4);
    let mut plan = saved(&world);
    let removal = plan.rooms[0].actions[0].clone();
    assert_eq!(removal.person(), Some(&user(4)));
    let mut other = removal.clone();
    let Op::Remove { user: going, .. } = &mut other.op else {
        panic!("{other:?}")
    };
    *going = user(0);
    plan.rooms[0].actions.push(other.clone());
    // In the place of the right one.
    let whole = plan.clone();
    plan.rooms[0].actions = vec![other.clone()];
    let (report, comparison) = apply(&world, &plan);
    let Standing::Changed(difference) = &comparison.rooms[0].standing else {
        panic!("{comparison:?}")
    };
    assert_eq!(difference.only_in_file, [other.clone()]);
    assert_eq!((report.rooms.len(), world.people_in(0).len()), (0, 5));
    // In another room.
    let elsewhere = SavedRoom {
        room: inviter_core::room::RoomRef::Alias(alias(2)),
        refs: Vec::new(),
        room_id: None,
        actions: vec![other],
    };
    plan.rooms = vec![elsewhere];
    let (_, comparison) = apply(&world, &plan);
    assert_eq!(standings(&comparison), [&Standing::Gone]);
    assert_eq!(comparison.not_in_file.len(), 1);
    assert_eq!(world.people_in(0).len(), 5);
    // Beside the right one, which is done alone.
    let (report, comparison) = apply(&world, &whole);
    assert!(matches!(standings(&comparison)[..], [Standing::Rest(_)]));
    assert_eq!(report.tally().removed, 1);
    assert_eq!(world.people_in(0), BTreeSet::from([0, 1, 2, 3]));
}

#[test]
fn what_is_held_stays_held_until_a_person_lets_it_go() {
    let mut world = settled();
    world.reconciler.limits = Limits {
        room_count: 1,
        room_percent: 10,
        ..world.reconciler.limits
    };
    without(&world, 4);
    without(&world, 3);
    let plan = saved(&world);
    assert_eq!((plan.actions(), plan.held()), (2, 2));
    let (report, comparison) = apply(&world, &plan);
    assert!(comparison.is_same());
    assert_eq!((report.tally().held, report.tally().removed), (2, 0));
    // Marks that somebody took out of the file let nothing go.
    let mut unmarked = plan.clone();
    for action in &mut unmarked.rooms[0].actions {
        action.held.clear();
    }
    let (report, _) = apply(&world, &unmarked);
    assert_eq!((report.tally().held, report.tally().removed), (2, 0));
    // What a person has read to be held is not done just because nothing holds it any more.
    let limits = world.reconciler.limits;
    world.reconciler.limits.room_count = 100;
    let (report, comparison) = apply(&world, &plan);
    let Standing::Changed(difference) = &comparison.rooms[0].standing else {
        panic!("{comparison:?}")
    };
    assert_eq!((difference.held_no_more.len(), report.tally().removed), (2, 0));
    world.reconciler.limits = limits;
    let code = world.plan().plan.rooms()[0].release().cloned().unwrap();
    let (report, comparison) = apply_with(&world, &plan, &[&code]);
    assert!(comparison.is_same());
    assert_eq!((report.tally().held, report.tally().removed), (0, 2));
}

/// The limits over everything count what is left out, too.
#[test]
fn the_guard_judges_the_whole_of_the_new_plan() {
    let mut world = settled();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0", "p1", "p2"]));
    world.sync();
    world.reconciler.limits = Limits {
        total_count: 1,
        total_percent: 5,
        ..world.reconciler.limits
    };
    without(&world, 4);
    let plan = saved(&world);
    assert_eq!((plan.rooms.len(), plan.held()), (1, 0));
    world
        .directory
        .edit_group(&room_group(1), |group| group.without_members(["p2"]));
    let (report, comparison) = apply(&world, &plan);
    assert_eq!(comparison.not_in_file.len(), 1);
    assert_eq!(
        (report.rooms.len(), report.tally().held, report.tally().removed),
        (1, 1, 0)
    );
}

/// A room that is joined on the way has people whom nobody has agreed to remove.
#[test]
fn a_room_that_is_joined_comes_to_no_more_than_the_file_has() {
    let mut world = World::new("11");
    let owner = world.homeserver.register("owner").unwrap();
    world.reconciler.policy.trusted_inviters.insert(owner.clone());
    world.reconciler.policy.adopt.any = true;
    for person in ["p0", "p1", "p2"] {
        world.directory.put_person(person);
    }
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0"]));
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0"]));
    world.sync();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(2)).members(["p0", "p1"]));
    let room = NewRoom {
        alias: Some("r2".to_owned()),
        ..NewRoom::default()
    };
    world
        .homeserver
        .act(&owner, &UserOp::CreateRoom(Box::new(room)))
        .unwrap();
    let room = world.room(2).unwrap();
    for who in [user(2), world.bot.clone()] {
        let invite = UserOp::Invite {
            room: room.clone(),
            user: who,
            reason: None,
        };
        world.homeserver.act(&owner, &invite).unwrap();
    }
    let plan = saved(&world);
    assert_eq!((plan.rooms.len(), plan.actions()), (1, 1), "{plan:#?}");
    let (report, comparison) = apply(&world, &plan);
    assert!(comparison.is_same());
    assert_eq!(report.tally().changed, 1, "it has joined");
    let skipped = report.rooms[0].items.iter();
    let skipped = skipped
        .filter(|item| matches!(&item.outcome, Outcome::Skipped { because } if because == "it is not in the saved plan"));
    assert!(skipped.count() > 0, "{report:#?}");
    assert_eq!(world.people_in(2), BTreeSet::from([2]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens between, and whatever somebody writes into the file: what is done is of each room all that a
    /// run would do now or nothing, and nobody goes whom a run would not remove now.
    #[test]
    fn nothing_is_done_but_what_a_run_would_do(
        first in Corp::strategy(), before in collection::vec(Step::strategy(), 0..12), second in Corp::strategy(),
        between in collection::vec(Step::strategy(), 0..4), third in prop::option::weighted(0.3, Corp::strategy()),
        tampers in tampers(), tight in any::<bool>(),
    ) {
        let mut world = World::new("11");
        first.write(&world.directory);
        world.sync();
        for step in &before {
            world.step(step);
        }
        second.write(&world.directory);
        if tight {
            world.reconciler.limits.room_count = 1;
        }
        let mut plan = saved(&world);
        for how in &tampers {
            tamper(&mut plan, how);
        }
        for step in &between {
            world.step(step);
        }
        if let Some(third) = &third {
            third.write(&world.directory);
        }
        world.homeserver.advance(Duration::from_secs(60));
        // As a file: one that cannot be meant is refused.
        let Ok(plan) = SavedPlan::parse(plan.to_text().unwrap().as_bytes()) else {
            return Ok(());
        };
        let whole = world.plan();
        let writes = world.homeserver.writes();
        let Replanned { draft, comparison, options, .. } = again(&world, &plan, &[]);
        prop_assert_eq!(world.homeserver.writes(), writes);
        is_part(&draft, &whole)?;
        is_in(&draft, &plan)?;
        if tampers.is_empty() && between.is_empty() && third.is_none() {
            prop_assert!(comparison.is_same());
            prop_assert_eq!(allowed(&draft), allowed(&whole));
        }
        let removals: BTreeSet<String> = whole.plan.rooms().iter().flat_map(|room| {
            let target = room.plan().target.as_ref().map(ToString::to_string).unwrap_or_default();
            let allowed = room.actions().iter().filter(|guarded| guarded.verdict == Verdict::Allowed);
            allowed.filter_map(move |guarded| match &guarded.action.op {
                Op::Remove { user, .. } => Some(format!("{target} {user}")),
                _ => None,
            })
        }).collect();
        let (memberships, memory, untouchable) = (world.memberships(), world.store.memory(), world.untouchable());
        let report = block_on(world.reconciler.apply(draft, &options));
        let removed = gone(&memberships, &world.memberships());
        prop_assert!(removed.is_subset(&removals), "{:?} of {:?}", removed, removals);
        prop_assert_eq!(report.tally().failed, 0, "{:#?}", report);
        let still = world.untouchable();
        prop_assert!(untouchable.iter().all(|line| still.contains(line)));
        let after = world.store.memory();
        prop_assert_eq!(after.clean_run, memory.clean_run);
        prop_assert_eq!(after.directories, memory.directories);
    }
}
