//! A saved plan as text: written so that a person can read it, and read with an answer for whatever stands there.

use std::{collections::BTreeSet, fmt::Write as _};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::{BEGINS, FORMAT, MAX_BYTES, SavedPlan, SavedRoom};
use crate::{harmful::is_harmful, room::RoomRef};

/// How much of what a file says is repeated in an error, in characters.
const REPEATED: usize = 200;

/// A plan cannot be saved, or what was saved is of no use here: sentences without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavedPlanError {
    /// Larger than [`MAX_BYTES`], when it was to be read.
    #[error("it is larger than 64 MiB, which no plan is; name a file that `inviter plan --out` has written")]
    TooLarge,
    /// Larger than [`MAX_BYTES`], when it was to be written.
    #[error(
        "the plan has {0} actions and is too large to be saved (64 MiB); save it in parts with `--room` or \
         `--include-room`"
    )]
    TooLargeToSave(usize),
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unread(String),
    /// No JSON, or not whole.
    #[error("it is no plan: {0} (not JSON); name a file that `inviter plan --out` has written")]
    NotJson(String),
    /// JSON of another kind.
    #[error(
        "it is no plan that was saved by `inviter plan --out`; what `inviter plan --json` prints is for reading only"
    )]
    NotAPlan,
    /// Written by a later version.
    #[error(
        "it is of format {format}, and this version reads up to {FORMAT}; use inviter {program}, which has written it, or plan again"
    )]
    Newer {
        /// The format.
        format: u64,
        /// The version that has written it, as it says.
        program: String,
    },
    /// A plan, with something in it that no plan of this format has, such as an unknown action.
    #[error(
        "it is a plan that cannot be understood: {0}; it was changed since it was saved, or another version has written it; plan again"
    )]
    Wrong(String),
    /// Made for another homeserver.
    #[error(
        "it was made for the homeserver {of}, and this is {ours}; take the configuration that it was made with"
    )]
    OtherHomeserver {
        /// That of the plan.
        of: OwnedServerName,
        /// That of the configuration.
        ours: OwnedServerName,
    },
    /// Made for another account.
    #[error(
        "it was made for the account {of}, and this is {ours}; take the configuration that it was made with"
    )]
    OtherAccount {
        /// That of the plan.
        of: OwnedUserId,
        /// That of the configuration.
        ours: OwnedUserId,
    },
    /// Others can change it: a sentence saying who.
    #[error("{0}")]
    OpenToOthers(String),
    /// Made when `[scope]` was another.
    #[error("it was made when `[scope]` in the configuration was another; plan again")]
    OtherScope,
}

impl SavedPlanError {
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(shortened(&what.into()))
    }
}

/// What tells plans from other files. The rest is passed over.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(default)]
    kind: Option<serde_json::Value>,
    #[serde(default)]
    format: Option<serde_json::Value>,
    #[serde(default)]
    program: Option<serde_json::Value>,
}

