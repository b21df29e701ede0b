//! Rooms with placeholders, and the arguments that make rooms of them.

use futures_executor::block_on;
use inviter_core::{
    OwnedRoomAliasId,
    finding::FindingKind,
    memory::MemoryGroup,
    reconcile::{RunError, RunOptions},
    report::Report,
    room::RoomRef,
    room_rules::RoomRules,
    room_template::{Argument, RoomTemplate, TemplateGroup},
};

use crate::{
    model::World,
    scope::{kinds, names, plan, three_rooms, tomorrow},
};

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
