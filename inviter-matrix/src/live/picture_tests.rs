use inviter_core::room::{Membership, RoomState};
use ruma::{room_id, user_id};
use serde_json::{Value, json, value::to_raw_value};

use super::*;

fn take(picture: &mut Picture, section: &str, room: &Value) -> Told {
    let mut told = Told::default();
    let (id, me) = (room_id!("!r:x").to_owned(), user_id!("@bot:x"));
    picture.take(section, id, &to_raw_value(room).unwrap(), me, &mut told);
    told
}

fn state(kind: &str, key: &str, sender: &str, content: &Value) -> Value {
    json!({ "type": kind, "state_key": key, "sender": sender, "origin_server_ts": 1, "event_id": "$e", "content": content })
}

fn member(user: &str, sender: &str, membership: &str) -> Value {
    state(
        "m.room.member",
        user,
        sender,
        &json!({ "membership": membership }),
    )
}

fn started() -> Picture {
    let mut picture = Picture::default();
    let events = [
        state("m.room.create", "", "@bot:x", &json!({ "room_version": "11" })),
        member("@bot:x", "@bot:x", "join"),
        member("@a:x", "@a:x", "join"),
    ];
    let told = take(&mut picture, "join", &json!({ "state": { "events": events } }));
    assert_eq!(told.changed.len(), 1);
    picture
}

fn membership(picture: &Picture, user: &str) -> Option<Membership> {
    let Some(Shown::State(RoomState::Joined(room))) = picture.room(room_id!("!r:x")) else {
        panic!("a room that can be read")
    };
    let user = UserId::parse(user).unwrap();
    room.member(&user).map(|member| member.membership)
}

#[test]
fn what_others_did_is_a_change_and_what_the_bot_did_is_not() {
    let mut picture = started();
    let told = take(
        &mut picture,
        "join",
        &json!({ "timeline": { "events": [member("@b:x", "@bot:x", "invite")] } }),
    );
    assert!(told.changed.is_empty());
    assert_eq!(told.own.len(), 1);
    assert_eq!(membership(&picture, "@b:x"), Some(Membership::Invited));
    let told = take(
        &mut picture,
        "join",
        &json!({ "timeline": { "events": [member("@a:x", "@mod:x", "leave")] } }),
    );
    assert_eq!((told.changed.len(), told.own.len()), (1, 0));
    assert_eq!(membership(&picture, "@a:x"), Some(Membership::Left));
}

#[test]
fn the_gap_before_a_timeline_is_filled_by_the_state() {
    let mut picture = started();
    let answer = json!({
        "state": { "events": [member("@a:x", "@mod:x", "leave"), member("@c:x", "@mod:x", "invite")] },
        "timeline": { "limited": true, "events": [member("@c:x", "@c:x", "join")] },
    });
    take(&mut picture, "join", &answer);
    assert_eq!(membership(&picture, "@a:x"), Some(Membership::Left));
    assert_eq!(membership(&picture, "@c:x"), Some(Membership::Joined));
}

#[test]
fn state_after_the_timeline_stands_for_itself() {
    let mut picture = started();
    let answer = json!({
        "state_after": { "events": [member("@a:x", "@mod:x", "ban")] },
        "timeline": { "events": [member("@a:x", "@mod:x", "leave")] },
    });
    take(&mut picture, "join", &answer);
    assert_eq!(membership(&picture, "@a:x"), Some(Membership::Banned));
}

#[test]
fn messages_change_nothing_and_are_told() {
    let mut picture = started();
    let said = json!({ "type": "m.room.message", "sender": "@a:x", "event_id": "$m", "origin_server_ts": 1,
        "content": { "msgtype": "m.text", "body": "!idp" } });
    let told = take(&mut picture, "join", &json!({ "timeline": { "events": [said] } }));
    assert!(told.changed.is_empty());
    assert_eq!(told.incoming.len(), 1);
}

#[test]
fn rooms_come_and_go() {
    let mut picture = started();
    let told = take(&mut picture, "leave", &json!({}));
    assert_eq!(told.changed.len(), 1);
    assert!(picture.room(room_id!("!r:x")).is_none());
    let invitation = json!({ "invite_state": { "events": [member("@bot:x", "@admin:x", "invite")] } });
    let told = take(&mut picture, "invite", &invitation);
    assert!(matches!(&told.incoming[0], Incoming::Invited { by: Some(by), .. } if by == "@admin:x"));
    assert!(matches!(
        picture.room(room_id!("!r:x")),
        Some(Shown::State(RoomState::NotJoined { invited_by: Some(_) }))
    ));
}

#[test]
fn what_cannot_be_read_has_to_be_asked() {
    let mut picture = started();
    let told = take(&mut picture, "join", &json!({ "state": 3 }));
    assert_eq!(told.changed.len(), 1);
    assert!(doubt(&picture).is_some());
    // A later answer holds only what has changed since.
    take(&mut picture, "join", &json!({ "timeline": { "events": [] } }));
    assert!(doubt(&picture).is_some());
}

fn doubt(picture: &Picture) -> Option<Doubt> {
    match picture.room(room_id!("!r:x")) {
        Some(Shown::Doubtful(_, doubt)) => Some(doubt),
        _ => None,
    }
}

#[test]
fn what_other_servers_do_has_to_be_asked_once() {
    let message = |sender: &str| {
        json!({ "timeline": { "events": [{ "type": "m.room.message", "sender": sender, "event_id": "$m",
            "origin_server_ts": 1, "content": {} }] } })
    };
    let mut picture = started();
    take(&mut picture, "join", &message("@a:x"));
    assert_eq!(doubt(&picture), None);
    take(&mut picture, "join", &message("@a:y"));
    let first = doubt(&picture).unwrap();
    take(&mut picture, "join", &message("@a:y"));
    let second = doubt(&picture).unwrap();
    assert_ne!(first, second);
    // What was asked before the second one came says nothing of it.
    picture.settle(room_id!("!r:x"), first, Collector::default());
    assert_eq!(doubt(&picture), Some(second));
    picture.settle(room_id!("!r:x"), second, Collector::default());
    assert_eq!(doubt(&picture), None);
    // A homeserver that tells the state itself leaves no doubt.
    let mut answer = message("@a:y");
    answer["state_after"] = json!({ "events": [] });
    take(&mut picture, "join", &answer);
    assert_eq!(doubt(&picture), None);
}
