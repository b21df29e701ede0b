use inviter_core::{levels::Key, room::Power};
use serde_json::json;

use super::*;

fn events(version: &str) -> Vec<Value> {
    vec![
        state(
            "m.room.create",
            "",
            "@owner:x",
            json!({ "room_version": version, "creator": "@other:x" }),
        ),
        state(
            "m.room.power_levels",
            "",
            "@owner:x",
            json!({ "users": { "@owner:x": 100 } }),
        ),
        state(
            "m.room.join_rules",
            "",
            "@owner:x",
            json!({ "join_rule": "restricted" }),
        ),
        member("@owner:x", "join"),
        member("@zoe:x", "invite"),
        member("@al:x", "leave"),
    ]
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "so that callers can write `json!` in place"
)]
fn state(kind: &str, key: &str, sender: &str, content: Value) -> Value {
    json!({ "type": kind, "state_key": key, "sender": sender, "content": content, "origin_server_ts": 5 })
}

fn member(user: &str, membership: &str) -> Value {
    state(
        "m.room.member",
        user,
        "@owner:x",
        json!({ "membership": membership }),
    )
}

fn collect(events: &[Value]) -> Collector {
    let mut collector = Collector::default();
    for event in events {
        collector.add(&serde_json::value::to_raw_value(event).unwrap());
    }
    collector
}

fn read(events: &[Value]) -> RoomState {
    collect(events).finish(ruma::RoomId::parse("!r:x").unwrap())
}

