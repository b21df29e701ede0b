//! Rooms that are replaced by others: followed where both agree, and left alone where they do not.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId, OwnedUserId,
    action::Op,
    finding::FindingKind,
    memory::{Call, NewRoom, Preset, UserOp},
    plan::RoomStatus,
    recall::Pause,
    reconcile::RunOptions,
    report::Report,
    room::{Membership, RoomRef},
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
fn an_admins_upgrade_waits_for_an_invitation_by_who_closed_the_room() {
    let world = old_room();
    let (p0, p1) = (user(0), user(1));
    let new = upgrade(&world, &p0, 0, "12", true);
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(status(&report), RoomStatus::Replaced);
        let told = report.rooms[0]
            .findings
            .iter()
            .find(|f| f.kind == FindingKind::Replaced);
        let message = &told.unwrap().message;
        assert!(
            message.contains("have @bot:example.org invited there by @p0:example.org"),
            "{message}"
        );
        only_rests(&world);
    }
    let invite = |who: OwnedUserId| UserOp::Invite {
        room: new.clone(),
        user: who,
        reason: None,
    };
    // Anybody else's invitation is none.
    let world = {
        world.homeserver.act(&p0, &invite(p1.clone())).unwrap();
        world
            .homeserver
            .act(&p1, &UserOp::Join { room: new.clone() })
            .unwrap();
        world.homeserver.act(&p1, &invite(world.bot.clone())).unwrap();
        let report = world.sync();
        assert_eq!(status(&report), RoomStatus::Replaced);
        assert!(
            report.rooms[0]
                .findings
                .iter()
                .any(|f| f.message.contains("@p1:example.org, who invited it"))
        );
        let kick = UserOp::Kick {
            room: new.clone(),
            user: world.bot.clone(),
            reason: None,
        };
        world.homeserver.act(&p0, &kick).unwrap();
        world
    };
    world.homeserver.act(&p0, &invite(world.bot.clone())).unwrap();
    let report = world.sync();
    // Joined, found to agree, and filled in the same run; adopted because the old one was.
    assert_eq!(status(&report), RoomStatus::Managed, "{report:?}");
    assert!(kinds(&report).contains(&FindingKind::Followed));
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
    only_rests(&world);
}

#[test]
fn a_room_that_lets_the_bot_in_is_joined_and_looked_at() {
    for agrees in [true, false] {
        let world = old_room();
        let (p0, old) = (user(0), world.room(0).unwrap());
        set(
            &world,
            &p0,
            &old,
            "m.room.join_rules",
            json!({ "join_rule": "public" }),
        );
        let replaced = if agrees {
            old.clone()
        } else {
            "!other:example.org".try_into().unwrap()
        };
        let new = if agrees {
            successor(&world, &p0, &replaced, "11", Preset::PublicChat)
        } else {
            let new = NewRoom {
                preset: Preset::PublicChat,
                ..NewRoom::default()
            };
            world
                .homeserver
                .act(&p0, &UserOp::CreateRoom(Box::new(new)))
                .unwrap()
                .created()
                .unwrap()
        };
        close(&world, &p0, &old, &new);
        let report = world.sync();
        assert!(
            world
                .homeserver
                .members(&new)
                .iter()
                .any(|m| m.user_id == world.bot && m.membership == Membership::Joined)
        );
        if agrees {
            assert_eq!(status(&report), RoomStatus::Managed);
            assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
        } else {
            // Looked at, and left alone.
            assert_eq!(status(&report), RoomStatus::Replaced);
            assert!(kinds(&report).contains(&FindingKind::NotSuccessor));
            assert_eq!(people(&world, &new), [0]);
        }
        only_rests(&world);
    }
}

#[test]
fn who_was_not_let_in_does_not_knock_on_the_door_with_every_run() {
    let world = old_room();
    let (p0, old) = (user(0), world.room(0).unwrap());
    let rule = json!({ "join_rule": "restricted", "allow": [] });
    set(&world, &p0, &old, "m.room.join_rules", rule);
    let new = upgrade(&world, &p0, 0, "11", false);
    let joins = |world: &World| world.sync().tally().failed;
    assert_eq!(joins(&world), 1);
    only_rests(&world);
    assert!(kinds(&world.sync()).contains(&FindingKind::Replaced));
    tomorrow(&world);
    assert_eq!(joins(&world), 1, "tried again a day later");
    assert!(people(&world, &new) == [0]);
}

