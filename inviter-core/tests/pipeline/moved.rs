//! Aliases that lead elsewhere all of a sudden are told and not followed, until a person says so.

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId,
    finding::FindingKind,
    memory::{MemoryGroup, UserOp},
    plan::RoomStatus,
    reconcile::{Adopted, RunOptions},
    report::Report,
    room::RoomRef,
};
use serde_json::json;

use crate::{
    faults::{kinds, settled, without},
    model::{Step, World, alias, room_group, user},
    scope::{three_rooms, tomorrow},
    upgrades::people,
};

fn of_bot(world: &World) -> OwnedRoomId {
    let create = UserOp::CreateRoom(Box::default());
    world
        .homeserver
        .act(&world.bot, &create)
        .unwrap()
        .created()
        .unwrap()
}

fn adopt(world: &World, room: RoomRef) -> Vec<(RoomRef, Adopted)> {
    let mut options = RunOptions::by_person();
    options.rooms.insert(room);
    block_on(world.reconciler.adopt(&options)).unwrap()
}

fn moved(report: &Report) -> usize {
    report
        .rooms
        .iter()
        .filter(|room| room.status == RoomStatus::Moved)
        .count()
}

#[test]
fn nothing_is_done_in_either_room_until_a_person_adopts_the_alias() {
    // Even where any room would do: the alias led to a managed one.
    for any in [false, true] {
        let mut world = settled();
        world.reconciler.policy.adopt.any = any;
        let (a, b) = (world.room(0).unwrap(), of_bot(&world));
        world.homeserver.force_alias(alias(0), b.clone(), user(7));
        without(&world, 1);
        tomorrow(&world);
        let digest = world.homeserver.digest();
        // However often it is looked at, and even by a person's command.
        for _ in 0..3 {
            let report = world.sync();
            assert_eq!(moved(&report), 1);
            assert_eq!(report.tally(), inviter_core::report::Tally::default());
            let told = report.rooms[0]
                .findings
                .iter()
                .find(|f| f.kind == FindingKind::AliasMoved)
                .unwrap();
            assert!(told.message.contains(a.as_str()) && told.message.contains(b.as_str()));
            assert_eq!(world.homeserver.digest(), digest);
            assert_eq!(world.store.memory().aliases[&alias(0)].room, a, "not learnt");
            tomorrow(&world);
        }
        // The other room by its ID is no word about the alias, and one of all rooms neither.
        let all = block_on(world.reconciler.adopt(&RunOptions::by_person())).unwrap();
        assert!(
            matches!(&all[..], [(_, Adopted::Not(why))] if why.contains("now leads to")),
            "{all:?}"
        );
        assert_eq!(moved(&world.sync()), 1);
        let name = RoomRef::Alias(alias(0));
        assert_eq!(
            adopt(&world, name.clone()),
            [(name.clone(), Adopted::Now(b.clone()))]
        );
        let report = world.sync();
        assert_eq!((moved(&report), report.tally().invited), (0, 4));
        assert_eq!(people(&world, &b), [0, 2, 3, 4]);
        assert_eq!(people(&world, &a), [0, 1, 2, 3, 4]);
        // Told that the old room is there, and who may end that.
        assert!(kinds(&world.sync()).contains(&FindingKind::GroupVanished));
        tomorrow(&world);
        assert_eq!(world.sync().tally().changes(), 0);
    }
}

#[test]
fn an_alias_that_is_moved_back_is_as_it_was() {
    let world = settled();
    let (a, b) = (world.room(0).unwrap(), of_bot(&world));
    world.homeserver.force_alias(alias(0), b, user(7));
    tomorrow(&world);
    assert_eq!(moved(&world.sync()), 1);
    world.homeserver.force_alias(alias(0), a.clone(), user(7));
    without(&world, 1);
    // Asked again at once, not a day later.
    let report = world.sync();
    assert_eq!((moved(&report), report.tally().removed), (0, 1));
    assert_eq!(people(&world, &a), [0, 2, 3, 4]);
}

