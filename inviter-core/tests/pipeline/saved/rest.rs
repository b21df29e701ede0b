//! Plans that were not carried out to their end: the same file does the rest, and nothing else.

use std::collections::BTreeSet;

use futures_executor::block_on;
use inviter_core::{
    backend::BackendErrorKind,
    finding::FindingKind,
    guard::Limits,
    memory::{Call, MemoryGroup, NewRoom, UserOp},
    reconcile::RunOptions,
    saved_plan::{SavedPlan, Standing},
};

use super::{again, apply, saved, standings};
use crate::{
    faults::{cut_after, settled, without},
    model::{World, alias, room_group, user},
};

/// Something to do in a room that stands, and two rooms to be created.
fn busy(version: &str) -> (World, SavedPlan) {
    let world = World::new(version);
    for person in 0..8 {
        world.directory.put_person(format!("p{person}").as_str());
    }
    let people = |range: std::ops::Range<usize>| range.map(|person| format!("p{person}"));
    world.directory.put_group(
        MemoryGroup::new(room_group(0))
            .members(people(0..5))
            .owners(["p4"]),
    );
    world.sync();
    let group = MemoryGroup::new(room_group(0)).members(people(1..6));
    world.directory.put_group(group.owners(["p1", "p2"]));
    for room in 1..3 {
        let group = MemoryGroup::new(room_group(room)).members(people(room..room + 3));
        world.directory.put_group(group.owners([format!("p{room}")]));
    }
    let plan = saved(&world);
    assert_eq!(plan.rooms.len(), 3, "{plan:#?}");
    (world, plan)
}

#[test]
fn whatever_was_cut_off_the_same_file_does_the_rest() {
    for version in ["11", "12"] {
        let (world, plan) = busy(version);
        let before = world.homeserver.writes();
        apply(&world, &plan);
        let writes = world.homeserver.writes() - before;
        assert!(writes >= 10, "{writes}");
        for cut in 0..writes {
            for lost in [false, true] {
                let (world, plan) = busy(version);
                cut_after(&world.homeserver, cut, lost);
                let (report, _) = apply(&world, &plan);
                assert!(report.tally().failed > 0, "after {cut}: {report:#?}");
                world.homeserver.heal();
                let (report, comparison) = apply(&world, &plan);
                assert_eq!(
                    (comparison.skipped().count(), comparison.in_part().count()),
                    (0, 0),
                    "after {cut}: {comparison:#?}"
                );
                assert_eq!(report.tally().failed, 0, "after {cut}: {report:#?}");
                assert_eq!(world.people_in(0), BTreeSet::from([1, 2, 3, 4, 5]), "after {cut}");
                for room in 1..3 {
                    let people: BTreeSet<usize> = (room..room + 3).collect();
                    assert_eq!(world.people_in(room), people, "after {cut}");
                }
                assert!(world.plan().plan.is_empty(), "after {cut}: nothing is left");
                let (_, comparison) = apply(&world, &plan);
                let over = comparison
                    .rooms
                    .iter()
                    .all(|room| room.standing == Standing::Settled);
                assert!(over, "after {cut}: {comparison:#?}");
            }
        }
    }
}

#[test]
fn the_rest_is_done_only_where_nothing_else_is_to_be_done() {
    let (world, plan) = busy("12");
    cut_after(&world.homeserver, 3, false);
    apply(&world, &plan);
    world.homeserver.heal();
    // Somebody more belongs in a room of which a part was done.
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p7"]));
    let (_, comparison) = apply(&world, &plan);
    let changed = |standing: &&&Standing| matches!(standing, Standing::Changed(_));
    assert_eq!(
        standings(&comparison).iter().filter(changed).count(),
        1,
        "{comparison:#?}"
    );
    assert!(!world.people_in(0).contains(&7));
}

/// A room of somebody else under the alias is not the one that the plan was to create.
#[test]
fn a_room_that_somebody_else_has_made_meanwhile_is_another() {
    let mut world = settled();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    let plan = saved(&world);
    world.reconciler.policy.adopt.any = true;
    let room = NewRoom {
        alias: Some("r1".to_owned()),
        ..NewRoom::default()
    };
    let owner = world.homeserver.register("owner").unwrap();
    let room = world
        .homeserver
        .act(&owner, &UserOp::CreateRoom(Box::new(room)))
        .unwrap()
        .created()
        .unwrap();
    let invite = UserOp::Invite {
        room: room.clone(),
        user: world.bot.clone(),
        reason: None,
    };
    world.homeserver.act(&owner, &invite).unwrap();
    world
        .homeserver
        .act(&world.bot, &UserOp::Join { room: room.clone() })
        .unwrap();
    let mut levels = world.homeserver.levels(&room).unwrap();
    levels["users"][world.bot.as_str()] = 99.into();
    let raise = UserOp::set(room.clone(), "m.room.power_levels", levels);
    world.homeserver.act(&owner, &raise).unwrap();
    let (report, comparison) = apply(&world, &plan);
    let [Standing::Changed(difference)] = standings(&comparison)[..] else {
        panic!("{comparison:#?}")
    };
    let other = ("one to be created".to_owned(), room.to_string());
    assert_eq!(difference.other_room, Some(other));
    assert_eq!((report.rooms.len(), world.people_in(1)), (0, BTreeSet::new()));
}

