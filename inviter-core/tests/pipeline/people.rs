//! What is remembered of people over runs: since when they are missing, whom we brought in, and what we did.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_executor::block_on;
use inviter_core::{
    OwnedUserId,
    action::Op,
    finding::FindingKind,
    guard::{HoldReason, Limits},
    memory::{Call, InMemoryStore, MemoryGroup, UserOp},
    recall::{Ground, Happened, Happening, MemoryChange, MemoryStore},
    report::Outcome,
    room::Membership,
    room_rules::RemovePolicy,
};

use crate::{
    faults::{kinds, membership, outcomes, settled, without},
    model::{Step, World, room_group, user},
    upgrades::{old_room, people, upgrade},
};

const DAY: Duration = Duration::from_secs(86_400);

fn graceful() -> World {
    let mut world = settled();
    world.reconciler.policy.defaults.grace = DAY;
    world.sync();
    world
}

/// The store is opened anew, as by another process.
fn restart(world: &mut World) {
    let memory = world.store.memory();
    let anew = InMemoryStore::with(memory);
    world.store = anew.clone();
    world.reconciler.store = Arc::new(anew);
}

#[test]
fn the_grace_is_kept_over_restarts() {
    let mut world = graceful();
    without(&world, 4);
    for _ in 0..3 {
        assert!(kinds(&world.sync()).contains(&FindingKind::InGrace));
        restart(&mut world);
        world.homeserver.advance(DAY / 4);
    }
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
    world.homeserver.advance(DAY / 4);
    assert_eq!(world.sync().tally().removed, 1);
    assert_eq!(membership(&world, 4), Some(Membership::Left));
    let id = world.room(0).unwrap();
    assert!(world.store.memory().rooms[&id].missing.is_empty());
    assert_eq!(world.sync().tally().removed, 0);
}

/// A plan alone begins nothing.
#[test]
fn a_plan_begins_no_grace() {
    let world = graceful();
    without(&world, 4);
    let before = world.store.commits().len();
    let report = world.plan().report();
    assert!(kinds(&report).contains(&FindingKind::InGrace));
    assert_eq!(world.store.commits().len(), before);
}

#[test]
fn return_begins_it_anew() {
    let world = graceful();
    let back = || {
        world
            .directory
            .edit_group(&room_group(0), |group| group.members(["p4"]));
    };
    for _ in 0..3 {
        without(&world, 4);
        assert!(kinds(&world.sync()).contains(&FindingKind::InGrace));
        world.homeserver.advance(DAY * 3 / 4);
        back();
        assert!(!kinds(&world.sync()).contains(&FindingKind::InGrace));
    }
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
}

#[test]
fn a_lost_memory_makes_it_later_never_earlier() {
    let world = graceful();
    without(&world, 4);
    world.sync();
    world.homeserver.advance(DAY * 2);
    world.store.lose("the file was damaged");
    assert!(kinds(&world.sync()).contains(&FindingKind::InGrace));
    world.sync();
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
    world.homeserver.advance(DAY);
    assert_eq!(world.sync().tally().removed, 1);
}

/// Most people of a room are gone from its group at once, and have time: when it is over, they are held as ever.
#[test]
fn the_grace_does_not_outlast_the_guard() {
    let mut world = graceful();
    let most = (0..4).map(|person| format!("p{person}"));
    world
        .directory
        .edit_group(&room_group(0), |group| group.without_members(most));
    world.reconciler.limits = Limits::default();
    for _ in 0..3 {
        world.sync();
        world.homeserver.advance(DAY);
    }
    let report = world.sync();
    let is_limit = |outcome: &&Outcome| matches!(outcome, Outcome::Held { reasons } if reasons.iter().any(|r| matches!(r, HoldReason::RoomLimit { .. })));
    assert_eq!(outcomes(&report).iter().filter(|o| is_limit(o)).count(), 4);
    assert_eq!(world.people_in(0).len(), 5);
}

/// A directory that shrank is not forgotten to have shrunk while its people still have time.
#[test]
fn a_shrunken_directory_is_remembered_through_the_grace() {
    let mut world = graceful();
    world.reconciler.limits = Limits {
        shrink_count: 1,
        shrink_percent: 1,
        ..world.reconciler.limits
    };
    for person in 2..8 {
        without(&world, person);
        world.directory.remove_person(&format!("p{person}"));
    }
    for _ in 0..3 {
        world.sync();
        world.homeserver.advance(DAY);
    }
    let report = world.sync();
    let is_shrunk = |outcome: &&Outcome| matches!(outcome, Outcome::Held { reasons } if reasons.iter().any(|r| matches!(r, HoldReason::DirectoryShrank { .. })));
    assert_eq!(
        outcomes(&report).iter().filter(|o| is_shrunk(o)).count(),
        3,
        "{report:?}"
    );
    assert_eq!(world.people_in(0).len(), 5);
}

