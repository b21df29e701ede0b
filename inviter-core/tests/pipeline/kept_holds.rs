//! What is held is kept from run to run, and a person's word is good once.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_executor::block_on;
use inviter_core::{
    OwnedUserId, RoomId, UserId,
    action::Op,
    guard::{HoldReason, Limits, ReleaseCode},
    memory::{Call, InMemoryStore, MemoryGroup, UserOp},
    provider::ProviderErrorKind,
    recall::{
        Brought, Happened, MemoryChange, MemoryStore, Recalled, RememberedHold, RememberedRoom, StoreError,
    },
    reconcile::RunOptions,
    report::{Outcome, Report},
    room::{Cause, Membership, RoomRef},
};

use crate::{
    faults::{membership, outcomes, settled, without},
    holds::branch,
    model::{Step, World, alias, room_group},
};

/// Five people in the first room, from which more than one at once is too many.
fn strict() -> World {
    let mut world = settled();
    world.reconciler.limits = Limits {
        room_count: 1,
        room_percent: 10,
        directory_count: 1000,
        total_count: 1000,
        ..Limits::default()
    };
    world
}

/// These are in the group of the first room.
fn members(world: &World, people: Range<usize>) {
    world
        .directory
        .put_group(MemoryGroup::new(room_group(0)).members(people.map(|p| format!("p{p}"))));
}

fn remembered(world: &World) -> RememberedRoom {
    let room = world.room(0).unwrap();
    world.store.memory().rooms.remove(&room).unwrap()
}

fn hold(world: &World) -> RememberedHold {
    remembered(world).held.unwrap()
}

fn releasing(code: &ReleaseCode) -> RunOptions {
    let mut options = RunOptions::by_person();
    options.releases.insert(code.clone());
    options
}

fn release(world: &World, code: &ReleaseCode) -> Report {
    world.homeserver.advance(Duration::from_secs(60));
    block_on(world.reconciler.sync(&releasing(code))).unwrap()
}

/// Removed, held.
fn went(report: &Report) -> (u32, u32) {
    (report.tally().removed, report.tally().held)
}

#[test]
fn a_hold_keeps_its_beginning_and_a_plan_writes_nothing() {
    let world = strict();
    members(&world, 0..3);
    let before = world.store.memory();
    let planned = world.plan();
    assert_eq!(planned.report().tally().held, 2);
    assert_eq!(world.store.memory(), before);

    let report = world.sync();
    let first = hold(&world);
    assert_eq!(Some(&first.code), report.release.as_ref());
    assert_eq!(
        (first.since, first.removals, first.demotions),
        (world.homeserver.now(), 2, 0)
    );
    assert_eq!(
        first.reasons,
        ["2 of 5 people of this room would go, the limit is 1 and 10 %"]
    );
    // A cautious run holds the same.
    world.homeserver.advance(Duration::from_secs(3600));
    block_on(world.reconciler.sync(&RunOptions::default())).unwrap();
    assert_eq!(hold(&world), first);
    let commits = world.store.commits();
    let is_hold = |change: &MemoryChange| matches!(change, MemoryChange::Held(..));
    assert!(
        !commits.last().unwrap().iter().any(is_hold),
        "nothing new is not written"
    );

    // A third: another code, the same beginning.
    members(&world, 0..2);
    world.sync();
    let third = hold(&world);
    assert_eq!((third.since, third.removals), (first.since, 3));
    assert_ne!(third.code, first.code);

    members(&world, 0..5);
    world.sync();
    assert_eq!(remembered(&world).held, None);
}

#[test]
fn a_code_is_good_once_even_for_the_same_people() {
    let world = strict();
    let mut codes = Vec::new();
    for round in 0..3 {
        members(&world, 0..3);
        world.sync();
        let held = hold(&world);
        assert!(!codes.contains(&held.code), "{round}: {codes:?}");
        for old in &codes {
            assert_eq!(went(&release(&world, old)), (0, 2), "round {round}");
            assert_eq!(hold(&world), held, "an old code changes nothing");
        }
        assert_eq!(went(&release(&world, &held.code)), (2, 0), "round {round}");
        let room = remembered(&world);
        assert_eq!(room.held, None);
        assert!(room.released >= Some(held.since));
        assert_eq!(went(&release(&world, &held.code)), (0, 0));
        codes.push(held.code);

        members(&world, 0..5);
        world.sync();
        for person in 3..5 {
            world.step(&Step::Join(person, 0));
        }
        assert_eq!(world.people_in(0).len(), 5);
    }
}

