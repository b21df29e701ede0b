//! From state events to a [`RoomSnapshot`]. Each event is read on its own; what cannot be understood is never
//! filled with a default (decision 12).

use std::{borrow::Cow, collections::BTreeMap};

use inviter_core::{
    levels::{LevelRules, PowerLevels},
    room::{Cause, JoinRule, Membership, Replacement, RoomMember, RoomSnapshot, RoomState},
    room_rules::{HistoryVisibility, RoomKind},
    time::Timestamp,
};
use ruma::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomVersionId, UserId};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::stream::object;

/// The events that a snapshot is made of; everything else is filtered out by the homeserver.
pub(crate) const TYPES: [&str; 10] = [
    "m.room.create",
    "m.room.member",
    "m.room.power_levels",
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.encryption",
    "m.room.name",
    "m.room.topic",
    "m.room.canonical_alias",
    "m.room.tombstone",
];

/// As many complaints are kept of events that cannot even be attributed.
const MAX_COMPLAINTS: usize = 100;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    state_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sender: Option<Cow<'a, str>>,
    #[serde(default)]
    origin_server_ts: Option<Value>,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct MemberContent<'a> {
    #[serde(borrow)]
    membership: Cow<'a, str>,
}

#[derive(Clone)]
struct Create {
    version: RoomVersionId,
    kind: RoomKind,
    creator: OwnedUserId,
    created: Option<Timestamp>,
    additional_creators: Vec<OwnedUserId>,
    federate: bool,
    predecessor: Option<OwnedRoomId>,
}

/// Collects the state of one room. A later event replaces an earlier one of the same type and state key.
#[derive(Default, Clone)]
pub(crate) struct Collector {
    create: Option<Result<Create, String>>,
    levels: Option<Value>,
    join_rule: Option<JoinRule>,
    history_visibility: Option<HistoryVisibility>,
    encrypted: bool,
    name: Option<String>,
    topic: Option<String>,
    canonical_alias: Option<String>,
    replaced_by: Option<Replacement>,
    members: BTreeMap<OwnedUserId, RoomMember>,
    /// By type and state key, so that an event that can be read takes back the complaint about an earlier one.
    unreadable: BTreeMap<(String, String), String>,
}

