//! Power levels: people's, left-over entries, the template, and old versions.

use inviter_core::{
    RoomVersionId, desired::Role, directory::Extent, finding::FindingKind, room::Membership,
    room_rules::LevelsMode,
};
use serde_json::json;

use crate::world::{BOT, World, user};

fn levels(users: serde_json::Value) -> World {
    World::new().users(users)
}

#[test]
fn owners_are_raised_and_former_owners_lowered() {
    levels(json!({ "@bot:example.org": 100, "@old:example.org": 50 }))
        .wants_at("new", 50)
        .joined("new")
        .wants("old")
        .joined("old")
        .gives(&["level new none→50", "level old 50→none"], &[]);
}

#[test]
fn a_level_equal_to_the_default_needs_no_entry() {
    levels(json!({ "@bot:example.org": 100, "@alice:example.org": 0 }))
        .wants_at("alice", 0)
        .joined("alice")
        .gives(&["level alice 0→none"], &[]);
}

#[test]
fn unknown_owners_lower_nobody_and_unknown_members_neither() {
    let world = || {
        levels(json!({ "@bot:example.org": 100, "@old:example.org": 50 }))
            .wants("old")
            .joined("old")
            .wants_at("new", 50)
            .joined("new")
    };
    world()
        .with(|w| w.owners_extent = Extent::gap("owners", "no right"))
        .gives(&["level new none→50"], &[]);
    world()
        .with(|w| w.members_extent = Extent::gap("members", "no right"))
        .gives(&["level new none→50"], &[FindingKind::RemovalsNotConsidered]);
}

#[test]
fn a_fixed_level_overrides_up_and_down() {
    levels(json!({ "@bot:example.org": 100, "@alice:example.org": 50 }))
        .fixed("alice", Role::Level(10))
        .joined("alice")
        .with(|w| w.owners_extent = Extent::gap("owners", "no right"))
        .gives(&["level alice 50→10"], &[]);
}

#[test]
fn a_fixed_member_whose_level_the_directory_gives_is_not_lowered_on_the_unknown() {
    let world = |role| {
        levels(json!({ "@bot:example.org": 100, "@alice:example.org": 50 }))
            .fixed_without_level("alice", role)
            .joined("alice")
    };
    for role in [Role::Member, Role::Level(25)] {
        world(role)
            .with(|w| w.owners_extent = Extent::gap("owners", "no right"))
            .gives(&[], &[]);
    }
    world(Role::Member).gives(&["level alice 50→none"], &[]);
}

#[test]
fn keeping_levels_lowers_only_what_we_gave() {
    let world = || {
        levels(json!({ "@bot:example.org": 100, "@alice:example.org": 50 }))
            .wants("alice")
            .joined("alice")
            .with(|w| w.rules.levels = LevelsMode::Keep)
    };
    world().gives(&[], &[]);
    world()
        .remember(|r| {
            r.given.insert(user("alice"), 50);
        })
        .gives(&["level alice 50→none"], &[]);
    world()
        .remember(|r| {
            r.given.insert(user("alice"), 40);
        })
        .gives(&[], &[]);
}

#[test]
fn a_level_left_behind_is_cleared() {
    levels(json!({ "@bot:example.org": 100, "@gone:example.org": 50, "@never:example.org": 50 }))
        .member("gone", Membership::Left, "gone")
        .gives(&["level gone 50→none", "level never 50→none"], &[]);
}

#[test]
fn no_level_is_cleared_while_a_member_event_cannot_be_read() {
    levels(json!({ "@bot:example.org": 100, "@hidden:example.org": 50 }))
        .with(|w| w.unreadable = vec!["the member event of @hidden:example.org cannot be understood"])
        .gives(
            &[],
            &[FindingKind::Unreadable, FindingKind::RemovalsNotConsidered],
        );
}

#[test]
fn a_level_goes_with_the_person() {
    levels(json!({ "@bot:example.org": 100, "@mallory:example.org": 50 }))
        .joined("mallory")
        .gives(&["level mallory 50→none", "remove mallory"], &[]);
}

#[test]
fn someone_about_to_be_invited_gets_the_level_before() {
    levels(json!({ "@bot:example.org": 100 }))
        .wants_at("alice", 50)
        .gives(&["level alice none→50", "invite alice"], &[]);
}

