//! A room's state, and what can be read from it.

use std::collections::BTreeMap;

use ruma_common::{OwnedRoomId, OwnedUserId, RoomVersionId, UserId, room_version_rules::AuthorizationRules};
use serde_json::Value;

use crate::{room::Power, time::Timestamp};

pub(super) const CREATE: &str = "m.room.create";
pub(super) const MEMBER: &str = "m.room.member";
pub(super) const LEVELS: &str = "m.room.power_levels";
pub(super) const JOIN_RULES: &str = "m.room.join_rules";
pub(super) const CANONICAL_ALIAS: &str = "m.room.canonical_alias";

/// A state event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StateEvent {
    pub(super) sender: OwnedUserId,
    pub(super) content: Value,
    pub(super) at: Timestamp,
}

/// A room as the homeserver keeps it: everything is a state event, as in the protocol, so that the authorisation
/// rules read what the real ones read.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) id: OwnedRoomId,
    pub(super) version: RoomVersionId,
    pub(super) rules: AuthorizationRules,
    /// By type, then state key.
    pub(super) state: BTreeMap<String, BTreeMap<String, StateEvent>>,
    /// In the room directory of the homeserver.
    pub(super) listed: bool,
}

impl Room {
    pub(super) fn event(&self, kind: &str, key: &str) -> Option<&StateEvent> {
        self.state.get(kind)?.get(key)
    }

    pub(super) fn content(&self, kind: &str) -> Option<&Value> {
        self.event(kind, "").map(|event| &event.content)
    }

    pub(super) fn put(&mut self, kind: &str, key: &str, event: StateEvent) {
        self.state
            .entry(kind.to_owned())
            .or_default()
            .insert(key.to_owned(), event);
    }

    /// The raw `membership` of a user.
    pub(super) fn membership(&self, user: &str) -> Option<&str> {
        self.event(MEMBER, user)?.content.get("membership")?.as_str()
    }

    pub(super) fn is_joined(&self, user: &UserId) -> bool {
        self.membership(user.as_str()) == Some("join")
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&String, &StateEvent)> {
        self.state.get(MEMBER).into_iter().flatten()
    }

    /// Everyone who is joined.
    pub(super) fn joined(&self) -> impl Iterator<Item = &UserId> {
        self.members()
            .filter(|(_, event)| event.content.get("membership").and_then(Value::as_str) == Some("join"))
            .filter_map(|(user, _)| <&UserId>::try_from(user.as_str()).ok())
    }

    /// Whether a server has somebody in the room, and so has its state.
    pub(super) fn has_server_of(&self, user: &UserId) -> bool {
        self.joined()
            .any(|joined| joined.server_name() == user.server_name())
    }

    /// Who made it. Only the sender counts here: before version 11 the homeserver writes the same into `creator`.
    pub(super) fn creator(&self) -> Option<&UserId> {
        self.event(CREATE, "").map(|event| &*event.sender)
    }

    pub(super) fn additional_creators(&self) -> impl Iterator<Item = &str> {
        self.content(CREATE)
            .filter(|_| self.rules.additional_room_creators)
            .and_then(|content| content.get("additional_creators")?.as_array())
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    pub(super) fn is_privileged_creator(&self, user: &str) -> bool {
        self.rules.explicitly_privilege_room_creators
            && (self.creator().is_some_and(|creator| creator == user)
                || self.additional_creators().any(|creator| creator == user))
    }

    pub(super) fn federates(&self) -> bool {
        self.content(CREATE)
            .and_then(|content| content.get("m.federate")?.as_bool())
            .unwrap_or(true)
    }

    pub(super) fn join_rule(&self) -> &str {
        self.content(JOIN_RULES)
            .and_then(|content| content.get("join_rule")?.as_str())
            .unwrap_or("invite")
    }

    /// The power of a user.
    pub(super) fn power(&self, user: &str) -> Power {
        if self.is_privileged_creator(user) {
            return Power::Infinite;
        }
        Power::Level(match self.content(LEVELS) {
            Some(content) => content
                .get("users")
                .and_then(|users| level(users.get(user)?))
                .or_else(|| level(content.get("users_default")?))
                .unwrap_or(0),
            None if self.creator().is_some_and(|creator| creator == user) => 100,
            None => 0,
        })
    }

    /// A single-valued key of the power levels, with its default.
    pub(super) fn named_level(&self, key: &str, default: i64) -> i64 {
        self.content(LEVELS)
            .and_then(|content| level(content.get(key)?))
            .unwrap_or(default)
    }

    /// The level that a state event of this type needs. Version 12 gives `m.room.tombstone` a level of its own
    /// only by an entry that room creation writes; without that entry it is a state event like others. Likewise
    /// `state_default` is 50 with and without the event (the specification once said 0 for the latter).
    pub(super) fn state_level(&self, kind: &str) -> i64 {
        self.content(LEVELS)
            .and_then(|content| level(content.get("events")?.get(kind)?))
            .unwrap_or_else(|| self.named_level("state_default", 50))
    }

    /// The rooms whose members may join, of the join rules `restricted` and `knock_restricted`.
    pub(super) fn allowed_rooms(&self) -> impl Iterator<Item = &str> {
        self.content(JOIN_RULES)
            .and_then(|content| content.get("allow")?.as_array())
            .into_iter()
            .flatten()
            .filter(|allow| allow.get("type").and_then(Value::as_str) == Some("m.room_membership"))
            .filter_map(|allow| allow.get("room_id")?.as_str())
    }

    /// Whether the join rule lets members of other rooms in, in this version.
    pub(super) fn is_restricted(&self) -> bool {
        match self.join_rule() {
            "restricted" => self.rules.restricted_join_rule,
            "knock_restricted" => self.rules.knock_restricted_join_rule,
            _ => false,
        }
    }
}

/// A level as the versions before 10 read it: whole numbers, cut-off fractions, and numbers in strings. Later
/// versions let none of the latter two into a room.
pub(super) fn level(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let fraction = number.as_f64().filter(|f| f.abs() < 9e15)?;
            format!("{:.0}", fraction.trunc()).parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
