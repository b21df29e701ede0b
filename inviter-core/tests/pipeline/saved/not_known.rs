//! What is not known any more is not over: nobody says that it was done, or is not wanted. What was done is over all the
//! same.

use std::collections::BTreeSet;

use inviter_core::{
    finding::FindingKind,
    memory::{MemoryGroup, MemoryPerson, UserOp},
    room_rules::LeftPolicy,
    saved_plan::{SavedPlan, Standing},
};

use super::{
    apply,
    put_off::{act, invited_after, put_off},
    saved, standings,
};
use crate::{
    faults::{settled, without},
    model::{Step, World, alias, room_group, user},
};

fn is(kind: FindingKind) -> BTreeSet<FindingKind> {
    BTreeSet::from([kind])
}

fn edit(world: &World, room: usize, change: impl FnOnce(MemoryGroup) -> MemoryGroup) {
    world.directory.edit_group(&room_group(room), change);
}

/// The account may be a disabled one, or somebody else's.
fn make_uncertain(world: &World, person: &str) {
    world.directory.put_person(MemoryPerson::new(person).status(None));
}

/// Nothing is left to do.
fn over(world: &World, plan: &SavedPlan) {
    let (report, comparison) = apply(world, plan);
    assert_eq!(standings(&comparison), [&Standing::Settled]);
    assert_eq!((report.rooms.len(), comparison.skipped().count()), (0, 0));
}

#[test]
fn who_may_not_be_active_is_not_brought_in_and_that_is_told() {
    let (world, plan) = invited_after(|world| make_uncertain(world, "p5"));
    assert_eq!(put_off(&world, &plan), is(FindingKind::StatusUnknown));
    // Whoever they are, no group has them any more.
    without(&world, 5);
    over(&world, &plan);
}

/// The group of the first room as it is in a settled world.
fn without_owners() -> MemoryGroup {
    MemoryGroup::new(room_group(0)).members((0..5).map(|person| format!("p{person}")))
}

/// Person 1 owns the first room, and is to be an ordinary member.
fn lowered() -> (World, SavedPlan) {
    let world = settled();
    edit(&world, 0, |group| group.owners(["p1"]));
    world.sync();
    world.directory.put_group(without_owners());
    let plan = saved(&world);
    assert_eq!(plan.actions(), 1, "{plan:#?}");
    assert!(plan.rooms[0].actions[0].lowers.is_some());
    (world, plan)
}

/// Person 1 is to be an owner of the first room.
fn raised() -> (World, SavedPlan) {
    let world = settled();
    edit(&world, 0, |group| group.owners(["p1"]));
    let plan = saved(&world);
    assert_eq!(plan.actions(), 1, "{plan:#?}");
    (world, plan)
}

#[test]
fn a_level_waits_for_the_owners() {
    let (world, plan) = lowered();
    edit(&world, 0, |group| group.owners_gap("no answer"));
    assert_eq!(put_off(&world, &plan), is(FindingKind::Incomplete));
    edit(&world, 0, |group| group.members_gap("no answer"));
    let both = [FindingKind::Incomplete, FindingKind::RemovalsNotConsidered];
    assert_eq!(put_off(&world, &plan), both.into());
    let (world, plan) = lowered();
    make_uncertain(&world, "p1");
    assert_eq!(put_off(&world, &plan), is(FindingKind::RemovalsNotConsidered));

    let (world, plan) = raised();
    world
        .directory
        .put_group(without_owners().owners_gap("no answer"));
    assert_eq!(put_off(&world, &plan), is(FindingKind::Incomplete));
    let (world, plan) = raised();
    make_uncertain(&world, "p1");
    assert_eq!(put_off(&world, &plan), is(FindingKind::RemovalsNotConsidered));
    // The directory has changed its mind, for certain.
    let (world, plan) = raised();
    world.directory.put_group(without_owners());
    over(&world, &plan);
}

