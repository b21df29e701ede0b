//! `m.room.power_levels`: reading with the rules of each room version, and merging changes into the content.
//!
//! Follows the section "Power levels" of the client-server API and the authorisation rules of the room versions.
//! Absent keys stay absent here: a caller that needs the value in force asks the accessor, which applies the
//! spec's default.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ruma_common::{OwnedUserId, RoomVersionId, UserId, room_version_rules::AuthorizationRules};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::room::Power;

/// Largest magnitude of a power level: canonical JSON's integers.
pub const MAX_LEVEL: i64 = (1 << 53) - 1;

/// What of a room version matters for power levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelRules {
    /// Version 10 on: levels are integers. Before, strings such as `"50"` count too.
    pub integers_only: bool,
    /// Version 12 on: creators are above every level and must not be in `users`.
    pub privileged_creators: bool,
}

impl LevelRules {
    /// The rules of a version; `None` for a version that we do not know.
    pub fn of(version: &RoomVersionId) -> Option<Self> {
        let AuthorizationRules {
            integer_power_levels,
            explicitly_privilege_room_creators,
            ..
        } = version.rules()?.authorization;
        Some(Self {
            integers_only: integer_power_levels,
            privileged_creators: explicitly_privilege_room_creators,
        })
    }
}

/// The content of `m.room.power_levels`, as far as it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerLevels {
    rules: LevelRules,
    /// The event exists. Without it the creator has 100 and everything else is open (before version 12).
    present: bool,
    users: BTreeMap<OwnedUserId, i64>,
    events: BTreeMap<String, i64>,
    keys: BTreeMap<Key, i64>,
}

/// The single-valued keys of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// `users_default`
    UsersDefault,
    /// `events_default`
    EventsDefault,
    /// `state_default`
    StateDefault,
    /// `invite`
    Invite,
    /// `kick`
    Kick,
    /// `ban`
    Ban,
    /// `redact`
    Redact,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::UsersDefault,
        Self::EventsDefault,
        Self::StateDefault,
        Self::Invite,
        Self::Kick,
        Self::Ban,
        Self::Redact,
    ];

    /// The key in the event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsersDefault => "users_default",
            Self::EventsDefault => "events_default",
            Self::StateDefault => "state_default",
            Self::Invite => "invite",
            Self::Kick => "kick",
            Self::Ban => "ban",
            Self::Redact => "redact",
        }
    }
}

/// The levels cannot be read; the room is unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("m.room.power_levels: `{key}` is {found}, not a level")]
pub struct LevelsError {
    /// The key.
    pub key: String,
    /// What stands there, shortened.
    pub found: String,
}

impl PowerLevels {
    /// The levels of a room without the event.
    pub const fn absent(rules: LevelRules) -> Self {
        Self {
            rules,
            present: false,
            users: BTreeMap::new(),
            events: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Reads the content of the event.
    ///
    /// # Errors
    /// The first value that is not a level by the rules of the version. Keys of `users` that are not user IDs are
    /// passed over: they give nobody anything.
    pub fn parse(content: &Value, rules: LevelRules) -> Result<Self, LevelsError> {
        let object = content.as_object().ok_or_else(|| bad("content", content))?;
        let mut levels = Self {
            present: true,
            ..Self::absent(rules)
        };
        for key in Key::ALL {
            if let Some(value) = object.get(key.as_str()) {
                levels.keys.insert(key, level(key.as_str(), value, rules)?);
            }
        }
        for (user, value) in section(object, "users")? {
            let value = level(user, value, rules)?;
            if let Ok(user) = <&UserId>::try_from(user.as_str()) {
                levels.users.insert(user.to_owned(), value);
            }
        }
        for (kind, value) in section(object, "events")? {
            levels.events.insert(kind.clone(), level(kind, value, rules)?);
        }
        Ok(levels)
    }

    /// The rules it was read with.
    pub const fn rules(&self) -> LevelRules {
        self.rules
    }

    /// The entries of `users`.
    pub const fn users(&self) -> &BTreeMap<OwnedUserId, i64> {
        &self.users
    }

    /// The entry of a user, if there is one.
    pub fn user_entry(&self, user: &UserId) -> Option<i64> {
        self.users.get(user).copied()
    }

    /// The level of a user who is not a privileged creator.
    pub fn user(&self, user: &UserId, creator: &UserId) -> i64 {
        match self.users.get(user) {
            Some(level) => *level,
            None if !self.present && !self.rules.privileged_creators && user == creator => 100,
            None => self.key(Key::UsersDefault),
        }
    }

    /// The value in force of a single-valued key, with the spec's default: 50 for `state_default`, `kick`, `ban` and
    /// `redact`, 0 for the others.
    pub fn key(&self, key: Key) -> i64 {
        self.keys.get(&key).copied().unwrap_or(match key {
            Key::UsersDefault | Key::EventsDefault | Key::Invite => 0,
            Key::StateDefault | Key::Kick | Key::Ban | Key::Redact => 50,
        })
    }

    /// Sets a single-valued key, to see what would follow from it.
    pub(crate) fn set_key(&mut self, key: Key, level: i64) {
        self.keys.insert(key, level);
    }

    /// The entry of a single-valued key, if there is one.
    pub fn key_entry(&self, key: Key) -> Option<i64> {
        self.keys.get(&key).copied()
    }

    /// Whether the room has the event at all.
    pub const fn is_present(&self) -> bool {
        self.present
    }

    /// The level required to send a state event of this type.
    pub fn state_event(&self, kind: &str) -> i64 {
        self.event_entry(kind)
            .unwrap_or_else(|| self.key(Key::StateDefault))
    }

    /// The level required for an entry of `events`, whichever kind of event it is: known state types fall back to
    /// `state_default`, others to `events_default`.
    pub fn event(&self, kind: &str) -> i64 {
        let is_state = || {
            kind.starts_with("m.room.")
                && !matches!(kind, "m.room.message" | "m.room.redaction" | "m.room.encrypted")
                || kind.starts_with("m.space.")
        };
        let default = || {
            if is_state() {
                Key::StateDefault
            } else {
                Key::EventsDefault
            }
        };
        self.event_entry(kind).unwrap_or_else(|| self.key(default()))
    }

    /// The entry of `events`, if there is one.
    pub fn event_entry(&self, kind: &str) -> Option<i64> {
        self.events.get(kind).copied()
    }
}

fn section<'a>(
    object: &'a Map<String, Value>,
    key: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, LevelsError> {
    let entries = match object.get(key) {
        None => None,
        Some(Value::Object(entries)) => Some(entries),
        Some(other) => return Err(bad(key, other)),
    };
    Ok(entries.into_iter().flatten())
}

fn level(key: &str, value: &Value, rules: LevelRules) -> Result<i64, LevelsError> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            // Floats were truncated by the versions that did not insist on integers.
            number
                .as_f64()
                .filter(|f| !rules.integers_only && f.abs() < 9e15)
                .map(truncate)
        }),
        Value::String(text) if !rules.integers_only => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|n| n.abs() <= MAX_LEVEL)
        .ok_or_else(|| bad(key, value))
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked the range")]
fn truncate(value: f64) -> i64 {
    value as i64
}