#[test]
fn who_was_invited_by_hand_stays() {
    let mut world = settled();
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    world.sync();
    world.step(&Step::Bring(6, 0));
    without(&world, 4);
    let report = world.sync();
    assert!(kinds(&report).contains(&FindingKind::NotBroughtIn));
    assert_eq!(membership(&world, 4), Some(Membership::Left));
    assert_eq!(membership(&world, 6), Some(Membership::Joined));
    // Whoever is let in again by hand was not brought in by us this time.
    world.step(&Step::Bring(4, 0));
    assert_eq!(world.sync().tally().removed, 0);
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
    // Nor is somebody who left by themselves and came back by hand, once the leaving was seen.
    without(&world, 3);
    world.step(&Step::Leave(3, 0));
    world.sync();
    world.step(&Step::Bring(3, 0));
    assert_eq!(world.sync().tally().removed, 0);
    assert_eq!(membership(&world, 3), Some(Membership::Joined));
}

/// Whom we have brought in is ours again once we invite them again, after others had removed them.
#[test]
fn who_is_invited_again_goes_again() {
    let mut world = settled();
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    world.sync();
    world.step(&Step::Raise(1, 0, 100));
    let kick = UserOp::Kick {
        room: world.room(0).unwrap(),
        user: user(4),
        reason: None,
    };
    world.homeserver.act(&user(1), &kick).unwrap();
    world.sync();
    assert_eq!(membership(&world, 4), Some(Membership::Invited));
    world.step(&Step::Join(4, 0));
    without(&world, 4);
    assert_eq!(world.sync().tally().removed, 1);
    assert_eq!(membership(&world, 4), Some(Membership::Left));
}

/// The invitation arrives and its answer does not, or the run is killed in between: it was written down before.
#[test]
fn an_invitation_without_an_answer_is_ours() {
    let mut world = settled();
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    world.sync();
    let room = world.room(0).unwrap();
    let known = Arc::new(AtomicBool::new(false));
    let (bot, store, seen) = (world.bot.clone(), world.store.clone(), Arc::clone(&known));
    let is_invitation = |call: &Call| matches!(call, Call::Execute(_, Op::Invite { .. }));
    world.homeserver.before_next(is_invitation, move |homeserver| {
        let is_written = store
            .commits()
            .iter()
            .flatten()
            .any(|change| matches!(change, MemoryChange::Brought(_, who, Some(_)) if *who == user(5)));
        seen.store(is_written, Ordering::Relaxed);
        let (user, room) = (user(5), room.clone());
        let invite = UserOp::Invite {
            room,
            user,
            reason: None,
        };
        homeserver.act(&bot, &invite).unwrap();
    });
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p5"]));
    assert_eq!(outcomes(&world.sync()), [&Outcome::AlreadySo]);
    assert!(known.load(Ordering::Relaxed));
    world.step(&Step::Join(5, 0));
    without(&world, 5);
    assert_eq!(world.sync().tally().removed, 1);
    assert_eq!(membership(&world, 5), Some(Membership::Left));
}

/// Nobody is kept out because it could not be written down, which is told, and made up for at the end.
#[test]
fn an_invitation_goes_out_without_being_written_down() {
    let mut world = settled();
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    world.sync();
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p5"]));
    world.store.fail_next_commit();
    let report = world.sync();
    assert_eq!(membership(&world, 5), Some(Membership::Invited));
    assert!(!report.errors.is_empty());
    let brought = block_on(world.store.brought(&world.room(0).unwrap())).unwrap();
    assert!(brought.contains_key(&user(5)));
}

/// Whom we have brought into a room is ours in the one that takes its place, from the run on that finds out.
#[test]
fn who_was_brought_into_a_room_is_ours_in_its_successor() {
    let mut world = old_room();
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    world.sync();
    let new = upgrade(&world, &user(0), 0, "11", true);
    let enters = |whom: &OwnedUserId| {
        let (room, whom) = (new.clone(), whom.clone());
        let invite = UserOp::Invite {
            room: room.clone(),
            user: whom.clone(),
            reason: None,
        };
        world.homeserver.act(&user(0), &invite).unwrap();
        world.homeserver.act(&whom, &UserOp::Join { room }).unwrap();
    };
    enters(&world.bot);
    for person in [3, 4, 6] {
        enters(&user(person));
    }
    without(&world, 4);
    let planned = world.plan().report();
    assert!(
        kinds(&planned).contains(&FindingKind::NotBroughtIn),
        "{planned:#?}"
    );
    let report = world.sync();
    assert!(kinds(&report).contains(&FindingKind::Followed));
    assert_eq!(report.tally().removed, 1, "{report:#?}");
    assert_eq!(people(&world, &new), [0, 1, 2, 3, 6]);
    let brought = block_on(world.store.brought(&new)).unwrap();
    assert!(brought.contains_key(&user(3)) && !brought.contains_key(&user(6)));
}

