//! A directory that shrank while people still have time: its size comes down as they go.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    guard::{HoldReason, Limits},
    memory::MemoryGroup,
    reconcile::RunOptions,
    report::{Outcome, Report},
    room::Membership,
};

use crate::{
    faults::{membership, outcomes, settled, without},
    model::{World, room_group},
};

const DAY: Duration = Duration::from_secs(86_400);

/// Eight people, five of them in the room; more than one account less is too many.
fn graceful() -> World {
    let mut world = settled();
    world.reconciler.policy.defaults.grace = DAY;
    world.reconciler.limits = Limits {
        shrink_count: 1,
        shrink_percent: 1,
        ..world.reconciler.limits
    };
    world.sync();
    assert_eq!(size(&world), 8);
    world
}

/// The size of the directory that is remembered.
fn size(world: &World) -> u64 {
    let directories = world.store.memory().directories;
    let mut sizes = directories.values().map(|directory| directory.active_accounts);
    sizes.next().unwrap()
}

/// How many actions are held because the directory shrank.
fn held(report: &Report) -> usize {
    let is_shrunk = |outcome: &&Outcome| matches!(outcome, Outcome::Held { reasons } if reasons.iter().any(|r| matches!(r, HoldReason::DirectoryShrank { .. })));
    outcomes(report)
        .iter()
        .filter(|outcome| is_shrunk(outcome))
        .count()
}

fn gone(world: &World, people: std::ops::Range<usize>) {
    for person in people {
        without(world, person);
        world.directory.remove_person(&format!("p{person}"));
    }
}

/// Nobody of the lost accounts is in a room; but there is always somebody who has time yet.
#[test]
fn a_trickle_of_people_does_not_keep_the_old_size() {
    let world = graceful();
    gone(&world, 5..8);
    without(&world, 4);
    assert_eq!(held(&world.sync()), 0);
    assert_eq!(
        size(&world),
        6,
        "the five that are left, and the one who has time"
    );
    for person in [3, 2, 1] {
        world.homeserver.advance(DAY);
        without(&world, person);
        let report = world.sync();
        assert_eq!((held(&report), report.tally().removed), (0, 1), "{report:?}");
        assert_eq!(membership(&world, person + 1), Some(Membership::Left));
        assert_eq!(size(&world), 5);
    }
}

/// A person's word for what is held counts, although somebody else has time yet; whoever that is goes in their turn.
#[test]
fn a_release_ends_it_although_others_have_time() {
    let world = graceful();
    gone(&world, 2..8);
    world.sync();
    assert_eq!(size(&world), 5, "the three in the room are still of it");
    world.homeserver.advance(DAY);
    without(&world, 1);
    let report = world.sync();
    assert_eq!((held(&report), size(&world)), (3, 5), "{report:?}");

    let mut options = RunOptions::by_person();
    options.releases.insert(report.release.unwrap());
    let report = block_on(world.reconciler.sync(&options)).unwrap();
    assert_eq!(report.tally().removed, 3, "{report:?}");
    assert_eq!(size(&world), 3, "two, and the one who has time");
    world.homeserver.advance(DAY);
    let report = world.sync();
    assert_eq!((held(&report), report.tally().removed), (0, 1), "{report:?}");
    assert_eq!(membership(&world, 1), Some(Membership::Left));
    assert_eq!(world.people_in(0).len(), 1);
    world.sync();
    assert_eq!(size(&world), 2);
}

/// Many who have time are never more than the directory had, and are held when it is over.
#[test]
fn the_size_never_grows_by_those_who_have_time() {
    let world = graceful();
    gone(&world, 6..8);
    for person in 0..4 {
        without(&world, person);
    }
    world.sync();
    assert_eq!(size(&world), 8, "six and four are more than it had");
    world.homeserver.advance(DAY);
    let report = world.sync();
    assert_eq!((held(&report), size(&world)), (4, 8), "{report:?}");
    assert_eq!(world.people_in(0).len(), 5);
}

#[test]
fn a_shrunken_directory_is_held_until_a_person_releases_it() {
    let mut world = World::new("12");
    world.reconciler.limits = Limits::default();
    for person in 0..40 {
        world.directory.put_person(format!("q{person}").as_str());
        let _ = world.homeserver.register(&format!("q{person}"));
    }
    let in_room = |first: u32| (first..40).step_by(3).map(|p| format!("q{p}"));
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(in_room(0)));
    world.sync();
    assert_eq!(world.people_of_room(0), 14);
    // A quarter of the directory is gone; one of them was in the room, which breaks no limit of its own.
    for person in 0..11 {
        world.directory.remove_person(&format!("q{person}"));
    }
    world.directory.put_person("q3");
    world.directory.put_person("q6");
    world.directory.put_person("q9");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(in_room(3)));
    world.reconciler.limits.shrink_count = 7;
    // However often it is asked: what is held does not go by itself.
    for _ in 0..3 {
        let report = world.sync();
        assert_eq!((report.tally().removed, world.people_of_room(0)), (0, 14));
        let Outcome::Held { reasons } = outcomes(&report)[0] else {
            panic!("held")
        };
        assert!(
            matches!(
                reasons[..],
                [HoldReason::DirectoryShrank { from: 40, to: 32, .. }]
            ),
            "{reasons:?}"
        );
    }
    world.sync_and_release();
    assert_eq!(world.people_of_room(0), 13);
    // Decided, and so the new size.
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(in_room(6)));
    assert_eq!(world.sync().tally().removed, 1);
}
