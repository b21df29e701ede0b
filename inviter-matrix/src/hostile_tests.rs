//! Whatever a homeserver says: no panic, and nothing that was not understood passes for something known (decision 12).
//! `PROPTEST_CASES` says how many cases are tried.

use inviter_core::{
    levels::{LevelRules, PowerLevels},
    room::{Membership, RoomSnapshot, RoomState},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use ruma::{OwnedRoomId, RoomId, RoomVersionId, UserId};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    answer_size::{AnswerSizes, Gate, Shape},
    live::{Picture, Shown, Told},
    observe::{inviter, joined_room},
    room_state::Collector,
    stream::{Elements, SyncRooms, whole},
};

/// Words that mean something in the right place.
const WORDS: [&str; 20] = [
    "m.room.member",
    "m.room.create",
    "m.room.power_levels",
    "m.room.tombstone",
    "",
    "@a:x",
    "@bot:x",
    "not an id",
    "join",
    "leave",
    "ban",
    "100",
    "12",
    "type",
    "state_key",
    "content",
    "membership",
    "users",
    "events",
    "invite_state",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        any::<String>(),
    ]
}

/// Any JSON.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6)
                .prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What is done to a document at some place.
#[derive(Debug, Clone)]
enum Harm {
    Replace(Value),
    Remove,
    Twice,
}

fn harm() -> impl Strategy<Value = (Index, Harm)> {
    let harm = prop_oneof![
        anything().prop_map(Harm::Replace),
        Just(Harm::Remove),
        Just(Harm::Twice)
    ];
    (any::<Index>(), harm)
}

/// Every place of a document.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                places(item, &format!("{here}/{n}"), all);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(item, &format!("{here}/{key}"), all);
            }
        }
        _ => {}
    }
}

fn harmed(mut document: Value, harms: &[(Index, Harm)]) -> Value {
    for (index, harm) in harms {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        let place = index.get(&all).clone();
        let (parent, name) = place.rsplit_once('/').unwrap_or_default();
        let name = name.replace("~1", "/").replace("~0", "~");
        match (harm, document.pointer_mut(parent)) {
            (Harm::Replace(value), _) => {
                if let Some(old) = document.pointer_mut(&place) {
                    old.clone_from(value);
                }
            }
            (Harm::Remove, Some(Value::Object(map))) => drop(map.remove(&name)),
            (Harm::Remove, Some(Value::Array(items))) => {
                if let Ok(n) = name.parse::<usize>() {
                    items.remove(n);
                }
            }
            (Harm::Twice, Some(Value::Array(items))) => {
                if let Some(item) = name.parse::<usize>().ok().and_then(|n| items.get(n).cloned()) {
                    items.push(item);
                }
            }
            _ => {}
        }
    }
    document
}

fn event(kind: &str, key: &str, content: &Value) -> Value {
    json!({ "type": kind, "state_key": key, "sender": "@owner:x", "origin_server_ts": 5, "content": content })
}

/// The state of a room as a homeserver tells it.
fn room_state() -> Value {
    json!([
        event("m.room.create", "", &json!({ "room_version": "11" })),
        event(
            "m.room.power_levels",
            "",
            &json!({ "users": { "@owner:x": 100, "@a:x": 50 }, "kick": 50 })
        ),
        event("m.room.join_rules", "", &json!({ "join_rule": "invite" })),
        event(
            "m.room.history_visibility",
            "",
            &json!({ "history_visibility": "shared" })
        ),
        event("m.room.name", "", &json!({ "name": "A room" })),
        event("m.room.member", "@bot:x", &json!({ "membership": "join" })),
        event(
            "m.room.member",
            "@a:x",
            &json!({ "membership": "join", "displayname": "A" })
        ),
        event("m.room.member", "@b:x", &json!({ "membership": "invite" })),
        event("m.room.member", "@c:x", &json!({ "membership": "ban" })),
    ])
}

