//! Writing power levels: read, merge, send once (decision 28).

use inviter_core::{
    backend::{BackendError, BackendErrorKind, Effect},
    levels::{LevelChange, LevelRules, merge},
    room::RoomState,
};
use ruma::{RoomId, events::StateEventType};
use serde_json::{Map, Value, json};
use std::sync::Arc;

use crate::{backend::Shared, observe};

/// The levels that stand by themselves, and the sections that are full of them.
const SINGLE: [&str; 7] = [
    "ban",
    "events_default",
    "invite",
    "kick",
    "redact",
    "state_default",
    "users_default",
];
const SECTIONS: [&str; 3] = ["events", "notifications", "users"];

pub(crate) async fn set(
    shared: &Arc<Shared>,
    room: &RoomId,
    changes: &[LevelChange],
) -> Result<Effect, BackendError> {
    let rules = rules(shared, room).await?;
    let now = match shared.state(room, StateEventType::RoomPowerLevels, "").await? {
        Some(content) => content,
        None => first(shared, room, rules).await?,
    };
    let merged = merge(&now, changes, rules).map_err(|error| {
        BackendError::new(BackendErrorKind::Malformed, room.as_str(), error.to_string()).caused_by(error)
    })?;
    let dropped = merged.dropped;
    let Some(mut content) = merged.content else {
        return Ok(if dropped.is_empty() {
            Effect::AlreadySo
        } else {
            Effect::Stale(dropped)
        });
    };
    plain_numbers(&mut content);
    shared
        .set_state(room, StateEventType::RoomPowerLevels, &content)
        .await?;
    Ok(if dropped.is_empty() {
        Effect::Done
    } else {
        Effect::Stale(dropped)
    })
}

/// Rooms before version 10 may have their levels in quotes, or with a fraction. They are read so; but homeservers
/// take no such event any more, not even where somebody else has written those entries: the same numbers are sent
/// plain.
fn plain_numbers(content: &mut Value) {
    for key in SINGLE {
        content.get_mut(key).into_iter().for_each(plain_number);
    }
    for section in SECTIONS {
        let entries = content.get_mut(section).and_then(Value::as_object_mut);
        entries
            .into_iter()
            .flat_map(Map::values_mut)
            .for_each(plain_number);
    }
}

fn plain_number(level: &mut Value) {
    let number: Option<i64> = match level {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) if !number.is_i64() => number
            .as_f64()
            .and_then(|f| format!("{:.0}", f.trunc()).parse().ok()),
        _ => None,
    };
    // What is no number at all is left for the homeserver to judge.
    if let Some(number) = number {
        *level = Value::from(number);
    }
}

async fn rules(shared: &Arc<Shared>, room: &RoomId) -> Result<LevelRules, BackendError> {
    if let Some(rules) = shared.rules(room) {
        return Ok(rules);
    }
    Ok(read(shared, room).await?.levels.rules())
}

/// The first power levels of a room that has none. Sending them ends the rule that the creator has 100 without
/// being named, so whoever created it is named; only if that is us, since nobody else could.
async fn first(shared: &Arc<Shared>, room: &RoomId, rules: LevelRules) -> Result<Value, BackendError> {
    let creator = read(shared, room).await?.creator;
    if creator != shared.whoami().await?.user_id {
        return Err(BackendError::new(
            BackendErrorKind::Refused,
            room.as_str(),
            "the room has no power levels, and the bot has not created it",
        ));
    }
    if rules.privileged_creators {
        return Ok(Value::Object(Map::new()));
    }
    Ok(json!({ "users": { creator: 100 } }))
}

async fn read(
    shared: &Arc<Shared>,
    room: &RoomId,
) -> Result<Box<inviter_core::room::RoomSnapshot>, BackendError> {
    let what = match observe::room(shared, room).await? {
        RoomState::Joined(snapshot) => return Ok(snapshot),
        RoomState::Unknown(cause) => cause.0,
        _ => "the bot is not in this room".to_owned(),
    };
    Err(BackendError::new(BackendErrorKind::Refused, room.as_str(), what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_sent_as_plain_numbers() {
        let mut content = json!({
            "ban": "50", "kick": 50, "invite": 49.9, "org.example.note": "50",
            "users": { "@a:b": " 100 ", "@c:b": 1.0 }, "events": { "m.room.name": "-1", "x": "none" },
            "notifications": { "room": "20" },
        });
        plain_numbers(&mut content);
        let expected = json!({
            "ban": 50, "kick": 50, "invite": 49, "org.example.note": "50",
            "users": { "@a:b": 100, "@c:b": 1 }, "events": { "m.room.name": -1, "x": "none" },
            "notifications": { "room": 20 },
        });
        assert_eq!(content, expected);
    }
}