impl SavedPlan {
    /// Reads a plan.
    ///
    /// # Errors
    /// A sentence about what is wrong with it: too long, not JSON, no plan, of a newer format, or a plan in which
    /// something cannot be understood.
    pub fn parse(text: &[u8]) -> Result<Self, SavedPlanError> {
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(SavedPlanError::TooLarge);
        }
        let head: Head = serde_json::from_slice(text).map_err(|error| match error.classify() {
            // Its values are anything, so that only the keys can be wrong.
            Category::Data if error.to_string().starts_with("duplicate field") => {
                SavedPlanError::wrong(error.to_string())
            }
            Category::Data => SavedPlanError::NotAPlan,
            _ => SavedPlanError::NotJson(shortened(&error.to_string())),
        })?;
        let is_plan = head.kind.as_ref().is_some_and(|kind| kind == "inviter_plan");
        let format = head.format.as_ref().and_then(serde_json::Value::as_u64);
        match format {
            _ if !is_plan => return Err(SavedPlanError::NotAPlan),
            Some(format) if format > u64::from(FORMAT) => {
                let program = head.program.as_ref().and_then(serde_json::Value::as_str);
                return Err(SavedPlanError::Newer {
                    format,
                    program: shortened(program.unwrap_or("of a later version")),
                });
            }
            Some(1..) => {}
            Some(0) | None => return Err(SavedPlanError::wrong("its `format` is no number of a format")),
        }
        let plan: Self =
            serde_json::from_slice(text).map_err(|error| SavedPlanError::wrong(error.to_string()))?;
        let told = [("program", &plan.program), ("planned", &plan.planned)];
        if let Some((key, _)) = told.iter().find(|(_, text)| text.len() > REPEATED) {
            return Err(SavedPlanError::wrong(format!("its `{key}` is too long")));
        }
        plan.options()?;
        plan.names_rooms_once()?;
        Ok(plan)
    }

    /// The text of the file: an action in a line.
    ///
    /// # Errors
    /// [`SavedPlanError::TooLargeToSave`].
    pub fn to_text(&self) -> Result<String, SavedPlanError> {
        let mut text = BEGINS.to_owned();
        let head = [
            ("format", json(&self.format)),
            ("program", json(&self.program)),
            ("planned", json(&self.planned)),
            ("homeserver", json(&self.homeserver)),
            ("account", json(&self.account)),
            ("configured_scope", json(&self.configured_scope)),
            ("asked_rooms", json(&Names(&self.asked_rooms))),
            ("asked_arguments", json(&self.asked_arguments)),
            ("asked_scope", json(&self.asked_scope)),
        ];
        for (key, value) in head {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  \"{key}\": {value},");
        }
        text.push_str("  \"rooms\": [");
        for (at, room) in self.rooms.iter().enumerate() {
            text.push_str(if at == 0 { "\n" } else { ",\n" });
            room.write(&mut text);
            if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BYTES {
                return Err(SavedPlanError::TooLargeToSave(self.actions()));
            }
        }
        text.push_str(if self.rooms.is_empty() {
            "]\n}\n"
        } else {
            "\n  ]\n}\n"
        });
        Ok(text)
    }

    /// A room stands there once: which of two was meant nobody could tell.
    fn names_rooms_once(&self) -> Result<(), SavedPlanError> {
        let mut seen: BTreeSet<RoomRef> = BTreeSet::new();
        for room in &self.rooms {
            for name in room.names() {
                if !seen.insert(name.clone()) {
                    return Err(SavedPlanError::wrong(format!("{name} stands in it twice")));
                }
            }
        }
        Ok(())
    }
}

impl SavedRoom {
    fn write(&self, text: &mut String) {
        let head = [
            ("room", json(&self.room.to_string())),
            ("refs", json(&Names(&self.refs))),
            ("room_id", json(&self.room_id)),
        ];
        text.push_str("    {\n");
        for (key, value) in head {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "      \"{key}\": {value},");
        }
        text.push_str("      \"actions\": [");
        for (at, action) in self.actions.iter().enumerate() {
            text.push_str(if at == 0 { "\n        " } else { ",\n        " });
            text.push_str(&json(action));
        }
        text.push_str(if self.actions.is_empty() {
            "]\n    }"
        } else {
            "\n      ]\n    }"
        });
    }
}

/// Rooms by their names.
struct Names<'a>(&'a [RoomRef]);

impl Serialize for Names<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        room_refs::serialize(self.0, serializer)
    }
}

/// As JSON, in which nothing moves, hides or turns what somebody reads there.
fn json(value: &impl Serialize) -> String {
    // Nothing in a plan can fail to be written; what did could not be read back, which is told then.
    let text = serde_json::to_string(value).unwrap_or_default();
    if !text.contains(is_harmful) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            // It can only be in a string.
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// What an error repeats of a file: not too much, and nothing that is not to be seen.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == REPEATED {
            short.push('…');
            break;
        }
        short.push(if is_harmful(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        });
    }
    short
}

fn parsed(name: &str) -> Result<RoomRef, String> {
    let parsed = if name.starts_with('!') {
        OwnedRoomId::try_from(name).map(RoomRef::Id)
    } else {
        OwnedRoomAliasId::try_from(name).map(RoomRef::Alias)
    };
    parsed.map_err(|error| format!("`{}` names no room ({error})", shortened(name)))
}

/// A room by its alias or ID as one text.
pub(super) mod room_ref {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::room::RoomRef;

    pub(in crate::saved_plan) fn serialize<S: Serializer>(
        room: &RoomRef,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(room)
    }

    pub(in crate::saved_plan) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<RoomRef, D::Error> {
        super::parsed(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Several of them.
pub(super) mod room_refs {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::room::RoomRef;

    pub(in crate::saved_plan) fn serialize<S: Serializer>(
        rooms: &[RoomRef],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rooms.iter().map(ToString::to_string))
    }

    pub(in crate::saved_plan) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<RoomRef>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let rooms: Result<_, String> = names.iter().map(|name| super::parsed(name)).collect();
        rooms.map_err(D::Error::custom)
    }
}