/// All that is remembered of it is lost with the memory: then nobody is known to be ours.
#[test]
fn a_lost_memory_knows_nobody_to_be_ours() {
    let mut world = settled();
    world.reconciler.policy.defaults.remove = RemovePolicy::BroughtByUs;
    world.sync();
    world.store.lose("the file was damaged");
    world.sync();
    without(&world, 4);
    assert_eq!(world.sync().tally().removed, 0);
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
}

#[test]
fn the_past_is_told_as_long_as_the_configuration_says() {
    let mut world = settled();
    without(&world, 4);
    world.sync();
    let past = |world: &World| {
        let of = block_on(world.store.history(&user(4), None)).unwrap();
        of.into_iter()
            .map(|happened| {
                (
                    happened.what,
                    happened.ground,
                    happened.group.map(|group| group.name.to_string()),
                )
            })
            .collect::<Vec<_>>()
    };
    let invited = (Happening::Invited, Ground::MemberOf, Some(room_group(0)));
    let removed = (Happening::Removed, Ground::InNoGroup, None);
    assert_eq!(past(&world), [invited.clone(), removed.clone()]);
    let explained = block_on(world.reconciler.explain(
        &world.plan(),
        &user(4),
        &inviter_core::room::RoomRef::Alias(crate::model::alias(0)),
    ));
    assert_eq!((explained.past.len(), explained.brought), (2, None));
    world.homeserver.advance(DAY * 179);
    world.sync();
    assert_eq!(past(&world), [invited, removed]);
    world.homeserver.advance(DAY * 2);
    world.sync();
    assert_eq!(past(&world), []);
    // With no time at all, nothing of it is written in the first place.
    world.reconciler.policy.history = Duration::ZERO;
    let before = world.store.commits().len();
    world
        .directory
        .edit_group(&room_group(0), |group| group.members(["p4"]));
    world.sync();
    assert_eq!(membership(&world, 4), Some(Membership::Invited));
    let commits = world.store.commits();
    assert!(!commits[before..].iter().flatten().any(|c| matches!(
        c,
        MemoryChange::Happened(_) | MemoryChange::Brought(_, _, Some(_))
    )));
    assert_eq!(past(&world), []);
}

/// The levels that a room is created with are told as those are that are given later.
#[test]
fn levels_of_a_new_room_are_told() {
    let past = |history: Duration| {
        let mut world = World::new("12");
        world.reconciler.policy.history = history;
        for person in 0..3 {
            world.directory.put_person(format!("p{person}").as_str());
        }
        let group = MemoryGroup::new(room_group(0)).members(["p0", "p1"]);
        world.directory.put_group(group.owners(["p1"]));
        assert_eq!(world.sync().tally().rooms_created, 1);
        let told = |person| {
            let past = block_on(world.store.history(&user(person), world.room(0).as_deref())).unwrap();
            let group = |happened: &Happened| happened.group.as_ref().map(|group| group.name.to_string());
            past.iter()
                .map(|happened| (happened.what, happened.ground, group(happened)))
                .collect::<Vec<_>>()
        };
        let levels = world.homeserver.levels(&world.room(0).unwrap()).unwrap();
        assert_eq!(levels["users"][user(1).as_str()], 50);
        [told(0), told(1)]
    };
    let group = Some(room_group(0));
    let invited = (Happening::Invited, Ground::MemberOf, group.clone());
    let raised = (Happening::Level(Some(50)), Ground::OwnerOf, group);
    assert_eq!(past(DAY), [vec![invited.clone()], vec![raised, invited]]);
    assert_eq!(past(Duration::ZERO), [vec![], vec![]]);
}

/// Also what was done with levels; and who has left by themselves is not remembered as brought in.
#[test]
fn levels_are_told_and_the_gone_forgotten() {
    let world = settled();
    world
        .directory
        .edit_group(&room_group(0), |group| group.owners(["p1"]));
    world.sync();
    let past = block_on(world.store.history(&user(1), world.room(0).as_deref())).unwrap();
    let raised = past.last().unwrap();
    assert_eq!(
        (raised.what, raised.ground),
        (Happening::Level(Some(50)), Ground::OwnerOf)
    );
    let room = world.room(0).unwrap();
    world.homeserver.act(&user(1), &UserOp::Leave { room }).unwrap();
    world
        .directory
        .edit_group(&room_group(0), |group| group.without_members(["p1"]));
    world.sync();
    let known = block_on(world.store.brought(&world.room(0).unwrap())).unwrap();
    assert!(!known.contains_key(&user(1)) && known.contains_key(&user(2)));
}
