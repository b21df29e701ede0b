//! Rooms that are replaced by others: followed where both agree, and left alone where they do not.

mod caution;
mod disagreeing;
mod entering;

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId, OwnedUserId,
    finding::FindingKind,
    memory::{NewRoom, Preset, UserOp},
    plan::RoomStatus,
    reconcile::RunOptions,
    report::Report,
    room::RoomRef,
    room_rules::{LeftPolicy, RoomRules, RoomSpec},
};
use serde_json::{Map, Value, json};

use crate::{
    faults::{kinds, settled, without},
    model::{Step, World, alias, user},
    scope::{rooms, tomorrow},
};

/// A room that says that it replaces `old`, made by `by`, who has the same power there as in the old one.
pub(crate) fn successor(
    world: &World,
    by: &OwnedUserId,
    old: &OwnedRoomId,
    version: &str,
    preset: Preset,
) -> OwnedRoomId {
    let mut creation = Map::new();
    creation.insert("predecessor".to_owned(), json!({ "room_id": old }));
    let new = NewRoom {
        version: Some(version.try_into().unwrap()),
        creation,
        preset,
        ..NewRoom::default()
    };
    let create = UserOp::CreateRoom(Box::new(new));
    let room = world.homeserver.act(by, &create).unwrap().created().unwrap();
    // As Synapse does it: the levels are copied, but for creators where those are above all levels.
    let mut levels = world.homeserver.levels(&room).unwrap();
    let copied = world.homeserver.levels(old).unwrap()["users"].clone();
    if let Value::Object(users) = copied {
        for (user, level) in users {
            if version != "12" || user != *by.as_str() {
                levels["users"][user] = level;
            }
        }
    }
    if version == "12" && *by != world.bot {
        levels["users"][world.bot.as_str()] = json!(100);
    }
    set(world, by, &room, "m.room.power_levels", levels);
    room
}

pub(crate) fn set(world: &World, by: &OwnedUserId, room: &OwnedRoomId, kind: &str, content: Value) {
    let op = UserOp::set(room.clone(), kind, content);
    world.homeserver.act(by, &op).unwrap();
}

pub(crate) fn close(world: &World, by: &OwnedUserId, old: &OwnedRoomId, new: &OwnedRoomId) {
    let content = json!({ "body": "moved", "replacement_room": new });
    set(world, by, old, "m.room.tombstone", content);
}

/// What a homeserver does on `POST /rooms/{old}/upgrade`; local aliases move along if `moves` is true.
pub(crate) fn upgrade(
    world: &World,
    by: &OwnedUserId,
    room: usize,
    version: &str,
    moves: bool,
) -> OwnedRoomId {
    let old = world.room(room).unwrap();
    let new = successor(world, by, &old, version, Preset::PrivateChat);
    close(world, by, &old, &new);
    if moves {
        world.homeserver.force_alias(alias(room), new.clone(), by.clone());
    }
    new
}

pub(crate) fn people(world: &World, room: &OwnedRoomId) -> Vec<usize> {
    let members = world.homeserver.members(room);
    let is_in = |p: &usize| {
        members
            .iter()
            .any(|m| m.user_id == user(*p) && m.membership.is_in())
    };
    (0..crate::model::PEOPLE).filter(is_in).collect()
}

fn only_rests(world: &World) {
    let before = (world.homeserver.writes(), world.homeserver.digest());
    let report = world.sync();
    assert_eq!(report.tally().changes() + report.tally().failed, 0, "{report:?}");
    assert_eq!((world.homeserver.writes(), world.homeserver.digest()), before);
}

/// A room of version 11 with people 0 to 4, of whom p0 is an admin who may close it.
pub(crate) fn old_room() -> World {
    let world = World::new("11");
    for person in 0..8 {
        world.directory.put_person(format!("p{person}").as_str());
    }
    let group = inviter_core::memory::MemoryGroup::new(crate::model::room_group(0));
    let names = (0..5).map(|p| format!("p{p}"));
    world.directory.put_group(group.members(names));
    world.sync();
    for person in 0..5 {
        world.step(&Step::Join(person, 0));
    }
    world.step(&Step::Raise(0, 0, 100));
    world.sync();
    world
}