/// Who loses the memory loses with it which words were given, so that none of them counts any more.
#[test]
fn a_code_of_a_memory_that_was_lost_is_good_no_more() {
    let world = strict();
    members(&world, 0..3);
    world.sync();
    let mut codes = vec![hold(&world).code];
    assert_eq!(went(&release(&world, &codes[0])), (2, 0));
    for round in 0..3 {
        members(&world, 0..5);
        world.sync();
        for person in 3..5 {
            world.step(&Step::Join(person, 0));
        }
        members(&world, 0..3);
        world.store.lose("the file was damaged");
        for old in &codes {
            // A run that learns nothing leaves the memory lost.
            let draft = block_on(world.reconciler.plan(&releasing(old))).unwrap();
            let (report, released) = (draft.report(), draft.plan.released().len());
            assert_eq!(
                (went(&report), released),
                ((0, 2), 0),
                "round {round}: {report:#?}"
            );
        }
        // What is shown while nothing is known yet is good, and what is learnt on the way makes no other of it.
        let shown = world.plan().plan.release().unwrap().clone();
        assert!(!codes.contains(&shown), "round {round}: {codes:?}");
        if round == 1 {
            world.sync();
            assert_eq!(hold(&world).code, shown);
        }
        assert_eq!(went(&release(&world, &shown)), (2, 0), "round {round}");
        codes.push(shown);
    }
}

#[test]
fn a_code_is_another_although_the_clock_went_back() {
    let world = strict();
    members(&world, 0..3);
    world.sync();
    let first = hold(&world).code;
    let later = world.homeserver.now().plus(Duration::from_secs(1_000_000));
    let room = world.room(0).unwrap();
    let mut memory = world.store.memory();
    memory.rooms.get_mut(&room).unwrap().released = Some(later);
    world.store.set(memory);
    world.sync();
    let second = hold(&world).code;
    assert_ne!(first, second);
    release(&world, &second);
    assert!(remembered(&world).released > Some(later));
}

#[test]
fn who_came_back_before_the_word_was_given_makes_the_code_unfit() {
    let world = strict();
    members(&world, 0..2);
    world.sync();
    let shown = hold(&world).code;
    // One of the three is wanted again: nobody goes, the other two neither.
    members(&world, 0..3);
    assert_eq!(went(&release(&world, &shown)), (0, 2));
    assert_eq!(world.people_in(0).len(), 5);
    // One has left by their own act.
    let shown = hold(&world).code;
    members(&world, 0..2);
    world.step(&Step::Leave(4, 0));
    members(&world, 0..2);
    let report = release(&world, &shown);
    assert_eq!(report.tally().removed, 0);
    for person in 2..4 {
        assert_eq!(membership(&world, person), Some(Membership::Joined));
    }
    assert_eq!(remembered(&world).released, None);
}

#[test]
fn a_release_is_checked_once_more_before_it_is_sent_and_stays_good_if_nothing_was() {
    let world = strict();
    members(&world, 0..3);
    world.sync();
    let code = hold(&world).code;
    let room = world.room(0).unwrap();
    let other = UserOp::CreateRoom(Box::default());
    let other = world
        .homeserver
        .act(&world.bot, &other)
        .unwrap()
        .created()
        .unwrap();
    // The alias is moved between the plan and the sending.
    let draft = block_on(world.reconciler.plan(&releasing(&code))).unwrap();
    assert_eq!(draft.plan.released().len(), 1);
    world.homeserver.force_alias(alias(0), other, world.bot.clone());
    let report = block_on(world.reconciler.apply(draft, &releasing(&code)));
    let stale = |report: &Report| {
        outcomes(report)
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Stale { .. }))
    };
    assert!(stale(&report), "{report:#?}");
    world.homeserver.force_alias(alias(0), room, world.bot.clone());
    // Or it takes too long.
    let draft = block_on(world.reconciler.plan(&releasing(&code))).unwrap();
    world.homeserver.advance(Duration::from_secs(15 * 60));
    let report = block_on(world.reconciler.apply(draft, &releasing(&code)));
    assert!(stale(&report) && report.tally().removed == 0, "{report:#?}");
    assert_eq!((world.people_in(0).len(), remembered(&world).released), (5, None));
    assert_eq!(went(&release(&world, &code)), (2, 0));
}

