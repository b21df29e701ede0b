//! Single faults and changes between runs, by example.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomId, UserId,
    action::{Op, RoomTarget},
    backend::BackendErrorKind,
    finding::FindingKind,
    guard::{HoldReason, Limits},
    memory::{Call, InMemoryHomeserver, InMemoryStore, MemoryGroup, NewRoom, UserOp},
    policy::UnregisteredPolicy,
    recall::{
        Brought, Happened, Lost, Memory, MemoryChange, MemoryIdentity, MemoryStore, Recalled, StoreError,
    },
    reconcile::{Adopted, RunError, RunOptions},
    report::{Outcome, Report},
    room::{Cause, Membership, RoomRef},
    room_rules::{BringIn, LeftPolicy},
};
use serde_json::json;

use crate::model::{World, alias, room_group, user};

/// Lets `writes` writing requests through; after that nothing answers any more. With `after`, the first one of
/// those still takes effect.
pub(crate) fn cut_after(homeserver: &InMemoryHomeserver, writes: u64, after: bool) {
    let seen = Arc::new(AtomicU64::new(0));
    let is_write = |call: &Call<'_>| matches!(call, Call::Execute(..));
    if after {
        let seen = Arc::clone(&seen);
        homeserver.lose_next_answer(
            move |call| is_write(call) && seen.load(Ordering::Relaxed) >= writes,
            BackendErrorKind::Unavailable,
        );
    }
    homeserver.fail_always(
        move |call| is_write(call) && seen.fetch_add(1, Ordering::Relaxed) >= writes,
        BackendErrorKind::Unavailable,
    );
}

/// One room with people 0 to 4 in it, after a clean run.
pub(crate) fn settled() -> World {
    let world = World::new("12");
    for person in 0..8 {
        world.directory.put_person(format!("p{person}").as_str());
    }
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members((0..5).map(|p| format!("p{p}"))));
    world.sync();
    for person in 0..5 {
        world.step(&crate::model::Step::Join(person, 0));
    }
    world
}

pub(crate) fn without(world: &World, person: usize) {
    world
        .directory
        .edit_group(&room_group(0), |g| g.without_members([format!("p{person}")]));
}

pub(crate) fn membership(world: &World, person: usize) -> Option<Membership> {
    let room = world.room(0).unwrap();
    world
        .homeserver
        .members(&room)
        .iter()
        .find(|m| m.user_id == user(person))
        .map(|m| m.membership)
}

pub(crate) fn kinds(report: &Report) -> Vec<FindingKind> {
    let rooms = report.rooms.iter().flat_map(|r| &r.findings);
    report.findings.iter().chain(rooms).map(|f| f.kind).collect()
}

pub(crate) fn outcomes(report: &Report) -> Vec<&Outcome> {
    report
        .rooms
        .iter()
        .flat_map(|r| &r.items)
        .map(|i| &i.outcome)
        .collect()
}

#[test]
fn a_removal_is_not_sent_when_the_alias_leads_elsewhere_by_then() {
    let world = settled();
    without(&world, 4);
    let other = world
        .homeserver
        .act(&world.bot, &UserOp::CreateRoom(Box::default()))
        .unwrap()
        .created()
        .unwrap();
    // The cached answer still leads to the first room; the alias has moved.
    world.homeserver.force_alias(alias(0), other, world.bot.clone());
    let report = world.sync();
    assert!(
        matches!(outcomes(&report)[..], [Outcome::Stale { .. }]),
        "{:?}",
        outcomes(&report)
    );
    assert_eq!(
        world
            .homeserver
            .members(&world.homeserver.rooms()[0])
            .iter()
            .filter(|m| m.membership.is_in())
            .count(),
        6
    );
}

#[test]
fn a_removal_that_was_planned_too_long_ago_is_not_sent() {
    let world = settled();
    without(&world, 4);
    let options = RunOptions::by_person();
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    world.homeserver.advance(Duration::from_secs(16 * 60));
    let report = block_on(world.reconciler.apply(draft, &options));
    assert!(matches!(outcomes(&report)[..], [Outcome::Stale { .. }]));
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
}

