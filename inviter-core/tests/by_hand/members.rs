//! Inviting and removing people of other servers.

use std::time::Duration;

use futures_executor::block_on;
use inviter_core::{
    by_hand::{RefusalKind, Standing, Wish},
    memory::UserOp,
    patterns::Patterns,
    provider::ProviderErrorKind,
    recall::{Ground, Happening, MemoryStore as _, Pause},
    report::Outcome,
    room::Membership,
    scope::Selection,
    time::Timestamp,
};
use serde_json::json;

use crate::world::{ROOM, World, ZOE, ops, room_ref, user};

const OWNS: &str = "m.room.power_levels";

fn invite() -> Wish {
    Wish::InviteMember(user(ZOE))
}

fn kick() -> Wish {
    Wish::KickMember(user(ZOE))
}

#[test]
fn invites_once() {
    for version in ["11", "12"] {
        let world = World::of_version(version);
        world.does(invite(), &["invite"]);
        assert_eq!(world.membership(ZOE), Some(Membership::Invited));
        let report = world.already(invite());
        assert!(report.notes[0].contains("invited already"), "{report:?}");
        world.join(ZOE);
        let report = world.already(invite());
        assert!(report.notes[0].contains("in the room already"), "{report:?}");
        // Syncs leave her alone.
        assert_eq!(world.sync().tally().changes(), 0);
        assert_eq!(world.membership(ZOE), Some(Membership::Joined));
    }
}

/// Whoever asks later is told what was done by hand as well.
#[test]
fn what_was_done_is_remembered() {
    let mut world = World::of_version("11");
    world.does(invite(), &["invite"]);
    world.already(invite());
    world.does(kick(), &["remove"]);
    world.does(invite(), &["invite"]);
    world.join(ZOE);
    world.level_by("bot", ZOE, 25);
    world.does(kick(), &["levels", "remove"]);
    let past = |world: &World| block_on(world.store.history(&user(ZOE), Some(&world.room))).unwrap();
    let told = past(&world);
    assert!(
        told.iter()
            .all(|happened| happened.ground == Ground::ByHand && happened.group.is_none())
    );
    let told: Vec<Happening> = told.into_iter().map(|happened| happened.what).collect();
    let expected = [
        Happening::Invited,
        Happening::InvitationWithdrawn,
        Happening::Invited,
        Happening::Level(None),
        Happening::Removed,
    ];
    assert_eq!(told, expected);
    // Not where nothing is to be remembered.
    world.reconciler.policy.history = Duration::ZERO;
    world.does(invite(), &["invite"]);
    assert_eq!(past(&world).len(), expected.len());
}

#[test]
fn an_invitation_leaves_the_level_as_it_is() {
    let world = World::of_version("11");
    world.level_by("bot", ZOE, 25);
    let report = world.does(invite(), &["invite"]);
    assert!(report.notes[0].contains("level 25"), "{report:?}");
    assert_eq!(world.level(ZOE), Some(25));
}

#[test]
fn who_left_or_was_removed_may_come_back() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    world.act(
        ZOE,
        &UserOp::Leave {
            room: world.room.clone(),
        },
    );
    world.does(invite(), &["invite"]);
    world.does(kick(), &["remove"]);
    world.does(invite(), &["invite"]);
}

#[test]
fn people_of_the_directories_are_nobodys_to_move_by_hand() {
    let world = World::of_version("11");
    for name in ["alice", "nobody"] {
        let alice = user(name);
        for (wish, remedy) in [
            (Wish::InviteMember(alice.clone()), "add them to a group"),
            (
                Wish::KickMember(alice.clone()),
                "take them out of the room's groups",
            ),
            (Wish::InviteAdmin(alice.clone()), "make them an owner"),
        ] {
            let says = [alice.as_str(), "example.org", "follow the directories", remedy];
            world.refuses(wish, RefusalKind::InScope, &says);
        }
    }
}

#[test]
fn the_bot_is_not_moved() {
    let mut world = World::of_version("11");
    // Where the directories' people are of another server than the bot, it looks like a foreigner.
    world.reconciler.policy.accounts_server = "people.example.org".try_into().unwrap();
    for wish in [
        Wish::InviteMember(user("bot")),
        Wish::KickMember(user("bot")),
        Wish::InviteAdmin(user("bot")),
    ] {
        world.refuses(wish, RefusalKind::Bot, &["@bot:example.org"]);
    }
}