/// Cannot write down that a word was given.
#[derive(Debug)]
struct Wordless(InMemoryStore);

#[async_trait]
impl MemoryStore for Wordless {
    async fn recall(&self) -> Result<Recalled, StoreError> {
        self.0.recall().await
    }

    async fn commit(&self, changes: &[MemoryChange]) -> Result<(), StoreError> {
        let is_word = |change: &MemoryChange| matches!(change, MemoryChange::Released(..));
        if !changes.iter().any(is_word) {
            return self.0.commit(changes).await;
        }
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

/// Whether the last word about the first room is written down.
fn is_used_up(world: &World) -> bool {
    remembered(world).released.is_some()
}

#[test]
fn a_word_is_used_up_before_anything_is_sent() {
    for lowered_only in [false, true] {
        let mut world = strict();
        if lowered_only {
            world.reconciler.limits.room_percent = 1;
            let group = || MemoryGroup::new(room_group(0)).members((0..5).map(|p| format!("p{p}")));
            world.directory.put_group(group().owners(["p0", "p1", "p2"]));
            world.sync();
            world.directory.put_group(group());
        } else {
            members(&world, 0..3);
        }
        world.sync();
        let held = hold(&world);
        let expected = if lowered_only { (0, 3) } else { (2, 0) };
        assert_eq!((held.removals, held.demotions), expected);

        // It cannot be written down: nothing is sent, and the code stays good.
        let writes = world.homeserver.writes();
        let draft = block_on(world.reconciler.plan(&releasing(&held.code))).unwrap();
        world.reconciler.store = Arc::new(Wordless(world.store.clone()));
        let report = block_on(world.reconciler.apply(draft, &releasing(&held.code)));
        world.reconciler.store = Arc::new(world.store.clone());
        assert!(
            outcomes(&report)
                .iter()
                .all(|o| matches!(o, Outcome::Skipped { because }
                if because.contains("could not be written down first"))),
            "{report:#?}"
        );
        assert_eq!((world.homeserver.writes(), is_used_up(&world)), (writes, false));

        // The first request meets a memory that knows of it, and the run is cut off there.
        let store = world.store.clone();
        let room = world.room(0).unwrap();
        let is_loss =
            |call: &Call<'_>| matches!(call, Call::Execute(_, Op::Remove { .. } | Op::SetLevels { .. }));
        world.homeserver.before_next(is_loss, move |_| {
            assert!(store.memory().rooms[&room].released.is_some());
        });
        world
            .homeserver
            .fail_always(is_loss, inviter_core::backend::BackendErrorKind::Unavailable);
        assert!(release(&world, &held.code).tally().failed > 0);
        world.homeserver.heal();
        // So it has to be given again, by another code.
        let report = release(&world, &held.code);
        assert_eq!(
            (report.tally().changes(), report.tally().held),
            (0, held.removals + held.demotions)
        );
        let again = hold(&world);
        assert_ne!(again.code, held.code);
        assert_eq!(release(&world, &again.code).tally().held, 0);
    }
}

#[test]
fn a_run_about_something_else_and_one_that_knows_nothing_leave_holds_alone() {
    let mut world = strict();
    world
        .directory
        .put_group(MemoryGroup::new(room_group(1)).members(["p0", "p1"]));
    world.sync();
    members(&world, 0..3);
    world.sync();
    let first = hold(&world);
    let keeps = |world: &World| {
        let report = world.sync();
        assert_eq!(went(&report).0, 0);
        assert_eq!(hold(world), first);
    };
    let mut part = RunOptions::by_person();
    part.rooms.insert(RoomRef::Alias(alias(1)));
    block_on(world.reconciler.sync(&part)).unwrap();
    assert_eq!(hold(&world), first);
    // The room cannot be read, its alias cannot be asked, the directory is down, the group is known in part.
    let (room, unknown) = (world.room(0).unwrap(), || Some(Cause::new("502")));
    world.homeserver.set_room_unknown(&room, unknown());
    keeps(&world);
    world.homeserver.set_room_unknown(&room, None);
    world.directory.fail(ProviderErrorKind::Unavailable, "down");
    keeps(&world);
    world.directory.recover();
    world
        .directory
        .edit_group(&room_group(0), |group| group.members_gap("size limit"));
    keeps(&world);
    world.reconciler.policy.scope.rooms = inviter_core::scope::Selection::new(
        inviter_core::patterns::Patterns::default(),
        inviter_core::patterns::Patterns::new(["#r0:*".to_owned()]).unwrap(),
    );
    keeps(&world);
    world.reconciler.policy.scope = inviter_core::scope::Scope::default();
    members(&world, 0..3);
    keeps(&world);
    // Nobody wants the room any more: its people stay, and nothing is held there.
    world.directory.remove_group(&room_group(0));
    world.sync();
    assert_eq!(remembered(&world).held, None);
    assert_eq!(world.people_in(0).len(), 5);
}

#[test]
fn a_directory_in_which_too_many_go_holds_its_rooms_and_not_those_of_another() {
    let mut world = strict();
    world.reconciler.limits = Limits {
        room_count: 1000,
        directory_count: 2,
        total_count: 1000,
        shrink_count: 1000,
        ..Limits::default()
    };
    let branch = branch(&mut world, 0..0);
    branch.clear();
    for person in 0..8 {
        branch.put_person(format!("p{person}").as_str());
    }
    let group =
        |people: Range<usize>| MemoryGroup::new(room_group(1)).members(people.map(|p| format!("p{p}")));
    branch.put_group(group(0..8));
    assert_eq!(world.sync().tally().invited, 8);
    // Three of the branch, one of the other directory.
    branch.put_group(group(0..5));
    without(&world, 4);
    let report = world.sync();
    assert_eq!(went(&report), (1, 3));
    let reasons: Vec<HoldReason> = outcomes(&report)
        .iter()
        .flat_map(|outcome| match outcome {
            Outcome::Held { reasons } => reasons.clone(),
            _ => Vec::new(),
        })
        .collect();
    assert!(
        reasons.iter().all(|reason| matches!(reason,
            HoldReason::DirectoryLimit { directory, going: 3, of: 8, .. } if directory.as_str() == "branch")),
        "{reasons:?}"
    );
    assert_eq!((world.people_in(0).len(), world.people_in(1).len()), (4, 8));
    // Two at a time do not get around it.
    branch.put_group(group(0..6));
    assert_eq!(went(&world.sync()), (2, 0));
    branch.put_group(group(0..5));
    assert_eq!(went(&world.sync()), (0, 1));
    world.homeserver.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(went(&world.sync()), (1, 0));
}

#[test]
fn a_limit_of_zero_holds_one_person_run_after_run() {
    let mut world = settled();
    world.reconciler.limits.total_percent = 0;
    without(&world, 4);
    for _ in 0..3 {
        world.homeserver.advance(Duration::from_secs(25 * 60 * 60));
        assert_eq!(went(&world.sync()), (0, 1));
    }
    let code = hold(&world).code;
    assert_eq!(went(&release(&world, &code)), (1, 0));
    assert_eq!(world.people_in(0).len(), 4);
}

#[test]
fn a_hold_goes_along_to_the_room_that_takes_the_place() {
    let world = strict();
    members(&world, 0..3);
    world.sync();
    let first = hold(&world);
    let mut memory = world.store.memory();
    let (old, new) = (
        world.room(0).unwrap(),
        inviter_core::OwnedRoomId::try_from("!new:x").unwrap(),
    );
    memory.rooms.get_mut(&old).unwrap().released = Some(first.since);
    memory.apply(&[MemoryChange::Followed {
        from: old,
        to: new.clone(),
        at: first.since,
        left: BTreeMap::new(),
        kept_out: BTreeMap::new(),
    }]);
    assert_eq!(memory.rooms[&new].held, Some(first.clone()));
    assert_eq!(memory.rooms[&new].released, Some(first.since));
}