#[test]
fn nobody_gets_the_bots_level_or_more() {
    levels(json!({ "@bot:example.org": 100 }))
        .wants_at("alice", 100)
        .joined("alice")
        .gives(&[], &[FindingKind::PowerMissing]);
    levels(json!({ "@bot:example.org": 100 }))
        .wants_at("alice", 100)
        .joined("alice")
        .with(|w| w.policy.danger_allow_admin_levels = true)
        .gives(&[], &[FindingKind::PowerMissing]);
    World::new()
        .version_12()
        .wants_at("alice", 100)
        .joined("alice")
        .with(|w| w.policy.danger_allow_admin_levels = true)
        .gives(&["level alice none→100"], &[]);
}

#[test]
fn an_admin_is_not_lowered() {
    levels(json!({ "@bot:example.org": 100, "@admin:example.org": 100 }))
        .wants("admin")
        .joined("admin")
        .gives(&[], &[FindingKind::Outranked]);
}

#[test]
fn an_admin_is_lowered_where_the_directory_rules_over_admins() {
    let world = |bot: i64| {
        levels(json!({ "@bot:example.org": bot, "@admin:example.org": 100 }))
            .wants_at("admin", 50)
            .joined("admin")
            .with(|w| w.policy.danger_manage_admins = true)
    };
    world(150).gives(&["level admin 100→50"], &[]);
    world(100).gives(&[], &[FindingKind::Outranked]);
    // As everybody's, this takes complete knowledge.
    world(150)
        .with(|w| w.owners_extent = Extent::gap("owners", "hidden"))
        .gives(&[], &[]);
    world(150)
        .with(|w| w.rules.levels = LevelsMode::Keep)
        .gives(&[], &[]);
    let v12 = |w: World| w.version_12().wants("admin").joined("admin");
    let mut ruled = v12(World::new()).with(|w| w.policy.danger_manage_admins = true);
    ruled.levels.as_mut().unwrap()["users"] = json!({ "@admin:example.org": 100 });
    ruled.gives(&["level admin 100→none"], &[]);
}

#[test]
fn a_creator_of_version_12_needs_no_level() {
    World::new()
        .version_12()
        .wants_at("founder", 50)
        .joined("founder")
        .with(|w| w.additional_creators = vec![user("founder")])
        .gives(&[], &[]);
}

#[test]
fn string_levels_of_old_versions_are_understood() {
    let mut world = World::new()
        .wants("alice")
        .joined("alice")
        .wants_at("bob", 50)
        .joined("bob")
        .joined("mallory");
    world.version = RoomVersionId::V6;
    world.levels = Some(world.template(&json!({
        "@bot:example.org": "100", "@alice:example.org": "50", "@bob:example.org": " 50 ",
    })));
    world.gives(&["level alice 50→none", "remove mallory"], &[]);
}

#[test]
fn a_room_without_levels_gets_them_and_the_bot_keeps_its_own() {
    let mut world = World::new().wants_at("alice", 50).joined("alice");
    world.levels = None;
    world.rules.template = None;
    world.gives(&["level alice none→50", "level bot none→100"], &[]);
}

#[test]
fn partial_levels_are_completed_by_the_template() {
    let mut world = World::new();
    world.levels =
        Some(json!({ "users": { "@bot:example.org": 100 }, "events": { "m.reaction": 10, "x.custom": 7 } }));
    world.gives(
        &[
            "level invite none→100",
            "level kick none→100",
            "level ban none→100",
            "level redact none→100",
            "level m.reaction 10→0",
            "level m.room.canonical_alias none→100",
            "level m.room.history_visibility none→100",
            "level m.room.pinned_events none→0",
            "level m.room.power_levels none→100",
            "level m.room.redaction none→100",
            "level m.room.tombstone none→100",
        ],
        &[],
    );
}

#[test]
fn a_default_that_changes_takes_no_event_along() {
    let mut world = World::new();
    let content = world.levels.as_mut().unwrap();
    content["state_default"] = json!(100);
    // Both have the level that the template wants, by the old default; one of them by the new one, too.
    for kind in ["m.room.canonical_alias", "m.room.name"] {
        content["events"].as_object_mut().unwrap().remove(kind);
    }
    world.gives(
        &[
            "level state_default 100→50",
            "level m.room.canonical_alias none→100",
        ],
        &[],
    );
}

