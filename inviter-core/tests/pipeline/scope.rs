//! Runs on a part, such as a pilot's. What is left out is neither asked for nor changed, and nobody loses a place for
//! it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomId,
    backend::BackendErrorKind,
    finding::FindingKind,
    guard::Limits,
    memory::{Call, MemoryGroup, MemoryPerson},
    patterns::Patterns,
    reconcile::{Draft, RunError, RunOptions},
    report::Report,
    room::RoomRef,
    room_rules::{RoomRules, RoomSpec, SpecGroup},
    scope::{Scope, Selection},
};

use crate::model::{Step, World, alias, room_group, user};

/// Three rooms of three people each, all in them.
pub(crate) fn three_rooms() -> World {
    let world = World::new("12");
    for person in 0..8 {
        world.directory.put_person(format!("p{person}").as_str());
    }
    for room in 0..3 {
        let people = (room..room + 3).map(|p| format!("p{p}"));
        world
            .directory
            .put_group(MemoryGroup::new(room_group(room)).members(people));
    }
    world.sync();
    for room in 0..3 {
        for person in room..room + 3 {
            world.step(&Step::Join(person, room));
        }
    }
    assert_eq!(world.sync().tally().changes(), 0);
    world
}

pub(crate) fn patterns(texts: &[&str]) -> Patterns {
    Patterns::new(texts.iter().map(|text| (*text).to_owned())).unwrap()
}

pub(crate) fn rooms(include: &[&str], exclude: &[&str]) -> Scope {
    Scope {
        rooms: Selection::new(patterns(include), patterns(exclude)),
        ..Scope::default()
    }
}

pub(crate) fn groups(include: &[&str], exclude: &[&str]) -> Scope {
    Scope {
        groups: Selection::new(patterns(include), patterns(exclude)),
        ..Scope::default()
    }
}

/// Writes down which rooms and aliases are asked about.
pub(crate) fn listen(world: &World) -> Arc<Mutex<BTreeSet<String>>> {
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let ear = Arc::clone(&heard);
    let listen = move |call: &Call<'_>| {
        let name = match call {
            Call::ResolveAlias(alias) => alias.to_string(),
            Call::Observe(room) | Call::Listing(room) => room.to_string(),
            Call::Execute(room, _) => room.to_string(),
            _ => return false,
        };
        ear.lock().unwrap().insert(name);
        false
    };
    world
        .homeserver
        .fail_always(listen, BackendErrorKind::Unavailable);
    heard
}

pub(crate) fn heard(heard: &Arc<Mutex<BTreeSet<String>>>) -> Vec<String> {
    std::mem::take(&mut *heard.lock().unwrap()).into_iter().collect()
}

pub(crate) fn plan(world: &World, options: &RunOptions) -> Draft {
    block_on(world.reconciler.plan(options)).unwrap()
}

pub(crate) fn names(draft: &Draft) -> Vec<String> {
    let rooms = draft.plan.rooms().iter();
    rooms.map(|room| room.plan().room.to_string()).collect()
}

pub(crate) fn kinds(report: &Report) -> Vec<FindingKind> {
    let findings = report.rooms.iter().flat_map(|room| &room.findings);
    findings
        .chain(&report.findings)
        .map(|finding| finding.kind)
        .collect()
}

/// A day later, so that nothing about aliases is remembered well enough.
pub(crate) fn tomorrow(world: &World) {
    world
        .homeserver
        .advance(std::time::Duration::from_secs(25 * 60 * 60));
}

#[test]
fn rooms_outside_are_neither_asked_about_nor_changed() {
    let mut world = three_rooms();
    for room in 0..3 {
        let gone = format!("p{room}");
        world
            .directory
            .edit_group(&room_group(room), |g| g.without_members([gone]).members(["p7"]));
    }
    tomorrow(&world);
    world.reconciler.policy.scope = rooms(&["#r1:*"], &[]);
    let ear = listen(&world);
    let report = world.sync();
    let room = world.room(1).unwrap();
    // #r0 is asked about, too: somebody who goes from #r1 has a place there, and it could be the same room.
    assert_eq!(heard(&ear), [room.as_str(), "#r0:example.org", "#r1:example.org"]);
    assert_eq!((report.tally().invited, report.tally().removed), (1, 1));
    assert_eq!(report.rooms.len(), 1);
    assert_eq!(world.people_in(0), [0, 1, 2].into());
    assert_eq!(world.people_in(2), [2, 3, 4].into());
    assert_eq!(world.people_in(1), [2, 3, 7].into());
    // The pilot over, the rest follows.
    world.reconciler.policy.scope = Scope::default();
    let report = world.sync();
    assert_eq!((report.tally().invited, report.tally().removed), (2, 2));
}