#[test]
fn someone_who_left_between_plan_and_removal_is_no_failure() {
    let world = settled();
    without(&world, 4);
    let leaves = |homeserver: &InMemoryHomeserver| {
        let room = homeserver.alias(&alias(0)).unwrap();
        homeserver.act(&user(4), &UserOp::Leave { room }).unwrap();
    };
    world
        .homeserver
        .before_next(|call| matches!(call, Call::Execute(_, Op::Remove { .. })), leaves);
    assert_eq!(outcomes(&world.sync()), [&Outcome::AlreadySo]);
}

#[derive(Debug)]
struct FullDisk(InMemoryStore);

#[async_trait]
impl MemoryStore for FullDisk {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        self.0.recall().await
    }

    async fn commit(&self, _: &[MemoryChange]) -> Result<(), StoreError> {
        Err(StoreError {
            about: "state.db".to_owned(),
            message: "the disk is full".to_owned(),
            source: None,
        })
    }

    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        self.0.brought(room).await
    }

    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        self.0.history(user, room).await
    }
}

#[test]
fn nobody_is_removed_when_it_cannot_be_written_down_first() {
    let mut world = settled();
    without(&world, 4);
    world.directory.edit_group(&room_group(0), |g| g.members(["p5"]));
    world.reconciler.store = Arc::new(FullDisk(world.store.clone()));
    let report = world.sync();
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
    assert_eq!(
        membership(&world, 5),
        Some(Membership::Invited),
        "additions go on"
    );
    assert!(report.errors.iter().any(|e| e.contains("the disk is full")));
}

#[derive(Debug)]
struct Damaged;

#[async_trait]
impl MemoryStore for Damaged {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        Ok(Recalled::Lost(Lost {
            why: "state.db is damaged".to_owned(),
            anew: MemoryIdentity(1),
        }))
    }

    async fn commit(&self, _: &[MemoryChange]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn brought(&self, _: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        Ok(BTreeMap::new())
    }

    async fn history(&self, _: &UserId, _: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_lost_memory_holds_removals_and_is_told() {
    let mut world = settled();
    without(&world, 4);
    world.reconciler.store = Arc::new(Damaged);
    let report = world.sync();
    assert!(
        matches!(outcomes(&report)[..], [Outcome::Held { reasons }] if reasons[..] == [HoldReason::NoCleanRun])
    );
    assert!(kinds(&report).contains(&FindingKind::MemoryLost));
    // A new memory learns of one clean run, and then removes.
    world.reconciler.store = Arc::new(InMemoryStore::default());
    assert_eq!(world.sync().tally().held, 1);
    assert_eq!(world.sync().tally().removed, 1);
}

#[test]
fn a_run_that_could_not_begin_does_not_hide_a_lost_memory() {
    let world = settled();
    without(&world, 4);
    world.store.lose("state.db is damaged");
    let unknown = RoomRef::Alias(alias(9));
    let error = block_on(world.reconciler.sync(&only(&unknown))).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(_)));
    let runs = world.store.memory().runs;
    assert!(runs[0].not_begun.is_some(), "{runs:?}");
    let report = world.sync();
    assert!(kinds(&report).contains(&FindingKind::MemoryLost));
    assert!(
        matches!(outcomes(&report)[..], [Outcome::Held { reasons }] if reasons[..] == [HoldReason::NoCleanRun])
    );
}

#[test]
fn a_run_that_was_not_clean_does_not_open_the_way() {
    let world = World::new("11");
    world.directory.put_person("p0");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(["p0"]));
    world.homeserver.fail_next(
        |c| matches!(c, Call::Execute(_, Op::Invite { .. })),
        BackendErrorKind::Unavailable,
    );
    assert_eq!(world.sync().tally().failed, 1);
    assert_eq!(world.store.memory().clean_run, None);
    assert_eq!(world.sync().tally().invited, 1);
    assert!(world.store.memory().clean_run.is_some());
}

