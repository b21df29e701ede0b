//! Every state that a person can be in.

use inviter_core::{
    action::{Op, Why},
    desired::{PersonStanding, Role},
    finding::FindingKind,
    patterns::Patterns,
    recall::{Refusal, RefusedOp},
    room::Membership,
    time::Timestamp,
};
use serde_json::json;

use crate::world::{NOW, World, user};

#[test]
fn wanted_people_are_invited_and_others_removed() {
    let world = World::new()
        .wants("alice")
        .wants("bob")
        .joined("bob")
        .joined("mallory")
        .member("trudy", Membership::Invited, "bot");
    world.gives(&["invite alice", "remove mallory", "withdraw trudy"], &[]);
    let plan = world.plan();
    assert_eq!(plan.actions[0].why, Why::InGroup { feed: 0 });
    assert_eq!(plan.actions[1].why, Why::InNoGroup);
}

#[test]
fn invited_counts_as_in() {
    World::new()
        .wants("alice")
        .member("alice", Membership::Invited, "bot")
        .gives(&[], &[]);
}

#[test]
fn a_disabled_account_is_evidence_for_a_removal() {
    let world = World::new().joined("alice").with(|w| {
        w.standing.insert(user("alice"), PersonStanding::Disabled);
    });
    world.gives(&["remove alice"], &[]);
    assert_eq!(world.plan().actions[0].why, Why::AccountDisabled);
}

#[test]
fn the_banned_stay_banned_and_their_level_is_not_touched() {
    let banned = World::new()
        .member("alice", Membership::Banned, "admin")
        .users(json!({ "@bot:example.org": 100, "@alice:example.org": 50 }));
    banned.gives(&[], &[]);
    banned.wants("alice").gives(&[], &[FindingKind::Banned]);
}

#[test]
fn knocking_is_answered_only_when_wanted() {
    let knocking = || World::new().member("alice", Membership::Knocking, "alice");
    knocking().gives(&[], &[]);
    knocking().wants("alice").gives(&["invite alice"], &[]);
}

#[test]
fn people_of_other_servers_are_out_of_scope() {
    let world = World::new()
        .joined("@carol:elsewhere.org")
        .users(json!({ "@bot:example.org": 100, "@carol:elsewhere.org": 50, "@gone:elsewhere.org": 50 }));
    world.gives(&[], &[]);
    // Even if a directory names one: only the configuration may.
    World::new().wants("@carol:elsewhere.org").gives(&[], &[]);
    World::new().fixed("@carol:elsewhere.org", Role::Level(50)).gives(
        &[
            "level @carol:elsewhere.org none→50",
            "invite @carol:elsewhere.org",
        ],
        &[],
    );
}

#[test]
fn the_scope_is_the_server_of_the_accounts() {
    let world = World::new()
        .wants("@alice:people.org")
        .joined("@mallory:people.org")
        .joined("local")
        .users(json!({ "@bot:example.org": 100, "@local:example.org": 50, "@mallory:people.org": 50 }))
        .with(|w| w.policy.accounts_server = "people.org".try_into().unwrap());
    world.gives(
        &[
            "level @mallory:people.org 50→none",
            "invite @alice:people.org",
            "remove @mallory:people.org",
        ],
        &[],
    );
    assert_eq!(world.plan().census.population, 1);
}

#[test]
fn a_fixed_member_is_never_removed_and_keeps_a_level_that_nobody_set() {
    World::new()
        .fixed("@carol:elsewhere.org", Role::Member)
        .joined("@carol:elsewhere.org")
        .users(json!({ "@bot:example.org": 100, "@carol:elsewhere.org": 50 }))
        .gives(&[], &[]);
    World::new()
        .fixed("alice", Role::Member)
        .joined("alice")
        .gives(&[], &[]);
}

#[test]
fn a_room_without_federation_takes_no_foreigners() {
    World::new()
        .fixed("@carol:elsewhere.org", Role::Member)
        .with(|w| w.federate = false)
        .gives(&[], &[FindingKind::NotFederated]);
}

#[test]
fn exempt_people_are_never_removed_or_lowered_and_may_be_invited() {
    let exempt = |w: &mut World| {
        w.policy.exempt = Patterns::new(["@svc-*:example.org".to_owned()]).unwrap();
    };
    World::new()
        .joined("svc-backup")
        .users(json!({ "@bot:example.org": 100, "@svc-backup:example.org": 50, "@svc-old:example.org": 50 }))
        .with(exempt)
        .gives(&[], &[]);
    World::new()
        .wants("svc-backup")
        .joined("svc-backup")
        .users(json!({ "@bot:example.org": 100, "@svc-backup:example.org": 50 }))
        .with(exempt)
        .gives(&[], &[]);
    World::new()
        .wants("svc-backup")
        .with(exempt)
        .gives(&["invite svc-backup"], &[]);
}

