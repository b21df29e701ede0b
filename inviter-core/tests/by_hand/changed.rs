//! What was decided is decided again before it is done: others act in the meantime.

use futures_executor::block_on;
use inviter_core::{
    backend::BackendErrorKind,
    by_hand::{Considered, End, RefusalKind, Request, Standing, Wish, WishReport},
    memory::{Call, UserOp},
    report::Outcome,
    room::{Cause, Membership},
    time::{FixedClock, Timestamp},
};
use std::{sync::Arc, time::Duration};

use crate::world::{ROOM, World, ZOE, alias, ops, room_ref, user};

const UNMANAGE: Wish = Wish::Unmanage { admin: None };

fn kick() -> Wish {
    Wish::KickMember(user(ZOE))
}

fn consider(world: &World, wish: Wish) -> Considered {
    let room = room_ref(ROOM);
    block_on(world.reconciler.consider(&Request { room, wish })).unwrap()
}

/// Carries out what has become moot: nothing is sent, and the refusal says all of this.
#[track_caller]
fn comes_too_late(world: &World, considered: Considered, kind: RefusalKind, says: &[&str]) -> WishReport {
    assert!(
        !considered.decision.ops.is_empty(),
        "it would be done: {considered:?}"
    );
    let writes = world.homeserver.writes();
    let report = block_on(world.reconciler.carry_out(considered));
    let End::Refused(refusal) = &report.end else {
        panic!("not refused: {report:#?}");
    };
    assert_eq!((refusal.kind, report.standing()), (kind, Standing::Refused));
    for part in says {
        assert!(refusal.message.contains(part), "{part} is missing: {refusal}");
    }
    assert_eq!(world.homeserver.writes(), writes);
    assert!(!report.forgotten);
    report
}

fn leave(world: &World, who: &str) {
    let room = world.room.clone();
    world.act(who, &UserOp::Leave { room });
}

/// Runs something just after the bot's next change of levels.
fn after_levels(world: &World, then: impl FnOnce(&World) + Send + 'static) {
    let again = World {
        homeserver: world.homeserver.clone(),
        directory: world.directory.clone(),
        store: world.store.clone(),
        reconciler: world.reconciler.clone(),
        room: world.room.clone(),
    };
    // The levels are written before the room is read again.
    let homeserver = world.homeserver.clone();
    homeserver.before_next(
        |call| matches!(call, Call::Execute(..)),
        move |homeserver| {
            homeserver.before_next(|call| matches!(call, Call::Observe(_)), move |_| then(&again));
        },
    );
}

#[test]
fn the_last_admin_leaves() {
    for version in ["11", "12"] {
        let world = World::of_version(version);
        world.level_by("bot", "alice", 100);
        let considered = consider(&world, UNMANAGE);
        leave(&world, "alice");
        let says = [ROOM, "nobody else who has joined is an admin"];
        comes_too_late(&world, considered, RefusalKind::NoOtherAdmin, &says);
        assert_eq!(world.membership("bot"), Some(Membership::Joined));
    }
}

#[test]
fn the_new_admin_leaves_once_they_are_raised() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    after_levels(&world, |world| leave(world, ZOE));
    let report = world.ask(Wish::Unmanage {
        admin: Some(user(ZOE)),
    });
    assert_eq!(
        (report.standing(), ops(&report)),
        (Standing::InPart, vec!["levels"])
    );
    let Outcome::Stale { detail } = &report.items[1].outcome else {
        panic!("{report:#?}");
    };
    assert!(detail.contains("inviting @zoe:elsewhere.org"), "{detail}");
    assert!(
        matches!(report.items[2].outcome, Outcome::Skipped { .. }),
        "{report:#?}"
    );
    assert!(!report.forgotten);
    assert_eq!(world.membership("bot"), Some(Membership::Joined));
    assert_eq!(world.level("bot"), Some(100));
}

#[test]
fn the_last_admin_leaves_once_the_bot_has_given_up_its_level() {
    let world = World::of_version("11");
    world.level_by("bot", "alice", 100);
    after_levels(&world, |world| leave(world, "alice"));
    let report = world.ask(UNMANAGE);
    assert_eq!(
        (report.standing(), ops(&report)),
        (Standing::InPart, vec!["levels"])
    );
    assert_eq!(world.membership("bot"), Some(Membership::Joined));
}