#[test]
fn a_new_room_outside_is_not_created() {
    let mut world = three_rooms();
    world
        .directory
        .put_group(MemoryGroup::new("MTRX #new:example.org").members(["p1"]));
    world.reconciler.policy.scope = rooms(&[], &["#n*"]);
    assert_eq!(world.sync().tally().changes(), 0);
    world.reconciler.policy.scope = Scope::default();
    assert_eq!(world.sync().tally().rooms_created, 1);
}

#[test]
fn by_id_too() {
    let mut world = three_rooms();
    let id = world.room(2).unwrap();
    world.reconciler.policy.scope = rooms(&[id.as_str()], &[]);
    assert_eq!(names(&world.plan()), ["#r2:example.org"]);
    world.reconciler.policy.scope = rooms(&[], &[id.as_str()]);
    assert_eq!(names(&world.plan()), ["#r0:example.org", "#r1:example.org"]);
}

#[test]
fn a_room_is_named_by_the_id_behind_its_alias() {
    let world = three_rooms();
    let mut options = RunOptions::by_person();
    options.rooms.insert(RoomRef::Id(world.room(1).unwrap()));
    assert_eq!(names(&plan(&world, &options)), ["#r1:example.org"]);
    let nobody_s: OwnedRoomId = "!nobody:example.org".try_into().unwrap();
    options.rooms.insert(RoomRef::Id(nobody_s.clone()));
    let error = block_on(world.reconciler.plan(&options)).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(RoomRef::Id(id)) if id == nobody_s));
}

#[test]
fn the_command_line_narrows_and_names_outside_are_refused() {
    let mut world = three_rooms();
    world.reconciler.policy.scope = rooms(&["#r0:*", "#r1:*"], &[]);
    let mut options = RunOptions::by_person();
    options.scope = rooms(&["#r1:*", "#r2:*"], &[]);
    assert_eq!(names(&plan(&world, &options)), ["#r1:example.org"]);
    options.rooms.insert(RoomRef::Alias(alias(2)));
    let error = block_on(world.reconciler.plan(&options)).unwrap_err();
    assert!(matches!(error, RunError::OutOfScope(_)), "{error}");
}

#[test]
fn drift_is_healed_though_another_of_the_rooms_is_wanted_no_more() {
    let mut world = three_rooms();
    world.reconciler.policy.scope = rooms(&[], &["#r2:*"]);
    world.directory.remove_group(&room_group(0));
    world.step(&Step::Kick(2, 1));
    let mut options = RunOptions::by_person();
    options.rooms = (0..3).map(|room| RoomRef::Alias(alias(room))).collect();
    options
        .rooms
        .insert(RoomRef::Id("!nobody:example.org".try_into().unwrap()));
    // A person is told which name is none.
    let error = block_on(world.reconciler.sync(&options)).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(_)), "{error}");
    options.cause = inviter_core::runs::RunCause::Drift;
    let report = block_on(world.reconciler.sync(&options)).unwrap();
    assert_eq!(report.rooms.len(), 1);
    assert_eq!(report.tally().invited, 1);
    // With none left the run is about nothing, not about everything.
    options.rooms.remove(&RoomRef::Alias(alias(1)));
    assert!(
        block_on(world.reconciler.sync(&options))
            .unwrap()
            .rooms
            .is_empty()
    );
}

#[test]
fn a_group_outside_leaves_its_people_in_a_room_inside() {
    let mut world = three_rooms();
    // The room has a second group, by the explicit list.
    world
        .directory
        .put_group(MemoryGroup::new("staff").members(["p1", "p5", "p6"]));
    world.reconciler.policy.rooms.push(RoomSpec {
        room: RoomRef::Alias(alias(0)),
        groups: vec![SpecGroup {
            provider: None,
            group: inviter_core::directory::GroupKey::new("staff"),
            level: Some(50),
        }],
        members: Vec::new(),
        rules: RoomRules::default(),
    });
    world.sync();
    world.step(&Step::Join(5, 0));
    world.directory.edit_group("staff", |g| g.members(["p7"]));
    world
        .directory
        .edit_group(&room_group(0), |g| g.without_members(["p0"]).members(["p3"]));
    world.reconciler.policy.scope = groups(&[], &["staff"]);
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!(
            report.tally().removed,
            0,
            "whoever is in staff, and who is not, is not looked at"
        );
        assert!(kinds(&report).contains(&FindingKind::RemovalsNotConsidered));
    }
    // Brought in by the group inside, not by the one outside; and nobody is lowered.
    assert_eq!(world.people_in(0), [0, 1, 2, 3, 5, 6].into());
    let levels = world.homeserver.levels(&world.room(0).unwrap()).unwrap();
    assert_eq!(levels["users"][user(5).as_str()], 50);
    assert_eq!(levels["users"][user(1).as_str()], 50);
    world.reconciler.policy.scope = Scope::default();
    world.sync();
    assert_eq!(world.people_in(0), [1, 2, 3, 5, 6, 7].into());
}