fn bad(key: &str, value: &Value) -> LevelsError {
    let mut found = value.to_string();
    if let Some((end, _)) = found.char_indices().nth(40) {
        found.truncate(end);
        found.push('…');
    }
    LevelsError {
        key: key.to_owned(),
        found,
    }
}

/// One change to the power levels: from what was seen to what is wanted. `None` is "no entry".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LevelChange {
    /// What changes.
    pub slot: LevelSlot,
    /// The entry that was seen.
    pub from: Option<i64>,
    /// The entry wanted.
    pub to: Option<i64>,
}

/// What somebody loses by a change: their level in force, which the room's `users_default` is for whoever has no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lowering {
    /// Their level as it was seen.
    pub from: i64,
    /// Their level after the change, which is lower.
    pub to: i64,
}

/// A place in the content of the power levels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelSlot {
    /// A single-valued key.
    Key(Key),
    /// An entry of `events`.
    Event(String),
    /// An entry of `users`.
    User(OwnedUserId),
}

/// The outcome of [`merge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The content to send; `None` if nothing is left to change.
    pub content: Option<Value>,
    /// Changes that were dropped because the entry is neither `from` nor `to` any more.
    pub dropped: Vec<LevelChange>,
}

/// Puts changes into the content as it is now (decision 28): changes whose `from` no longer holds are dropped,
/// those that hold already are no change, and every key that is not ours stays as it is.
///
/// # Errors
/// When the present content cannot be read; nothing must be sent then.
pub fn merge(content: &Value, changes: &[LevelChange], rules: LevelRules) -> Result<Merged, LevelsError> {
    let now = PowerLevels::parse(content, rules)?;
    let mut object = content.as_object().cloned().unwrap_or_default();
    let mut dropped = Vec::new();
    let mut differs = false;
    for change in changes {
        let (section, key, current) = match &change.slot {
            LevelSlot::Key(key) => (None, key.as_str(), now.keys.get(key).copied()),
            LevelSlot::Event(kind) => (Some("events"), kind.as_str(), now.event_entry(kind)),
            LevelSlot::User(user) => (Some("users"), user.as_str(), now.user_entry(user)),
        };
        if current == change.to {
            continue;
        }
        if current != change.from {
            dropped.push(change.clone());
            continue;
        }
        let target = match section {
            None => Some(&mut object),
            Some(name) => object
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()))
                .as_object_mut(),
        };
        let Some(target) = target else { continue };
        match change.to {
            Some(level) => drop(target.insert(key.to_owned(), level.into())),
            None => drop(target.remove(key)),
        }
        differs = true;
    }
    Ok(Merged {
        content: differs.then_some(Value::Object(object)),
        dropped,
    })
}

/// Whether someone with this power may make this change, by the authorisation rules: neither the old nor the new
/// value may be above their own, and another user's entry must be below it.
pub fn may_change(power: Power, change: &LevelChange, own_entry: bool) -> bool {
    let reaches = |level: Option<i64>| level.is_none_or(|level| power.reaches(level));
    let outranks = match (&change.slot, change.from) {
        (LevelSlot::User(_), Some(from)) if !own_entry => power > Power::Level(from),
        _ => true,
    };
    reaches(change.from) && reaches(change.to) && outranks
}
