//! A [`UserOp`] as the request of the client-server API that it stands for, for harnesses that drive a real
//! homeserver.

use ruma_common::RoomId;
use serde_json::{Map, Value, json};

use crate::{
    memory::{NewRoom, UserOp},
    room_rules::Listing,
};

/// A request, to be sent with the user's access token.
#[derive(Debug, Clone, PartialEq)]
pub struct WireRequest {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with its parts percent-encoded.
    pub path: String,
    /// The body; `None` for none.
    pub body: Option<Value>,
}

/// The request for an operation.
pub fn request(op: &UserOp) -> WireRequest {
    match op {
        UserOp::CreateRoom(new) => post(&["createRoom"], create_room(new)),
        UserOp::Invite { room, user, reason } => membership(room, "invite", user.as_str(), reason.as_deref()),
        UserOp::Join { room } => post(&["rooms", room.as_str(), "join"], json!({})),
        UserOp::AdminJoin { room, user } => WireRequest {
            method: "POST",
            path: path_below("/_synapse/admin/v1", &["join", room.as_str()]),
            body: Some(json!({"user_id": user})),
        },
        UserOp::Leave { room } => post(&["rooms", room.as_str(), "leave"], json!({})),
        UserOp::Kick { room, user, reason } => membership(room, "kick", user.as_str(), reason.as_deref()),
        UserOp::Ban { room, user, reason } => membership(room, "ban", user.as_str(), reason.as_deref()),
        UserOp::Unban { room, user } => membership(room, "unban", user.as_str(), None),
        UserOp::Knock { room } => post(&["knock", room.as_str()], json!({})),
        UserOp::SetState {
            room,
            kind,
            key,
            content,
        } => WireRequest {
            method: "PUT",
            path: path(&["rooms", room.as_str(), "state", kind, key]),
            body: Some(content.clone()),
        },
        UserOp::SetListing { room, listing } => WireRequest {
            method: "PUT",
            path: path(&["directory", "list", "room", room.as_str()]),
            body: Some(json!({"visibility": match listing {
                Listing::Public => "public",
                Listing::Private => "private",
            }})),
        },
        UserOp::BindAlias { alias, room } => WireRequest {
            method: "PUT",
            path: path(&["directory", "room", alias.as_str()]),
            body: Some(json!({"room_id": room})),
        },
        UserOp::UnbindAlias { alias } => WireRequest {
            method: "DELETE",
            path: path(&["directory", "room", alias.as_str()]),
            body: None,
        },
    }
}

/// The request that reads the content of a state event.
pub fn read_state(room: &RoomId, kind: &str, key: &str) -> WireRequest {
    WireRequest {
        method: "GET",
        path: path(&["rooms", room.as_str(), "state", kind, key]),
        body: None,
    }
}

fn membership(room: &RoomId, action: &str, user: &str, reason: Option<&str>) -> WireRequest {
    let mut body = json!({"user_id": user});
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    post(&["rooms", room.as_str(), action], body)
}

fn create_room(new: &NewRoom) -> Value {
    let mut body = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    let state = |(kind, key, content): &(String, String, Value)| json!({"type": kind, "state_key": key, "content": content});
    set("preset", Some(new.preset.as_str().into()));
    set("room_version", new.version.as_ref().map(|v| v.as_str().into()));
    set("room_alias_name", new.alias.clone().map(Value::from));
    set("name", new.name.clone().map(Value::from));
    set("topic", new.topic.clone().map(Value::from));
    set("visibility", new.listed.then(|| "public".into()));
    set(
        "power_level_content_override",
        new.levels.clone().map(Value::Object),
    );
    if !new.creation.is_empty() {
        set("creation_content", Some(Value::Object(new.creation.clone())));
    }
    if !new.initial_state.is_empty() {
        set(
            "initial_state",
            Some(new.initial_state.iter().map(state).collect()),
        );
    }
    Value::Object(body)
}

fn post(parts: &[&str], body: Value) -> WireRequest {
    WireRequest {
        method: "POST",
        path: path(parts),
        body: Some(body),
    }
}

fn path(parts: &[&str]) -> String {
    path_below("/_matrix/client/v3", parts)
}

fn path_below(root: &str, parts: &[&str]) -> String {
    let mut path = root.to_owned();
    for part in parts {
        path.push('/');
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                path.push(char::from(byte));
            } else {
                path.push('%');
                for digit in [byte >> 4, byte & 15] {
                    path.extend(char::from_digit(digit.into(), 16).map(|c| c.to_ascii_uppercase()));
                }
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_path_cannot_hold() {
        let room = ruma_common::OwnedRoomId::try_from("!a/b:c").unwrap();
        assert_eq!(
            request(&UserOp::set(room, "m.room.name", json!({"name": "x"}))).path,
            "/_matrix/client/v3/rooms/%21a%2Fb%3Ac/state/m.room.name/"
        );
    }
}