#[test]
fn the_template_leaves_the_tombstone_of_version_12_alone() {
    World::new().version_12().gives(&[], &[]);
    let mut bare = World::new().version_12();
    bare.levels.as_mut().unwrap()["events"]
        .as_object_mut()
        .unwrap()
        .remove("m.room.tombstone");
    bare.gives(&[], &[]);
    bare.rules
        .template
        .as_mut()
        .unwrap()
        .events
        .insert("m.room.tombstone".to_owned(), 100);
    bare.gives(&["level m.room.tombstone none→100"], &[]);
}

#[test]
fn the_template_is_not_written_above_the_bots_level() {
    let mut world = World::new().users(json!({ "@bot:example.org": 50 }));
    world.levels.as_mut().unwrap()["events"]["m.room.power_levels"] = json!(50);
    world.levels.as_mut().unwrap()["redact"] = json!(20);
    world.levels.as_mut().unwrap()["events"]["m.reaction"] = json!(20);
    let plan = world.plan();
    let message = &plan.findings[0].message;
    assert!(
        message.contains("redact from 20 to 100") && message.contains("the bot has level 50"),
        "{message}"
    );
    world.gives(&["level m.reaction 20→0"], &[FindingKind::PowerMissing]);
}

#[test]
fn without_the_power_for_levels_people_are_still_managed() {
    levels(json!({ "@bot:example.org": 100, "@alice:example.org": 50 }))
        .wants("alice")
        .joined("alice")
        .wants("bob")
        .with(|w| {
            w.levels.as_mut().unwrap()["events"]["m.room.power_levels"] = json!(101);
            w.rules.template = None;
        })
        .gives(&["invite bob"], &[FindingKind::PowerMissing]);
}

#[test]
fn a_users_default_of_the_room_is_what_an_ordinary_member_has() {
    let mut world = World::new()
        .wants("alice")
        .joined("alice")
        .wants_at("bob", 50)
        .joined("bob");
    world.rules.template = None;
    world.levels.as_mut().unwrap()["users_default"] = json!(50);
    world.gives(&[], &[]);
}

/// What people lose by the plan's changes of levels.
fn losses(world: &World) -> Vec<(i64, i64)> {
    let actions = world.plan().actions.into_iter();
    actions
        .filter_map(|action| action.lowers)
        .map(|lowers| (lowers.from, lowers.to))
        .collect()
}

#[test]
fn what_somebody_loses_is_counted_from_the_level_in_force() {
    let world = |users: serde_json::Value, default: i64| {
        let mut world = World::new().users(users);
        world.rules.template = None;
        world.levels.as_mut().unwrap()["users_default"] = json!(default);
        world
    };
    let (bot, bot_and_bob) = (json!({ BOT: 100 }), json!({ BOT: 100, "@bob:example.org": 20 }));
    // An entry below what everybody has lowers, and one above does not.
    let below = world(bot.clone(), 50).wants_at("bob", 20).joined("bob");
    below.gives(&["level bob none→20"], &[]);
    assert_eq!(losses(&below), [(50, 20)]);
    assert!(losses(&world(bot.clone(), 50).wants_at("bob", 60).joined("bob")).is_empty());
    // Taking it away raises to what everybody has, or lowers to it.
    let raised = world(bot_and_bob.clone(), 50).wants("bob").joined("bob");
    raised.gives(&["level bob 20→none"], &[]);
    assert!(losses(&raised).is_empty());
    assert_eq!(
        losses(&world(bot_and_bob.clone(), 10).wants("bob").joined("bob")),
        [(20, 10)]
    );
    assert_eq!(
        losses(&world(bot_and_bob, -5).wants("bob").joined("bob")),
        [(20, -5)]
    );
    // Who only comes has nothing to lose.
    let coming = world(bot, 50).wants_at("bob", 20);
    coming.gives(&["level bob none→20", "invite bob"], &[]);
    assert!(losses(&coming).is_empty());
}

#[test]
fn what_everybody_has_after_the_run_is_what_an_entry_is_taken_back_to() {
    let world = || {
        let mut world = World::new()
            .users(json!({ BOT: 100, "@bob:example.org": 20 }))
            .wants("bob")
            .joined("bob");
        world.levels.as_mut().unwrap()["users_default"] = json!(50);
        world
    };
    // The template sets `users_default` to 0 along with it.
    world().gives(&["level users_default 50→0", "level bob 20→none"], &[]);
    assert_eq!(losses(&world()), [(20, 0)]);
    // So that it takes the knowledge that lowering takes.
    let unknown = world().with(|w| w.members_extent = Extent::gap("physics", "size limit"));
    assert!(losses(&unknown).is_empty());
}
