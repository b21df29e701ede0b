//! Making a room, as `POST /createRoom` of Synapse does.

use ruma_common::{OwnedRoomId, RoomAliasId, UserId};
use serde_json::{Map, Value, json};

use super::{
    auth,
    ops::{NewRoom, Preset, Refusal},
    room::{CANONICAL_ALIAS, CREATE, JOIN_RULES, LEVELS, MEMBER, Room, StateEvent},
    world::{AliasEntry, World, own_client},
};

/// A state event that is still to be sent: type, state key, content.
type Pending = (String, String, Value);

impl World {
    pub(super) fn create_room(&mut self, user: &UserId, new: &NewRoom) -> Result<OwnedRoomId, Refusal> {
        let version = new
            .version
            .clone()
            .unwrap_or_else(|| self.default_version.clone());
        let Some(rules) = version.rules() else {
            return Err(Refusal::new(
                400,
                "M_UNSUPPORTED_ROOM_VERSION",
                format!("room version {version} is not known"),
            ));
        };
        let rules = rules.authorization;
        let alias = match &new.alias {
            None => None,
            Some(localpart) => {
                let alias = RoomAliasId::parse(format!("#{localpart}:{}", user.server_name()))
                    .map_err(|_| Refusal::new(400, "M_INVALID_PARAM", "invalid characters in room alias"))?;
                if self.aliases.contains_key(&alias) {
                    return Err(Refusal::new(400, "M_ROOM_IN_USE", "room alias already taken"));
                }
                Some(alias)
            }
        };
        // Before version 12 a list of users without the creator would leave nobody in charge.
        let named = |users: &Value| users.get(user.as_str()).is_some();
        if !rules.explicitly_privilege_room_creators
            && let Some(users) = new.levels.as_ref().and_then(|levels| levels.get("users"))
            && !named(users)
        {
            return Err(Refusal::bad(format!("`users` does not contain {user}")));
        }
        let mut create = new.creation.clone();
        create.insert("room_version".to_owned(), version.as_str().into());
        if !rules.use_room_create_sender {
            create.insert("creator".to_owned(), user.as_str().into());
        }
        if rules.additional_room_creators {
            additional_creators(&create)?;
        }

        let id = self.room_id(user, rules.room_create_event_id_as_room_id)?;
        let mut room = Room {
            id: id.clone(),
            version,
            rules,
            state: std::collections::BTreeMap::new(),
            listed: new.listed && self.is_ours(user.server_name()),
        };
        self.add(&mut room, user, CREATE, "", Value::Object(create));
        self.send(
            &mut room,
            user,
            MEMBER,
            user.as_str(),
            json!({"membership": "join"}),
        )?;

        // The alias, the create event and the creator's join are there before the rest is sent. When that fails,
        // they stay, and the room is half made.
        if let Some(alias) = &alias {
            let entry = AliasEntry {
                room: id.clone(),
                by: user.to_owned(),
            };
            self.aliases.insert(alias.clone(), entry);
        }
        self.rooms.insert(id.clone(), room.clone());
        for (kind, key, content) in initial_state(&room, user, new, alias.as_deref()) {
            own_client(&id, &kind, &content)?;
            self.send(&mut room, user, &kind, &key, content)?;
        }
        self.rooms.insert(id.clone(), room);
        Ok(id)
    }

    fn room_id(&mut self, user: &UserId, hashed: bool) -> Result<OwnedRoomId, Refusal> {
        let n = self.next_room;
        self.next_room += 1;
        let id = if hashed {
            // A hash of 43 characters and no server, as from version 12 on.
            format!("!v12-{n:039}")
        } else {
            format!("!room{n}:{}", user.server_name())
        };
        OwnedRoomId::try_from(id).map_err(|error| Refusal::new(500, "M_UNKNOWN", error.to_string()))
    }

    fn send(
        &mut self,
        room: &mut Room,
        sender: &UserId,
        kind: &str,
        key: &str,
        content: Value,
    ) -> Result<(), Refusal> {
        auth::check(room, sender, kind, key, &content)?;
        self.add(room, sender, kind, key, content);
        Ok(())
    }

