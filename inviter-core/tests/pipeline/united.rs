//! Another alias may lead to a room that a run is about: whoever has a place by it keeps that place, in runs on a part
//! as in full ones.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId,
    finding::FindingKind,
    memory::{MemoryGroup, NewRoom, UserOp},
    recall::{MemoryChange, MemoryStore as _, RememberedAlias},
    reconcile::{Adopted, RunOptions},
    room::{Cause, RoomRef},
};
use serde_json::json;

use crate::{
    faults::{kinds, settled, without},
    model::{Step, World, alias, room_group, user},
    scope::{groups, rooms, three_rooms, tomorrow},
};

fn only(room: usize) -> RunOptions {
    let mut options = RunOptions::by_person();
    options.rooms.insert(RoomRef::Alias(alias(room)));
    options
}

/// Says that the alias is meant to lead where it leads.
fn adopt(world: &World, room: usize) {
    let adopted = block_on(world.reconciler.adopt(&only(room))).unwrap();
    assert!(matches!(adopted[..], [(_, Adopted::Now(_))]), "{adopted:?}");
}

#[test]
fn an_alias_outside_that_leads_to_a_room_inside_keeps_its_people_there() {
    for by_group in [false, true] {
        let mut world = three_rooms();
        // Both aliases lead to one room from here on: a person has moved #r1.
        let both = world.room(0).unwrap();
        world.homeserver.force_alias(alias(1), both, world.bot.clone());
        tomorrow(&world);
        adopt(&world, 1);
        world.sync();
        world.step(&Step::Join(3, 0));
        assert_eq!(world.people_in(0), [0, 1, 2, 3].into());
        world
            .directory
            .edit_group(&room_group(0), |g| g.without_members(["p0"]));
        tomorrow(&world);
        world.reconciler.policy.scope = if by_group {
            groups(&["MTRX #r0*"], &[])
        } else {
            rooms(&["#r0:*"], &[])
        };
        for _ in 0..3 {
            world.sync();
            assert!(
                world.people_in(0).is_superset(&[1, 2, 3].into()),
                "by group: {by_group}"
            );
            tomorrow(&world);
        }
        // A group outside brings nobody in.
        world.directory.edit_group(&room_group(1), |g| g.members(["p6"]));
        assert_eq!(world.sync().tally().invited, u32::from(!by_group));
        // Nobody knows at first that they are one room.
        let mut memory = world.store.memory();
        memory.aliases.clear();
        world.store.set(memory);
        world.sync();
        assert!(
            world.people_in(0).is_superset(&[1, 2, 3].into()),
            "by group: {by_group}"
        );
    }
}

#[test]
fn an_alias_outside_whose_people_are_not_known_is_asked_before_anybody_goes() {
    let mut world = three_rooms();
    let both = world.room(0).unwrap();
    world.homeserver.force_alias(alias(1), both, world.bot.clone());
    world.step(&Step::Bring(3, 0));
    let mut memory = world.store.memory();
    memory.aliases.clear();
    world.store.set(memory);
    // A directory need not read the members of groups outside.
    world.directory.edit_group(&room_group(1), |g| {
        g.without_members(["p1", "p2", "p3"]).members_gap("not asked for")
    });
    world.reconciler.policy.scope = rooms(&["#r0:*"], &[]);
    assert_eq!(world.sync().tally().removed, 0);
    assert_eq!(world.people_in(0), [0, 1, 2, 3].into());
}

#[test]
fn somebody_whom_no_directory_knows_may_be_among_people_who_are_not_known() {
    for options in [RunOptions::by_person(), only(0)] {
        let world = three_rooms();
        let both = world.room(0).unwrap();
        world.homeserver.force_alias(alias(1), both, world.bot.clone());
        world.step(&Step::Bring(7, 0));
        world.directory.remove_person("p7");
        let mut memory = world.store.memory();
        memory.aliases.clear();
        world.store.set(memory);
        world
            .directory
            .edit_group(&room_group(1), |g| g.members_gap("unreadable"));
        let report = block_on(world.reconciler.sync(&options)).unwrap();
        assert_eq!(report.tally().removed, 0);
    }
}

#[test]
fn an_alias_outside_that_has_moved_between_rooms_inside_is_asked_again() {
    for part in [false, true] {
        let mut world = three_rooms();
        let (first, third) = (world.room(0).unwrap(), world.room(2).unwrap());
        world.homeserver.force_alias(alias(1), third, world.bot.clone());
        tomorrow(&world);
        adopt(&world, 1);
        world.sync();
        world.homeserver.force_alias(alias(1), first, world.bot.clone());
        world.step(&Step::Bring(3, 0));
        tomorrow(&world);
        if part {
            world.reconciler.policy.scope = groups(&[], &["MTRX #r1*"]);
        }
        world.sync();
        assert!(world.people_in(0).contains(&3), "part: {part}");
    }
}

/// A room with two aliases, `#r3` and `#r4`, and the people of both, that the bot is only invited to.
fn invited() -> (World, OwnedRoomId) {
    let mut world = three_rooms();
    world.reconciler.policy.adopt.any = true;
    world.reconciler.policy.trusted_inviters.insert(user(0));
    let act = |who: usize, op: UserOp| world.homeserver.act(&user(who), &op).unwrap();
    let new = NewRoom {
        alias: Some("r3".to_owned()),
        ..NewRoom::default()
    };
    let room = act(0, UserOp::CreateRoom(Box::new(new))).created().unwrap();
    world.homeserver.force_alias(alias(4), room.clone(), user(0));
    let invite = |user| UserOp::Invite {
        room: room.clone(),
        user,
        reason: None,
    };
    for person in [1, 2, 5] {
        act(0, invite(user(person)));
        act(person, UserOp::Join { room: room.clone() });
    }
    let mut levels = world.homeserver.levels(&room).unwrap_or_default();
    levels["users"][world.bot.as_str()] = json!(100);
    act(0, UserOp::set(room.clone(), "m.room.power_levels", levels));
    act(0, invite(world.bot.clone()));
    let group = |room, people: &[&str]| MemoryGroup::new(room_group(room)).members(people.iter().copied());
    world.directory.put_group(group(3, &["p0", "p1"]));
    world.directory.put_group(group(4, &["p2", "p5"]));
    (world, room)
}

