//! Rooms that the bot has not made: adopted by a person, or entered upon an invitation.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId, OwnedUserId,
    action::Op,
    backend::BackendErrorKind,
    finding::FindingKind,
    memory::{Call, MemoryGroup, NewRoom, UserOp},
    reconcile::{Adopted, RunError},
    report::Report,
    room::RoomRef,
};

use crate::{
    faults::{kinds, only},
    model::{World, alias, room_group, user},
};

#[test]
fn a_found_room_is_managed_once_a_person_has_adopted_it() {
    let world = World::new("12");
    world.directory.put_person("p0");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0"]));
    let new = NewRoom {
        alias: Some("r0".to_owned()),
        ..NewRoom::default()
    };
    let room = world
        .homeserver
        .act(&user(7), &UserOp::CreateRoom(Box::new(new)))
        .unwrap()
        .created()
        .unwrap();
    world
        .homeserver
        .act(
            &user(7),
            &UserOp::Invite {
                room: room.clone(),
                user: world.bot.clone(),
                reason: None,
            },
        )
        .unwrap();
    assert!(kinds(&world.sync()).contains(&FindingKind::UntrustedInvitation));
    let mut world = world;
    world.reconciler.policy.trusted_inviters.insert(user(7));
    // Joined by trust, read again in the same run, and only found.
    let report = world.sync();
    assert_eq!(report.tally().changed, 1);
    assert!(kinds(&report).contains(&FindingKind::NotAdopted));
    let reference = RoomRef::Alias(alias(0));
    let adopted = block_on(world.reconciler.adopt(&only(&reference))).unwrap();
    assert_eq!(adopted, [(reference.clone(), Adopted::Now(room.clone()))]);
    let again = block_on(world.reconciler.adopt(&only(&reference))).unwrap();
    assert_eq!(again, [(reference, Adopted::Already(room))]);
    let unknown = RoomRef::Alias(alias(9));
    let error = block_on(world.reconciler.adopt(&only(&unknown))).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(room) if room == unknown));
}

#[test]
fn an_invitation_that_cannot_be_accepted_is_not_tried_with_every_run() {
    let mut world = World::new("12");
    world.directory.put_person("p0");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0"]));
    let new = NewRoom {
        alias: Some("r0".to_owned()),
        ..NewRoom::default()
    };
    let made = world.homeserver.act(&user(7), &UserOp::CreateRoom(Box::new(new)));
    let room = made.unwrap().created().unwrap();
    world.reconciler.policy.trusted_inviters = [user(6), user(7)].into();
    is_not_let_in_twice(&world, &room, 7, 6);
}

#[test]
fn an_invitation_to_the_next_room_that_cannot_be_accepted_is_not_tried_with_every_run() {
    let mut world = crate::upgrades::old_room();
    world.reconciler.policy.trusted_inviters = [user(1)].into();
    let new = crate::upgrades::upgrade(&world, &user(0), 0, "11", true);
    is_not_let_in_twice(&world, &new, 0, 1);
}

/// The bot is invited by the owner of a room and not let in, and does not ask again until somebody else has invited it.
fn is_not_let_in_twice(world: &World, room: &OwnedRoomId, owner: usize, another: usize) {
    let act = |who: usize, op: UserOp| drop(world.homeserver.act(&user(who), &op).unwrap());
    let invite = |whom: &OwnedUserId| UserOp::Invite {
        room: room.clone(),
        user: whom.clone(),
        reason: None,
    };
    act(owner, invite(&world.bot));
    act(owner, invite(&user(another)));
    act(another, UserOp::Join { room: room.clone() });
    let is_join = |c: &Call<'_>| matches!(c, Call::Execute(_, Op::Join { .. }));
    let joins = |report: &Report| {
        let items = report.rooms.iter().flat_map(|room| &room.items);
        items
            .filter(|item| matches!(item.action.op, Op::Join { .. }))
            .count()
    };
    world.homeserver.fail_always(is_join, BackendErrorKind::Refused);
    let report = world.sync();
    assert_eq!((joins(&report), report.tally().failed), (1, 1), "{report:#?}");
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(joins(&report), 0);
        let mut told = report.rooms.iter().flat_map(|room| &room.findings);
        assert!(
            told.any(|finding| finding.message.contains("made to fail by the test")),
            "{report:#?}"
        );
    }
    world.homeserver.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(joins(&world.sync()), 1, "a day later");
    assert_eq!(joins(&world.sync()), 0);
    world.homeserver.heal();
    assert_eq!(joins(&world.sync()), 0);
    act(another, invite(&world.bot));
    let report = world.sync();
    assert_eq!((joins(&report), report.tally().failed), (1, 0), "{report:#?}");
}