    fn add(&mut self, room: &mut Room, sender: &UserId, kind: &str, key: &str, content: Value) {
        let event = StateEvent {
            sender: sender.to_owned(),
            content,
            at: self.tick(),
        };
        room.put(kind, key, event);
    }
}

fn additional_creators(create: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(creators) = create.get("additional_creators") else {
        return Ok(());
    };
    let is_user = |value: &Value| {
        value
            .as_str()
            .is_some_and(|user| <&UserId>::try_from(user).is_ok())
    };
    match creators.as_array() {
        Some(creators) if creators.iter().all(is_user) => Ok(()),
        _ => Err(Refusal::bad("`additional_creators` is not a list of user IDs")),
    }
}

/// What is sent after the creator's join, in Synapse's order.
fn initial_state(room: &Room, user: &UserId, new: &NewRoom, alias: Option<&RoomAliasId>) -> Vec<Pending> {
    let given = |kind: &str| {
        new.initial_state
            .iter()
            .find(|(known, key, _)| known == kind && key.is_empty())
            .map(|(_, _, content)| content.clone())
    };
    let event = |kind: &str, content: Value| (kind.to_owned(), String::new(), content);
    let mut state = vec![event(
        LEVELS,
        given(LEVELS).unwrap_or_else(|| Value::Object(default_levels(room, user, new))),
    )];
    if let Some(alias) = alias.filter(|_| given(CANONICAL_ALIAS).is_none()) {
        state.push(event(CANONICAL_ALIAS, json!({"alias": alias})));
    }
    let join_rule = match new.preset {
        Preset::PrivateChat => "invite",
        Preset::PublicChat => "public",
    };
    let defaults = [
        (JOIN_RULES, json!({"join_rule": join_rule})),
        (
            "m.room.history_visibility",
            json!({"history_visibility": "shared"}),
        ),
        ("m.room.guest_access", json!({"guest_access": "can_join"})),
    ];
    for (kind, content) in defaults {
        let wanted = kind != "m.room.guest_access" || new.preset == Preset::PrivateChat;
        if wanted && given(kind).is_none() {
            state.push(event(kind, content));
        }
    }
    state.extend(
        new.initial_state
            .iter()
            .filter(|(kind, _, _)| kind != LEVELS)
            .cloned(),
    );
    if let Some(name) = &new.name {
        state.push(event("m.room.name", json!({"name": name})));
    }
    if let Some(topic) = &new.topic {
        state.push(event(
            "m.room.topic",
            json!({"topic": topic, "m.topic": {"m.text": [{"body": topic}]}}),
        ));
    }
    state
}

/// Synapse's default power levels, with the override put over them: each of its keys replaces the whole value, so
/// that an override with `events` also takes the default entries of `events` away.
fn default_levels(room: &Room, user: &UserId, new: &NewRoom) -> Map<String, Value> {
    let privileged = room.rules.explicitly_privilege_room_creators;
    let users = if privileged {
        json!({})
    } else {
        json!({user.as_str(): 100})
    };
    let mut events = json!({
        "m.room.name": 50,
        "m.room.power_levels": 100,
        "m.room.history_visibility": 100,
        "m.room.canonical_alias": 50,
        "m.room.avatar": 50,
        "m.room.tombstone": if privileged { 150 } else { 100 },
        "m.room.server_acl": 100,
        "m.room.encryption": 100,
    });
    let mut invite = 50;
    match new.preset {
        Preset::PrivateChat => invite = 0,
        Preset::PublicChat => events["m.call.invite"] = 50.into(),
    }
    let defaults = [
        ("users", users),
        ("users_default", 0.into()),
        ("events", events),
        ("events_default", 0.into()),
        ("state_default", 50.into()),
        ("ban", 50.into()),
        ("kick", 50.into()),
        ("redact", 50.into()),
        ("invite", invite.into()),
        ("historical", 100.into()),
    ];
    let mut levels: Map<String, Value> = defaults
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    levels.extend(new.levels.clone().unwrap_or_default());
    levels
}
