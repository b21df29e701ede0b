//! Rooms in which nothing is done any more: that is said to be over only where it is.

use std::{collections::BTreeSet, time::Duration};

use futures_executor::block_on;
use inviter_core::{
    backend::BackendErrorKind,
    directory::ProviderId,
    finding::FindingKind,
    memory::{Call, MemoryGroup, MemoryPerson, UserOp},
    provider::ProviderErrorKind,
    recall::Pause,
    reconcile::RunOptions,
    room::{Cause, RoomRef},
    room_rules::{LeftPolicy, RemovePolicy},
    saved_plan::{SavedPlan, Standing},
};
use serde_json::json;

use super::{apply, saved, saved_by, standings};
use crate::{
    faults::{settled, without},
    model::{Step, World, alias, room_group, user},
};

/// What of it is not said in the report of a run: there nothing is missing.
const ONLY_OF_THE_PLAN: [FindingKind; 3] = [
    FindingKind::RemovalsNotConsidered,
    FindingKind::Incomplete,
    FindingKind::StatusUnknown,
];

/// What is in the way of the one room of a plan; it is told in the report as well, and nothing is done.
pub(super) fn put_off(world: &World, plan: &SavedPlan) -> BTreeSet<FindingKind> {
    let before = world.homeserver.writes();
    let (report, comparison) = apply(world, plan);
    assert_eq!(world.homeserver.writes(), before);
    assert_eq!((comparison.skipped().count(), comparison.is_same()), (1, false));
    let because = comparison.rooms.iter().flat_map(|room| match &room.standing {
        Standing::PutOff(because) => because.as_slice(),
        _ => &[],
    });
    let because: BTreeSet<FindingKind> = because.map(|finding| finding.kind).collect();
    assert!(!because.is_empty(), "{comparison:?}");
    assert_eq!(report.rooms.len(), 1, "{report:#?}");
    let of_room = report.rooms.iter().flat_map(|room| &room.findings);
    let told: BTreeSet<FindingKind> = of_room
        .chain(&report.findings)
        .map(|finding| finding.kind)
        .collect();
    let is_told = |kind: &FindingKind| told.contains(kind) || ONLY_OF_THE_PLAN.contains(kind);
    assert!(because.iter().all(is_told), "{because:?} of {told:?}");
    because
}

/// A removal of person 4 is saved; then something happens. What is told of it?
fn after(change: impl FnOnce(&mut World)) -> BTreeSet<FindingKind> {
    let mut world = settled();
    without(&world, 4);
    let plan = saved(&world);
    assert_eq!((plan.rooms.len(), plan.actions()), (1, 1), "{plan:#?}");
    change(&mut world);
    let because = put_off(&world, &plan);
    assert!(world.people_in(0).contains(&4), "nobody was removed");
    because
}

pub(super) fn act(world: &World, op: &UserOp) {
    world.homeserver.act(&world.bot, op).unwrap();
}

#[test]
fn a_room_that_is_not_looked_at_is_not_done() {
    let is = |kind| BTreeSet::from([kind]);
    for everything in [false, true] {
        let because = after(|world| {
            let what = if everything {
                Pause::Everything
            } else {
                Pause::Room(RoomRef::Alias(alias(0)))
            };
            block_on(world.reconciler.pause(&[what])).unwrap();
        });
        assert_eq!(because, is(FindingKind::Paused));
    }
    let because = after(|world| {
        let room = world.room(0).unwrap();
        world
            .homeserver
            .set_room_unknown(&room, Some(Cause::new("it does not answer")));
    });
    assert_eq!(because, is(FindingKind::RoomUnknown));
    let because = after(|world| {
        let room = world.room(0).unwrap();
        act(world, &UserOp::Leave { room });
    });
    assert_eq!(because, is(FindingKind::NotJoined));
    let because = after(|world| {
        let room = world.room(0).unwrap();
        let content = json!({"replacement_room": "!other:example.org"});
        act(world, &UserOp::set(room, "m.room.tombstone", content));
    });
    assert!(because.contains(&FindingKind::Replaced), "{because:?}");
    let because = after(|world| {
        let mut memory = world.store.memory();
        let room = memory.rooms.get_mut(&world.room(0).unwrap()).unwrap();
        room.handed_over = Some(world.homeserver.now());
        world.store.set(memory);
    });
    assert_eq!(because, is(FindingKind::HandedOver));
}