#[test]
fn only_managed_rooms() {
    let world = World::of_version("11");
    let everything = || [invite(), kick(), Wish::InviteAdmin(user(ZOE))];
    for wish in everything() {
        let leads_nowhere = ["#x:example.org", "leads nowhere"];
        world.refuses_in("#x:example.org", wish, RefusalKind::NotManaged, &leads_nowhere);
    }
    // A room of the bot's that no group stands for.
    world.directory.remove_group(&format!("MTRX {ROOM}"));
    for wish in everything() {
        world.refuses(wish, RefusalKind::NotManaged, &[ROOM, "no group"]);
    }
    world.directory.fail(ProviderErrorKind::Unavailable, "down");
    for wish in everything() {
        let says = [ROOM, "not known", "directory corp"];
        world.refuses(wish, RefusalKind::NotManaged, &says);
    }
    // One that is still to be created.
    world.directory.recover();
    world
        .directory
        .put_group(inviter_core::memory::MemoryGroup::new("MTRX #new:example.org").members(["alice"]));
    let says = ["#new:example.org", "the next sync creates it"];
    world.refuses_in("#new:example.org", invite(), RefusalKind::NotManaged, &says);
}

#[test]
fn what_is_paused_or_outside_the_scope_is_left_alone() {
    let everything = || [invite(), kick(), Wish::InviteAdmin(user(ZOE))];
    for (what, says) in [
        (Pause::Room(room_ref(ROOM)), "inviter resume '#r:example.org'"),
        (Pause::Everything, "inviter resume --all"),
    ] {
        let world = World::of_version("11");
        let mut memory = world.store.memory();
        memory.paused.insert(what, Timestamp(0));
        world.store.set(memory);
        for wish in everything() {
            world.refuses(wish, RefusalKind::NotManaged, &[ROOM, "paused", says]);
        }
    }
    let mut world = World::of_version("11");
    let none = Patterns::new([ROOM.to_owned()]).unwrap();
    world.reconciler.policy.scope.rooms = Selection::new(Patterns::default(), none);
    for wish in everything() {
        world.refuses(wish, RefusalKind::NotManaged, &[ROOM, "outside the scope"]);
    }
}

#[test]
fn rooms_that_nobody_has_adopted_are_left_alone() {
    let world = World::of_olga("11", 100);
    let mut memory = world.store.memory();
    memory.rooms.clear();
    world.store.set(memory);
    world.bring("olga", ZOE);
    for wish in [kick(), Wish::InviteAdmin(user(ZOE))] {
        world.refuses(wish, RefusalKind::NotManaged, &["inviter adopt"]);
    }
}

#[test]
fn the_banned_and_those_who_cannot_join_are_refused() {
    let world = World::of_version("11");
    let ban = UserOp::Ban {
        room: world.room.clone(),
        user: user(ZOE),
        reason: None,
    };
    world.act("bot", &ban);
    for wish in [invite(), Wish::InviteAdmin(user(ZOE))] {
        world.refuses(wish, RefusalKind::Banned, &[ROOM, ZOE, "unban"]);
    }
    // A ban is no business of a removal's.
    world.already(kick());
    assert_eq!(world.membership(ZOE), Some(Membership::Banned));

    let world = World::of_version("11");
    let mut create = world.homeserver.state(&world.room, "m.room.create", "").unwrap();
    create["m.federate"] = json!(false);
    world
        .homeserver
        .force_state(&world.room, &user("bot"), "m.room.create", "", create);
    for wish in [invite(), Wish::InviteAdmin(user(ZOE))] {
        world.refuses(wish, RefusalKind::NotFederated, &[ROOM, ZOE]);
    }
}

#[test]
fn missing_power_is_told() {
    let world = World::of_olga("11", 50);
    world.bring("olga", ZOE);
    world.levels_by("olga", |levels| {
        levels["invite"] = 60.into();
        levels["kick"] = 70.into();
    });
    let yan = Wish::InviteMember(user("@yan:elsewhere.org"));
    let says = [
        "inviting needs level 60",
        "the bot has 50",
        "raise @bot:example.org",
    ];
    world.refuses(yan, RefusalKind::PowerMissing, &says);
    let says = [
        "removing needs level 70",
        "the bot has 50",
        "raise @bot:example.org",
    ];
    world.refuses(kick(), RefusalKind::PowerMissing, &says);
}

