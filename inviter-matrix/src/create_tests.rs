use ruma::OwnedUserId;

use super::*;

fn rules(version: &str) -> LevelRules {
    LevelRules::of(&RoomVersionId::try_from(version).unwrap()).unwrap()
}

fn made(template: Option<&PowerTemplate>, people: &[(&str, i64)], version: &str) -> Option<Value> {
    let people: Vec<(OwnedUserId, i64)> = people
        .iter()
        .map(|(user, level)| (UserId::parse(user).unwrap(), *level))
        .collect();
    levels(template, &people, rules(version), "@bot:x".try_into().unwrap())
}

#[test]
fn nothing_wanted_is_nothing_sent() {
    assert_eq!(made(None, &[], "11"), None);
    assert_eq!(made(None, &[], "12"), None);
    // A template without events leaves the homeserver's.
    let mut template = PowerTemplate::default();
    template.events.clear();
    assert!(made(Some(&template), &[], "11").unwrap().get("events").is_none());
}

#[test]
fn the_bot_is_in_the_list_before_version_12_and_never_from_then_on() {
    let users = |people, version| made(None, people, version).map(|levels| levels["users"].clone());
    assert_eq!(
        users(&[("@a:x", 50)], "11"),
        Some(json!({ "@a:x": 50, "@bot:x": 100 }))
    );
    assert_eq!(users(&[("@a:x", 50)], "12"), Some(json!({ "@a:x": 50 })));
    assert_eq!(users(&[("@bot:x", 50)], "11"), Some(json!({ "@bot:x": 100 })));
    assert_eq!(users(&[("@bot:x", 50)], "12"), None);
}

#[test]
fn replacing_the_events_keeps_what_must_stay_high() {
    let template = PowerTemplate::default();
    let events = |version| made(Some(&template), &[], version).unwrap()["events"].clone();
    assert_eq!(events("11")["m.room.tombstone"], 100);
    assert_eq!(events("12")["m.room.tombstone"], 150);
    assert_eq!(events("12")["m.room.encryption"], 100);
    let mut template = PowerTemplate::default();
    template.events.insert("m.room.tombstone".to_owned(), 50);
    assert_eq!(
        made(Some(&template), &[], "12").unwrap()["events"]["m.room.tombstone"],
        50
    );
}