#[test]
fn somebody_is_raised() {
    for version in ["11", "12"] {
        let world = World::of_version(version);
        world.bring("bot", ZOE);
        let considered = consider(&world, kick());
        world.level_by("bot", ZOE, 50);
        let says = [
            ROOM,
            "has changed",
            "the level of @zoe:elsewhere.org from 50 to none",
        ];
        comes_too_late(&world, considered, RefusalKind::Changed, &says);
        assert_eq!(world.membership(ZOE), Some(Membership::Joined));

        let considered = consider(&world, kick());
        world.level_by("bot", ZOE, 100);
        comes_too_late(&world, considered, RefusalKind::Outranked, &[ROOM, ZOE, "admin"]);
        assert_eq!(world.membership(ZOE), Some(Membership::Joined));
    }
    // In a room of version 12 others can raise somebody between the one request and the other.
    let world = World::of_version("12");
    world.bring("bot", ZOE);
    world.level_by("bot", ZOE, 50);
    after_levels(&world, |world| world.level_by("bot", ZOE, 100));
    let report = world.ask(kick());
    assert_eq!(
        (report.standing(), ops(&report)),
        (Standing::InPart, vec!["levels"])
    );
    let Outcome::Stale { detail } = &report.items[1].outcome else {
        panic!("{report:#?}");
    };
    assert!(detail.contains("is an admin"), "{detail}");
    assert_eq!(world.membership(ZOE), Some(Membership::Joined));
}

#[test]
fn who_has_left_by_themselves_needs_no_removal() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let considered = consider(&world, kick());
    leave(&world, ZOE);
    let writes = world.homeserver.writes();
    let report = block_on(world.reconciler.carry_out(considered));
    assert_eq!(
        (report.standing(), report.items.len()),
        (Standing::AlreadySo, 0),
        "{report:#?}"
    );
    assert_eq!(world.homeserver.writes(), writes);
}

#[test]
fn the_alias_moves_or_cannot_be_asked() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let considered = consider(&world, kick());
    world
        .homeserver
        .set_alias_unknown(&alias(ROOM), Some(Cause::new("503")));
    comes_too_late(&world, considered.clone(), RefusalKind::Unknown, &[ROOM, "503"]);
    world.homeserver.set_alias_unknown(&alias(ROOM), None);
    world.act("bot", &UserOp::UnbindAlias { alias: alias(ROOM) });
    let says = [ROOM, world.room.as_str(), "moved"];
    comes_too_late(&world, considered, RefusalKind::Changed, &says);
}

#[test]
fn the_room_cannot_be_read_again() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let considered = consider(&world, kick());
    world.homeserver.fail_next(
        |call| matches!(call, Call::Observe(_)),
        BackendErrorKind::Unavailable,
    );
    comes_too_late(&world, considered.clone(), RefusalKind::Unknown, &[ROOM, "later"]);
    let cause = Cause::new("no create event");
    world.homeserver.set_room_unknown(&world.room, Some(cause));
    comes_too_late(
        &world,
        considered,
        RefusalKind::NotManaged,
        &[ROOM, "no create event"],
    );
}

#[test]
fn too_much_time_passes() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let considered = consider(&world, kick());
    world.homeserver.advance(Duration::from_secs(15 * 60));
    comes_too_late(&world, considered, RefusalKind::Changed, &[ROOM, "15 minutes"]);
}

/// Nobody knows how long ago it was, and by the clock alone it would be good until then.
#[test]
fn the_clock_is_set_back() {
    let mut world = World::of_version("11");
    world.bring("bot", ZOE);
    let considered = consider(&world, kick());
    let before = world.homeserver.now().0;
    for now in [before - 1, before - 3_600_000] {
        world.reconciler.clock = Arc::new(FixedClock(Timestamp(now)));
        let says = [ROOM, "the clock was set back"];
        comes_too_late(&world, considered.clone(), RefusalKind::Changed, &says);
    }
}
