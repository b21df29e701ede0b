use ruma_common::{owned_user_id, user_id};
use serde_json::json;

use super::*;

fn rules(version: &str) -> LevelRules {
    LevelRules::of(&RoomVersionId::try_from(version).unwrap()).unwrap()
}

fn parsed(content: &Value, version: &str) -> Result<PowerLevels, LevelsError> {
    PowerLevels::parse(content, rules(version))
}

#[test]
fn absent_keys_have_the_defaults_of_the_specification() {
    let levels = parsed(&json!({}), "11").unwrap();
    let defaults = Key::ALL.map(|key| levels.key(key));
    assert_eq!(defaults, [0, 0, 50, 0, 50, 50, 50]);
    assert_eq!(levels.user(user_id!("@creator:x"), user_id!("@creator:x")), 0);
}

#[test]
fn without_the_event_the_creator_has_100_before_version_12() {
    let (creator, other) = (user_id!("@creator:x"), user_id!("@other:x"));
    let old = PowerLevels::absent(rules("11"));
    assert_eq!((old.user(creator, creator), old.user(other, creator)), (100, 0));
    assert_eq!(old.state_event("m.room.name"), 50);
    assert_eq!(PowerLevels::absent(rules("12")).user(creator, creator), 0);
}

#[test]
fn strings_and_fractions_count_before_version_10_only() {
    let quoted = json!({ "users": { "@a:x": " 50 " }, "kick": "30", "ban": 50.9 });
    let levels = parsed(&quoted, "9").unwrap();
    assert_eq!(
        (
            levels.user_entry(user_id!("@a:x")),
            levels.key(Key::Kick),
            levels.key(Key::Ban)
        ),
        (Some(50), 30, 50)
    );
    for bad in [json!({ "kick": "30" }), json!({ "ban": 50.9 })] {
        assert!(parsed(&bad, "10").is_err());
    }
}

#[test]
fn what_is_no_level_is_named() {
    for (content, key) in [
        (json!([]), "content"),
        (json!({ "users": 5 }), "users"),
        (json!({ "users": { "@a:x": null } }), "@a:x"),
        (json!({ "events": { "m.room.name": {} } }), "m.room.name"),
        (json!({ "kick": 1_u64 << 54 }), "kick"),
    ] {
        assert_eq!(parsed(&content, "6").unwrap_err().key, key);
    }
}

fn change(user: &str, from: Option<i64>, to: Option<i64>) -> LevelChange {
    LevelChange {
        slot: LevelSlot::User(UserId::parse(user).unwrap()),
        from,
        to,
    }
}

#[test]
fn merging_changes_what_is_planned_and_keeps_everything_else() {
    let now =
        json!({ "users": { "@a:x": 50, "@b:y": 7, "not a user": 1 }, "x.custom": { "k": [1] }, "kick": 50 });
    let changes = [change("@a:x", Some(50), None), change("@c:x", None, Some(50))];
    let merged = merge(&now, &changes, rules("11")).unwrap();
    let wanted =
        json!({ "users": { "@b:y": 7, "not a user": 1, "@c:x": 50 }, "x.custom": { "k": [1] }, "kick": 50 });
    assert_eq!((merged.content, merged.dropped), (Some(wanted), vec![]));
}

#[test]
fn merging_drops_what_somebody_else_has_changed_and_skips_what_holds() {
    let now = json!({ "users": { "@a:x": 60, "@b:x": 50 } });
    let stale = change("@a:x", Some(50), None);
    let changes = [stale.clone(), change("@b:x", None, Some(50))];
    let merged = merge(&now, &changes, rules("11")).unwrap();
    assert_eq!((merged.content, merged.dropped), (None, vec![stale]));
}

#[test]
fn levels_that_cannot_be_read_are_not_merged_into() {
    assert!(merge(&json!({ "kick": {} }), &[], rules("11")).is_err());
}

#[test]
fn nobody_changes_what_is_above_them_or_an_equal() {
    let own = Power::Level(50);
    let key = |from, to| LevelChange {
        slot: LevelSlot::Key(Key::Kick),
        from,
        to,
    };
    assert!(may_change(own, &key(Some(50), Some(40)), false));
    assert!(!may_change(own, &key(Some(51), Some(40)), false));
    assert!(!may_change(own, &key(Some(40), Some(51)), false));
    let slot = LevelSlot::User(owned_user_id!("@a:x"));
    assert!(!may_change(
        own,
        &LevelChange {
            slot: slot.clone(),
            from: Some(50),
            to: None
        },
        false
    ));
    assert!(may_change(
        own,
        &LevelChange {
            slot: slot.clone(),
            from: Some(50),
            to: None
        },
        true
    ));
    assert!(may_change(
        Power::Infinite,
        &LevelChange {
            slot,
            from: Some(i64::MAX),
            to: None
        },
        false
    ));
}