#[track_caller]
fn joined(events: &[Value]) -> RoomSnapshot {
    match read(events) {
        RoomState::Joined(snapshot) => *snapshot,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unknown(events: &[Value], part: &str) {
    match read(events) {
        RoomState::Unknown(cause) => assert!(cause.0.contains(part), "{cause}"),
        other => panic!("{other:?}"),
    }
}

fn with(mut events: Vec<Value>, more: Value) -> Vec<Value> {
    events.push(more);
    events
}

fn without(kind: &str) -> Vec<Value> {
    events("11")
        .into_iter()
        .filter(|event| event["type"] != kind)
        .collect()
}

#[test]
fn an_ordinary_room() {
    let room = joined(&events("11"));
    // The sender of the create event, not what its content claims.
    assert_eq!(room.creator, "@owner:x");
    assert_eq!(room.join_rule, JoinRule::Restricted);
    assert!(room.federate && !room.encrypted && room.unreadable.is_empty());
    let members: Vec<_> = room
        .members
        .iter()
        .map(|m| (m.user_id.as_str(), m.membership))
        .collect();
    let expected = [
        ("@al:x", Membership::Left),
        ("@owner:x", Membership::Joined),
        ("@zoe:x", Membership::Invited),
    ];
    assert_eq!(members, expected);
    assert_eq!(room.members[0].sender, "@owner:x");
}

#[test]
fn no_version_is_version_1_and_no_sender_leaves_the_creator() {
    let mut events = events("1");
    events[0] = json!({ "type": "m.room.create", "state_key": "", "content": { "creator": "@c:x" } });
    let room = joined(&events);
    assert_eq!((room.version.as_str(), room.creator.as_str()), ("1", "@c:x"));
}

#[test]
fn levels_as_strings() {
    let levels = json!({ "kick": "42", "users": { "@owner:x": " 7 " }, "events": { "m.room.name": "50" } });
    let levels = state("m.room.power_levels", "", "@owner:x", levels);
    for version in ["1", "6", "9"] {
        let room = joined(&with(events(version), levels.clone()));
        assert_eq!(room.levels.key(Key::Kick), 42);
        assert_eq!(room.power("@owner:x".try_into().unwrap()), Power::Level(7));
    }
    for version in ["10", "11", "12"] {
        unknown(&with(events(version), levels.clone()), "not a level");
    }
}

#[test]
fn levels_that_are_absent_or_malformed() {
    let room = joined(&without("m.room.power_levels"));
    assert_eq!(room.power("@owner:x".try_into().unwrap()), Power::Level(100));
    assert_eq!(room.levels.key(Key::StateDefault), 50);
    for bad in [
        json!([]),
        json!({ "users": 5 }),
        json!({ "kick": 1e300 }),
        json!({ "users": { "@a:x": null } }),
    ] {
        let events = with(events("11"), state("m.room.power_levels", "", "@owner:x", bad));
        assert!(matches!(read(&events), RoomState::Unknown(_)));
    }
}

#[test]
fn a_room_without_a_usable_create_event_is_unknown() {
    unknown(&without("m.room.create"), "m.room.create");
    unknown(&[], "m.room.create");
    unknown(&events("org.example.own"), "not known");
    for content in [
        json!({ "room_version": 11 }),
        json!({ "room_version": "12", "additional_creators": "@a:x" }),
        json!({ "room_version": "12", "additional_creators": ["no user"] }),
        json!({ "m.federate": "no" }),
    ] {
        let events = with(events("11"), state("m.room.create", "", "@owner:x", content));
        assert!(matches!(read(&events), RoomState::Unknown(_)));
    }
    let create = state("m.room.create", "", "no user", json!({}));
    unknown(&with(without("m.room.create"), create), "user ID");
}

#[test]
fn creators() {
    let create = |version| {
        let content =
            json!({ "room_version": version, "additional_creators": ["@zoe:x"], "type": "m.space" });
        with(events("11"), state("m.room.create", "", "@owner:x", content))
    };
    let room = joined(&create("12"));
    assert_eq!(room.kind, RoomKind::Space);
    assert_eq!(room.power("@zoe:x".try_into().unwrap()), Power::Infinite);
    assert_eq!(room.power("@owner:x".try_into().unwrap()), Power::Infinite);
    // The key means nothing before.
    let room = joined(&create("11"));
    assert_eq!(room.power("@zoe:x".try_into().unwrap()), Power::Level(0));
    assert!(room.additional_creators.is_empty());
}

#[test]
fn malformed_events_are_named_and_the_rest_is_read() {
    let bad = [
        member("@bad:x", "exploded"),
        member("no user", "join"),
        state(
            "m.room.member",
            "@bad:x",
            "no user",
            json!({ "membership": "join" }),
        ),
        state("m.room.member", "@bad:x", "@a:x", json!({})),
        state("m.room.member", "@bad:x", "@a:x", json!("join")),
        json!({ "type": "m.room.member", "state_key": "@bad:x", "content": { "membership": "join" } }),
        json!({ "type": "m.room.member", "state_key": "@bad:x", "sender": "@a:x", "content": { "membership": "join" } }),
        json!({ "type": "m.room.member", "state_key": 7 }),
        json!("no event"),
        state("m.room.join_rules", "", "@a:x", json!({})),
        state(
            "m.room.history_visibility",
            "",
            "@a:x",
            json!({ "history_visibility": "everyone" }),
        ),
    ];
    for event in bad {
        let room = joined(&with(events("11"), event.clone()));
        assert_eq!(room.unreadable.len(), 1, "{event}");
        assert_eq!(room.members.len(), 3, "{event}");
    }
    // What was known of somebody before does not stand for what cannot be read.
    let room = joined(&with(events("11"), member("@zoe:x", "exploded")));
    assert!(room.member("@zoe:x".try_into().unwrap()).is_none());
    assert_eq!(room.unreadable.len(), 1);
    // And a later event that can be read settles it.
    let room = joined(&with(
        with(events("11"), member("@zoe:x", "exploded")),
        member("@zoe:x", "join"),
    ));
    assert_eq!(
        room.member("@zoe:x".try_into().unwrap()).unwrap().membership,
        Membership::Joined
    );
    assert!(room.unreadable.is_empty());
}

#[test]
fn what_only_decorates_is_taken_as_absent_if_malformed() {
    let odd = [
        ("m.room.name", json!({ "name": 5 })),
        ("m.room.name", json!({ "name": "" })),
        ("m.room.topic", json!([])),
        ("m.room.canonical_alias", json!({ "alias": "no alias" })),
        ("m.room.tombstone", json!({})),
    ];
    for (kind, content) in odd {
        let room = joined(&with(events("11"), state(kind, "", "@a:x", content)));
        assert!(room.name.is_none() && room.topic.is_none() && room.canonical_alias.is_none());
        assert!(room.replaced_by.is_none() && room.unreadable.is_empty());
    }
    // Under a state key of its own an event is another one, and a message is none.
    let named = |key| state("m.room.name", key, "@a:x", json!({ "name": "N" }));
    assert!(joined(&with(events("11"), named("other"))).name.is_none());
    let mut message = named("");
    message.as_object_mut().unwrap().remove("state_key");
    assert!(joined(&with(events("11"), message)).name.is_none());
}

#[test]
fn state_of_a_room_that_we_are_not_in() {
    let seen_by = |user: &str| {
        let me = UserId::parse(user).unwrap();
        collect(&events("11")).finish_for(ruma::RoomId::parse("!r:x").unwrap(), &me)
    };
    assert!(matches!(seen_by("@owner:x"), RoomState::Joined(_)));
    assert!(matches!(seen_by("@zoe:x"), RoomState::NotJoined { invited_by: Some(by) } if by == "@owner:x"));
    assert!(matches!(
        seen_by("@al:x"),
        RoomState::NotJoined { invited_by: None }
    ));
    assert!(matches!(
        seen_by("@nobody:x"),
        RoomState::NotJoined { invited_by: None }
    ));
}
