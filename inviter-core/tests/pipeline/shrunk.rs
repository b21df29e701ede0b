//! A directory that shrank while people still have time: its size comes down as they go.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    guard::{HoldReason, Limits},
    reconcile::RunOptions,
    report::{Outcome, Report},
    room::Membership,
};

use crate::{
    faults::{membership, outcomes, settled, without},
    model::World,
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
