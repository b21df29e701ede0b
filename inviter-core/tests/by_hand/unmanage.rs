//! Taking a room out of management.

use futures_executor::block_on;
use inviter_core::{
    by_hand::{End, RefusalKind, Standing, Wish},
    finding::FindingKind,
    memory::UserOp,
    provider::ProviderErrorKind,
    recall::Pause,
    room::{Cause, Membership, RoomRef},
};

use crate::world::{ROOM, World, ZOE, alias, ops, user};

fn leave() -> Wish {
    Wish::Unmanage { admin: None }
}

fn hand_to(name: &str) -> Wish {
    Wish::Unmanage {
        admin: Some(user(name)),
    }
}

/// A room in which zoe has joined, at this level.
fn with_zoe(version: &str, level: i64) -> World {
    let world = World::of_version(version);
    world.bring("bot", ZOE);
    world.level_by("bot", ZOE, level);
    world
}

#[test]
fn lowers_itself_and_leaves_once_another_admin_has_joined() {
    let world = with_zoe("11", 100);
    world.does(leave(), &["levels", "leave"]);
    assert_eq!(world.membership("bot"), Some(Membership::Left));
    assert_eq!((world.level("bot"), world.level(ZOE)), (None, Some(100)));
}

#[test]
fn a_creator_of_version_12_just_leaves() {
    let world = with_zoe("12", 100);
    let report = world.does(leave(), &["leave"]);
    assert!(
        report.notes.iter().any(|note| note.contains("every power")),
        "{report:?}"
    );
    assert_eq!(world.membership("bot"), Some(Membership::Left));
}

#[test]
fn stays_while_nobody_else_who_has_joined_is_an_admin() {
    for version in ["11", "12"] {
        let says = [ROOM, "nobody else who has joined is an admin", "name a new admin"];
        with_zoe(version, 99).refuses(leave(), RefusalKind::NoOtherAdmin, &says);
        // An invitation is not enough.
        let world = World::of_version(version);
        world.invite("bot", ZOE);
        world.level_by("bot", ZOE, 100);
        world.refuses(leave(), RefusalKind::NoOtherAdmin, &says);
        // Nor is an admin who has gone.
        let world = with_zoe(version, 100);
        let room = world.room.clone();
        world.act(ZOE, &UserOp::Leave { room });
        world.refuses(leave(), RefusalKind::NoOtherAdmin, &says);
    }
}

#[test]
fn a_named_admin_is_invited_and_raised_and_waited_for() {
    for version in ["11", "12"] {
        let world = World::of_version(version);
        let report = world.ask(hand_to(ZOE));
        assert_eq!(report.standing(), Standing::Waiting);
        assert_eq!(ops(&report), ["invite", "levels"]);
        assert!(
            matches!(&report.end, End::Waits(why) if why.contains(ZOE) && why.contains("has to join")),
            "{report:?}"
        );
        assert_eq!(
            report.notes.len(),
            usize::from(version == "11"),
            "{:?}",
            report.notes
        );
        assert_eq!(world.membership("bot"), Some(Membership::Joined));
        // Asked again too early: nothing more is done.
        let report = world.ask(hand_to(ZOE));
        assert_eq!((report.standing(), ops(&report)), (Standing::Waiting, Vec::new()));
        world.join(ZOE);
        let report = world.ask(hand_to(ZOE));
        assert_eq!(report.standing(), Standing::Done);
        assert_eq!(world.membership("bot"), Some(Membership::Left));
    }
}

/// A version-12 room of which carol, who is in no group, is to be an admin, where the directory rules over admins too.
fn appointed_over_the_directory() -> World {
    let mut world = World::of_version("12");
    world.homeserver.register("carol").unwrap();
    world.reconciler.policy.danger_manage_admins = true;
    // Nothing but the pause is in the way of a removal.
    world.reconciler.limits.room_count = 10;
    world.sync();
    let report = world.ask(hand_to("carol"));
    assert_eq!(
        (report.standing(), ops(&report)),
        (Standing::Waiting, vec!["invite", "levels"])
    );
    let resume = format!("`inviter resume '{}'`", world.room);
    assert!(
        matches!(&report.end, End::Waits(why) if why.contains("is paused") && why.contains(&resume)),
        "{report:?}"
    );
    world
}

