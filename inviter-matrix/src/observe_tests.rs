use inviter_core::room::Membership;
use serde_json::json;

use super::*;

fn raw(value: &serde_json::Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

fn event(kind: &str, key: &str, content: &serde_json::Value) -> serde_json::Value {
    json!({ "type": kind, "state_key": key, "sender": "@o:x", "origin_server_ts": 1, "content": content })
}

fn create() -> serde_json::Value {
    event("m.room.create", "", &json!({ "room_version": "11" }))
}

fn member(membership: &str) -> serde_json::Value {
    event("m.room.member", "@a:x", &json!({ "membership": membership }))
}

#[test]
fn the_timeline_goes_on_top_of_the_state() {
    let membership = |room: serde_json::Value| match joined_room("!r:x".try_into().unwrap(), &raw(&room)) {
        RoomState::Joined(snapshot) => snapshot.members[0].membership,
        other => panic!("{other:?}"),
    };
    let both = json!({ "state": { "events": [create(), member("join")] }, "timeline": { "events": [member("leave")] } });
    assert_eq!(membership(both), Membership::Left);
    // A new room may have all of its state in the timeline.
    let timeline = json!({ "timeline": { "events": [create(), member("join")] } });
    assert_eq!(membership(timeline), Membership::Joined);
    let after = json!({
        "state_after": { "events": [create(), member("join")] }, "timeline": { "events": [member("leave")] },
    });
    assert_eq!(membership(after), Membership::Joined);
}

#[test]
fn a_room_of_another_form_is_unknown() {
    for room in [
        json!([]),
        json!({}),
        json!({ "state": 5 }),
        json!({ "state": { "events": {} } }),
    ] {
        let state = joined_room("!r:x".try_into().unwrap(), &raw(&room));
        assert!(matches!(state, RoomState::Unknown(_)), "{room}: {state:?}");
    }
}

#[test]
fn inviters() {
    let me = UserId::parse("@a:x").unwrap();
    let invite =
        |events: serde_json::Value| inviter(&raw(&json!({ "invite_state": { "events": events } })), &me);
    assert_eq!(invite(json!([5, create(), member("invite")])).unwrap(), "@o:x");
    assert_eq!(invite(json!([create(), member("join")])), None);
    assert_eq!(invite(json!([])), None);
    assert_eq!(inviter(&raw(&json!(7)), &me), None);
}

#[test]
fn an_invitation_beside_a_made_up_one_is_from_nobody() {
    let me = UserId::parse("@a:x").unwrap();
    let invite =
        |events: serde_json::Value| inviter(&raw(&json!({ "invite_state": { "events": events } })), &me);
    let (forged, mut real) = (member("invite"), member("invite"));
    real["sender"] = json!("@stranger:elsewhere");
    assert_eq!(invite(json!([forged, create(), real])), None);
    assert_eq!(invite(json!([real, create(), forged])), None);
    // Said twice is no doubt.
    assert_eq!(
        invite(json!([real, create(), real])).unwrap(),
        "@stranger:elsewhere"
    );
    // What is about somebody else, or no invitation, is not about this one.
    let mut other = member("invite");
    other["state_key"] = json!("@b:x");
    assert_eq!(
        invite(json!([other, member("join"), real])).unwrap(),
        "@stranger:elsewhere"
    );
}

#[test]
fn the_answer_is_cut_into_rooms() {
    let body = json!({
        "next_batch": "s", "presence": { "rooms": { "join": { "!no:x": {} } } },
        "rooms": {
            "leave": { "!left:x": {} }, "join": { "!a:x": { "n": 1 }, "!b:x": {} }, "knock": {},
            "invite": { "!c:x": {} },
        },
        "device_one_time_keys_count": {},
    })
    .to_string();
    let run = |body: &str, stop: usize| {
        let mut seen = Vec::new();
        let mut each = |section, id, _: &RawValue| {
            seen.push((section, id));
            if seen.len() == stop { Err(Unwanted) } else { Ok(()) }
        };
        let outcome = whole(body.as_bytes(), SyncRooms::new(&mut each, &mut None));
        (outcome.is_ok(), seen)
    };
    let (complete, mut seen) = run(&body, 0);
    assert!(complete);
    seen.sort();
    let expected = [
        ("invite", "!c:x"),
        ("join", "!a:x"),
        ("join", "!b:x"),
        ("leave", "!left:x"),
    ];
    assert_eq!(seen, expected.map(|(section, id)| (section, id.to_owned())));
    // Wherever it is cut off, it is not complete.
    for end in 0..body.len() {
        assert!(!run(&body[..end], 0).0, "{end}");
    }
    let (complete, seen) = run(&body, 1);
    assert!(!complete && seen.len() == 1);
}
