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
    OwnedUserId, RoomId, UserId,
    action::{Op, RoomTarget},
    backend::BackendErrorKind,
    finding::FindingKind,
    guard::HoldReason,
    memory::{Call, InMemoryHomeserver, InMemoryStore, MemoryGroup, UserOp},
    recall::{
        Brought, Happened, Lost, Memory, MemoryChange, MemoryIdentity, MemoryStore, Recalled, StoreError,
    },
    reconcile::{RunError, RunOptions},
    report::{Outcome, Report},
    room::{Membership, RoomRef},
    time::{FixedClock, Timestamp},
};

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

/// By a clock that was set back a plan would stay young for as long as that was.
#[test]
fn a_removal_that_was_planned_by_a_clock_that_was_set_back_is_not_sent() {
    let mut world = settled();
    without(&world, 4);
    let options = RunOptions::by_person();
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    let before = world.homeserver.now().0;
    for (now, is_sent) in [(before - 3_600_000, false), (before - 1, false), (before, true)] {
        world.reconciler.clock = Arc::new(FixedClock(Timestamp(now)));
        let report = block_on(world.reconciler.apply(draft.clone(), &options));
        match outcomes(&report)[..] {
            [Outcome::Stale { detail }] if !is_sent => {
                assert!(detail.starts_with("the clock was set back"), "{detail}");
            }
            [Outcome::Done] if is_sent => {}
            ref other => panic!("{now}: {other:?}"),
        }
        assert_eq!(
            membership(&world, 4) == Some(Membership::Joined),
            !is_sent,
            "{now}"
        );
    }
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
            memory: Memory {
                identity: MemoryIdentity(1),
                ..Memory::default()
            },
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

pub(crate) fn only(room: &RoomRef) -> RunOptions {
    let mut options = RunOptions::default();
    options.rooms.insert(room.clone());
    options
}

#[test]
fn memory_is_a_plain_value() {
    let world = settled();
    let memory = world.store.memory();
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
}
