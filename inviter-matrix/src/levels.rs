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
    let Some(content) = merged.content else {
        return Ok(if dropped.is_empty() {
            Effect::AlreadySo
        } else {
            Effect::Stale(dropped)
        });
    };
    shared
        .set_state(room, StateEventType::RoomPowerLevels, &content)
        .await?;
    Ok(if dropped.is_empty() {
        Effect::Done
    } else {
        Effect::Stale(dropped)
    })
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