#[test]
fn removes_the_joined_and_withdraws_invitations() {
    for version in ["11", "12"] {
        let world = World::of_version(version);
        world.bring("bot", ZOE);
        world.does(kick(), &["remove"]);
        assert_eq!(world.membership(ZOE), Some(Membership::Left));
        world.already(kick());
        world.invite("bot", ZOE);
        world.does(kick(), &["remove"]);
        assert_eq!(world.membership(ZOE), Some(Membership::Left));
        // Removals by hand are a person's own, and count towards no limit.
        assert_eq!(world.store.memory().removals, []);
    }
}

#[test]
fn coming_back_brings_no_level_along() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    world.level_by("bot", ZOE, 50);
    world.does(kick(), &["levels", "remove"]);
    assert_eq!(world.level(ZOE), None);
    assert_eq!(world.level("bot"), Some(100));

    // Where the bot may remove and not write levels, it says so.
    let world = World::of_olga("11", 60);
    world.bring("olga", ZOE);
    world.level_by("olga", ZOE, 10);
    world.levels_by("olga", |levels| {
        levels["events"][OWNS] = 90.into();
        levels["kick"] = 60.into();
    });
    let report = world.does(kick(), &["remove"]);
    assert!(report.notes[0].contains("level 10"), "{report:?}");
    assert_eq!(world.level(ZOE), Some(10));
}

#[test]
fn admins_and_the_bots_equals_stay() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    world.level_by("bot", ZOE, 100);
    world.refuses(kick(), RefusalKind::Outranked, &[ROOM, ZOE, "admin", "by hand"]);

    let world = World::of_olga("11", 60);
    world.bring("olga", ZOE);
    world.level_by("olga", ZOE, 60);
    let says = [ZOE, "level 60", "raise @bot:example.org above them"];
    world.refuses(kick(), RefusalKind::Outranked, &says);

    // A creator of version 12 is above every level.
    let world = World::of_version("12");
    world.bring("bot", ZOE);
    let mut create = world.homeserver.state(&world.room, "m.room.create", "").unwrap();
    create["additional_creators"] = json!([ZOE]);
    world
        .homeserver
        .force_state(&world.room, &user("bot"), "m.room.create", "", create);
    world.refuses(kick(), RefusalKind::Outranked, &[ZOE]);
}

#[test]
fn the_exempt_stay() {
    let mut world = World::of_version("11");
    world.bring("bot", ZOE);
    let patterns = ["@a*:b", "@z*:elsewhere.org"].map(str::to_owned);
    world.reconciler.policy.exempt = Patterns::new(patterns).unwrap();
    let says = [ZOE, "`exempt`", "@z*:elsewhere.org"];
    world.refuses(kick(), RefusalKind::Exempt, &says);
}

#[test]
fn an_unreadable_membership_is_not_taken_for_none() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let bot = user("bot");
    world
        .homeserver
        .force_state(&world.room, &bot, "m.room.member", ZOE, json!({}));
    world.refuses(kick(), RefusalKind::Unknown, &[ROOM, ZOE, "not known"]);
}

#[test]
fn a_public_room_is_told_of() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let rule = json!({ "join_rule": "public" });
    world.act("bot", &UserOp::set(world.room.clone(), "m.room.join_rules", rule));
    let report = world.does(kick(), &["remove"]);
    assert!(report.notes[0].contains("walk back in"), "{report:?}");
}

#[test]
fn an_end_in_the_middle_of_a_removal_is_made_good() {
    for (op, after) in [("levels", false), ("levels", true), ("remove", false)] {
        let world = World::of_version("11");
        world.bring("bot", ZOE);
        world.level_by("bot", ZOE, 50);
        let report = world.completes_after_ending_at(&kick(), op, after);
        assert_eq!(report.standing(), Standing::Done, "{op} {after}");
        assert_eq!(
            (world.membership(ZOE), world.level(ZOE)),
            (Some(Membership::Left), None)
        );
    }
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    let report = world.completes_after_ending_at(&kick(), "remove", true);
    assert_eq!(report.standing(), Standing::AlreadySo);
}

#[test]
fn nothing_comes_after_what_failed() {
    let world = World::of_version("11");
    world.bring("bot", ZOE);
    world.level_by("bot", ZOE, 50);
    world.end_at("levels", false);
    let report = world.ask(kick());
    assert_eq!((report.standing(), ops(&report)), (Standing::Failed, Vec::new()));
    assert!(
        matches!(report.items[1].outcome, Outcome::Skipped { .. }),
        "{report:#?}"
    );
    assert_eq!(world.membership(ZOE), Some(Membership::Joined));
}
