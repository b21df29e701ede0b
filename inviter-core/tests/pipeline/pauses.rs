//! What a person has paused is left alone, by whatever name it is reached.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomAliasId,
    by_hand::{Request, Wish},
    finding::FindingKind,
    memory::MemoryGroup,
    plan::RoomStatus,
    recall::{Memory, Pause},
    reconcile::{RunError, RunOptions},
    report::Report,
    room::RoomRef,
};

use crate::{
    model::{Step, World, alias, room_group},
    scope::{heard, kinds, listen, three_rooms, tomorrow},
};

#[test]
fn what_is_paused_is_left_alone_until_it_is_resumed() {
    let world = three_rooms();
    for room in 0..3 {
        world
            .directory
            .edit_group(&room_group(room), |g| g.members(["p7"]));
    }
    let pause = |what: Pause| block_on(world.reconciler.pause(&[what])).unwrap();
    let resume = |what: Pause| block_on(world.reconciler.resume(&[what])).unwrap();
    let first = Pause::Room(RoomRef::Alias(alias(0)));
    let second = Pause::Room(RoomRef::Id(world.room(1).unwrap()));
    pause(first.clone());
    pause(second.clone());
    let ear = listen(&world);
    let report = world.sync();
    assert_eq!(heard(&ear), [world.room(2).unwrap().to_string()]);
    assert_eq!(report.tally().invited, 1);
    let paused = |report: &Report| {
        report
            .rooms
            .iter()
            .filter(|r| r.status == RoomStatus::Paused)
            .count()
    };
    assert_eq!(paused(&report), 2);
    assert_eq!(
        kinds(&report)
            .iter()
            .filter(|kind| **kind == FindingKind::Paused)
            .count(),
        2
    );

    pause(Pause::Everything);
    assert_eq!(resume(second.clone()), std::slice::from_ref(&second));
    assert_eq!(resume(second), []);
    let report = world.sync();
    assert_eq!((paused(&report), report.tally().changes()), (3, 0));
    // Told once, not once a room.
    assert_eq!(kinds(&report), [FindingKind::Paused]);
    assert_eq!(heard(&ear), [""; 0]);

    assert_eq!(resume(Pause::Everything), [Pause::Everything]);
    assert_eq!(world.sync().tally().invited, 1);
    resume(first);
    assert_eq!(world.sync().tally().invited, 1);
}

#[test]
fn only_what_is_known_can_be_paused() {
    let world = three_rooms();
    let unknown = Pause::Room(RoomRef::Alias("#rO:example.org".try_into().unwrap()));
    let error = block_on(world.reconciler.pause(std::slice::from_ref(&unknown))).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(_)));
    assert!(world.store.memory().paused.is_empty());
    // A room to be created can be paused, and an alias that the memory has not seen yet.
    world
        .directory
        .put_group(MemoryGroup::new("MTRX #new:example.org").members(["p1"]));
    let new = Pause::Room(RoomRef::Alias("#new:example.org".try_into().unwrap()));
    block_on(world.reconciler.pause(&[new])).unwrap();
    assert_eq!(world.sync().tally().changes(), 0);
    // While the directory is down, nobody can say that there is no such room.
    world
        .directory
        .fail(inviter_core::provider::ProviderErrorKind::Unavailable, "down");
    block_on(world.reconciler.pause(&[unknown])).unwrap();
}

/// The first room has another alias, which nobody has asked about yet; that one is paused.
fn paused_by_another_alias() -> World {
    let world = three_rooms();
    let both = world.room(0).unwrap();
    let other: OwnedRoomAliasId = "#x:example.org".try_into().unwrap();
    world
        .homeserver
        .force_alias(other.clone(), both, world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new("MTRX #x:example.org").members(["p7"]));
    block_on(world.reconciler.pause(&[Pause::Room(RoomRef::Alias(other))])).unwrap();
    world
}