impl Collector {
    /// Takes one event in.
    pub(crate) fn add(&mut self, raw: &RawValue) {
        match object::<Event<'_>>(raw.get()) {
            Ok(event) => self.event(&event),
            // What cannot even be attributed stands for itself. Each makes the room unreadable, whatever their number.
            Err(_) if self.unreadable.len() >= MAX_COMPLAINTS => {}
            Err(error) => {
                let key = format!("{:06}", self.unreadable.len());
                self.unreadable.insert(
                    (String::new(), key),
                    format!("an event cannot be read ({})", plain(&error)),
                );
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        let Some(key) = event.state_key.as_deref() else {
            return; // a message
        };
        let outcome = if event.kind == "m.room.member" {
            self.member(event, key)
        } else if key.is_empty() {
            self.setting(event)
        } else {
            return; // of a known type, but with a state key that gives it no meaning
        };
        let place = (event.kind.clone().into_owned(), key.to_owned());
        match outcome {
            Ok(()) => {
                self.unreadable.remove(&place);
            }
            Err(what) => {
                let about = match key {
                    "" => event.kind.clone().into_owned(),
                    key => format!("{} of {key}", event.kind),
                };
                self.unreadable.insert(place, format!("{about}: {what}"));
            }
        }
    }

    fn member(&mut self, event: &Event<'_>, key: &str) -> Result<(), String> {
        let user_id = UserId::parse(key).map_err(|error| format!("not a user ID ({error})"))?;
        // Fail closed: if this event cannot be read, an earlier one must not stand for it.
        let known = self.members.remove(&user_id);
        let content: MemberContent<'_> = object(event.content.get()).map_err(|error| plain(&error))?;
        let membership = match &*content.membership {
            "join" => Membership::Joined,
            "invite" => Membership::Invited,
            "leave" => Membership::Left,
            "ban" => Membership::Banned,
            "knock" => Membership::Knocking,
            other => return Err(format!("unknown membership {:?}", shorten(other))),
        };
        let sender = match event.sender.as_deref() {
            // Most people have joined by themselves: no second parse.
            Some(sender) if sender == key => user_id.clone(),
            Some(sender) => {
                UserId::parse(sender).map_err(|error| format!("its sender is no user ID ({error})"))?
            }
            None => return Err("no sender".to_owned()),
        };
        let at = event
            .origin_server_ts
            .as_ref()
            .and_then(timestamp)
            .or_else(|| known.map(|known| known.at))
            .ok_or_else(|| "no origin_server_ts".to_owned())?;
        let member = RoomMember {
            user_id: user_id.clone(),
            membership,
            sender,
            at,
        };
        self.members.insert(user_id, member);
        Ok(())
    }

    fn setting(&mut self, event: &Event<'_>) -> Result<(), String> {
        if !TYPES.contains(&&*event.kind) {
            return Ok(());
        }
        let content: Value = serde_json::from_str(event.content.get()).map_err(|error| plain(&error))?;
        // What only decorates is as good as absent then.
        let decorates = ["m.room.name", "m.room.topic", "m.room.canonical_alias"].contains(&&*event.kind);
        if !content.is_object() && !decorates {
            return Err("its content is not an object".to_owned());
        }
        let text = |key: &str| content.get(key).and_then(Value::as_str);
        let set_text = |key: &str| text(key).filter(|text| !text.is_empty()).map(str::to_owned);
        match &*event.kind {
            "m.room.create" => self.create = Some(create(event, &content)),
            "m.room.power_levels" => self.levels = Some(content),
            "m.room.join_rules" => {
                let rule = text("join_rule");
                self.join_rule = Some(join_rule(rule.unwrap_or_default()));
                rule.ok_or_else(|| "no join_rule".to_owned())?;
            }
            "m.room.history_visibility" => {
                self.history_visibility = text("history_visibility").and_then(history_visibility);
                self.history_visibility
                    .ok_or_else(|| "not a history visibility".to_owned())?;
            }
            "m.room.encryption" => self.encrypted = true,
            "m.room.name" => self.name = set_text("name"),
            "m.room.topic" => self.topic = set_text("topic"),
            "m.room.canonical_alias" => self.canonical_alias = set_text("alias"),
            "m.room.tombstone" => {
                self.replaced_by = set_text("replacement_room")
                    .map(|named| replacement(event, named))
                    .transpose()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What has been learnt of the room.
    pub(crate) fn finish(self, room_id: OwnedRoomId) -> RoomState {
        let unknown = |what: String| RoomState::Unknown(Cause::new(what));
        let create = match self.create {
            Some(Ok(create)) => create,
            Some(Err(what)) => return unknown(format!("m.room.create cannot be read: {what}")),
            None => return unknown("the homeserver does not show the room's m.room.create".to_owned()),
        };
        let Some(rules) = LevelRules::of(&create.version) else {
            return unknown(format!(
                "room version {} is not known to this program",
                create.version
            ));
        };
        if let Some(what) = self
            .unreadable
            .get(&("m.room.power_levels".to_owned(), String::new()))
        {
            return unknown(what.clone());
        }
        let levels = match self
            .levels
            .as_ref()
            .map(|content| PowerLevels::parse(content, rules))
        {
            Some(Ok(levels)) => levels,
            Some(Err(error)) => return unknown(error.to_string()),
            None => PowerLevels::absent(rules),
        };
        RoomState::Joined(Box::new(RoomSnapshot {
            room_id,
            version: create.version,
            kind: create.kind,
            creator: create.creator,
            created: create.created,
            additional_creators: create.additional_creators,
            federate: create.federate,
            levels,
            join_rule: self.join_rule.unwrap_or(JoinRule::Invite),
            history_visibility: self.history_visibility,
            encrypted: self.encrypted,
            name: self.name,
            topic: self.topic,
            // Informative only: one that is no alias is as good as none.
            predecessor: create.predecessor,
            canonical_alias: self
                .canonical_alias
                .and_then(|alias| RoomAliasId::parse(alias).ok()),
            replaced_by: self.replaced_by,
            members: self.members.into_values().collect(),
            unreadable: self.unreadable.into_values().map(Cause::new).collect(),
        }))
    }

    /// Like [`finish`](Self::finish), of state that anyone may see, or that is from before we left: only if we are
    /// in the room it is the room as it is.
    pub(crate) fn finish_for(self, room_id: OwnedRoomId, me: &UserId) -> RoomState {
        if self
            .unreadable
            .contains_key(&("m.room.member".to_owned(), me.to_string()))
        {
            return RoomState::Unknown(Cause::new("our own membership event cannot be read"));
        }
        match self.members.get(me) {
            Some(member) if member.membership == Membership::Joined => self.finish(room_id),
            Some(member) if member.membership == Membership::Invited => RoomState::NotJoined {
                invited_by: Some(member.sender.clone()),
            },
            // Without a create event this is not the state of a room at all.
            _ if self.create.is_none() => self.finish(room_id),
            _ => RoomState::NotJoined { invited_by: None },
        }
    }
}

fn create(event: &Event<'_>, content: &Value) -> Result<Create, String> {
    let version = match content.get("room_version") {
        None => RoomVersionId::V1,
        Some(Value::String(version)) => {
            RoomVersionId::try_from(version.as_str()).map_err(|error| format!("room_version: {error}"))?
        }
        Some(_) => return Err("room_version is not a string".to_owned()),
    };
    let creator = event
        .sender
        .as_deref()
        .or_else(|| content.get("creator").and_then(Value::as_str))
        .ok_or("neither a sender nor a creator")?;
    let creator = UserId::parse(creator).map_err(|error| format!("its sender is no user ID ({error})"))?;
    let privileged = version
        .rules()
        .is_some_and(|rules| rules.authorization.explicitly_privilege_room_creators);
    let additional_creators = match content.get("additional_creators") {
        None => Vec::new(),
        // The key means nothing before.
        Some(_) if !privileged => Vec::new(),
        Some(value) => Vec::<OwnedUserId>::deserialize(value)
            .map_err(|_| "additional_creators is not a list of user IDs".to_owned())?,
    };
    let federate = match content.get("m.federate") {
        None => true,
        Some(Value::Bool(federate)) => *federate,
        Some(_) => return Err("m.federate is neither true nor false".to_owned()),
    };
    // What names no room names none that could agree.
    let predecessor = content
        .get("predecessor")
        .and_then(|predecessor| predecessor.get("room_id")?.as_str())
        .and_then(|id| OwnedRoomId::try_from(id).ok());
    let kind = match content.get("type").and_then(Value::as_str) {
        Some("m.space") => RoomKind::Space,
        _ => RoomKind::Room,
    };
    Ok(Create {
        version,
        kind,
        creator,
        created: event.origin_server_ts.as_ref().and_then(timestamp),
        additional_creators,
        federate,
        predecessor,
    })
}

fn replacement(event: &Event<'_>, named: String) -> Result<Replacement, String> {
    let sender = event.sender.as_deref().ok_or("no sender")?;
    let by = UserId::parse(sender).map_err(|error| format!("its sender is no user ID ({error})"))?;
    let at = event.origin_server_ts.as_ref().and_then(timestamp);
    Ok(Replacement::new(named, by, at.ok_or("no origin_server_ts")?))
}

fn join_rule(rule: &str) -> JoinRule {
    match rule {
        "public" => JoinRule::Public,
        "invite" => JoinRule::Invite,
        "knock" => JoinRule::Knock,
        "restricted" => JoinRule::Restricted,
        "knock_restricted" => JoinRule::KnockRestricted,
        "private" => JoinRule::Private,
        other => JoinRule::Other(other.to_owned()),
    }
}

/// The value of `history_visibility`.
pub(crate) fn history_visibility(value: &str) -> Option<HistoryVisibility> {
    use HistoryVisibility::{Invited, Joined, Shared, WorldReadable};
    [Joined, Invited, Shared, WorldReadable]
        .into_iter()
        .find(|visibility| visibility.as_str() == value)
}

/// Old rooms can hold any number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is clamped into the range by the cast"
)]
fn timestamp(value: &Value) -> Option<Timestamp> {
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|number| number as u64))
        .map(Timestamp)
}

/// The kind of error without what was found, which may be anybody's private data.
fn plain(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "a field is missing or of the wrong type".to_owned(),
        _ => "not JSON".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
#[path = "room_state_tests.rs"]
mod tests;