#[test]
fn two_aliases_that_change_places_take_nobodys_place() {
    let world = three_rooms();
    let (a, b) = (world.room(0).unwrap(), world.room(1).unwrap());
    world
        .homeserver
        .force_alias(alias(0), b.clone(), world.bot.clone());
    world
        .homeserver
        .force_alias(alias(1), a.clone(), world.bot.clone());
    for group in [0, 1] {
        world
            .directory
            .edit_group(&room_group(group), |g| g.without_members(["p2"]));
    }
    tomorrow(&world);
    let report = world.sync();
    assert_eq!(
        (moved(&report), report.tally().removed, report.tally().invited),
        (2, 0, 0)
    );
    assert_eq!(
        (people(&world, &a), people(&world, &b)),
        (vec![0, 1, 2], vec![1, 2, 3])
    );
    adopt(&world, RoomRef::Alias(alias(0)));
    // One of them is settled, and the other may stand for people in both rooms.
    let report = world.sync();
    assert_eq!((moved(&report), report.tally().removed), (1, 0));
    adopt(&world, RoomRef::Alias(alias(1)));
    world.sync();
    assert_eq!((people(&world, &a), people(&world, &b)), (vec![1, 3], vec![0, 1]));
}

#[test]
fn rooms_at_either_end_keep_their_people() {
    // The first room is also #r3, and #r0 is moved to the second one, where its people are brought by hand.
    let world = three_rooms();
    let (a, b) = (world.room(0).unwrap(), world.room(1).unwrap());
    world
        .homeserver
        .force_alias(alias(3), a.clone(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(3)).members(["p7"]));
    world.sync();
    world.step(&Step::Join(7, 0));
    world.homeserver.force_alias(alias(0), b.clone(), user(7));
    world.step(&Step::Bring(0, 1));
    for cached in [true, false] {
        if !cached {
            tomorrow(&world);
        }
        let report = world.sync();
        assert_eq!(
            (moved(&report), report.tally().removed),
            (1, 0),
            "cached: {cached}"
        );
        assert_eq!(people(&world, &a), [0, 1, 2, 7]);
        assert_eq!(people(&world, &b), [0, 1, 2, 3]);
        assert!(kinds(&report).contains(&FindingKind::RemovalsNotConsidered));
    }
}

#[test]
fn an_alias_of_a_room_that_was_given_away_may_lead_anywhere() {
    let world = settled();
    let (a, b) = (world.room(0).unwrap(), of_bot(&world));
    let change = inviter_core::recall::MemoryChange::HandedOver(a, world.homeserver.now());
    block_on(inviter_core::recall::MemoryStore::commit(&world.store, &[change])).unwrap();
    world.homeserver.force_alias(alias(0), b.clone(), user(7));
    tomorrow(&world);
    let report = world.sync();
    assert_eq!((moved(&report), report.tally().invited), (0, 5));
    assert_eq!(people(&world, &b), [0, 1, 2, 3, 4]);
}

#[test]
fn a_managed_room_that_the_bot_was_removed_from_still_counts() {
    let world = settled();
    let (a, b) = (world.room(0).unwrap(), of_bot(&world));
    world
        .homeserver
        .act(&world.bot, &UserOp::Leave { room: a })
        .unwrap();
    world.homeserver.force_alias(alias(0), b.clone(), user(7));
    tomorrow(&world);
    let report = world.sync();
    assert_eq!((moved(&report), report.tally().changes()), (1, 0));
    assert!(people(&world, &b).is_empty());
}

#[test]
fn a_moved_alias_leaves_no_run_whole() {
    let mut world = settled();
    let b = of_bot(&world);
    world.homeserver.force_alias(alias(0), b, user(7));
    tomorrow(&world);
    let mut memory = world.store.memory();
    memory.clean_run = None;
    world.store.set(memory);
    world.reconciler.limits = inviter_core::guard::Limits::default();
    world.sync();
    assert_eq!(world.store.memory().clean_run, None);
}