#[test]
fn a_removal_that_waits_is_not_done() {
    let is = |kind| BTreeSet::from([kind]);
    let because = after(|world| {
        world
            .directory
            .edit_group(&room_group(0), |group| group.members_gap("no answer"));
    });
    assert_eq!(because, is(FindingKind::RemovalsNotConsidered));
    let because = after(|world| {
        world.reconciler.policy.defaults.grace = Duration::from_secs(24 * 60 * 60);
    });
    assert_eq!(because, is(FindingKind::InGrace));
    let because = after(|world| {
        let room = world.room(0).unwrap();
        act(
            world,
            &UserOp::set(room, "m.room.join_rules", json!({"join_rule": "public"})),
        );
    });
    assert_eq!(because, is(FindingKind::PublicRoom));
    let because = after(|world| world.step(&Step::Raise(4, 0, 100)));
    assert_eq!(because, is(FindingKind::Outranked));
    // Whether they are still of the directory nobody knows, and nothing is told of it in the room.
    let because = after(|world| world.directory.put_person(MemoryPerson::new("p4").status(None)));
    assert_eq!(because, is(FindingKind::RemovalsNotConsidered));
    // The homeserver says no; that is not tried on every run.
    let because = after(|world| {
        world.homeserver.fail_next(
            |call| matches!(call, Call::Execute(..)),
            BackendErrorKind::Refused,
        );
        let report = world.sync();
        assert_eq!(report.tally().failed, 1, "{report:#?}");
    });
    assert_eq!(because, is(FindingKind::Refused));
}

#[test]
fn whom_we_have_not_brought_in_stays() {
    let mut world = settled();
    world.step(&Step::Bring(6, 0));
    let plan = saved(&world);
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    assert_eq!(
        put_off(&world, &plan),
        BTreeSet::from([FindingKind::NotBroughtIn])
    );
    assert!(world.people_in(0).contains(&6));
    // Who has gone is no concern of a plan that has other people.
    without(&world, 4);
    let plan = saved(&world);
    let (report, comparison) = apply(&world, &plan);
    assert_eq!((report.tally().removed, comparison.is_same()), (1, true));
}

#[test]
fn what_the_bot_may_not_do_any_more_is_not_done() {
    let world = World::new("11");
    for person in 0..3 {
        world.directory.put_person(format!("p{person}").as_str());
    }
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0", "p1", "p2"]));
    world.sync();
    without(&world, 2);
    let plan = saved(&world);
    let room = world.room(0).unwrap();
    let mut levels = world.homeserver.levels(&room).unwrap();
    levels["kick"] = json!(100);
    levels["users"][world.bot.as_str()] = json!(99);
    act(&world, &UserOp::set(room, "m.room.power_levels", levels));
    assert_eq!(
        put_off(&world, &plan),
        BTreeSet::from([FindingKind::PowerMissing])
    );
}

/// An invitation of person 5 is saved; then something happens.
pub(super) fn invited_after(change: impl FnOnce(&mut World)) -> (World, SavedPlan) {
    let mut world = settled();
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p5"]));
    let plan = saved(&world);
    assert_eq!(plan.actions(), 1, "{plan:#?}");
    change(&mut world);
    (world, plan)
}

