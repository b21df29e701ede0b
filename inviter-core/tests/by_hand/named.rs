//! People whom an entry of the configuration or of a directory names are not removed by hand, by whatever alias the
//! entry has.

use inviter_core::{
    OwnedRoomId,
    by_hand::{RefusalKind, Wish},
    memory::UserOp,
    patterns::Patterns,
    provider::ProviderErrorKind,
    recall::RememberedAlias,
    room::Cause,
    room_rules::{FixedMember, RoomRules, RoomSpec},
    scope::Selection,
    time::Timestamp,
};

use crate::world::{ROOM, World, ZOE, alias, room_ref, user};

fn kick() -> Wish {
    Wish::KickMember(user(ZOE))
}

/// A room in which zoe is, and an entry `#other:example.org` that names her and was never asked.
fn named_elsewhere() -> World {
    let mut world = World::of_version("11");
    world.bring("bot", ZOE);
    world.reconciler.policy.rooms.push(RoomSpec {
        room: room_ref("#other:example.org"),
        groups: Vec::new(),
        members: vec![FixedMember {
            user_id: user(ZOE),
            level: None,
        }],
        rules: RoomRules::default(),
    });
    world
}

#[test]
fn fixed_members_stay_by_whatever_alias_they_are_named() {
    let world = named_elsewhere();
    world.act(
        "bot",
        &UserOp::BindAlias {
            alias: alias("#other:example.org"),
            room: world.room.clone(),
        },
    );
    let says = [ZOE, "[[room]] #other:example.org", "`members`"];
    world.refuses(kick(), RefusalKind::Fixed, &says);
    // Nor while the alias cannot be asked, if it led here before.
    world.sync();
    let cause = Cause::new("down");
    world
        .homeserver
        .set_alias_unknown(&alias("#other:example.org"), Some(cause));
    let mut memory = world.store.memory();
    for alias in memory.aliases.values_mut() {
        alias.asked = Timestamp(0);
    }
    world.store.set(memory);
    world.refuses(kick(), RefusalKind::Fixed, &says);
}

/// The entry's room is outside the scope: its alias is asked all the same.
#[test]
fn entries_that_no_run_is_about_are_asked() {
    let other = alias("#other:example.org");
    let says = [ZOE, "[[room]] #other:example.org", "`members`"];
    let mut world = named_elsewhere();
    let only = Patterns::new(["#r:*".to_owned()]).unwrap();
    world.reconciler.policy.scope.rooms = Selection::new(only, Patterns::default());
    let (room, bot) = (world.room.clone(), user("bot"));
    world.homeserver.force_alias(other.clone(), room, bot.clone());
    world.refuses(kick(), RefusalKind::Fixed, &says);
    // What is remembered of where it led does not count.
    let elsewhere: OwnedRoomId = "!elsewhere:example.org".try_into().unwrap();
    let mut memory = world.store.memory();
    let remembered = RememberedAlias {
        room: elsewhere.clone(),
        asked: world.homeserver.now(),
    };
    memory.aliases.insert(other.clone(), remembered);
    world.store.set(memory.clone());
    world.refuses(kick(), RefusalKind::Fixed, &says);
    let cause = Cause::new("down");
    world.homeserver.set_alias_unknown(&other, Some(cause));
    world.refuses(
        kick(),
        RefusalKind::Unknown,
        &[ZOE, "[[room]] #other:example.org", "down"],
    );
    // One that leads elsewhere, or nowhere, is in nobody's way.
    world.homeserver.set_alias_unknown(&other, None);
    world.homeserver.force_alias(other.clone(), elsewhere, bot);
    world.does(kick(), &["remove"]);
}

#[test]
fn an_entry_that_leads_nowhere_keeps_nobody() {
    named_elsewhere().does(kick(), &["remove"]);
}

/// A directory that lists rooms may name people one by one, too.
#[test]
fn nobody_goes_while_a_directory_cannot_be_read() {
    let mut world = World::of_version("11");
    world.bring("bot", ZOE);
    world.reconciler.policy.rooms.push(RoomSpec {
        room: room_ref(ROOM),
        groups: Vec::new(),
        members: Vec::new(),
        rules: RoomRules::default(),
    });
    world.directory.fail(ProviderErrorKind::Unavailable, "down");
    world.refuses(
        kick(),
        RefusalKind::Unknown,
        &[ZOE, "directory corp", "could not be read"],
    );
    world.directory.recover();
    world.does(kick(), &["remove"]);
}