#[test]
fn rooms_of_groups_outside_are_outside() {
    let mut world = three_rooms();
    world.reconciler.policy.scope = groups(&["MTRX #r1*"], &[]);
    let ear = listen(&world);
    assert_eq!(names(&world.plan()), ["#r1:example.org"]);
    assert_eq!(heard(&ear), [world.room(1).unwrap().to_string()]);
    // Groups inside such a group count, whatever they are called.
    world
        .directory
        .put_group(MemoryGroup::new("unit").members(["p6"]));
    world.directory.edit_group(&room_group(1), |g| g.groups(["unit"]));
    world.sync();
    assert_eq!(world.people_in(1), [1, 2, 3, 6].into());
}

#[test]
fn nothing_is_said_of_vanished_groups_outside() {
    let mut world = three_rooms();
    world.directory.remove_group(&room_group(2));
    assert!(kinds(&world.sync()).contains(&FindingKind::GroupVanished));
    world.reconciler.policy.scope = rooms(&["#r0:*"], &[]);
    assert!(!kinds(&world.sync()).contains(&FindingKind::GroupVanished));
    world.reconciler.policy.scope = groups(&["MTRX #r0*"], &[]);
    assert!(!kinds(&world.sync()).contains(&FindingKind::GroupVanished));
    world.reconciler.policy.scope = Scope::default();
    assert!(kinds(&world.sync()).contains(&FindingKind::GroupVanished));
}

#[test]
fn a_directory_that_shrank_is_not_taken_for_granted_by_a_pilot() {
    let mut world = three_rooms();
    for person in 0..40 {
        world
            .directory
            .put_person(MemoryPerson::new(format!("q{person}")));
    }
    world.sync();
    for person in 0..40 {
        world.directory.remove_person(&format!("q{person}"));
    }
    world
        .directory
        .edit_group(&room_group(2), |g| g.without_members(["p4"]));
    world.reconciler.limits = Limits::default();
    // Nothing of it shows in the pilot's room, and its runs go through cleanly.
    world.reconciler.policy.scope = rooms(&["#r0:*"], &[]);
    for _ in 0..3 {
        assert_eq!(world.sync().tally().changes(), 0);
    }
    world.reconciler.policy.scope = Scope::default();
    let report = world.sync();
    assert_eq!((report.tally().removed, report.tally().held), (0, 1));
}

#[test]
fn a_scope_that_fits_nothing_is_told() {
    let mut world = three_rooms();
    world.reconciler.policy.scope = rooms(&["#rO:*"], &[]);
    let report = world.sync();
    assert_eq!(kinds(&report), [FindingKind::NothingWanted]);
    assert!(
        report.findings[0].message.contains("none of the 3 rooms"),
        "{:?}",
        report.findings
    );
}

#[test]
fn a_room_that_its_group_stands_for_no_more_is_told() {
    let mut world = three_rooms();
    world.reconciler.policy.sources[0].decoders.clear();
    let report = world.sync();
    let told: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::GroupVanished)
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("still there and standing for no room now"),
        "{told:?}"
    );
    assert_eq!(report.tally().changes(), 0);
}

#[test]
fn a_room_whose_only_group_is_not_found_is_not_created() {
    let mut world = three_rooms();
    let group = |name: &str| SpecGroup {
        provider: None,
        group: inviter_core::directory::GroupKey::new(name),
        level: None,
    };
    world.reconciler.policy.rooms.push(RoomSpec {
        room: RoomRef::Alias(alias(7)),
        groups: vec![group("staf")],
        members: Vec::new(),
        rules: RoomRules::default(),
    });
    let report = world.sync();
    assert_eq!(report.tally().changes(), 0);
    let told = report.rooms.iter().flat_map(|room| &room.findings);
    assert!(
        told.clone().any(|f| f.message.contains("is not created")),
        "{:?}",
        told.collect::<Vec<_>>()
    );
    // With another group it is.
    world.reconciler.policy.rooms[0]
        .groups
        .push(group(&room_group(1)));
    assert_eq!(world.sync().tally().rooms_created, 1);
}