fn are_in(world: &World, room: &OwnedRoomId, people: &[usize]) -> bool {
    let members = world.homeserver.members(room);
    let is_in = |person: &usize| {
        members
            .iter()
            .any(|m| m.user_id == user(*person) && m.membership.is_in())
    };
    people.iter().all(is_in)
}

#[test]
fn a_room_that_was_joined_on_the_way_keeps_the_people_of_both_aliases() {
    for options in [RunOptions::by_person(), only(3)] {
        let (world, room) = invited();
        let report = block_on(world.reconciler.sync(&options)).unwrap();
        assert_eq!(report.tally().removed, 0);
        assert!(are_in(&world, &room, &[1, 2, 5]));
    }
}

#[test]
fn even_where_the_other_alias_is_remembered_and_has_moved() {
    let (world, room) = invited();
    // It led to another room an hour ago.
    let remembered = RememberedAlias {
        room: world.room(2).unwrap(),
        asked: world.homeserver.now(),
    };
    block_on(world.store.commit(&[MemoryChange::Alias(alias(4), remembered)])).unwrap();
    block_on(world.reconciler.sync(&RunOptions::by_person())).unwrap();
    assert!(are_in(&world, &room, &[1, 2, 5]));
}

#[test]
fn two_aliases_of_one_room_unite_their_people() {
    let world = settled();
    world
        .homeserver
        .force_alias(alias(1), world.room(0).unwrap(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    let report = world.sync();
    assert_eq!((report.tally().invited, report.tally().removed), (2, 0));
    for _ in 0..3 {
        assert_eq!(world.sync().tally().changes(), 0);
    }
}

#[test]
fn an_alias_that_cannot_be_asked_keeps_its_people_in_the_room_it_shares() {
    let world = settled();
    world
        .homeserver
        .force_alias(alias(1), world.room(0).unwrap(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    world.sync();
    // Both are asked again a day later, and only one answers.
    world.homeserver.advance(Duration::from_secs(25 * 60 * 60));
    world
        .homeserver
        .set_alias_unknown(&alias(1), Some(Cause::new("502")));
    let report = world.sync();
    assert_eq!(report.tally().removed, 0);
    assert_eq!(world.people_in(0).len(), 7);
    assert!(kinds(&report).contains(&FindingKind::RemovalsNotConsidered));
}

#[test]
fn a_new_alias_that_cannot_be_asked_may_lead_to_any_room_that_its_people_are_in() {
    let may_have = |group: MemoryGroup| {
        let world = settled();
        without(&world, 4);
        world.directory.put_group(group);
        world
            .homeserver
            .set_alias_unknown(&alias(1), Some(Cause::new("502")));
        let report = world.sync();
        assert!(kinds(&report).contains(&FindingKind::RoomUnknown));
        let told = kinds(&report).contains(&FindingKind::RemovalsNotConsidered);
        (report.tally().removed, told)
    };
    let group = || MemoryGroup::new(room_group(1));
    assert_eq!(may_have(group().members(["p5"])), (1, false), "not them");
    assert_eq!(may_have(group().members(["p4"])), (0, true), "them");
    assert_eq!(
        may_have(group().members(["p3", "p4", "p5"])),
        (0, true),
        "and others"
    );
    let in_part = group().members(["p5"]);
    assert_eq!(may_have(in_part.clone().members_gap("unreadable")), (0, true));
    assert_eq!(may_have(in_part.owners_gap("unreadable")), (0, true));
}

#[test]
fn a_new_alias_that_cannot_be_asked_keeps_only_its_own_people() {
    let world = settled();
    without(&world, 3);
    without(&world, 4);
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p4"]));
    world
        .homeserver
        .set_alias_unknown(&alias(1), Some(Cause::new("502")));
    let report = world.sync();
    assert_eq!(report.tally().removed, 1);
    assert_eq!(world.people_in(0), [0, 1, 2, 4].into());
    let mut told = report.rooms.iter().flat_map(|room| &room.findings);
    assert!(told.any(|finding| finding.message.contains("@p4:") && finding.message.contains("#r1:")));
    // Once it is known that it leads nowhere, they go.
    world.homeserver.set_alias_unknown(&alias(1), None);
    assert_eq!(world.sync().tally().removed, 1);
}

#[test]
fn nobody_is_lowered_whom_a_new_alias_that_cannot_be_asked_may_raise() {
    let world = settled();
    let owned_by = |group: usize, owners: &[&str]| {
        let group = MemoryGroup::new(room_group(group)).members((0..5).map(|p| format!("p{p}")));
        world.directory.put_group(group.owners(owners.iter().copied()));
    };
    owned_by(0, &["p3"]);
    assert_eq!(world.sync().tally().changed, 1);
    owned_by(0, &[]);
    owned_by(1, &["p3"]);
    world
        .homeserver
        .set_alias_unknown(&alias(1), Some(Cause::new("502")));
    assert_eq!(world.sync().tally().changed, 0);
    // It leads elsewhere, as it turns out.
    world.homeserver.set_alias_unknown(&alias(1), None);
    assert_eq!(world.sync().tally().changed, 1);
}