fn status(report: &Report) -> RoomStatus {
    report.rooms[0].status
}

fn adopt(world: &World, room: &RoomRef) -> Vec<(RoomRef, inviter_core::reconcile::Adopted)> {
    let mut options = RunOptions::by_person();
    options.rooms.insert(room.clone());
    block_on(world.reconciler.adopt(&options)).unwrap()
}

#[test]
fn a_room_is_followed_wherever_its_alias_leads() {
    for (from, to) in [("11", "12"), ("12", "12"), ("6", "11")] {
        for moves in [true, false] {
            let mut world = if from == "12" { settled() } else { old_room() };
            world.reconciler.policy.defaults.left = LeftPolicy::UntilBroughtAnew;
            world.step(&Step::Leave(4, 0));
            let old = world.room(0).unwrap();
            let bot = world.bot.clone();
            let new = upgrade(&world, &bot, 0, to, moves);
            // Who leaves the closed room does so because it is closed.
            let leave = UserOp::Leave { room: old.clone() };
            world.homeserver.act(&user(3), &leave).unwrap();
            let untouched = format!("{:?}", world.homeserver.members(&old));
            // Asked afresh by the second round; the first believes what it remembers of the alias.
            for asked_again in [false, true] {
                if asked_again {
                    tomorrow(&world);
                }
                let report = world.sync();
                assert_eq!(status(&report), RoomStatus::Managed);
                let told = kinds(&report).contains(&FindingKind::Followed);
                assert_eq!(told, !asked_again, "told once");
                // Nobody moves along, so all are invited again, but for who had left before.
                let wanted = if asked_again { 0 } else { 4 };
                assert_eq!(report.tally().invited, wanted, "{from} {to} {moves}");
                assert_eq!(people(&world, &new), [0, 1, 2, 3]);
                assert!(kinds(&report).contains(&FindingKind::LeftThemselves));
                only_rests(&world);
            }
            assert_eq!(format!("{:?}", world.homeserver.members(&old)), untouched);
            let memory = world.store.memory();
            assert!(!memory.rooms.contains_key(&old));
            assert_eq!(memory.successors.current(&old), new);
            assert!(memory.rooms[&new].adopted.is_some());
            // When the directory brings them anew, they are invited there as they would have been in the old room.
            without(&world, 4);
            world.sync();
            let group = crate::model::room_group(0);
            world.directory.edit_group(&group, |g| g.members(["p4"]));
            assert_eq!(world.sync().tally().invited, 1);
            // Removals go out, too: the alias may lead to either.
            without(&world, 1);
            assert_eq!(world.sync().tally().removed, 1);
            assert_eq!(people(&world, &new), [0, 2, 3, 4]);
        }
    }
}

#[test]
fn a_plan_follows_and_remembers_nothing() {
    let world = settled();
    let bot = world.bot.clone();
    let new = upgrade(&world, &bot, 0, "12", false);
    let before = world.store.memory();
    for _ in 0..2 {
        let draft = world.plan();
        assert_eq!(draft.report().tally().invited, 5);
        let target = draft.plan.rooms()[0].plan().target.clone();
        assert_eq!(
            target,
            Some(inviter_core::action::RoomTarget::Existing(new.clone()))
        );
    }
    assert_eq!(world.store.memory(), before);
}

#[test]
fn a_chain_is_followed_to_its_end_in_one_run() {
    let world = settled();
    let bot = world.bot.clone();
    let first = world.room(0).unwrap();
    let second = upgrade(&world, &bot, 0, "12", false);
    let third = successor(&world, &bot, &second, "12", Preset::PrivateChat);
    close(&world, &bot, &second, &third);
    let report = world.sync();
    assert_eq!(people(&world, &third), [0, 1, 2, 3, 4]);
    assert!(people(&world, &second).is_empty());
    assert_eq!(
        kinds(&report)
            .iter()
            .filter(|k| **k == FindingKind::Followed)
            .count(),
        2
    );
    let memory = world.store.memory();
    assert_eq!(memory.successors.before(&third), [first, second].into());
    only_rests(&world);
}