#[test]
fn an_invitation_that_is_not_sent_is_not_done() {
    let (world, plan) = invited_after(|world| {
        let ban = UserOp::Ban {
            room: world.room(0).unwrap(),
            user: user(5),
            reason: None,
        };
        act(world, &ban);
    });
    assert_eq!(put_off(&world, &plan), BTreeSet::from([FindingKind::Banned]));
    let (world, plan) = invited_after(|world| {
        world.reconciler.policy.defaults.left = LeftPolicy::Never;
        world.step(&Step::Bring(5, 0));
        world.step(&Step::Leave(5, 0));
    });
    assert_eq!(
        put_off(&world, &plan),
        BTreeSet::from([FindingKind::LeftThemselves])
    );
    // The directory may have changed its mind, or may not.
    let (world, plan) = invited_after(|world| {
        world.directory.edit_group(&room_group(0), |group| {
            group.without_members(["p5"]).members_gap("no answer")
        });
    });
    assert_eq!(
        put_off(&world, &plan),
        BTreeSet::from([FindingKind::RemovalsNotConsidered])
    );
}

/// Whatever else there is to tell of a room, it is over where just what the plan has was done or is not wanted.
#[test]
fn what_was_done_or_is_not_wanted_is_over() {
    let over = |world: &World, plan: &SavedPlan| {
        let (report, comparison) = apply(world, plan);
        assert_eq!(standings(&comparison), [&Standing::Settled]);
        assert_eq!((report.rooms.len(), comparison.skipped().count()), (0, 0));
    };
    let world = settled();
    without(&world, 4);
    let plan = saved(&world);
    // Somebody else is banned and wanted, and a third cannot go.
    let ban = UserOp::Ban {
        room: world.room(0).unwrap(),
        user: user(3),
        reason: None,
    };
    act(&world, &ban);
    world.step(&Step::Bring(6, 0));
    world.step(&Step::Raise(6, 0, 100));
    world.step(&Step::Kick(4, 0));
    over(&world, &plan);

    let world = settled();
    without(&world, 4);
    let plan = saved(&world);
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p4"]));
    over(&world, &plan);
    let (world, plan) = invited_after(|world| without(world, 5));
    over(&world, &plan);
}

#[test]
fn a_room_that_nothing_known_wants_is_gone_only_if_all_is_known() {
    let two_rooms = || {
        let world = settled();
        for room in 1..3 {
            world
                .directory
                .put_group(MemoryGroup::new(room_group(room)).members(["p6"]));
        }
        world
    };
    let world = two_rooms();
    let plan = saved(&world);
    assert_eq!(plan.rooms.len(), 2);
    world.directory.fail(ProviderErrorKind::Unavailable, "no answer");
    let (report, comparison) = apply(&world, &plan);
    let unknown = Standing::Unknown(vec![ProviderId::new("corp")]);
    assert_eq!(standings(&comparison), [&unknown, &unknown]);
    assert_eq!((report.rooms.len(), comparison.skipped().count()), (0, 2));
    world.directory.recover();
    world.directory.remove_group(&room_group(2));
    let (_, comparison) = apply(&world, &plan);
    assert_eq!(standings(&comparison), [&Standing::Same, &Standing::Gone]);
    assert_eq!(world.people_in(1), BTreeSet::from([6]));

    // Rooms that were asked for by their names, too: the others are done.
    let world = two_rooms();
    let mut options = RunOptions::by_person();
    options.rooms = (1..3).map(|room| RoomRef::Alias(alias(room))).collect();
    let plan = saved_by(&world, &options);
    assert_eq!((plan.rooms.len(), plan.asked_rooms.len()), (2, 2));
    world.directory.remove_group(&room_group(2));
    let (_, comparison) = apply(&world, &plan);
    assert_eq!(standings(&comparison), [&Standing::Same, &Standing::Gone]);
    assert_eq!(world.people_in(1), BTreeSet::from([6]));
    // Without any of them a run is about nothing, and not about everything.
    world.directory.remove_group(&room_group(1));
    without(&world, 4);
    let (report, comparison) = apply(&world, &plan);
    assert_eq!(standings(&comparison), [&Standing::Gone, &Standing::Gone]);
    assert_eq!((report.rooms.len(), comparison.not_in_file.len()), (0, 0));
}
