//! Runs on a part: a pilot's scope, one argument, what is paused. What is left out is neither asked for nor changed,
//! and nobody loses a place for it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId,
    backend::BackendErrorKind,
    finding::FindingKind,
    guard::Limits,
    memory::{Call, MemoryGroup, MemoryPerson},
    patterns::Patterns,
    plan::RoomStatus,
    recall::Pause,
    reconcile::{Draft, RunError, RunOptions},
    report::Report,
    room::RoomRef,
    room_rules::{RoomRules, RoomSpec, SpecGroup},
    room_template::{Argument, RoomTemplate, TemplateGroup},
    scope::{Scope, Selection},
};

use crate::model::{Step, World, alias, room_group, user};

/// Three rooms of three people each, all in them.
fn three_rooms() -> World {
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

fn patterns(texts: &[&str]) -> Patterns {
    Patterns::new(texts.iter().map(|text| (*text).to_owned())).unwrap()
}

fn rooms(include: &[&str], exclude: &[&str]) -> Scope {
    Scope {
        rooms: Selection::new(patterns(include), patterns(exclude)),
        ..Scope::default()
    }
}

fn groups(include: &[&str], exclude: &[&str]) -> Scope {
    Scope {
        groups: Selection::new(patterns(include), patterns(exclude)),
        ..Scope::default()
    }
}

/// Writes down which rooms and aliases are asked about.
fn listen(world: &World) -> Arc<Mutex<BTreeSet<String>>> {
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

fn heard(heard: &Arc<Mutex<BTreeSet<String>>>) -> Vec<String> {
    std::mem::take(&mut *heard.lock().unwrap()).into_iter().collect()
}

fn plan(world: &World, options: &RunOptions) -> Draft {
    block_on(world.reconciler.plan(options)).unwrap()
}

fn names(draft: &Draft) -> Vec<String> {
    let rooms = draft.plan.rooms().iter();
    rooms.map(|room| room.plan().room.to_string()).collect()
}

fn kinds(report: &Report) -> Vec<FindingKind> {
    let findings = report.rooms.iter().flat_map(|room| &room.findings);
    findings
        .chain(&report.findings)
        .map(|finding| finding.kind)
        .collect()
}

/// A day later, so that nothing about aliases is remembered well enough.
fn tomorrow(world: &World) {
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
fn an_alias_outside_that_leads_to_a_room_inside_keeps_its_people_there() {
    for by_group in [false, true] {
        let mut world = three_rooms();
        // Both aliases lead to one room from here on: a person has moved #r1.
        let both = world.room(0).unwrap();
        world.homeserver.force_alias(alias(1), both, world.bot.clone());
        tomorrow(&world);
        world.sync();
        world.step(&Step::Join(3, 0));
        assert_eq!(world.people_in(0), [0, 1, 2, 3].into());
        world
            .directory
            .edit_group(&room_group(0), |g| g.without_members(["p0"]));
        tomorrow(&world);
        world.reconciler.policy.scope = if by_group {
            groups(&["MTRX #r0*"], &[])
        } else {
            rooms(&["#r0:*"], &[])
        };
        for _ in 0..3 {
            world.sync();
            assert!(
                world.people_in(0).is_superset(&[1, 2, 3].into()),
                "by group: {by_group}"
            );
            tomorrow(&world);
        }
        // A group outside brings nobody in.
        world.directory.edit_group(&room_group(1), |g| g.members(["p6"]));
        assert_eq!(world.sync().tally().invited, u32::from(!by_group));
        // Nobody knows at first that they are one room.
        let mut memory = world.store.memory();
        memory.aliases.clear();
        world.store.set(memory);
        world.sync();
        assert!(
            world.people_in(0).is_superset(&[1, 2, 3].into()),
            "by group: {by_group}"
        );
    }
}

#[test]
fn an_alias_outside_whose_people_are_not_known_is_asked_before_anybody_goes() {
    let mut world = three_rooms();
    let both = world.room(0).unwrap();
    world.homeserver.force_alias(alias(1), both, world.bot.clone());
    world.step(&Step::Bring(3, 0));
    let mut memory = world.store.memory();
    memory.aliases.clear();
    world.store.set(memory);
    // A directory need not read the members of groups outside.
    world.directory.edit_group(&room_group(1), |g| {
        g.without_members(["p1", "p2", "p3"]).members_gap("not asked for")
    });
    world.reconciler.policy.scope = rooms(&["#r0:*"], &[]);
    assert_eq!(world.sync().tally().removed, 0);
    assert_eq!(world.people_in(0), [0, 1, 2, 3].into());
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
fn what_is_paused_is_left_alone_until_it_is_resumed() {
    let world = three_rooms();
    for room in 0..3 {
        world
            .directory
            .edit_group(&room_group(room), |g| g.members(["p7"]));
    }
    let pause = |what: Pause| block_on(world.reconciler.pause(&[what])).unwrap();
    let resume = |what: Pause| block_on(world.reconciler.resume(&[what])).unwrap();
    let first = Pause::Room(RoomRef::Alias(alias(0)));
    let second = Pause::Room(RoomRef::Id(world.room(1).unwrap()));
    pause(first.clone());
    pause(second.clone());
    let ear = listen(&world);
    let report = world.sync();
    assert_eq!(heard(&ear), [world.room(2).unwrap().to_string()]);
    assert_eq!(report.tally().invited, 1);
    let paused = |report: &Report| {
        report
            .rooms
            .iter()
            .filter(|r| r.status == RoomStatus::Paused)
            .count()
    };
    assert_eq!(paused(&report), 2);
    assert_eq!(
        kinds(&report)
            .iter()
            .filter(|kind| **kind == FindingKind::Paused)
            .count(),
        2
    );

    pause(Pause::Everything);
    assert_eq!(resume(second.clone()), std::slice::from_ref(&second));
    assert_eq!(resume(second), []);
    let report = world.sync();
    assert_eq!((paused(&report), report.tally().changes()), (3, 0));
    // Told once, not once a room.
    assert_eq!(kinds(&report), [FindingKind::Paused]);
    assert_eq!(heard(&ear), [""; 0]);

    assert_eq!(resume(Pause::Everything), [Pause::Everything]);
    assert_eq!(world.sync().tally().invited, 1);
    resume(first);
    assert_eq!(world.sync().tally().invited, 1);
}

#[test]
fn only_what_is_known_can_be_paused() {
    let world = three_rooms();
    let unknown = Pause::Room(RoomRef::Alias("#rO:example.org".try_into().unwrap()));
    let error = block_on(world.reconciler.pause(std::slice::from_ref(&unknown))).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(_)));
    assert!(world.store.memory().paused.is_empty());
    // A room to be created can be paused, and an alias that the memory has not seen yet.
    world
        .directory
        .put_group(MemoryGroup::new("MTRX #new:example.org").members(["p1"]));
    let new = Pause::Room(RoomRef::Alias("#new:example.org".try_into().unwrap()));
    block_on(world.reconciler.pause(&[new])).unwrap();
    assert_eq!(world.sync().tally().changes(), 0);
    // While the directory is down, nobody can say that there is no such room.
    world
        .directory
        .fail(inviter_core::provider::ProviderErrorKind::Unavailable, "down");
    block_on(world.reconciler.pause(&[unknown])).unwrap();
}

/// Rooms of years: `#year-<1>:example.org` of the group `students-<1>`.
fn years(listed: &[&str]) -> World {
    let mut world = World::new("12");
    for person in 0..8 {
        world.directory.put_person(format!("p{person}").as_str());
    }
    for (year, people) in [(2024, 0..3), (2025, 3..6)] {
        let group = MemoryGroup::new(format!("students-{year}"));
        world
            .directory
            .put_group(group.members(people.map(|p| format!("p{p}"))));
    }
    let template = RoomTemplate::new(
        "#year-<1>:example.org",
        vec![TemplateGroup {
            provider: None,
            group: "students-<1>".to_owned(),
            level: None,
        }],
        Vec::new(),
        RoomRules::default(),
        listed.iter().map(|text| Argument::parse(text).unwrap()).collect(),
    );
    world.reconciler.policy.templates.push(template.unwrap());
    world
}

fn with_argument(text: &str) -> RunOptions {
    let mut options = RunOptions::by_person();
    options.arguments.insert(Argument::parse(text).unwrap());
    options
}

fn sync_with(world: &World, text: &str) -> Report {
    block_on(world.reconciler.sync(&with_argument(text))).unwrap()
}

fn year_alias(year: u32) -> OwnedRoomAliasId {
    format!("#year-{year}:example.org").try_into().unwrap()
}

fn people_of(world: &World, year: u32) -> usize {
    let alias = year_alias(year);
    let room = world.homeserver.alias(&alias).unwrap();
    world
        .homeserver
        .members(&room)
        .iter()
        .filter(|m| m.membership.is_in() && m.user_id != world.bot)
        .count()
}

#[test]
fn listed_arguments_make_rooms_and_others_are_given() {
    let world = years(&["2024"]);
    let report = world.sync();
    assert_eq!((report.tally().rooms_created, report.tally().invited), (1, 3));
    let report = sync_with(&world, "2025");
    assert_eq!(report.rooms.len(), 1);
    assert_eq!((report.tally().rooms_created, report.tally().invited), (1, 3));
    // Neither run has anything to say about the other's room.
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!((report.rooms.len(), report.tally().changes()), (1, 0));
        assert_eq!(report.findings, []);
        let report = sync_with(&world, "2025");
        assert_eq!((report.rooms.len(), report.tally().changes()), (1, 0));
        assert_eq!(report.findings, []);
    }
}

#[test]
fn another_argument_makes_no_room_look_vanished() {
    let world = years(&[]);
    sync_with(&world, "2024");
    sync_with(&world, "2025");
    // The groups of a year that no run is about may even be gone: that is for its own runs to tell.
    world.directory.remove_group("students-2024");
    for report in [world.sync(), sync_with(&world, "2025")] {
        assert_eq!(report.tally().changes(), 0);
        assert_eq!(report.findings, [], "{:?}", report.findings);
    }
    assert_eq!(people_of(&world, 2024), 3);
    let report = sync_with(&world, "2024");
    assert_eq!(report.tally().removed, 0);
    assert!(kinds(&report).contains(&FindingKind::Incomplete));
}

#[test]
fn a_room_that_two_arguments_share_keeps_the_people_of_both() {
    let world = years(&[]);
    sync_with(&world, "2024");
    let room = world.homeserver.alias(&year_alias(2024)).unwrap();
    world
        .homeserver
        .force_alias(year_alias(2025), room, world.bot.clone());
    tomorrow(&world);
    for _ in 0..3 {
        let report = sync_with(&world, "2025");
        assert_eq!((report.tally().removed, report.tally().held), (0, 0));
        tomorrow(&world);
    }
    assert_eq!(people_of(&world, 2025), 6);
}

#[test]
fn a_room_of_an_argument_is_named_without_it() {
    let world = years(&[]);
    sync_with(&world, "2024");
    let mut options = RunOptions::by_person();
    options.rooms.insert(RoomRef::Alias(year_alias(2024)));
    assert_eq!(names(&plan(&world, &options)), ["#year-2024:example.org"]);
    // One that no run was given is none.
    options.rooms.insert(RoomRef::Alias(year_alias(2025)));
    let error = block_on(world.reconciler.plan(&options)).unwrap_err();
    assert!(matches!(error, RunError::NoSuchRoom(_)), "{error}");
}

#[test]
fn a_room_with_a_group_of_its_own_stays_in_full_runs() {
    let world = years(&[]);
    sync_with(&world, "2024");
    assert_eq!(world.plan().plan.rooms().len(), 0);
    world
        .directory
        .put_group(MemoryGroup::new("MTRX #year-2024:example.org").members(["p7"]));
    assert_eq!(world.sync().tally().invited, 1);
}

#[test]
fn an_argument_that_fits_nothing_is_an_error() {
    let world = years(&[]);
    let error = block_on(world.reconciler.plan(&with_argument("2024,a"))).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no [[room]] of the configuration takes 2 values"),
        "{error}"
    );
    let world = three_rooms();
    let error = block_on(world.reconciler.plan(&with_argument("2024"))).unwrap_err();
    assert!(error.to_string().contains("placeholder"), "{error}");
}