fn id() -> OwnedRoomId {
    RoomId::parse("!r:x").unwrap()
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

fn collected(events: &Value) -> Option<RoomState> {
    let mut collector = Collector::default();
    let body = events.to_string();
    let read = whole(body.as_bytes(), Elements(|event: &RawValue| collector.add(event)));
    read.ok().map(|()| collector.finish(id()))
}

/// What a room is said to be is what its events say, last one first; where one of them says nothing that can be
/// understood, the room says so.
fn is_true(snapshot: &RoomSnapshot, events: &Value) -> Result<(), TestCaseError> {
    if !snapshot.unreadable.is_empty() {
        return Ok(());
    }
    let last = |kind: &str, key: &str| {
        let events = events.as_array().unwrap().iter();
        events
            .rev()
            .find(|event| event["type"] == kind && event["state_key"] == key)
    };
    for member in &snapshot.members {
        let told = last("m.room.member", member.user_id.as_str());
        let word = match member.membership {
            Membership::Joined => "join",
            Membership::Invited => "invite",
            Membership::Left => "leave",
            Membership::Banned => "ban",
            Membership::Knocking => "knock",
        };
        prop_assert_eq!(&told.unwrap()["content"]["membership"], word);
        prop_assert_eq!(&told.unwrap()["sender"], member.sender.as_str());
    }
    for event in events.as_array().unwrap() {
        let Some(key) = event["state_key"]
            .as_str()
            .filter(|_| event["type"] == "m.room.member")
        else {
            continue;
        };
        let known = snapshot.members.iter().any(|member| member.user_id == key);
        prop_assert!(known, "{} is left out without a word", key);
    }
    let rules = LevelRules::of(&snapshot.version).unwrap();
    let levels = match last("m.room.power_levels", "") {
        Some(event) => PowerLevels::parse(&event["content"], rules).unwrap(),
        None => PowerLevels::absent(rules),
    };
    prop_assert_eq!(&snapshot.levels, &levels);
    let create = &last("m.room.create", "").unwrap()["content"];
    let version = create
        .get("room_version")
        .map_or("1", |version| version.as_str().unwrap());
    prop_assert_eq!(&snapshot.version, &RoomVersionId::try_from(version).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// State that is harmed here and there.
    #[test]
    fn a_harmed_room_is_not_made_up(harms in vec(harm(), 1..5)) {
        let events = harmed(room_state(), &harms);
        match collected(&events) {
            Some(RoomState::Joined(snapshot)) => is_true(&snapshot, &events)?,
            Some(RoomState::Unknown(cause)) => prop_assert!(!cause.0.is_empty()),
            Some(other) => prop_assert!(false, "{other:?}"),
            None => prop_assert!(!events.is_array()),
        }
    }

    /// Anything at all among good state.
    #[test]
    fn anything_among_the_state(more in vec(anything(), 1..4)) {
        let mut events = room_state();
        events.as_array_mut().unwrap().extend(more);
        match collected(&events).unwrap() {
            RoomState::Joined(snapshot) => is_true(&snapshot, &events)?,
            RoomState::Unknown(cause) => prop_assert!(!cause.0.is_empty()),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    /// A room of `/sync`, harmed or anything at all: told anew or followed.
    #[test]
    fn rooms_of_sync(harms in vec(harm(), 1..5), other in anything(), section in "join|invite|leave") {
        let me = UserId::parse("@bot:x").unwrap();
        let whole = json!({ "state": { "events": room_state() }, "timeline": { "events": [
            event("m.room.member", "@a:x", &json!({ "membership": "leave" })),
            { "type": "m.room.message", "event_id": "$e", "sender": "@a:x", "content": { "msgtype": "m.text", "body": "!idp" } },
        ] } });
        for room in [harmed(whole.clone(), &harms), other] {
            inviter(&raw(&room), &me);
            if let RoomState::Joined(snapshot) = joined_room(&id(), &raw(&room)) {
                let part = |name: &str| room[name]["events"].as_array().cloned().unwrap_or_default();
                let has_after = room.get("state_after").is_some_and(|after| !after.is_null());
                let events = if has_after {
                    part("state_after")
                } else {
                    [part("state"), part("timeline")].concat()
                };
                is_true(&snapshot, &events.into())?;
            }
            // What follows what was known is taken in, or the room becomes doubtful or unreadable.
            let mut picture = Picture::default();
            picture.begin("join", id(), &raw(&whole), &me);
            picture.take(&section, id(), &raw(&room), &me, &mut Told::default());
            let shown = picture.room(&id());
            if section == "join" && !room.is_object() {
                prop_assert!(matches!(shown, Some(Shown::Doubtful(..))), "{room}");
            }
        }
    }

    /// Whatever the bytes are, and wherever they are cut: the gate and the parser end, and agree with themselves.
    #[test]
    fn bytes_of_sync(harms in vec(harm(), 0..4), noise in vec((any::<Index>(), any::<u8>()), 0..4), cut in any::<Index>()) {
        let sync = json!({ "next_batch": "s", "rooms": { "join": { "!r:x": { "state": { "events": room_state() } } } } });
        let mut body = harmed(sync, &harms).to_string().into_bytes();
        for (at, byte) in &noise {
            let at = at.index(body.len());
            body[at] = *byte;
        }
        let read = |body: &[u8]| {
            let mut rooms = Vec::new();
            let mut each = |_: &'static str, id: String, raw: &RawValue| {
                rooms.push((id, raw.get().to_owned()));
                Ok(())
            };
            whole(body, SyncRooms::new(&mut each, &mut None)).map(|()| rooms).ok()
        };
        let cut = &body[..cut.index(body.len())];
        prop_assert_eq!(read(cut), None, "what is cut off is not complete");
        for (id, room) in read(&body).unwrap_or_default() {
            if let (Ok(id), Ok(room)) = (RoomId::parse(id), RawValue::from_string(room)) {
                joined_room(&id, &room);
            }
        }
        let sizes = AnswerSizes { event: 200, room: 800, sync: 2000, users: 0 };
        for shape in [Shape::Room, Shape::Sync] {
            let verdict = |size: usize| {
                let mut gate = Gate::new(sizes, shape);
                body.chunks(size).try_for_each(|chunk| gate.pass(chunk)).is_ok()
            };
            prop_assert_eq!(verdict(1), verdict(body.len().max(1)));
            let mut gate = Gate::new(AnswerSizes::default(), shape);
            prop_assert_eq!(gate.pass(&body), Ok(()));
        }
    }
}