#[test]
fn a_room_that_cannot_be_read_may_be_managed() {
    // Nothing is remembered of the room, though it is the bot's own.
    for forgotten in [false, true] {
        let world = settled();
        let (a, b) = (world.room(0).unwrap(), of_bot(&world));
        if forgotten {
            let mut memory = world.store.memory();
            memory.rooms.clear();
            world.store.set(memory);
        }
        world.homeserver.force_alias(alias(0), b.clone(), user(7));
        let cause = inviter_core::room::Cause::new("502");
        world.homeserver.set_room_unknown(&a, Some(cause));
        tomorrow(&world);
        let report = world.sync();
        assert_eq!((moved(&report), report.tally().changes()), (1, 0));
        assert!(people(&world, &b).is_empty());
        world.homeserver.set_room_unknown(&a, None);
        assert_eq!(moved(&world.sync()), 1);
        adopt(&world, RoomRef::Alias(alias(0)));
        world.sync();
        assert_eq!(people(&world, &b), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn a_room_that_is_paused_by_its_id_is_not_made_anew_when_its_alias_is_gone() {
    let world = settled();
    let a = world.room(0).unwrap();
    let pause = inviter_core::recall::Pause::Room(RoomRef::Id(a.clone()));
    block_on(world.reconciler.pause(std::slice::from_ref(&pause))).unwrap();
    let remove = UserOp::UnbindAlias { alias: alias(0) };
    world.homeserver.act(&world.bot, &remove).unwrap();
    tomorrow(&world);
    let rooms = world.homeserver.rooms();
    for _ in 0..3 {
        assert_eq!(world.sync().rooms[0].status, RoomStatus::Paused);
        tomorrow(&world);
    }
    assert_eq!(world.homeserver.rooms(), rooms);
    block_on(world.reconciler.resume(&[pause])).unwrap();
    assert_eq!(world.sync().tally().rooms_created, 1);
}

#[test]
fn a_room_stays_paused_when_only_the_group_of_its_other_alias_is_left() {
    let world = settled();
    let room = world.room(0).unwrap();
    world
        .homeserver
        .force_alias(alias(1), room.clone(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5"]));
    world.sync();
    assert_eq!(people(&world, &room), [0, 1, 2, 3, 4, 5]);
    let pause = inviter_core::recall::Pause::Room(RoomRef::Alias(alias(0)));
    block_on(world.reconciler.pause(std::slice::from_ref(&pause))).unwrap();
    world.directory.remove_group(&room_group(0));
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    let writes = world.homeserver.writes();
    for _ in 0..2 {
        let report = world.sync();
        let status = report.rooms.iter().map(|room| room.status).collect::<Vec<_>>();
        assert_eq!(status, [RoomStatus::Paused]);
        // Named as it was paused, so that it can be resumed.
        assert!(report.rooms[0].findings[0].message.contains(alias(0).as_str()));
        tomorrow(&world);
    }
    assert_eq!(world.homeserver.writes(), writes);
    block_on(world.reconciler.resume(&[pause])).unwrap();
    assert_eq!(world.sync().tally().invited, 1);
}

#[test]
fn all_names_of_a_closed_room_that_lead_to_the_same_third_are_adopted_at_once() {
    let world = settled();
    let (a, b) = (world.room(0).unwrap(), of_bot(&world));
    world
        .homeserver
        .force_alias(alias(1), a.clone(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5"]));
    world.sync();
    let tombstone = json!({ "body": "", "replacement_room": "!elsewhere:example.org" });
    let closed = UserOp::set(a, "m.room.tombstone", tombstone);
    world.homeserver.act(&world.bot, &closed).unwrap();
    for name in [0, 1] {
        world.homeserver.force_alias(alias(name), b.clone(), user(7));
    }
    tomorrow(&world);
    assert_eq!(world.sync().tally().changes(), 0);
    let mut options = RunOptions::by_person();
    options.rooms = [RoomRef::Alias(alias(1)), RoomRef::Id(b.clone())].into();
    let adopted = block_on(world.reconciler.adopt(&options)).unwrap();
    assert!(
        matches!(&adopted[..], [(_, Adopted::Now(room))] if *room == b),
        "{adopted:?}"
    );
    world.sync();
    assert_eq!(people(&world, &b), [0, 1, 2, 3, 4, 5]);
}