#[test]
fn no_run_undoes_an_appointment_that_is_waited_for() {
    let world = appointed_over_the_directory();
    let told = |world: &World| {
        let report = world.sync();
        let findings = report.rooms.into_iter().flat_map(|room| room.findings);
        findings.map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(told(&world), [FindingKind::Paused]);
    assert_eq!(
        (world.membership("carol"), world.level("carol")),
        (Some(Membership::Invited), Some(100))
    );
    // Asked again too early, and finished then, which ends the pause.
    let report = world.ask(hand_to("carol"));
    assert_eq!((report.standing(), ops(&report)), (Standing::Waiting, Vec::new()));
    world.join("carol");
    assert_eq!(told(&world), [FindingKind::Paused]);
    world.does(hand_to("carol"), &["leave"]);
    assert!(world.store.memory().paused.is_empty());
    assert_eq!(world.level("carol"), Some(100));
}

#[test]
fn a_person_may_take_the_appointment_back_to_the_directory() {
    let world = appointed_over_the_directory();
    let room = Pause::Room(RoomRef::Id(world.room.clone()));
    block_on(world.reconciler.resume(&[room])).unwrap();
    assert_eq!(world.sync().tally().removed, 1);
    assert_eq!(world.membership("carol"), Some(Membership::Left));
}

#[test]
fn an_appointment_that_did_not_come_about_pauses_nothing() {
    let mut world = World::of_version("12");
    world.homeserver.register("carol").unwrap();
    world.reconciler.policy.danger_manage_admins = true;
    world.end_at("invite", false);
    assert_eq!(world.ask(hand_to("carol")).standing(), Standing::Failed);
    assert!(world.store.memory().paused.is_empty());
    // Nor is there anything to do about it without the memory of the pause.
    world.store.fail_next_commit();
    let report = world.ask(hand_to("carol"));
    assert!(ops(&report).is_empty() && !report.errors.is_empty(), "{report:?}");
    assert_eq!(world.membership("carol"), None);
    // Where the directory leaves admins alone, there is nothing to pause for.
    world.reconciler.policy.danger_manage_admins = false;
    assert_eq!(world.ask(hand_to("carol")).standing(), Standing::Waiting);
    assert!(world.store.memory().paused.is_empty());
}

#[test]
fn a_named_admin_is_waited_for_whoever_else_is_one() {
    let world = with_zoe("11", 100);
    let report = world.ask(hand_to("@yan:elsewhere.org"));
    assert_eq!(report.standing(), Standing::Waiting);
    assert_eq!(world.membership("bot"), Some(Membership::Joined));
}

#[test]
fn one_who_has_joined_is_raised_and_the_bot_leaves_at_once() {
    let world = with_zoe("11", 25);
    world.does(hand_to(ZOE), &["levels", "levels", "leave"]);
    assert_eq!((world.level(ZOE), world.level("bot")), (Some(100), None));
    // People of the directories may be admins, too.
    let world = World::of_version("12");
    world.does(hand_to("alice"), &["levels", "leave"]);
    assert_eq!(world.level("alice"), Some(100));
}

#[test]
fn the_bot_stays_if_the_admin_could_not_be_raised() {
    let world = with_zoe("11", 25);
    let zoe = user(ZOE);
    // Somebody else changes the level just before.
    let room = world.room.clone();
    world.homeserver.before_next(
        |call| matches!(call, inviter_core::memory::Call::Execute(..)),
        move |homeserver| {
            let mut levels = homeserver.levels(&room).unwrap();
            levels["users"][zoe.as_str()] = 30.into();
            let bot = user("bot");
            homeserver.force_state(&room, &bot, "m.room.power_levels", "", levels);
        },
    );
    let report = world.ask(hand_to(ZOE));
    assert_eq!((report.standing(), ops(&report)), (Standing::Failed, Vec::new()));
    assert!(!report.forgotten);
    assert_eq!(world.membership("bot"), Some(Membership::Joined));
    assert_eq!(world.level("bot"), Some(100));
    world.does(hand_to(ZOE), &["levels", "levels", "leave"]);
}

#[test]
fn refuses_whom_the_room_cannot_have() {
    let world = World::of_version("11");
    world.refuses(hand_to("bot"), RefusalKind::Bot, &["@bot:example.org"]);
    let ban = UserOp::Ban {
        room: world.room.clone(),
        user: user(ZOE),
        reason: None,
    };
    world.act("bot", &ban);
    world.refuses(hand_to(ZOE), RefusalKind::Banned, &[ZOE]);
    let world = World::of_olga("11", 50);
    world.refuses(hand_to("alice"), RefusalKind::PowerMissing, &["needs level 100"]);
    // Olga is an admin, so that without a name it works.
    world.does(leave(), &["leave"]);
}

#[test]
fn what_cannot_be_read_is_not_left() {
    let world = with_zoe("11", 100);
    world
        .homeserver
        .set_room_unknown(&world.room, Some(Cause::new("no create event")));
    world.refuses(leave(), RefusalKind::Unknown, &[ROOM, "no create event"]);
    world.homeserver.set_room_unknown(&world.room, None);
    let alias = alias(ROOM);
    world
        .homeserver
        .set_alias_unknown(&alias, Some(Cause::new("503")));
    world.refuses(leave(), RefusalKind::Unknown, &[ROOM, "503", "by its ID"]);
}

#[test]
fn a_level_that_the_bot_may_not_change_is_left_behind_and_told() {
    let world = World::of_olga("11", 60);
    world.levels_by("olga", |levels| {
        levels["events"]["m.room.power_levels"] = 90.into();
    });
    let report = world.does(leave(), &["leave"]);
    assert!(report.notes[0].contains("level 60"), "{report:?}");
    assert_eq!(world.level("bot"), Some(60));
}

#[test]
fn an_end_in_the_middle_is_made_good() {
    for (op, after) in [
        ("levels", false),
        ("levels", true),
        ("leave", false),
        ("leave", true),
    ] {
        let world = with_zoe("11", 100);
        let report = world.completes_after_ending_at(&leave(), op, after);
        assert_eq!(report.standing(), Standing::Done, "{op} {after}: {report:#?}");
        assert!(report.forgotten);
        assert_eq!(world.membership("bot"), Some(Membership::Left), "{op} {after}");
        assert_eq!((world.level("bot"), world.level(ZOE)), (None, Some(100)));
        assert!(!world.store.memory().knows(&world.room));
        world.already(leave());
    }
    for (op, after) in [("invite", true), ("levels", false), ("levels", true)] {
        let world = World::of_version("11");
        let report = world.completes_after_ending_at(&hand_to(ZOE), op, after);
        assert_eq!(report.standing(), Standing::Waiting, "{op} {after}");
        assert_eq!((world.level(ZOE), world.level("bot")), (Some(100), Some(100)));
    }
}

#[test]
fn a_room_that_no_group_stands_for_any_more_is_spoken_of_no_more() {
    let kinds = |world: &World| -> Vec<FindingKind> {
        let findings = world.sync().findings;
        findings.into_iter().map(|finding| finding.kind).collect()
    };
    for by_id in [false, true] {
        let world = with_zoe("11", 100);
        world.sync();
        world.directory.remove_group(&format!("MTRX {ROOM}"));
        assert!(kinds(&world).contains(&FindingKind::GroupVanished));
        let name = if by_id { world.room.as_str() } else { ROOM };
        let report = world.ask_in(name, leave());
        assert_eq!(
            (report.standing(), report.notes.len()),
            (Standing::Done, 0),
            "{report:#?}"
        );
        // That no group is left is all that is said.
        assert_eq!(kinds(&world), [FindingKind::NothingWanted]);
        let memory = world.store.memory();
        assert!(
            !memory.knows(&world.room) && memory.aliases.is_empty(),
            "{memory:?}"
        );
    }
}

#[test]
fn a_room_that_the_bot_is_merely_in_can_be_left() {
    let world = World::of_olga("11", 0);
    let mut memory = world.store.memory();
    memory.rooms.clear();
    memory.aliases.clear();
    world.store.set(memory);
    world.directory.remove_group(&format!("MTRX {ROOM}"));
    world.does(leave(), &["leave"]);
}

#[test]
fn it_says_that_the_directories_still_want_the_room() {
    let world = with_zoe("11", 100);
    world.sync();
    let report = world.ask(leave());
    assert!(
        report.notes.iter().any(|note| note.contains("still want")),
        "{report:?}"
    );
    let found = world.sync();
    let kinds: Vec<_> = found.rooms[0].findings.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FindingKind::NotJoined]);

    let world = with_zoe("11", 100);
    world.directory.fail(ProviderErrorKind::Unavailable, "down");
    let report = world.ask(leave());
    let told = |note: &String| note.contains("directory corp could not be read");
    assert!(report.notes.iter().any(told), "{report:?}");
}

#[test]
fn an_alias_that_was_taken_away_is_looked_up_in_memory() {
    let world = with_zoe("11", 100);
    world.sync();
    let alias = alias(ROOM);
    world.act("bot", &UserOp::UnbindAlias { alias });
    world.directory.remove_group(&format!("MTRX {ROOM}"));
    let says = [ROOM, "leads nowhere any more", world.room.as_str()];
    world.refuses(leave(), RefusalKind::NotManaged, &says);
}
