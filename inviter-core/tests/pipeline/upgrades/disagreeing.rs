//! New rooms that do not take the place of the old one, and old ones that are taken back.

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId,
    finding::FindingKind,
    memory::{Preset, UserOp},
    plan::RoomStatus,
    reconcile::RunOptions,
    room::RoomRef,
};

use super::{adopt, close, old_room, only_rests, people, status, successor, upgrade};
use crate::{
    faults::{kinds, settled, without},
    model::{World, alias, user},
    scope::tomorrow,
};

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
