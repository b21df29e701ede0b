//! A room as the bot sees it, and the whole homeserver as one text.

use std::fmt::Write as _;

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, UserId};
use serde_json::Value;

use super::{
    room::{CANONICAL_ALIAS, CREATE, JOIN_RULES, LEVELS, Room, StateEvent},
    world::World,
};
use crate::{
    levels::{LevelRules, PowerLevels},
    room::{Cause, JoinRule, Membership, Replacement, RoomMember, RoomSnapshot, RoomState},
    room_rules::{HistoryVisibility, RoomKind},
};

const TOMBSTONE: &str = "m.room.tombstone";

/// The state of a room for somebody.
pub(super) fn state_for(world: &World, room: &Room, user: &UserId) -> RoomState {
    if let Some(cause) = world.unknown_rooms.get(&room.id) {
        return RoomState::Unknown(cause.clone());
    }
    if room.is_joined(user) {
        return match snapshot(room) {
            Ok(snapshot) => RoomState::Joined(Box::new(snapshot)),
            Err(cause) => RoomState::Unknown(cause),
        };
    }
    let invitation = room
        .event(super::room::MEMBER, user.as_str())
        .filter(|_| room.membership(user.as_str()) == Some("invite"));
    RoomState::NotJoined {
        invited_by: invitation.map(|event| event.sender.clone()),
    }
}

/// Everything, or why the room cannot be read at all (decision 12).
pub(super) fn snapshot(room: &Room) -> Result<RoomSnapshot, Cause> {
    let create = room
        .event(CREATE, "")
        .ok_or_else(|| Cause::new("the room has no create event"))?;
    let rules = LevelRules::of(&room.version)
        .ok_or_else(|| Cause::new(format!("room version {} is not known", room.version)))?;
    let levels = match room.content(LEVELS) {
        None => PowerLevels::absent(rules),
        Some(content) => PowerLevels::parse(content, rules).map_err(|error| Cause::new(error.to_string()))?,
    };
    let mut unreadable = Vec::new();
    let mut members = Vec::new();
    for (user, event) in room.members() {
        match member(user, event) {
            Ok(member) => members.push(member),
            Err(cause) => unreadable.push(cause),
        }
    }
    members.sort_by(|a: &RoomMember, b| a.user_id.cmp(&b.user_id));
    let history_visibility = history(room).unwrap_or_else(|cause| {
        unreadable.push(cause);
        None
    });
    let kind = match create.content.get("type").and_then(Value::as_str) {
        Some("m.space") => RoomKind::Space,
        _ => RoomKind::Room,
    };
    Ok(RoomSnapshot {
        room_id: room.id.clone(),
        version: room.version.clone(),
        kind,
        creator: create.sender.clone(),
        created: Some(create.at),
        additional_creators: room
            .additional_creators()
            .filter_map(|creator| OwnedUserId::try_from(creator).ok())
            .collect(),
        federate: room.federates(),
        levels,
        join_rule: join_rule(room),
        history_visibility,
        encrypted: room.content("m.room.encryption").is_some(),
        name: text(room, "m.room.name", "name"),
        topic: text(room, "m.room.topic", "topic"),
        canonical_alias: text(room, CANONICAL_ALIAS, "alias")
            .and_then(|alias| OwnedRoomAliasId::try_from(alias).ok()),
        predecessor: create
            .content
            .get("predecessor")
            .and_then(|predecessor| predecessor.get("room_id")?.as_str())
            .and_then(|id| OwnedRoomId::try_from(id).ok()),
        replaced_by: text(room, TOMBSTONE, "replacement_room")
            .zip(room.event(TOMBSTONE, ""))
            .map(|(named, event)| Replacement::new(named, event.sender.clone(), event.at)),
        members,
        unreadable,
    })
}

fn text(room: &Room, kind: &str, key: &str) -> Option<String> {
    room.content(kind)?
        .get(key)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn member(user: &str, event: &StateEvent) -> Result<RoomMember, Cause> {
    let unreadable = || Cause::new(format!("the member event of {user} cannot be understood"));
    let user_id = OwnedUserId::try_from(user).map_err(|_| unreadable())?;
    let membership = match event.content.get("membership").and_then(Value::as_str) {
        Some("invite") => Membership::Invited,
        Some("join") => Membership::Joined,
        Some("knock") => Membership::Knocking,
        Some("leave") => Membership::Left,
        Some("ban") => Membership::Banned,
        _ => return Err(unreadable()),
    };
    Ok(RoomMember {
        user_id,
        membership,
        sender: event.sender.clone(),
        at: event.at,
    })
}

pub(super) fn history(room: &Room) -> Result<Option<HistoryVisibility>, Cause> {
    let Some(content) = room.content("m.room.history_visibility") else {
        return Ok(None);
    };
    match content.get("history_visibility").and_then(Value::as_str) {
        Some("joined") => Ok(Some(HistoryVisibility::Joined)),
        Some("invited") => Ok(Some(HistoryVisibility::Invited)),
        Some("shared") => Ok(Some(HistoryVisibility::Shared)),
        Some("world_readable") => Ok(Some(HistoryVisibility::WorldReadable)),
        _ => Err(Cause::new("m.room.history_visibility cannot be understood")),
    }
}

fn join_rule(room: &Room) -> JoinRule {
    if room.content(JOIN_RULES).is_none() {
        return JoinRule::Invite;
    }
    match room.join_rule() {
        "public" => JoinRule::Public,
        "invite" => JoinRule::Invite,
        "knock" => JoinRule::Knock,
        "restricted" => JoinRule::Restricted,
        "knock_restricted" => JoinRule::KnockRestricted,
        "private" => JoinRule::Private,
        other => JoinRule::Other(other.to_owned()),
    }
}

/// The whole state as text, one fact a line, always in the same order, without times.
pub(super) fn digest(world: &World) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    for (user, account) in &world.users {
        let _ = writeln!(
            text,
            "user {user} admin={} deactivated={}",
            account.admin, account.deactivated
        );
    }
    for (alias, entry) in &world.aliases {
        let _ = writeln!(text, "alias {alias} {}", entry.room);
    }
    for room in world.rooms.values() {
        let _ = writeln!(
            text,
            "room {} version={} listed={}",
            room.id, room.version, room.listed
        );
        for (kind, events) in &room.state {
            for (key, event) in events {
                let _ = writeln!(
                    text,
                    "state {} {kind} {key:?} {} {}",
                    room.id, event.sender, event.content
                );
            }
        }
    }
    text
}
