//! [`Incoming`]: what people say to the bot, as `/sync` tells it.

use inviter_core::time::Timestamp;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pills::by_ids;
use crate::stream::{Object, object};

/// What comes to the bot, beside changes of rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming {
    /// A text message of somebody else (`m.room.message` of type `m.text`).
    Message(Text),
    /// Somebody else reacted to an event (`m.reaction`).
    Reaction {
        /// Where.
        room: OwnedRoomId,
        /// The reaction's own event.
        event_id: OwnedEventId,
        /// Who.
        sender: OwnedUserId,
        /// To which event.
        to: OwnedEventId,
        /// The emoji, mostly.
        key: String,
        /// When, by the sender's homeserver.
        at: Timestamp,
    },
    /// The bot was invited.
    Invited {
        /// Where.
        room: OwnedRoomId,
        /// By whom, if the invitation says so.
        by: Option<OwnedUserId>,
    },
}

/// A text message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Text {
    /// Where.
    pub room: OwnedRoomId,
    /// The event.
    pub event_id: OwnedEventId,
    /// Who.
    pub sender: OwnedUserId,
    /// What, as plain text; people and rooms that a client shows by their display names are named by ID or alias.
    pub body: String,
    /// The first message of the thread that it belongs to, if it does.
    pub thread: Option<OwnedEventId>,
    /// When, by the sender's homeserver, which nobody has checked.
    pub at: Timestamp,
}

impl Text {
    /// A message outside of any thread.
    pub const fn new(
        room: OwnedRoomId,
        event_id: OwnedEventId,
        sender: OwnedUserId,
        body: String,
        at: Timestamp,
    ) -> Self {
        Self {
            room,
            event_id,
            sender,
            body,
            thread: None,
            at,
        }
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "event_id")]
    id: OwnedEventId,
    sender: OwnedUserId,
    #[serde(default)]
    origin_server_ts: u64,
    content: Object<Content>,
    #[serde(default)]
    state_key: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    msgtype: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    formatted_body: Option<String>,
    #[serde(default, rename = "m.relates_to")]
    relates_to: Option<Object<Relation>>,
}

#[derive(Deserialize)]
struct Relation {
    #[serde(default)]
    rel_type: Option<String>,
    #[serde(default)]
    event_id: Option<OwnedEventId>,
    #[serde(default)]
    key: Option<String>,
}

/// What an event of a timeline says to the bot, if it says anything. What is not of its form says nothing.
pub(super) fn read(room: &RoomId, raw: &RawValue, me: &UserId) -> Option<Incoming> {
    let event: Event = object(raw.get()).ok()?;
    if event.sender == me || event.state_key.is_some() {
        return None;
    }
    let Object(content) = event.content;
    let relation = content.relates_to.map(|Object(relation)| relation);
    let kind = relation
        .as_ref()
        .and_then(|relation| relation.rel_type.as_deref());
    let at = Timestamp(event.origin_server_ts);
    match (event.kind.as_str(), kind) {
        // What was said first counts: an edit must not turn talk into a command.
        ("m.room.message", Some("m.replace")) => None,
        ("m.room.message", kind) if content.msgtype.as_deref() == Some("m.text") => {
            let in_thread = kind == Some("m.thread");
            Some(Incoming::Message(Text {
                room: room.to_owned(),
                event_id: event.id,
                sender: event.sender,
                body: by_ids(
                    content.body?,
                    content.formatted_body.as_deref().unwrap_or_default(),
                ),
                thread: relation
                    .filter(|_| in_thread)
                    .and_then(|relation| relation.event_id),
                at,
            }))
        }
        ("m.reaction", Some("m.annotation")) => {
            let relation = relation?;
            Some(Incoming::Reaction {
                room: room.to_owned(),
                event_id: event.id,
                sender: event.sender,
                to: relation.event_id?,
                key: relation.key?,
                at,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn incoming(event: &Value) -> Option<Incoming> {
        read(
            room_id!("!r:x"),
            &to_raw_value(event).unwrap(),
            user_id!("@bot:x"),
        )
    }

    fn message(content: &Value) -> Value {
        json!({ "type": "m.room.message", "event_id": "$e", "sender": "@a:x", "origin_server_ts": 7, "content": content })
    }

    #[test]
    fn texts_with_their_thread() {
        let Some(Incoming::Message(text)) =
            incoming(&message(&json!({ "msgtype": "m.text", "body": "!idp" })))
        else {
            panic!("a text")
        };
        assert_eq!(
            (text.body.as_str(), text.thread, text.at),
            ("!idp", None, Timestamp(7))
        );
        let in_thread = json!({ "msgtype": "m.text", "body": "x",
            "m.relates_to": { "rel_type": "m.thread", "event_id": "$root" } });
        let Some(Incoming::Message(text)) = incoming(&message(&in_thread)) else {
            panic!("a text")
        };
        assert_eq!(text.thread.unwrap(), "$root");
    }

    #[test]
    fn what_is_no_command_says_nothing() {
        for content in [
            json!({ "msgtype": "m.notice", "body": "!idp" }),
            json!({ "msgtype": "m.emote", "body": "!idp" }),
            json!({ "msgtype": "m.text" }),
            json!({ "msgtype": "m.text", "body": 3 }),
            // Serde would read fields from a list as well.
            json!(["m.text", "!idp"]),
            json!({ "msgtype": "m.text", "body": "!idp", "m.relates_to": ["m.thread", "$e"] }),
            json!({ "msgtype": "m.text", "body": "* !idp",
                "m.relates_to": { "rel_type": "m.replace", "event_id": "$e" } }),
        ] {
            assert_eq!(incoming(&message(&content)), None, "{content}");
        }
        let mut own = message(&json!({ "msgtype": "m.text", "body": "!idp" }));
        own["sender"] = "@bot:x".into();
        assert_eq!(incoming(&own), None);
    }

    #[test]
    fn reactions() {
        let event = |content: Value| json!({ "type": "m.reaction", "event_id": "$r", "sender": "@a:x", "content": content });
        let to = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": "$e", "key": "✅" } });
        assert!(
            matches!(incoming(&event(to)), Some(Incoming::Reaction { to, key, .. }) if to == "$e" && key == "✅")
        );
        assert_eq!(incoming(&event(json!({}))), None);
    }
}