#[test]
fn a_pause_goes_along_with_an_alias_that_leads_elsewhere() {
    let world = three_rooms();
    block_on(world.reconciler.pause(&[Pause::Room(RoomRef::Alias(alias(0)))])).unwrap();
    let other = world.room(1).unwrap();
    world.homeserver.force_alias(alias(0), other, world.bot.clone());
    tomorrow(&world);
    for room in 0..3 {
        world
            .directory
            .edit_group(&room_group(room), |g| g.members(["p7"]));
    }
    for _ in 0..2 {
        let report = world.sync();
        let statuses: Vec<_> = report.rooms.iter().map(|room| room.status).collect();
        assert_eq!(
            statuses,
            [RoomStatus::Paused, RoomStatus::Paused, RoomStatus::Managed]
        );
        assert!(!world.people_in(1).contains(&7));
        assert!(world.people_in(2).contains(&7));
        let mut told = report.rooms[1].findings.iter();
        assert!(told.any(|finding| finding.message.contains("inviter resume '#r0:example.org'")));
    }
    // A run about that room alone, and a person's wish about it, are told the same.
    let mut options = RunOptions::by_person();
    options.rooms.insert(RoomRef::Alias(alias(1)));
    let report = block_on(world.reconciler.sync(&options)).unwrap();
    assert_eq!(report.rooms[0].status, RoomStatus::Paused);
    assert_eq!(report.tally().changes(), 0);
    let request = Request {
        room: RoomRef::Alias(alias(1)),
        wish: Wish::InviteMember("@a:elsewhere.org".try_into().unwrap()),
    };
    let considered = block_on(world.reconciler.consider(&request)).unwrap();
    let told = format!("{:?}", considered.decision);
    assert!(told.contains("is paused"), "{told}");
    block_on(world.reconciler.resume(&[Pause::Room(RoomRef::Alias(alias(0)))])).unwrap();
    world.sync();
    assert!(world.people_in(1).contains(&7));
}

#[test]
fn grace_begins_anew_after_a_pause_that_has_gone_along() {
    let mut world = three_rooms();
    world.reconciler.policy.defaults.grace = Duration::from_secs(2 * 24 * 60 * 60);
    world
        .directory
        .edit_group(&room_group(1), |g| g.without_members(["p1"]));
    assert_eq!(world.sync().tally().removed, 0);
    let (paused, own) = (alias(0), world.room(0).unwrap());
    block_on(
        world
            .reconciler
            .pause(&[Pause::Room(RoomRef::Alias(paused.clone()))]),
    )
    .unwrap();
    let other = world.room(1).unwrap();
    world
        .homeserver
        .force_alias(paused.clone(), other, world.bot.clone());
    for _ in 0..3 {
        tomorrow(&world);
        assert_eq!(world.sync().tally().changes(), 0);
    }
    world
        .homeserver
        .force_alias(paused.clone(), own, world.bot.clone());
    block_on(world.reconciler.resume(&[Pause::Room(RoomRef::Alias(paused))])).unwrap();
    tomorrow(&world);
    assert_eq!(world.sync().tally().removed, 0);
    assert!(world.people_in(1).contains(&1));
    for _ in 0..3 {
        tomorrow(&world);
        world.sync();
    }
    assert!(!world.people_in(1).contains(&1));
}

#[test]
fn a_paused_room_is_not_reached_by_its_other_alias() {
    let world = paused_by_another_alias();
    world.directory.edit_group(&room_group(0), |g| g.members(["p6"]));
    world.step(&Step::Bring(5, 0));
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(report.tally().changes(), 0);
        assert!(world.people_in(0).contains(&5) && !world.people_in(0).contains(&6));
        // It is resumed by the name that it was paused by.
        let mut told = report.rooms.iter().flat_map(|room| &room.findings);
        assert!(told.any(|finding| finding.message.contains("inviter resume '#x:example.org'")));
    }
}

#[test]
fn a_run_that_looked_at_nothing_ends_no_hold() {
    let world = three_rooms();
    world.store.set(Memory::default());
    block_on(world.reconciler.pause(&[Pause::Everything])).unwrap();
    world.sync();
    assert_eq!(world.store.memory().clean_run, None);
    block_on(world.reconciler.resume(&[Pause::Everything])).unwrap();
    let first = Pause::Room(RoomRef::Alias(alias(0)));
    block_on(world.reconciler.pause(std::slice::from_ref(&first))).unwrap();
    world.sync();
    assert_eq!(world.store.memory().clean_run, None, "a room was left out");
    block_on(world.reconciler.resume(&[first])).unwrap();
    world.sync();
    assert!(world.store.memory().clean_run.is_some());
}

#[test]
fn whoever_loses_the_memory_is_told_that_pauses_are_lost() {
    let world = three_rooms();
    world.store.lose("damaged");
    let report = world.sync();
    let told = report.findings.iter().find(|f| f.kind == FindingKind::MemoryLost);
    assert!(
        told.unwrap()
            .message
            .contains("what was paused is not any more: pause it again")
    );
}
