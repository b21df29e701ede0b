//! What keeps people in their rooms must not let go by itself, however often a run is repeated.

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
    action::Op,
    backend::ReadOnly,
    directory::{AccountStatus, ProviderId},
    finding::FindingKind,
    guard::{HoldReason, Limits},
    memory::{Call, InMemoryDirectory, InMemoryStore, MemoryGroup, MemoryPerson, NewRoom, UserOp},
    provider::ProviderErrorKind,
    recall::{Brought, Happened, MemoryChange, MemoryStore, Recalled, StoreError},
    reconcile::RunOptions,
    report::Outcome,
    room::{Membership, RoomRef},
};
use serde_json::json;

use crate::{
    faults::{kinds, membership, outcomes, settled, without},
    model::{Step, World, alias, room_group, user},
};

/// A second directory, whose group feeds the first room too.
pub(crate) fn branch(world: &mut World, people: std::ops::Range<usize>) -> Arc<InMemoryDirectory> {
    let branch = Arc::new(InMemoryDirectory::new("branch"));
    for person in people.clone() {
        branch.put_person(format!("p{person}").as_str());
    }
    branch.put_group(MemoryGroup::new(room_group(0)).members(people.map(|p| format!("p{p}"))));
    let mut source = world.reconciler.policy.sources[0].clone();
    source.provider = ProviderId::new("branch");
    world.reconciler.policy.sources.push(source);
    world.reconciler.providers.push(branch.clone());
    branch
}

#[test]
fn a_directory_that_stays_down_keeps_its_people_run_after_run() {
    let mut world = settled();
    let branch = branch(&mut world, 5..7);
    assert_eq!(world.sync().tally().invited, 2);
    branch.fail(ProviderErrorKind::Unavailable, "down");
    for _ in 0..4 {
        let report = world.sync();
        assert_eq!(report.tally().removed, 0);
        assert!(kinds(&report).contains(&FindingKind::RemovalsNotConsidered));
        assert_eq!(world.people_in(0).len(), 7);
    }
    branch.recover();
    assert_eq!(world.sync().tally().changes(), 0);
}

#[test]
fn a_room_whose_feeds_were_never_known_keeps_everyone_while_a_directory_is_down() {
    let mut world = settled();
    let branch = branch(&mut world, 5..7);
    branch.fail(ProviderErrorKind::Unavailable, "down");
    // Somebody else's room, with people of the directory that is down, adopted before its first good run.
    let mut memory = world.store.memory();
    for room in memory.rooms.values_mut() {
        room.feeds.clear();
    }
    world.store.set(memory);
    world.step(&Step::Bring(5, 0));
    for _ in 0..3 {
        assert_eq!(world.sync().tally().removed, 0);
    }
    assert_eq!(membership(&world, 5), Some(Membership::Joined));
    branch.recover();
    world.sync();
    without(&world, 4);
    assert_eq!(world.sync().tally().removed, 1, "and then it goes on");
}

#[test]
fn a_group_that_feeds_a_room_is_remembered_even_if_something_is_pending_there() {
    let mut world = settled();
    without(&world, 4);
    // What a timer gives.
    let cautious = RunOptions::default();
    let branch = branch(&mut world, 5..7);
    branch.put_group("unrelated");
    let report = block_on(world.reconciler.sync(&cautious)).unwrap();
    assert_eq!((report.tally().pending, report.tally().invited), (1, 2));
    branch.remove_group(&room_group(0));
    let report = world.sync();
    assert_eq!((report.tally().held, report.tally().removed), (3, 0));
}

#[test]
fn a_shrunken_directory_stays_held_when_a_gap_hid_what_it_takes() {
    let mut world = World::new("12");
    world.reconciler.limits = Limits {
        shrink_count: 7,
        ..Limits::default()
    };
    for person in 0..40 {
        world.directory.put_person(format!("q{person}").as_str());
        let _ = world.homeserver.register(&format!("q{person}"));
    }
    let group =
        |first: u32| MemoryGroup::new(room_group(0)).members((first..40).step_by(3).map(|p| format!("q{p}")));
    world.directory.put_group(group(0));
    world.sync();
    for person in [0, 1, 2, 4, 5, 7, 8, 10] {
        world.directory.remove_person(&format!("q{person}"));
    }
    world.directory.put_group(group(3).members_gap("size limit"));
    assert_eq!(world.sync().tally().removed, 0);
    world.directory.put_group(group(3));
    for _ in 0..2 {
        let report = world.sync();
        let Outcome::Held { reasons } = outcomes(&report)[0] else {
            panic!("held")
        };
        assert!(
            matches!(reasons[..], [HoldReason::DirectoryShrank { .. }]),
            "{reasons:?}"
        );
    }
    world.sync_and_release();
    assert_eq!(world.people_of_room(0), 13);
}