#[test]
fn a_circle_is_not_followed() {
    let world = settled();
    let bot = world.bot.clone();
    let first = world.room(0).unwrap();
    let second = upgrade(&world, &bot, 0, "12", false);
    world.sync();
    // No homeserver makes this of itself: the first room says that it replaces the second.
    world.homeserver.force_state(
        &first,
        &bot,
        "m.room.create",
        "",
        json!({
            "room_version": "12", "predecessor": { "room_id": second },
        }),
    );
    close(&world, &bot, &second, &first);
    let report = world.sync();
    assert_eq!(status(&report), RoomStatus::Replaced);
    assert!(kinds(&report).contains(&FindingKind::NotSuccessor));
    only_rests(&world);
}

#[test]
fn a_room_that_only_claims_to_replace_another_is_not_believed() {
    let world = settled();
    let (p7, old) = (user(7), world.room(0).unwrap());
    let mut claims = Map::new();
    claims.insert("predecessor".to_owned(), json!({ "room_id": old }));
    let new = NewRoom {
        creation: claims,
        preset: Preset::PublicChat,
        ..NewRoom::default()
    };
    let new = world
        .homeserver
        .act(&p7, &UserOp::CreateRoom(Box::new(new)))
        .unwrap()
        .created()
        .unwrap();
    world
        .homeserver
        .act(&world.bot, &UserOp::Join { room: new.clone() })
        .unwrap();
    world.homeserver.force_alias(alias(0), new.clone(), p7);
    tomorrow(&world);
    let report = world.sync();
    assert_eq!(status(&report), RoomStatus::Moved);
    assert!(kinds(&report).contains(&FindingKind::AliasMoved));
    assert_eq!(people(&world, &new), [7]);
    assert_eq!(people(&world, &old), [0, 1, 2, 3, 4]);
    only_rests(&world);
}

#[test]
fn the_id_of_the_old_room_names_the_new_one_in_options_and_scope() {
    let mut world = settled();
    let (bot, old) = (world.bot.clone(), world.room(0).unwrap());
    let mut by_id = RunOptions::by_person();
    by_id.rooms.insert(RoomRef::Id(old.clone()));
    // In the run that follows, and in those after it; and by the ID of the new room as well.
    let new = upgrade(&world, &bot, 0, "12", true);
    let report = block_on(world.reconciler.sync(&by_id)).unwrap();
    assert_eq!(report.tally().invited, 5);
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
    for id in [&old, &new] {
        let mut options = RunOptions::by_person();
        options.rooms.insert(RoomRef::Id(id.clone()));
        assert_eq!(
            block_on(world.reconciler.plan(&options))
                .unwrap()
                .plan
                .rooms()
                .len(),
            1
        );
    }
    let mut other = RunOptions::by_person();
    other.rooms.insert(RoomRef::Id("!nobody:x".try_into().unwrap()));
    assert!(block_on(world.reconciler.plan(&other)).is_err());
    for (scope, inside) in [
        (rooms(&[old.as_str()], &[]), 1),
        (rooms(&[], &[old.as_str()]), 0),
        (rooms(&["!nobody:x"], &[]), 0),
    ] {
        world.reconciler.policy.scope = scope;
        assert_eq!(world.sync().rooms.len(), inside);
    }
}

#[test]
fn a_room_that_is_named_by_its_id_is_followed() {
    let mut world = settled();
    let (bot, old) = (world.bot.clone(), world.room(0).unwrap());
    world.reconciler.policy.rooms.push(RoomSpec {
        room: RoomRef::Id(old.clone()),
        groups: Vec::new(),
        members: vec![inviter_core::room_rules::FixedMember {
            user_id: user(6),
            level: None,
        }],
        rules: RoomRules::default(),
    });
    world.sync();
    let new = upgrade(&world, &bot, 0, "12", true);
    // The ID and the alias are one room before and after.
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(report.rooms.len(), 1);
        assert_eq!(people(&world, &new), [0, 1, 2, 3, 4, 6]);
        tomorrow(&world);
    }
    only_rests(&world);
}
