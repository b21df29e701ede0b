//! Who is invited or put in, and how often.

use std::time::Duration;

use inviter_core::{
    OwnedUserId,
    action::Op,
    backend::BackendErrorKind,
    finding::FindingKind,
    memory::{Call, UserOp},
    policy::UnregisteredPolicy,
    room::Membership,
    room_rules::{BringIn, LeftPolicy},
};
use serde_json::json;

use crate::{
    faults::{kinds, outcomes, settled, without},
    model::{room_group, user},
};

#[test]
fn someone_whom_others_remove_again_and_again_is_invited_once() {
    let world = settled();
    let room = world.room(0).unwrap();
    let mut levels = world.homeserver.levels(&room).unwrap();
    // An admin of the room, above the template's levels and out of our reach.
    levels["users"]["@p0:example.org"] = json!(100);
    world
        .homeserver
        .act(
            &world.bot,
            &UserOp::set(room.clone(), "m.room.power_levels", levels),
        )
        .unwrap();
    let kick = || {
        let op = UserOp::Kick {
            room: room.clone(),
            user: user(1),
            reason: None,
        };
        world.homeserver.act(&user(0), &op).unwrap();
    };
    kick();
    assert_eq!(world.sync().tally().invited, 1);
    kick();
    let report = world.sync();
    assert_eq!(report.tally().invited, 0);
    assert!(kinds(&report).contains(&FindingKind::RemovedByOthers));
}

#[test]
fn someone_who_leaves_is_left_in_peace_until_the_directory_brings_them_anew() {
    let mut world = settled();
    world.reconciler.policy.defaults.left = LeftPolicy::UntilBroughtAnew;
    world.step(&crate::model::Step::Leave(4, 0));
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(report.tally().changes(), 0);
        assert!(kinds(&report).contains(&FindingKind::LeftThemselves));
    }
    without(&world, 4);
    world.sync();
    world.directory.edit_group(&room_group(0), |g| g.members(["p4"]));
    assert_eq!(world.sync().tally().invited, 1);
    world.step(&crate::model::Step::Leave(4, 0));
    assert_eq!(world.sync().tally().invited, 0, "declined anew");
}

#[test]
fn someone_who_leaves_is_invited_once_for_each_time_that_they_leave() {
    let mut world = settled();
    world.reconciler.policy.defaults.left = LeftPolicy::After(Duration::from_secs(3600));
    let hour = || world.homeserver.advance(Duration::from_secs(3600));
    for _ in 0..2 {
        // They leave the room, and then decline the invitation.
        world.step(&crate::model::Step::Leave(4, 0));
        let early = world.sync();
        assert_eq!(early.tally().changes(), 0);
        assert!(kinds(&early).contains(&FindingKind::LeftThemselves));
        hour();
        assert_eq!(world.sync().tally().invited, 1);
        hour();
        assert_eq!(world.sync().tally().changes(), 0, "invited once");
    }
}

#[test]
fn people_are_put_in_once_whatever_becomes_of_the_answer() {
    let world = settled().putting_in();
    world.directory.edit_group(&room_group(0), |g| g.members(["p5"]));
    let room = world.room(0).unwrap();
    let is_add = |c: &Call<'_>| matches!(c, Call::Execute(_, Op::Add { .. }));
    world
        .homeserver
        .lose_next_answer(is_add, BackendErrorKind::Unavailable);
    assert_eq!(world.sync().tally().failed, 1);
    let joined = |person| {
        let members = world.homeserver.members(&room);
        let found = members.into_iter().find(|m| m.user_id == user(person));
        found.map(|m| m.membership)
    };
    assert_eq!(joined(5), Some(Membership::Joined));
    let writes = world.homeserver.writes();
    assert_eq!(world.sync().tally().changes(), 0);
    assert_eq!(world.homeserver.writes(), writes);
    // Somebody else was quicker; and a refusal is remembered as that of an invitation.
    world
        .directory
        .edit_group(&room_group(0), |g| g.members(["p5", "p6", "p7"]));
    world.homeserver.before_next(is_add, {
        let room = room.clone();
        move |homeserver| {
            let bot = homeserver.register("bot").unwrap();
            for op in [
                UserOp::Invite {
                    room: room.clone(),
                    user: user(6),
                    reason: None,
                },
                UserOp::Ban {
                    room: room.clone(),
                    user: user(7),
                    reason: None,
                },
            ] {
                homeserver.act(&bot, &op).unwrap();
            }
            homeserver.act(&user(6), &UserOp::Join { room }).unwrap();
        }
    });
    let report = world.sync();
    assert_eq!(
        (report.tally().invited, report.tally().failed),
        (0, 1),
        "{:?}",
        outcomes(&report)
    );
    assert_eq!(world.store.memory().rooms[&room].refused.len(), 1);
}

#[test]
fn without_the_right_to_put_people_in_they_are_invited() {
    let mut world = settled();
    world.reconciler.policy.defaults.bring_in = BringIn::Join;
    world.directory.edit_group(&room_group(0), |g| g.members(["p5"]));
    let report = world.sync();
    assert_eq!(report.tally().invited, 1);
    let member = world.homeserver.members(&world.room(0).unwrap());
    let member = member.into_iter().find(|m| m.user_id == user(5)).unwrap();
    assert_eq!(
        (member.membership, member.sender),
        (Membership::Invited, world.bot.clone())
    );
    assert_eq!(
        world.sync().tally().changes(),
        0,
        "an invitation counts as being in"
    );
}

#[test]
fn a_refusal_is_remembered_for_a_day() {
    let world = settled();
    world.directory.edit_group(&room_group(0), |g| g.members(["p5"]));
    world.homeserver.fail_next(
        |c| matches!(c, Call::Execute(_, Op::Invite { .. })),
        BackendErrorKind::Refused,
    );
    assert_eq!(world.sync().tally().failed, 1);
    let report = world.sync();
    assert_eq!(report.tally().changes(), 0);
    assert!(kinds(&report).contains(&FindingKind::Refused));
    world.homeserver.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(world.sync().tally().invited, 1);
}

#[test]
fn people_without_an_account_are_held_on_the_homeservers_word_only() {
    let mut world = settled();
    world.directory.put_person("nobody");
    world.directory.put_person("gone");
    world.homeserver.register("gone").unwrap();
    world
        .homeserver
        .deactivate(&OwnedUserId::try_from("@gone:example.org").unwrap());
    world.directory.edit_group(&room_group(0), |g| {
        g.members(["nobody", "gone"]).owners(["nobody"])
    });
    // Without the right to look, an unknown account is invited. A plan tells without doing it.
    assert_eq!(world.plan().report().tally().invited, 2);
    world.homeserver.set_admin(&world.bot, true);
    let report = world.sync();
    assert_eq!(report.tally().changes(), 0, "{:?}", outcomes(&report));
    let kinds = kinds(&report);
    assert!(kinds.contains(&FindingKind::Unregistered) && kinds.contains(&FindingKind::Deactivated));
    // By configuration the invitation waits for the account; a deactivated one is no account to wait for.
    world.reconciler.policy.unregistered = UnregisteredPolicy::Invite;
    assert_eq!(world.plan().report().tally().invited, 1);
}