#[test]
fn nobody_is_lowered_when_the_alias_leads_elsewhere_by_then() {
    let world = settled();
    let room = world.room(0).unwrap();
    world.step(&Step::Raise(4, 0, 50));
    without(&world, 4);
    let other = world
        .homeserver
        .act(&world.bot, &UserOp::CreateRoom(Box::default()))
        .unwrap()
        .created()
        .unwrap();
    world.homeserver.force_alias(alias(0), other, world.bot.clone());
    let report = world.sync();
    assert!(
        matches!(
            outcomes(&report)[..],
            [Outcome::Stale { .. }, Outcome::Stale { .. }]
        ),
        "{:?}",
        outcomes(&report)
    );
    let levels = world.homeserver.levels(&room).unwrap();
    assert_eq!(levels["users"]["@p4:example.org"], json!(50));
}

#[test]
fn an_alias_that_moved_during_the_run_is_asked_again_by_the_next() {
    let world = settled();
    without(&world, 4);
    // Asked afresh while planning, moved before the removal.
    world.homeserver.advance(Duration::from_secs(25 * 60 * 60));
    let options = RunOptions::by_person();
    let draft = block_on(world.reconciler.plan(&options)).unwrap();
    let other = world
        .homeserver
        .act(&world.bot, &UserOp::CreateRoom(Box::default()))
        .unwrap()
        .created()
        .unwrap();
    world.homeserver.force_alias(alias(0), other, world.bot.clone());
    let report = block_on(world.reconciler.apply(draft, &options));
    assert!(matches!(outcomes(&report)[..], [Outcome::Stale { .. }]));
    // Where it led stays known: it is not believed to lead elsewhere just because it was asked twice.
    let next = world.sync();
    assert_eq!(next.tally().changes() + next.tally().failed, 0);
    assert!(kinds(&next).contains(&FindingKind::AliasMoved));
}

#[test]
fn removals_that_have_to_wait_too_long_are_not_sent_any_more() {
    let mut world = settled();
    world.reconciler.people_at_once = 1;
    without(&world, 3);
    without(&world, 4);
    world.homeserver.before_next(
        |call| matches!(call, Call::Execute(_, Op::Remove { .. })),
        |homeserver| homeserver.advance(Duration::from_secs(20 * 60)),
    );
    let report = world.sync();
    assert!(
        matches!(outcomes(&report)[..], [Outcome::Done, Outcome::Stale { .. }]),
        "{:?}",
        outcomes(&report)
    );
    assert_eq!(world.people_in(0).len(), 4);
}

/// Answers once.
#[derive(Debug)]
struct OnlyOnce(InMemoryStore, AtomicU64);

#[async_trait]
impl MemoryStore for OnlyOnce {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
            return self.0.recall().await;
        }
        Err(StoreError {
            about: "state.db".to_owned(),
            message: "the disk is gone".to_owned(),
            source: None,
        })
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        self.0.commit(changes).await
    }

    async fn brought(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, Brought>, StoreError> {
        self.0.brought(room).await
    }

    async fn history(&self, user: &UserId, room: Option<&RoomId>) -> Result<Vec<Happened>, StoreError> {
        self.0.history(user, room).await
    }
}