#[test]
fn who_has_left_has_no_level_and_that_is_told() {
    let (mut world, plan) = raised();
    world.reconciler.policy.defaults.left = LeftPolicy::Never;
    world.step(&Step::Leave(1, 0));
    assert_eq!(put_off(&world, &plan), is(FindingKind::LeftThemselves));
    let (world, plan) = raised();
    let ban = UserOp::Ban {
        room: world.room(0).unwrap(),
        user: user(1),
        reason: None,
    };
    act(&world, &ban);
    assert_eq!(put_off(&world, &plan), is(FindingKind::Banned));
}

/// A room for persons 5 and 6 is to be created, and of one of them it is not known any more whether they belong there.
#[test]
fn a_room_is_created_with_those_who_are_known_and_the_others_are_told_of() {
    for kind in [FindingKind::Incomplete, FindingKind::StatusUnknown] {
        let world = settled();
        world
            .directory
            .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
        let plan = saved(&world);
        if kind == FindingKind::StatusUnknown {
            make_uncertain(&world, "p6");
        } else {
            edit(&world, 1, |group| {
                group.without_members(["p6"]).members_gap("no answer")
            });
        }
        let (report, comparison) = apply(&world, &plan);
        let [Standing::Rest(rest)] = standings(&comparison)[..] else {
            panic!("{comparison:#?}")
        };
        assert_eq!(rest.over.len(), 1);
        assert_eq!(rest.over[0].person(), Some(&user(6)));
        let because: BTreeSet<_> = rest.because.iter().map(|finding| finding.kind).collect();
        assert_eq!((because, comparison.in_part().count()), (is(kind), 1));
        assert_eq!((report.tally().rooms_created, report.tally().failed), (1, 0));
        assert_eq!(world.people_in(1), BTreeSet::from([5]));
    }
    // Known not to be wanted any more.
    let world = settled();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    let plan = saved(&world);
    edit(&world, 1, |group| group.without_members(["p6"]));
    let (_, comparison) = apply(&world, &plan);
    let [Standing::Rest(rest)] = standings(&comparison)[..] else {
        panic!("{comparison:#?}")
    };
    assert_eq!((rest.over.len(), rest.because.len()), (1, 0));
}

/// What was done needs nobody's answer.
#[test]
fn what_was_done_is_over_whatever_is_not_known() {
    let gaps = |world: &World| {
        edit(world, 0, |group| {
            group.members_gap("no answer").owners_gap("no answer")
        });
    };
    // Raised already, and invited already.
    let (world, plan) = raised();
    world.sync();
    gaps(&world);
    over(&world, &plan);
    let (world, plan) = invited_after(|world| world.step(&Step::Bring(5, 0)));
    gaps(&world);
    over(&world, &plan);
    // Gone from the group and from the room.
    let removal = || {
        let world = settled();
        without(&world, 4);
        let plan = saved(&world);
        world.step(&Step::Kick(4, 0));
        (world, plan)
    };
    let (world, plan) = removal();
    gaps(&world);
    over(&world, &plan);
    let (world, plan) = removal();
    make_uncertain(&world, "p4");
    over(&world, &plan);
}

/// That nothing is left to do in one room says nothing of the one that the plan was made for.
#[test]
fn another_room_under_the_same_alias_is_told() {
    let world = settled();
    let first = world.room(0).unwrap();
    without(&world, 4);
    let plan = saved(&world);
    let other = world
        .homeserver
        .act(&world.bot, &UserOp::CreateRoom(Box::default()))
        .unwrap()
        .created()
        .unwrap();
    world
        .homeserver
        .force_alias(alias(0), other.clone(), world.bot.clone());
    let mut memory = world.store.memory();
    memory.aliases.clear();
    world.store.set(memory);
    // The rest of what is to be done there is done.
    world.sync();
    let (report, comparison) = apply(&world, &plan);
    let [Standing::Changed(difference)] = standings(&comparison)[..] else {
        panic!("{comparison:#?}")
    };
    assert_eq!(
        difference.other_room,
        Some((first.to_string(), other.to_string()))
    );
    assert_eq!((report.rooms.len(), comparison.skipped().count()), (0, 1));
}
