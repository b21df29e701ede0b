//! What people are told of a room: rights, who could give more, ghosts of bridges, and what adopting it would do.

use inviter_core::{
    action::Op,
    patterns::Patterns,
    plan::RoomStatus,
    recall::RememberedRoom,
    rights::{IfAdopted, Seen},
    room::{JoinRule, Membership, Power},
};
use serde_json::json;

use crate::world::{BOT, NOW, World, user};

fn seen(world: &World) -> Seen {
    *world.plan().seen.unwrap()
}

/// A room of somebody else's, which nobody has adopted.
fn found() -> World {
    World::new().joined("owner").with(|w| {
        w.creator = user("owner");
        w.levels = Some(w.template(&json!({ BOT: 100, "@owner:example.org": 100 })));
    })
}

#[test]
fn rights_are_told_of_every_room_that_the_bot_is_in() {
    let world = World::new()
        .joined("owner")
        .joined("helper")
        .joined("@far:elsewhere.org")
        .users(json!({
            BOT: 60, "@owner:example.org": 100, "@helper:example.org": 99, "@far:elsewhere.org": 100,
        }));
    let room = seen(&world);
    assert_eq!(room.rights.own, Power::Level(60));
    let may: Vec<&str> = room
        .rights
        .all()
        .into_iter()
        .filter(|(_, right)| right.may)
        .map(|(what, _)| what)
        .collect();
    assert_eq!(may, ["set the name", "set the topic"]);
    assert_eq!((room.rights.invite.needed, room.rights.levels.needed), (100, 100));
    // The helper does not reach the levels, and nobody here is asked by another server's account.
    let raisers: Vec<_> = room.raisers.iter().map(|r| (&*r.user, r.power)).collect();
    assert_eq!(raisers, [(&*user("owner"), Power::Level(100))]);

    // For what a bot that manages people lacks beyond that, somebody is named too.
    let manager = World::new().joined("owner").with(|w| {
        let users = json!({ BOT: 60, "@owner:example.org": 100 });
        w.levels =
            Some(json!({ "users": users, "events": { "m.room.power_levels": 60, "m.room.name": 80 } }));
    });
    assert!(seen(&manager).rights.manages_people());
    assert_eq!(seen(&manager).raisers.len(), 1);

    let replaced = world.with(|w| w.replaced_by = Some("!new:example.org".to_owned()));
    assert_eq!(replaced.plan().status, RoomStatus::Replaced);
    assert_eq!(seen(&replaced).rights.own, Power::Level(60));
}

#[test]
fn a_creator_of_version_12_outranks_the_bot_that_is_none() {
    let world = World::new().joined("owner").version_12();
    assert!(!seen(&world).creator_outranks);
    assert_eq!(seen(&world).rights.own, Power::Infinite);
    let world = world.with(|w| w.creator = user("owner"));
    let room = seen(&world);
    assert!(room.creator_outranks && !room.creator_is_known);
    assert_eq!(room.raisers[0].power, Power::Infinite);
}

/// The preview is the plan of the same room after somebody has adopted it.
#[test]
fn adopting_would_do_what_the_plan_does_then() {
    let world = found()
        .wants("alice")
        .wants_at("bob", 50)
        .wants("dan")
        .joined("bob")
        .joined("carol")
        .member("dan", Membership::Invited, "owner");
    let plan = world.plan();
    assert_eq!((plan.status, plan.actions.len()), (RoomStatus::Found, 0));
    let room = seen(&world);
    assert_eq!(room.present, 2, "bob and dan");
    let preview = room.if_adopted.unwrap();

    let adopted = world.remember(|room: &mut RememberedRoom| room.adopted = Some(NOW));
    let plan = adopted.plan();
    assert_eq!(plan.status, RoomStatus::Managed);
    let mut then = IfAdopted::default();
    for action in &plan.actions {
        match &action.op {
            Op::Invite { .. } | Op::Add { .. } => then.invited += 1,
            Op::Remove { .. } => then.removed += 1,
            Op::SetLevels { changes } => then.changed += u32::try_from(changes.len()).unwrap(),
            _ => then.changed += 1,
        }
    }
    assert_eq!(preview, then);
    assert_eq!((then.invited, then.removed, then.changed), (1, 1, 1));
    assert_eq!(seen(&adopted).if_adopted, None);
}

#[test]
fn creators_are_known_to_directories_and_to_the_configuration() {
    assert!(!seen(&found()).creator_is_known);
    assert!(seen(&found().wants("owner")).creator_is_known);
    let trusted = found().with(|w| {
        w.policy.trusted_inviters.insert(user("owner"));
    });
    assert!(seen(&trusted).creator_is_known);
    assert!(seen(&World::new()).creator_is_known, "the bot itself");
}

#[test]
fn ghosts_are_told_unless_a_directory_knows_them_or_something_exempts_them() {
    let world = World::new()
        .wants("signal_wanted")
        .joined("signal_wanted")
        .joined("signal_1")
        .member("signal_2", Membership::Left, "signal_2")
        .joined("@signal_3:elsewhere.org")
        .joined("telegrambot")
        .joined("carol");
    let patterns = |world: &World| -> Vec<(String, u32)> {
        let ghosts = seen(world).ghosts.into_iter();
        ghosts.map(|ghosts| (ghosts.pattern, ghosts.count)).collect()
    };
    let signal = ("@signal_*:example.org".to_owned(), 1);
    let bot = ("@telegrambot:example.org".to_owned(), 1);
    assert_eq!(patterns(&world), [signal.clone(), bot]);
    let world = world.with(|w| w.policy.exempt = Patterns::new(["@telegrambot:*".to_owned()]).unwrap());
    assert_eq!(patterns(&world), [signal]);
    // Those that a sync could remove are of the server whose people are managed.
    let world = world.with(|w| w.policy.accounts_server = "elsewhere.org".try_into().unwrap());
    assert_eq!(patterns(&world), [("@signal_*:elsewhere.org".to_owned(), 1)]);
}

/// The first five are named, and the rest counted.
#[test]
fn people_who_are_kept_from_something_are_named() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let told = |world: &World| world.plan().findings[0].message.clone();
    let weak = |world: World| world.users(json!({ BOT: 99 }));
    let many = names.iter().fold(World::new(), |world, name| world.wants(name));
    let first = "@a:example.org, @b:example.org, @c:example.org, @d:example.org, @e:example.org";
    let message = told(&weak(many));
    let expected = format!("7 people are not invited ({first} and 2 more), because inviting needs level 100");
    assert!(message.contains(&expected), "{message}");
    let message = told(&weak(World::new().wants("a")));
    assert!(
        message.contains("1 person is not invited (@a:example.org), because"),
        "{message}"
    );
    let message = told(&World::new().joined("a").with(|w| w.join_rule = JoinRule::Public));
    assert!(
        message.contains("1 person is not removed (@a:example.org), because anyone"),
        "{message}"
    );
}