/// A room of somebody else with a stranger in it, which the bot may join, manage and needs no adoption.
fn invited_elsewhere(world: &mut World) {
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0"]));
    let new = NewRoom {
        alias: Some("r1".to_owned()),
        ..NewRoom::default()
    };
    let founder = user(7);
    let act = |op: UserOp| world.homeserver.act(&founder, &op).unwrap();
    let room = act(UserOp::CreateRoom(Box::new(new))).created().unwrap();
    for invited in [world.bot.clone(), user(6)] {
        act(UserOp::Invite {
            room: room.clone(),
            user: invited,
            reason: None,
        });
    }
    let mut levels = world.homeserver.levels(&room).unwrap();
    levels["users"][world.bot.as_str()] = json!(100);
    act(UserOp::set(room, "m.room.power_levels", levels));
    world.reconciler.policy.adopt.any = true;
    world.reconciler.policy.trusted_inviters.insert(founder);
}

#[test]
fn a_room_joined_on_the_way_loses_nobody_when_the_memory_cannot_be_read_again() {
    let mut world = settled();
    invited_elsewhere(&mut world);
    let store = world.store.clone();
    world.reconciler.store = Arc::new(OnlyOnce(store, AtomicU64::new(0)));
    let report = world.sync();
    assert_eq!(
        (report.tally().removed, report.tally().held),
        (0, 1),
        "{:?}",
        outcomes(&report)
    );
    assert!(report.errors.iter().any(|e| e.contains("the disk is gone")));
}

#[test]
fn what_was_removed_in_the_first_round_counts_in_the_second() {
    for (total_count, removed) in [(1, 1), (2, 2)] {
        let mut world = settled();
        invited_elsewhere(&mut world);
        without(&world, 4);
        world.reconciler.limits = Limits {
            total_count,
            total_percent: 1,
            ..Limits::default()
        };
        let report = world.sync();
        assert_eq!(report.tally().removed, removed, "{:?}", outcomes(&report));
        assert_eq!(report.tally().held, 2 - removed);
    }
}

