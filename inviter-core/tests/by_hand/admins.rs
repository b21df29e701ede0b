//! Admins of other servers: invited, and at level 100.

use inviter_core::{
    by_hand::{RefusalKind, Standing, Wish},
    room::Membership,
};

use crate::world::{ROOM, World, ZOE, ops, user};

fn appoint() -> Wish {
    Wish::InviteAdmin(user(ZOE))
}

#[test]
fn invites_and_raises_whichever_is_not_so_yet() {
    for version in ["11", "12"] {
        let world = World::of_version(version);
        world.does(appoint(), &["invite", "levels"]);
        assert_eq!(world.membership(ZOE), Some(Membership::Invited));
        assert_eq!(world.level(ZOE), Some(100));
        world.already(appoint());
        world.join(ZOE);
        world.already(appoint());
        // Syncs leave her alone.
        assert_eq!(world.sync().tally().changes(), 0);

        let world = World::of_version(version);
        world.bring("bot", ZOE);
        world.level_by("bot", ZOE, 50);
        world.does(appoint(), &["levels"]);

        let world = World::of_version(version);
        world.level_by("bot", ZOE, 100);
        world.does(appoint(), &["invite"]);
    }
}

#[test]
fn it_says_whether_the_level_can_be_taken_back() {
    let notes = |world: &World| world.ask(appoint()).notes;
    let for_good = notes(&World::of_version("11"));
    assert!(
        for_good.len() == 1 && for_good[0].contains("version 11") && for_good[0].contains("nobody can take"),
        "{for_good:?}"
    );
    assert_eq!(notes(&World::of_version("12")), [""; 0]);
    // A bot above 100 can.
    let world = World::of_version("11");
    world.level_by("bot", "bot", 100);
    let mut levels = world.homeserver.levels(&world.room).unwrap();
    levels["users"]["@bot:example.org"] = 150.into();
    world
        .homeserver
        .force_state(&world.room, &user("bot"), "m.room.power_levels", "", levels);
    assert_eq!(notes(&world), [""; 0]);
}

#[test]
fn a_bot_without_the_level_cannot_give_it() {
    let world = World::of_olga("11", 90);
    let says = [
        ROOM,
        "giving @zoe:elsewhere.org level 100 needs level 100",
        "the bot has 90",
    ];
    world.refuses(appoint(), RefusalKind::PowerMissing, &says);
    let world = World::of_olga("11", 100);
    world.levels_by("olga", |levels| {
        levels["events"]["m.room.power_levels"] = 100.into();
    });
    world.does(appoint(), &["invite", "levels"]);

    // Nobody is invited when the other half would fail.
    let world = World::of_olga("11", 100);
    let mut levels = world.homeserver.levels(&world.room).unwrap();
    levels["events"]["m.room.power_levels"] = 101.into();
    world
        .homeserver
        .force_state(&world.room, &user("olga"), "m.room.power_levels", "", levels);
    world.refuses(appoint(), RefusalKind::PowerMissing, &["needs level 101"]);
}

#[test]
fn a_room_without_levels_keeps_the_bots_own() {
    let world = World::of_version("11");
    world
        .homeserver
        .lose_state(&world.room, "m.room.power_levels", "");
    world.does(appoint(), &["invite", "levels"]);
    assert_eq!((world.level(ZOE), world.level("bot")), (Some(100), Some(100)));
}

#[test]
fn an_end_in_the_middle_is_made_good() {
    for (op, after) in [
        ("invite", false),
        ("invite", true),
        ("levels", false),
        ("levels", true),
    ] {
        let world = World::of_version("11");
        let report = world.completes_after_ending_at(&appoint(), op, after);
        let wanted = if (op, after) == ("levels", true) {
            Standing::AlreadySo
        } else {
            Standing::Done
        };
        assert_eq!(report.standing(), wanted, "{op} {after}");
        assert_eq!(world.membership(ZOE), Some(Membership::Invited), "{op} {after}");
        assert_eq!(world.level(ZOE), Some(100), "{op} {after}");
    }
}

#[test]
fn who_cannot_be_invited_is_not_raised() {
    let world = World::of_version("11");
    world.end_at("invite", false);
    let report = world.ask(appoint());
    assert_eq!((report.standing(), ops(&report)), (Standing::Failed, Vec::new()));
    assert_eq!(world.level(ZOE), None);
}