#[test]
fn admins_creators_and_the_bots_equals_are_left_alone() {
    World::new()
        .joined("admin")
        .users(json!({ "@bot:example.org": 100, "@admin:example.org": 100 }))
        .gives(&[], &[FindingKind::Outranked]);
    let bot_at_60 = World::new()
        .joined("equal")
        .joined("below")
        .users(json!({ "@bot:example.org": 60, "@equal:example.org": 60, "@below:example.org": 50 }))
        .with(|w| {
            w.levels.as_mut().unwrap()["kick"] = json!(50);
            w.rules.template = None;
            w.levels.as_mut().unwrap()["events"]["m.room.power_levels"] = json!(60);
        });
    bot_at_60.gives(
        &["level below 50→none", "remove below"],
        &[FindingKind::Outranked],
    );
    let mut v12 = World::new()
        .version_12()
        .joined("founder")
        .joined("admin")
        .with(|w| {
            w.additional_creators = vec![user("founder")];
        });
    v12.levels.as_mut().unwrap()["users"] = json!({ "@admin:example.org": 100 });
    v12.gives(&[], &[FindingKind::Outranked, FindingKind::Outranked]);
}

#[test]
fn admins_below_the_bot_go_where_the_directory_rules_over_them() {
    let ruling = |w: &mut World| w.policy.danger_manage_admins = true;
    // In a room of version 12 that it created the bot is above everybody but other creators.
    let mut v12 = World::new()
        .version_12()
        .joined("founder")
        .joined("admin")
        .joined("higher")
        .joined("@guest:elsewhere.org")
        .with(|w| w.additional_creators = vec![user("founder")])
        .with(ruling);
    v12.levels.as_mut().unwrap()["users"] = json!({
        "@admin:example.org": 100, "@higher:example.org": 150, "@guest:elsewhere.org": 100,
    });
    v12.gives(
        &[
            "level admin 100→none",
            "level higher 150→none",
            "remove admin",
            "remove higher",
        ],
        &[FindingKind::Outranked],
    );
    let exempt = v12.with(|w| w.policy.exempt = Patterns::new(["@*:example.org".to_owned()]).unwrap());
    exempt.gives(&[], &[]);
    // Before, at 100 it is above none of them, and over 100 it is.
    let v11 = |bot: i64| {
        World::new()
            .joined("admin")
            .users(json!({ "@bot:example.org": bot, "@admin:example.org": 100 }))
            .with(ruling)
    };
    v11(100).gives(&[], &[FindingKind::Outranked]);
    v11(150).gives(&["level admin 100→none", "remove admin"], &[]);
    v11(150)
        .with(|w| w.policy.danger_manage_admins = false)
        .gives(&[], &[FindingKind::Outranked]);
    // The bot's own rank is nobody's to take, however high.
    World::new()
        .users(json!({ "@bot:example.org": 150 }))
        .with(ruling)
        .gives(&[], &[]);
}

#[test]
fn the_bot_is_never_touched() {
    World::new().wants("bot").gives(&[], &[]);
    World::new().wants_at("bot", 50).gives(&[], &[]);
    World::new().version_12().wants_at("bot", 50).gives(&[], &[]);
}

#[test]
fn uncertain_people_are_neither_added_nor_removed_nor_levelled() {
    let uncertain = |w: &mut World| {
        w.standing.insert(user("alice"), PersonStanding::Uncertain);
    };
    World::new().wants("alice").with(uncertain).gives(&[], &[]);
    World::new()
        .joined("alice")
        .users(json!({ "@bot:example.org": 100, "@alice:example.org": 50 }))
        .with(uncertain)
        .gives(&[], &[]);
    World::new()
        .wants_at("alice", 50)
        .joined("alice")
        .with(uncertain)
        .gives(&[], &[]);
}

#[test]
fn a_historical_id_that_differs_in_case_is_kept() {
    let world = World::new().wants("alice").joined("alice").joined("Alice");
    world.gives(&[], &[FindingKind::HistoricalId]);
    World::new().joined("Mallory").gives(&["remove Mallory"], &[]);
    // The other way round: a rename leads to the historical ID.
    let renamed = World::new().wants("Alice").joined("Alice").joined("alice");
    renamed.gives(&[], &[FindingKind::HistoricalId]);
}

#[test]
fn a_permanent_refusal_is_not_tried_again_for_a_day() {
    let refused = |at: u64, of| {
        World::new().wants("alice").joined("mallory").remember(move |r| {
            let refusal = Refusal {
                at: Timestamp(at),
                of,
                cause: "blocks invitations".to_owned(),
            };
            r.refused.insert(user("alice"), refusal.clone());
            r.refused.insert(user("mallory"), refusal);
        })
    };
    let hour = 3_600_000;
    refused(NOW.0 - hour, RefusedOp::Invite).gives(&["remove mallory"], &[FindingKind::Refused]);
    refused(NOW.0 - hour, RefusedOp::Remove).gives(&["invite alice"], &[FindingKind::Refused]);
    refused(NOW.0 - 25 * hour, RefusedOp::Invite).gives(&["invite alice", "remove mallory"], &[]);
}

#[test]
fn missing_power_is_told_for_what_it_keeps_from_happening() {
    let weak = World::new()
        .wants("alice")
        .joined("mallory")
        .users(json!({ "@bot:example.org": 50 }))
        .with(|w| w.levels.as_mut().unwrap()["kick"] = json!(50));
    let plan = weak.plan();
    // It may remove, and says what it may not: invite.
    assert!(
        matches!(plan.actions.as_slice(), [a] if matches!(a.op, Op::Remove { .. })),
        "{:?}",
        plan.actions
    );
    let message = &plan
        .findings
        .iter()
        .find(|f| f.kind == FindingKind::PowerMissing)
        .unwrap()
        .message;
    assert!(
        message.contains("inviting needs level 100 and the bot has 50"),
        "{message}"
    );
}