#[test]
fn a_room_that_does_not_agree_is_never_followed() {
    // Somebody with the power to close the room names one that is none of its own.
    let world = old_room();
    let (p0, old) = (user(0), world.room(0).unwrap());
    let create = UserOp::CreateRoom(Box::default());
    let other = world
        .homeserver
        .act(&world.bot, &create)
        .unwrap()
        .created()
        .unwrap();
    close(&world, &p0, &old, &other);
    for moved in [false, true] {
        if moved {
            world.homeserver.force_alias(alias(0), other.clone(), p0.clone());
            tomorrow(&world);
        }
        let report = world.sync();
        assert_eq!(status(&report), RoomStatus::Replaced, "moved: {moved}");
        assert!(kinds(&report).contains(&FindingKind::NotSuccessor));
        only_rests(&world);
        assert!(people(&world, &other).is_empty());
    }
    // A person may say that it is meant all the same.
    adopt(&world, &RoomRef::Alias(alias(0)));
    assert_eq!(world.sync().tally().invited, 5);
    assert_eq!(people(&world, &other), [0, 1, 2, 3, 4]);
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
fn a_room_that_nobody_manages_is_not_followed() {
    let mut world = settled();
    let old = world.room(0).unwrap();
    let change = inviter_core::recall::MemoryChange::HandedOver(old, world.homeserver.now());
    block_on(inviter_core::recall::MemoryStore::commit(&world.store, &[change])).unwrap();
    let bot = world.bot.clone();
    let new = upgrade(&world, &bot, 0, "12", false);
    let report = world.sync();
    assert_eq!(status(&report), RoomStatus::Replaced);
    assert!(people(&world, &new).is_empty());
    // Nor one that was given away itself, however it came to replace a managed one.
    world = settled();
    let new = upgrade(&world, &bot, 0, "12", false);
    let change = inviter_core::recall::MemoryChange::HandedOver(new.clone(), world.homeserver.now());
    block_on(inviter_core::recall::MemoryStore::commit(&world.store, &[change])).unwrap();
    let report = world.sync();
    let told = report.rooms[0].findings.first().unwrap();
    assert_eq!(told.kind, FindingKind::NotSuccessor, "{told:?}");
    assert!(told.message.contains("given away"), "{told:?}");
    assert!(people(&world, &new).is_empty());
    assert!(world.store.memory().successors.0.is_empty());
}

#[test]
fn a_room_that_was_given_away_is_not_entered_either() {
    let world = old_room();
    let p0 = user(0);
    let new = upgrade(&world, &p0, 0, "12", true);
    let change = inviter_core::recall::MemoryChange::HandedOver(new.clone(), world.homeserver.now());
    block_on(inviter_core::recall::MemoryStore::commit(&world.store, &[change])).unwrap();
    let invite = UserOp::Invite {
        room: new,
        user: world.bot.clone(),
        reason: None,
    };
    world.homeserver.act(&p0, &invite).unwrap();
    let report = world.sync();
    assert_eq!(status(&report), RoomStatus::Replaced);
    assert!(kinds(&report).contains(&FindingKind::NotSuccessor));
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
fn a_smaller_directory_is_not_taken_for_granted_while_a_room_waits_to_be_followed() {
    let mut world = old_room();
    world.reconciler.limits = inviter_core::guard::Limits {
        shrink_count: 2,
        shrink_percent: 10,
        ..inviter_core::guard::Limits::default()
    };
    world.sync();
    let before = world.store.memory().directories.clone();
    assert!(!before.is_empty());
    upgrade(&world, &user(0), 0, "12", true);
    for person in 5..8 {
        world.directory.remove_person(&format!("p{person}"));
    }
    let report = world.sync();
    assert_eq!(status(&report), RoomStatus::Replaced);
    let (provider, known) = before.first_key_value().unwrap();
    let now = &world.store.memory().directories[provider];
    assert_eq!(now.active_accounts, known.active_accounts);
}

#[test]
fn a_pause_of_the_old_room_holds_for_both() {
    let world = settled();
    let (bot, old) = (world.bot.clone(), world.room(0).unwrap());
    let pause = Pause::Room(RoomRef::Id(old.clone()));
    block_on(world.reconciler.pause(std::slice::from_ref(&pause))).unwrap();
    let new = upgrade(&world, &bot, 0, "12", true);
    tomorrow(&world);
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(
            (status(&report), report.tally().changes()),
            (RoomStatus::Paused, 0)
        );
    }
    block_on(world.reconciler.resume(std::slice::from_ref(&pause))).unwrap();
    assert_eq!(world.sync().tally().invited, 5);
    // Paused by the ID that it once had.
    block_on(world.reconciler.pause(&[pause])).unwrap();
    without(&world, 1);
    assert_eq!(status(&world.sync()), RoomStatus::Paused);
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
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

#[test]
fn strangers_in_the_new_room_go_with_all_the_care_of_a_first_plan() {
    let world = settled();
    let bot = world.bot.clone();
    let new = upgrade(&world, &bot, 0, "12", false);
    let bring = |person: usize| {
        let invite = UserOp::Invite {
            room: new.clone(),
            user: user(person),
            reason: None,
        };
        world.homeserver.act(&bot, &invite).unwrap();
    };
    bring(6);
    world
        .directory
        .edit_group(&crate::model::room_group(0), |g| g.members_gap("unreadable"));
    assert_eq!(world.sync().tally().removed, 0);
    assert!(people(&world, &new).contains(&6));
    let group = inviter_core::memory::MemoryGroup::new(crate::model::room_group(0));
    world
        .directory
        .put_group(group.members((0..5).map(|p| format!("p{p}"))));
    assert_eq!(world.sync().tally().removed, 1);
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
}

#[test]
fn an_upgrade_between_plan_and_removal_stops_the_removal() {
    let world = settled();
    without(&world, 4);
    let bot = world.bot.clone();
    let options = RunOptions::by_person();
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    upgrade(&world, &bot, 0, "12", true);
    let report = block_on(world.reconciler.apply(draft, &options));
    assert_eq!((report.tally().removed, report.tally().failed), (0, 1));
    assert_eq!(world.sync().tally().invited, 4);
    only_rests(&world);
}

#[test]
fn what_cannot_be_read_just_now_is_not_followed() {
    let world = settled();
    let bot = world.bot.clone();
    let new = upgrade(&world, &bot, 0, "12", true);
    tomorrow(&world);
    let cause = inviter_core::room::Cause::new("502");
    world.homeserver.set_room_unknown(&new, Some(cause));
    let report = world.sync();
    assert_eq!(
        (status(&report), report.tally().changes()),
        (RoomStatus::Unknown, 0)
    );
    world.homeserver.set_room_unknown(&new, None);
    assert_eq!(world.sync().tally().invited, 5);
}

#[test]
fn a_run_that_is_killed_while_it_follows_is_completed_by_the_next() {
    let world = old_room();
    let (p0, old) = (user(0), world.room(0).unwrap());
    let new = upgrade(&world, &p0, 0, "11", true);
    let invite = UserOp::Invite {
        room: new.clone(),
        user: world.bot.clone(),
        reason: None,
    };
    world.homeserver.act(&p0, &invite).unwrap();
    // Joined, and nothing of it remembered.
    world.homeserver.lose_next_answer(
        |call| matches!(call, Call::Execute(_, Op::Join { .. })),
        inviter_core::backend::BackendErrorKind::Unavailable,
    );
    world.sync();
    world.homeserver.advance(Duration::from_secs(60));
    world.sync();
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
    assert_eq!(world.store.memory().successors.current(&old), new);
    only_rests(&world);
}

/// A room of the bot's that says nothing of any other.
fn unrelated(world: &World) -> OwnedRoomId {
    let create = UserOp::CreateRoom(Box::default());
    world
        .homeserver
        .act(&world.bot, &create)
        .unwrap()
        .created()
        .unwrap()
}

#[test]
fn an_alias_that_leads_to_a_third_room_is_told_and_adopted_only_by_name() {
    // The bot is in the room that the old one was closed in favour of, or not.
    for outside in [false, true] {
        let world = old_room();
        let (p0, old) = (user(0), world.room(0).unwrap());
        let to = if outside {
            successor(&world, &p0, &old, "12", Preset::PrivateChat)
        } else {
            unrelated(&world)
        };
        close(&world, &p0, &old, &to);
        let third = unrelated(&world);
        world.homeserver.force_alias(alias(0), third.clone(), p0);
        tomorrow(&world);
        let report = world.sync();
        assert_eq!(status(&report), RoomStatus::Replaced);
        let told = report.rooms[0]
            .findings
            .iter()
            .find(|f| f.kind == FindingKind::AliasMoved);
        let told = &told.unwrap().message;
        let command = format!("inviter adopt '{}' '{third}'", alias(0));
        assert!(told.contains(&command) && told.contains(to.as_str()), "{told}");
        only_rests(&world);
        // Who names the alias alone may mean the room that was told in the first place.
        let name = RoomRef::Alias(alias(0));
        let outcome = adopt(&world, &name);
        assert!(
            matches!(&outcome[..], [(_, inviter_core::reconcile::Adopted::Not(why))] if why.contains(&command)),
            "{outcome:?}"
        );
        only_rests(&world);
        assert!(people(&world, &third).is_empty());
        let mut options = RunOptions::by_person();
        options.rooms = [name.clone(), RoomRef::Id(third.clone())].into();
        let outcome = block_on(world.reconciler.adopt(&options)).unwrap();
        assert_eq!(
            outcome,
            [(name, inviter_core::reconcile::Adopted::Now(third.clone()))]
        );
        world.sync();
        assert_eq!(people(&world, &third), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn an_upgrade_is_taken_back_by_adopting_the_old_room() {
    let world = settled();
    let (bot, old) = (world.bot.clone(), world.room(0).unwrap());
    let new = upgrade(&world, &bot, 0, "12", false);
    world.sync();
    assert_eq!(world.store.memory().successors.current(&old), new);
    let name = RoomRef::Alias(alias(0));
    // As long as it is closed, its alias stands for the new room.
    let already = inviter_core::reconcile::Adopted::Already(new.clone());
    assert_eq!(adopt(&world, &name), [(name.clone(), already)]);
    world.homeserver.lose_state(&old, "m.room.tombstone", "");
    assert_eq!(world.sync().rooms[0].status, RoomStatus::Managed);
    assert_eq!(
        world.store.memory().successors.current(&old),
        new,
        "not by itself"
    );
    let now = inviter_core::reconcile::Adopted::Now(old.clone());
    assert_eq!(adopt(&world, &name), [(name, now)]);
    without(&world, 1);
    assert_eq!(world.sync().tally().removed, 1);
    assert_eq!(people(&world, &old), [0, 2, 3, 4]);
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 4]);
    assert!(world.store.memory().successors.0.is_empty());
}

#[test]
fn nothing_leads_to_a_room_that_was_given_away() {
    for change in [inviter_core::recall::MemoryChange::HandedOver, |room, _| {
        inviter_core::recall::MemoryChange::Forgotten(room)
    }] {
        let world = settled();
        let (bot, old) = (world.bot.clone(), world.room(0).unwrap());
        let new = upgrade(&world, &bot, 0, "12", false);
        world.sync();
        let change = change(new, world.homeserver.now());
        block_on(inviter_core::recall::MemoryStore::commit(&world.store, &[change])).unwrap();
        assert_eq!(world.store.memory().successors.current(&old), old);
    }
}

#[test]
fn who_was_kept_out_by_others_is_kept_out_of_the_new_room() {
    let world = old_room();
    let (p0, old) = (user(0), world.room(0).unwrap());
    let ban = |person: usize| UserOp::Ban {
        room: old.clone(),
        user: user(person),
        reason: None,
    };
    let kick = |person: usize| UserOp::Kick {
        room: old.clone(),
        user: user(person),
        reason: None,
    };
    world.homeserver.act(&p0, &ban(4)).unwrap();
    world.homeserver.act(&p0, &kick(3)).unwrap();
    assert_eq!(world.sync().tally().invited, 1);
    world.step(&Step::Join(3, 0));
    world.homeserver.act(&p0, &kick(3)).unwrap();
    // Once is not twice: there is one invitation left, whichever room it is to.
    world.homeserver.act(&p0, &kick(2)).unwrap();
    let mut last = upgrade(&world, &world.bot.clone(), 0, "12", true);
    for upgrades in 0..2 {
        let report = world.sync();
        assert_eq!(people(&world, &last), [0, 1, 2], "{upgrades}");
        assert!(kinds(&report).contains(&FindingKind::RemovedByOthers));
        let banned = report.rooms[0]
            .findings
            .iter()
            .find(|f| f.kind == FindingKind::Banned);
        assert!(banned.unwrap().message.contains("invite them by hand"));
        let again = &world.store.memory().rooms[&last].reinvited;
        assert_eq!(again.len(), 2);
        only_rests(&world);
        last = upgrade(&world, &world.bot.clone(), 0, "12", true);
    }
    // A person may bring them in all the same.
    world.sync();
    let invite = UserOp::Invite {
        room: last.clone(),
        user: user(4),
        reason: None,
    };
    world.homeserver.act(&world.bot, &invite).unwrap();
    world.sync();
    assert_eq!(people(&world, &last), [0, 1, 2, 4]);
}