#[test]
fn a_failure_stops_nothing_that_does_not_depend_on_it() {
    let world = World::new("12");
    for person in ["p0", "p1"] {
        world.directory.put_person(person);
    }
    for room in 0..3 {
        world
            .directory
            .put_group(MemoryGroup::new(room_group(room)).members(["p0", "p1"]));
    }
    let first = alias(0);
    world.homeserver.fail_next(
        move |call| matches!(call, Call::Execute(RoomTarget::New(a), _) if *a == first),
        BackendErrorKind::Refused,
    );
    world.homeserver.fail_next(
        |c| matches!(c, Call::Execute(_, Op::Invite { .. })),
        BackendErrorKind::Refused,
    );
    let report = world.sync();
    let tally = report.tally();
    assert_eq!((tally.rooms_created, tally.invited), (2, 3));
    assert_eq!(
        tally.failed,
        1 + 2 + 1,
        "the creation, its two invitations, and one more: {:#?}",
        outcomes(&report)
    );
    assert!(report.rooms[0].items.iter().any(
        |i| matches!(&i.outcome, Outcome::Skipped { because } if because == "the room was not created")
    ));
}

#[test]
fn a_rejected_token_ends_the_run_without_hammering() {
    let world = World::new("12");
    world.directory.put_person("p0");
    for room in 0..3 {
        world
            .directory
            .put_group(MemoryGroup::new(room_group(room)).members(["p0"]));
    }
    let calls = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&calls);
    world.homeserver.fail_always(
        move |call| matches!(call, Call::Execute(..)) && seen.fetch_add(1, Ordering::Relaxed) < u64::MAX,
        BackendErrorKind::Unauthenticated,
    );
    world.sync();
    assert!(calls.load(Ordering::Relaxed) <= 2, "one for each room under way");
}

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
fn a_vanished_group_is_told_and_its_people_stay() {
    let world = settled();
    world
        .directory
        .put_group(MemoryGroup::new("another").members(["p0"]));
    world.directory.remove_group(&room_group(0));
    for _ in 0..3 {
        let report = world.sync();
        assert_eq!(report.tally(), inviter_core::report::Tally::default());
        assert!(kinds(&report).contains(&FindingKind::GroupVanished));
    }
    assert_eq!(world.people_in(0).len(), 5);
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

fn only(room: &RoomRef) -> RunOptions {
    let mut options = RunOptions::default();
    options.rooms.insert(room.clone());
    options
}

#[test]
fn a_shrunken_directory_is_held_until_a_person_releases_it() {
    let mut world = World::new("12");
    world.reconciler.limits = Limits::default();
    for person in 0..40 {
        world.directory.put_person(format!("q{person}").as_str());
        let _ = world.homeserver.register(&format!("q{person}"));
    }
    let in_room = |first: u32| (first..40).step_by(3).map(|p| format!("q{p}"));
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(in_room(0)));
    world.sync();
    assert_eq!(world.people_of_room(0), 14);
    // A quarter of the directory is gone; one of them was in the room, which breaks no limit of its own.
    for person in 0..11 {
        world.directory.remove_person(&format!("q{person}"));
    }
    world.directory.put_person("q3");
    world.directory.put_person("q6");
    world.directory.put_person("q9");
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(in_room(3)));
    world.reconciler.limits.shrink_count = 7;
    // However often it is asked: what is held does not go by itself.
    for _ in 0..3 {
        let report = world.sync();
        assert_eq!((report.tally().removed, world.people_of_room(0)), (0, 14));
        let Outcome::Held { reasons } = outcomes(&report)[0] else {
            panic!("held")
        };
        assert!(
            matches!(
                reasons[..],
                [HoldReason::DirectoryShrank { from: 40, to: 32, .. }]
            ),
            "{reasons:?}"
        );
    }
    world.sync_and_release();
    assert_eq!(world.people_of_room(0), 13);
    // Decided, and so the new size.
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(in_room(6)));
    assert_eq!(world.sync().tally().removed, 1);
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
fn memory_is_a_plain_value() {
    let world = settled();
    let memory = world.store.memory();
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
}