/// Two rooms of a file are one by now: neither is the one that was gone through.
#[test]
fn rooms_that_have_become_one_are_others() {
    let world = settled();
    for room in 1..3 {
        world
            .directory
            .put_group(MemoryGroup::new(room_group(room)).members(["p5", "p6"]));
    }
    let plan = saved(&world);
    assert_eq!(plan.rooms.len(), 2);
    let mut first = plan.clone();
    first.rooms.truncate(1);
    cut_after(&world.homeserver, 2, false);
    apply(&world, &first);
    world.homeserver.heal();
    let room = world.room(1).unwrap();
    world
        .homeserver
        .force_alias(alias(2), room.clone(), world.bot.clone());
    let (report, comparison) = apply(&world, &plan);
    let others: Vec<_> = standings(&comparison)
        .into_iter()
        .map(|standing| match standing {
            Standing::Changed(difference) => difference.other_room.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        others,
        [
            Some(("one to be created".to_owned(), room.to_string())),
            Some(("#r2:example.org".to_owned(), "#r1:example.org".to_owned())),
        ]
    );
    assert_eq!((report.rooms.len(), world.people_in(1)), (0, BTreeSet::from([5])));
}

/// Of two people one is removed, and of the other it is not known any more whether they are to be.
#[test]
fn the_rest_is_not_said_to_be_all_where_something_waits() {
    let world = settled();
    without(&world, 4);
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p5"]));
    let plan = saved(&world);
    assert_eq!(plan.actions(), 2);
    world
        .directory
        .edit_group(&room_group(0), |group| group.members_gap("no answer"));
    let (report, comparison) = apply(&world, &plan);
    let [Standing::Rest(rest)] = standings(&comparison)[..] else {
        panic!("{comparison:#?}")
    };
    assert_eq!(
        (rest.over.len(), rest.because[0].kind),
        (1, FindingKind::RemovalsNotConsidered)
    );
    assert_eq!(
        (comparison.skipped().count(), comparison.in_part().count()),
        (0, 1)
    );
    assert_eq!((report.tally().invited, report.tally().removed), (1, 0));
    assert_eq!(world.people_in(0), (0..6).collect());
}

/// What was refused for good is told of, and is not over.
#[test]
fn what_was_refused_is_told_once_the_rest_is_done() {
    let world = settled();
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p5", "p6"]));
    let plan = saved(&world);
    let refused = user(5);
    world.homeserver.fail_next(
        move |call| matches!(call, Call::Execute(_, op) if op.brings_in() == Some(&refused)),
        BackendErrorKind::Refused,
    );
    let (report, _) = apply(&world, &plan);
    assert_eq!((report.tally().invited, report.tally().failed), (1, 1));
    let (_, comparison) = apply(&world, &plan);
    let [Standing::PutOff(because)] = standings(&comparison)[..] else {
        panic!("{comparison:#?}")
    };
    assert_eq!(because[0].kind, FindingKind::Refused);
}

/// A code counts only for rooms in which the plan does something.
#[test]
fn a_code_of_a_room_that_is_left_out_lets_nothing_go() {
    let mut world = settled();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0", "p1", "p2", "p3"]));
    world.sync();
    world.reconciler.limits = Limits {
        room_count: 1,
        room_percent: 10,
        ..world.reconciler.limits
    };
    for room in 0..2 {
        world
            .directory
            .edit_group(&room_group(room), |group| group.without_members(["p2", "p3"]));
    }
    let whole = block_on(world.reconciler.plan(&RunOptions::by_person())).unwrap();
    let everything = whole.plan.release().cloned().unwrap();
    let codes: Vec<_> = whole
        .plan
        .rooms()
        .iter()
        .map(|room| room.release().cloned().unwrap())
        .collect();
    let mut plan = saved(&world);
    assert_eq!((plan.held(), codes.len()), (4, 2));
    plan.rooms
        .retain(|room| room.refs.contains(&inviter_core::room::RoomRef::Alias(alias(0))));

    let counts = |given: &[_]| {
        let replanned = again(&world, &plan, given);
        let of = |codes: &BTreeSet<_>| given.iter().filter(|code| codes.contains(**code)).count();
        (of(&replanned.released), of(replanned.draft.plan.released()))
    };
    assert_eq!(counts(&[&codes[0]]), (1, 1));
    assert_eq!(counts(&[&codes[1]]), (1, 0), "of a room that is not in the file");
    assert_eq!(counts(&[&everything]), (1, 1));
    assert_eq!(counts(&[&codes[0], &codes[1]]), (2, 1));
    // With the room's own word given, that of everything adds nothing there.
    plan.rooms.clear();
    assert_eq!(
        again(&world, &plan, &[&everything]).draft.plan.released().len(),
        0
    );
}
