//! What the backend sends to create a room (decision 16).

use ruma_common::{OwnedUserId, RoomVersionId};
use serde_json::{Map, json};

use super::ops::{NewRoom, Preset};
use crate::{
    action::Blueprint,
    levels::LevelRules,
    room_rules::{Listing, RoomKind},
};

/// The request that a blueprint becomes.
pub(super) fn new_room(blueprint: &Blueprint, bot: &OwnedUserId, default: &RoomVersionId) -> NewRoom {
    let version = blueprint.version.as_ref().unwrap_or(default);
    let mut creation = Map::new();
    if blueprint.kind == RoomKind::Space {
        creation.insert("type".to_owned(), "m.space".into());
    }
    let mut initial_state = vec![(
        "m.room.guest_access".to_owned(),
        String::new(),
        json!({"guest_access": "forbidden"}),
    )];
    if blueprint.encrypt {
        let content = json!({"algorithm": "m.megolm.v1.aes-sha2"});
        initial_state.push(("m.room.encryption".to_owned(), String::new(), content));
    }
    if let Some(visibility) = blueprint.history_visibility {
        let content = json!({"history_visibility": visibility.as_str()});
        initial_state.push(("m.room.history_visibility".to_owned(), String::new(), content));
    }
    NewRoom {
        version: Some(version.clone()),
        preset: Preset::PrivateChat,
        alias: Some(blueprint.alias.alias().to_owned()),
        name: blueprint.name.clone(),
        topic: blueprint.topic.clone(),
        listed: blueprint.listing == Listing::Public,
        levels: LevelRules::of(version).and_then(|rules| blueprint.power_levels(rules, bot)),
        creation,
        initial_state,
    }
}
