//! The authorisation rules for `m.room.power_levels`.

use std::collections::BTreeSet;

use ruma_common::UserId;
use serde_json::{Map, Value};

use super::{
    ops::Refusal,
    room::{LEVELS, Room, level},
};

const SINGLE: [&str; 7] = [
    "users_default",
    "events_default",
    "state_default",
    "ban",
    "redact",
    "kick",
    "invite",
];

/// Checks a new content against the one in force.
pub(super) fn check(room: &Room, sender: &UserId, new: &Value) -> Result<(), Refusal> {
    let new = new
        .as_object()
        .ok_or_else(|| Refusal::bad("m.room.power_levels is not an object"))?;
    format(room, new)?;
    let Some(old) = room.content(LEVELS).and_then(Value::as_object) else {
        // The first one of the room is free.
        return Ok(());
    };
    let power = room.power(sender.as_str());
    let within = |value: Option<i64>| value.is_none_or(|value| power.reaches(value));
    let mut slots: Vec<(Option<&str>, &str)> = SINGLE.iter().map(|key| (None, *key)).collect();
    for section in sections(room) {
        let keys: BTreeSet<&str> = entries(old, section)
            .chain(entries(new, section))
            .map(|(key, _)| key.as_str())
            .collect();
        slots.extend(keys.into_iter().map(|key| (Some(section), key)));
    }
    for (section, key) in slots {
        let (before, after) = (value(old, section, key), value(new, section, key));
        if before == after {
            continue;
        }
        let anothers = section == Some("users") && key != sender.as_str();
        if anothers && before.is_some_and(|before| crate::room::Power::Level(before) == power) {
            return Err(Refusal::forbidden(format!(
                "you cannot change the level of {key}, which equals your own"
            )));
        }
        if !within(before) || !within(after) {
            return Err(Refusal::forbidden(format!(
                "you cannot change `{key}` from or to a level above your own"
            )));
        }
    }
    Ok(())
}

/// The sections that are compared; `notifications` from version 6 on.
fn sections(room: &Room) -> impl Iterator<Item = &'static str> {
    let notifications = room
        .rules
        .limit_notifications_power_levels
        .then_some("notifications");
    ["users", "events"].into_iter().chain(notifications)
}

fn entries<'a>(
    content: &'a Map<String, Value>,
    section: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    content
        .get(section)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn value(content: &Map<String, Value>, section: Option<&str>, key: &str) -> Option<i64> {
    match section {
        Some(section) => level(content.get(section)?.get(key)?),
        None => level(content.get(key)?),
    }
}

/// What the content has to look like, whatever it was before.
fn format(room: &Room, new: &Map<String, Value>) -> Result<(), Refusal> {
    let fits = |value: &Value| {
        if room.rules.integer_power_levels {
            value.is_i64() || value.is_u64()
        } else {
            level(value).is_some()
        }
    };
    for key in SINGLE {
        if new.get(key).is_some_and(|value| !fits(value)) {
            return Err(Refusal::bad(format!("`{key}` is not a level")));
        }
    }
    for section in ["users", "events", "notifications"] {
        let Some(values) = new.get(section) else { continue };
        let values = values
            .as_object()
            .ok_or_else(|| Refusal::bad(format!("`{section}` is not an object")))?;
        if let Some((key, _)) = values.iter().find(|(_, value)| !fits(value)) {
            return Err(Refusal::bad(format!("`{section}.{key}` is not a level")));
        }
    }
    for (user, _) in entries(new, "users") {
        if <&UserId>::try_from(user.as_str()).is_err() {
            return Err(Refusal::bad(format!("`{user}` is not a user ID")));
        }
        if room.is_privileged_creator(user) {
            return Err(Refusal::bad(format!(
                "{user} is a creator and must not appear in `users`"
            )));
        }
    }
    Ok(())
}

/// What Synapse asks of its own clients on top, in every version: whole numbers within the range of canonical
/// JSON. Levels in strings come from other servers and from former times only.
pub(super) fn check_own_client(new: &Value) -> Result<(), Refusal> {
    let whole = |value: &Value| {
        value
            .as_i64()
            .is_some_and(|number| number.abs() <= crate::levels::MAX_LEVEL)
    };
    let content = new
        .as_object()
        .ok_or_else(|| Refusal::bad("m.room.power_levels is not an object"))?;
    for key in SINGLE {
        if content.get(key).is_some_and(|value| !whole(value)) {
            return Err(Refusal::bad(format!("`{key}` is not an integer")));
        }
    }
    for section in ["users", "events", "notifications"] {
        let fine = match content.get(section) {
            None => true,
            Some(Value::Object(values)) => values.values().all(whole),
            Some(_) => false,
        };
        if !fine {
            return Err(Refusal::bad(format!("`{section}` is not an object of integers")));
        }
    }
    Ok(())
}
