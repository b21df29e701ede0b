//! Nobody comes in or goes for a reason that holds in one of the two rooms only.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    action::Op,
    finding::FindingKind,
    memory::{Call, UserOp},
    plan::RoomStatus,
    recall::Pause,
    reconcile::RunOptions,
    room::RoomRef,
};

use super::{old_room, only_rests, people, status, upgrade};
use crate::{
    faults::{kinds, settled, without},
    model::{Step, user},
    scope::tomorrow,
};

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