#[test]
fn a_run_on_one_room_unites_all_aliases_and_is_no_clean_run() {
    let world = settled();
    world
        .homeserver
        .force_alias(alias(1), world.room(0).unwrap(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    world.sync();
    let mut memory = world.store.memory();
    memory.clean_run = None;
    world.store.set(memory);
    let mut options = RunOptions::by_person();
    options.rooms.insert(RoomRef::Alias(alias(0)));
    let report = block_on(world.reconciler.sync(&options)).unwrap();
    assert_eq!(report.tally().changes() + report.tally().held, 0);
    assert_eq!(world.people_in(0).len(), 7);
    assert_eq!(world.store.memory().clean_run, None);
}

#[test]
fn a_run_that_only_reads_writes_nothing_even_if_it_is_told_to() {
    let mut world = settled();
    without(&world, 4);
    world.reconciler.backend = Arc::new(ReadOnly(world.homeserver.backend(world.bot.clone())));
    let writes = world.homeserver.writes();
    assert_eq!(world.sync().tally().failed, 1);
    assert_eq!(world.homeserver.writes(), writes);
    assert_eq!(membership(&world, 4), Some(Membership::Joined));
}

#[test]
fn a_vanished_group_is_held_run_after_run_until_a_person_releases_it() {
    let mut world = settled();
    let branch = branch(&mut world, 5..7);
    branch.put_group("unrelated");
    world.sync();
    branch.remove_group(&room_group(0));
    for _ in 0..3 {
        let report = world.sync();
        assert_eq!((report.tally().held, report.tally().removed), (2, 0));
    }
    world.sync_and_release();
    assert_eq!(world.people_in(0).len(), 5);
    assert!(!kinds(&world.sync()).contains(&FindingKind::GroupVanished));
}

#[test]
fn a_vanished_group_is_not_forgotten_while_somebody_of_it_is_uncertain() {
    let mut world = settled();
    let branch = branch(&mut world, 5..6);
    branch.put_group("unrelated");
    world.sync();
    branch.remove_group(&room_group(0));
    // Nobody says whether the account may be used, so that nothing is to be done with them in this run.
    let says = |status: Option<AccountStatus>| {
        for directory in [&*branch, &*world.directory] {
            directory.put_person(MemoryPerson::new("p5").status(status));
        }
    };
    says(None);
    let report = world.sync();
    assert_eq!((report.tally().held, report.tally().removed), (0, 0));
    says(Some(AccountStatus::Active));
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!((report.tally().held, report.tally().removed), (1, 0));
    }
    world.sync_and_release();
    assert_eq!(world.people_in(0).len(), 5);
}

#[test]
fn a_run_with_anything_unknown_is_no_clean_run() {
    let unclean = |trouble: &dyn Fn(&World)| {
        let world = settled();
        let mut memory = world.store.memory();
        memory.clean_run = None;
        world.store.set(memory);
        trouble(&world);
        let report = world.sync();
        (world.store.memory().clean_run, report)
    };
    let (clean, _) = unclean(&|_| {});
    assert!(clean.is_some());
    let (clean, _) = unclean(&|w| {
        w.directory
            .set_listing(inviter_core::directory::Extent::gap("page 2", "lost"));
    });
    assert_eq!(clean, None);
    let unknown = || Some(inviter_core::room::Cause::new("502"));
    let (clean, _) = unclean(&|w| w.homeserver.set_room_unknown(&w.room(0).unwrap(), unknown()));
    assert_eq!(clean, None);
    // A room that does not come before the stream breaks off is unknown, too, and not one that we are not in.
    let (clean, report) = unclean(&|w| {
        let kind = inviter_core::backend::BackendErrorKind::Unavailable;
        w.homeserver
            .fail_next(|call| matches!(call, Call::Observe(_)), kind);
    });
    assert_eq!(clean, None);
    assert!(kinds(&report).contains(&FindingKind::RoomUnknown));
}

#[test]
fn an_alias_that_cannot_be_asked_keeps_levels_in_the_room_it_shares() {
    let world = settled();
    world
        .homeserver
        .force_alias(alias(1), world.room(0).unwrap(), world.bot.clone());
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0"]).owners(["p0"]));
    world.sync();
    let level =
        || world.homeserver.levels(&world.room(0).unwrap()).unwrap()["users"]["@p0:example.org"].clone();
    assert_eq!(level(), json!(50));
    world.homeserver.advance(Duration::from_secs(25 * 60 * 60));
    world
        .homeserver
        .set_alias_unknown(&alias(1), Some(inviter_core::room::Cause::new("502")));
    world.sync();
    assert_eq!(level(), json!(50));
}

#[test]
fn an_alias_that_was_moved_to_the_room_brings_its_people_along() {
    let world = settled();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p5", "p6"]));
    world.sync();
    // Merged by hand within the day for which an answer is remembered: both aliases lead to the first room, and the
    // second one's people have moved there.
    let room = world.room(0).unwrap();
    world.homeserver.force_alias(alias(1), room, world.bot.clone());
    for person in [5, 6] {
        world.step(&Step::Bring(person, 0));
    }
    let report = world.sync();
    assert_eq!(report.tally().removed, 0);
    assert_eq!(world.people_in(0), (0..7).collect());
    assert_eq!(world.sync().tally().changes(), 0);
}

/// Where everybody has 50, an owner's 20 is less than they have: nothing that only happens by itself.
#[test]
fn a_level_below_what_everybody_has_waits_for_a_person() {
    let mut world = settled();
    world.reconciler.policy.defaults.template = None;
    world.reconciler.policy.defaults.owner_level = 20;
    let room = world.room(0).unwrap();
    let mut levels = world.homeserver.levels(&room).unwrap();
    levels["users_default"] = json!(50);
    world
        .homeserver
        .force_state(&room, &world.bot, "m.room.power_levels", "", levels);
    world
        .directory
        .edit_group(&room_group(0), |group| group.owners(["p0"]));
    let level = || world.homeserver.levels(&room).unwrap()["users"][user(0).as_str()].as_i64();
    let cautious = block_on(world.reconciler.sync(&RunOptions::default())).unwrap();
    assert!(
        matches!(outcomes(&cautious)[..], [Outcome::Pending]),
        "{cautious:#?}"
    );
    assert_eq!(level(), None);
    // A person's own run looks at the room once more just before, as for whatever takes something.
    let draft = world.plan();
    world.homeserver.advance(Duration::from_secs(16 * 60));
    let late = block_on(world.reconciler.apply(draft, &RunOptions::by_person()));
    assert!(
        matches!(outcomes(&late)[..], [Outcome::Stale { .. }]),
        "{late:#?}"
    );
    assert_eq!(world.sync().tally().changed, 1);
    assert_eq!(level(), Some(20));
}
