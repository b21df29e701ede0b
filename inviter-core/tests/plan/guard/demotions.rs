//! People who would lose a level count as well.

use inviter_core::{
    desired::Role,
    guard::{HoldReason, Limits, Trigger},
    room::Membership,
};
use serde_json::{Map, json};

use super::{counts, default, judge, judge_all, reasons, room};
use crate::world::{BOT, World};

#[test]
fn a_held_removal_holds_its_demotion() {
    let world = room(0, 1).users(json!({ "@bot:example.org": 100, "@u0:example.org": 50 }));
    assert_eq!(counts(&default(&world)), (0, 2, 0));
}

#[test]
fn too_many_demotions_are_held_and_tidying_is_not() {
    let users = |people: &[String]| {
        let entries = people.iter().map(|u| (format!("@{u}:example.org"), json!(50)));
        let mut users: Map<String, serde_json::Value> = entries.collect();
        users.insert("@bot:example.org".to_owned(), json!(100));
        json!(users)
    };
    let four: Vec<String> = (0..4).map(|i| format!("w{i}")).collect();
    assert_eq!(counts(&default(&room(20, 0).users(users(&four)))), (0, 4, 0));
    assert_eq!(counts(&default(&room(20, 0).users(users(&four[..3])))), (3, 0, 0));
    let gone: Vec<String> = (0..9).map(|i| format!("gone{i}")).collect();
    let tidy = room(20, 0)
        .users(users(&gone))
        .member("gone0", Membership::Left, "gone0");
    assert_eq!(counts(&default(&tidy)), (9, 0, 0));
}

#[test]
fn a_group_without_anyone_lowers_nobody_either() {
    // Anyone may join, so nobody is removed; the level would go all the same.
    let world = room(0, 1)
        .users(json!({ "@bot:example.org": 100, "@u0:example.org": 50 }))
        .with(|w| w.join_rule = inviter_core::room::JoinRule::Public);
    let held = default(&world);
    assert_eq!(counts(&held), (0, 1, 0));
    assert_eq!(reasons(&held), [HoldReason::NobodyWanted]);
}

#[test]
fn the_limit_over_all_rooms_holds_demotions_too() {
    let world = room(20, 0).users(json!({
        "@bot:example.org": 100, "@w0:example.org": 50, "@w1:example.org": 50, "@w2:example.org": 50,
    }));
    let judged = |n: usize| {
        let plans = (0..n).map(|_| world.plan()).collect();
        judge_all(&world, plans, &[], Trigger::Person, Limits::default())
    };
    assert_eq!(counts(&judged(3)), (9, 0, 0));
    let held = judged(4);
    assert_eq!(counts(&held), (0, 12, 0));
    assert!(held.release().is_some());
}

#[test]
fn admins_over_whom_the_directory_rules_count_like_everybody() {
    let entries = |count: usize| {
        let users = (0..count).map(|i| (format!("@u{i}:example.org"), json!(100)));
        serde_json::Value::Object(users.collect())
    };
    // Four of five: more than 3, and more than 25 %.
    let mut world = room(1, 4).version_12();
    world.levels.as_mut().unwrap()["users"] = entries(4);
    assert_eq!(world.plan().census.population, 1);
    assert_eq!(world.plan().census.raised, 0);
    assert_eq!(counts(&default(&world)), (0, 0, 0));
    world.policy.danger_manage_admins = true;
    assert_eq!(world.plan().census.population, 5);
    assert_eq!(world.plan().census.raised, 4);
    assert_eq!(counts(&default(&world)), (0, 8, 0));
    // Three are few enough; with them their levels go.
    let mut few = room(9, 3).version_12();
    few.levels.as_mut().unwrap()["users"] = entries(3);
    few.policy.danger_manage_admins = true;
    assert_eq!(counts(&default(&few)), (6, 0, 0));
    // Whoever is not below the bot cannot be removed, and makes no room for others to be.
    let mut equals = room(1, 4).users(json!({ "@bot:example.org": 100 }));
    equals.levels = Some(equals.template(&{
        let mut users = entries(4);
        users["@bot:example.org"] = json!(100);
        users
    }));
    equals.policy.danger_manage_admins = true;
    assert_eq!(equals.plan().census.population, 1);
}

#[test]
fn a_level_below_zero_is_a_demotion_too() {
    let world = room(0, 0)
        .fixed("w", Role::Level(-10))
        .joined("w")
        .with(|w| w.memory.clean_run = None);
    assert_eq!(counts(&default(&world)), (0, 1, 0));
}

/// A room where everybody has 50, and the directory wants somebody at 20.
fn below_what_everybody_has() -> World {
    let mut world = room(5, 0).users(json!({ BOT: 100 })).wants_at("w0", 20);
    world.rules.template = None;
    world.levels.as_mut().unwrap()["users_default"] = json!(50);
    world
}

#[test]
fn an_entry_below_what_everybody_has_is_a_demotion_too() {
    let world = below_what_everybody_has();
    assert_eq!(counts(&default(&world)), (1, 0, 0));
    assert_eq!(
        counts(&judge(&world, &[], Trigger::Cautious, Limits::default())),
        (0, 0, 1)
    );
    let first = below_what_everybody_has().with(|w| w.memory.clean_run = None);
    assert_eq!(reasons(&default(&first)), [HoldReason::NoCleanRun]);
    // Who comes loses nothing, whatever everybody has.
    let coming = below_what_everybody_has().wants_at("new", 20);
    assert_eq!(
        counts(&judge(&coming, &[], Trigger::Cautious, Limits::default())),
        (2, 0, 1),
        "the invitation and the level of the one, but not that of the other"
    );
}
