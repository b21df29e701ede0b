//! One action as it is saved: what is to be done, and why, in words that need no other part of the file.

use ruma_common::{OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned, de::Error as _};
use serde_json::{Value, value::RawValue};

use crate::{
    action::{Action, Op, Why},
    desired::{Feed, FeedRole},
    directory::{GroupKey, ProviderId},
    guard::{GuardedAction, Verdict},
    levels::Lowering,
};

/// One action of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedAction {
    /// What to do.
    #[serde(deserialize_with = "whole")]
    pub op: Op,
    /// Why.
    pub why: SavedWhy,
    /// What the person loses by it, if they lose something.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    pub lowers: Option<Lowering>,
    /// Why it is held, as sentences; empty if it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
}

/// Why an action is in a saved plan, with the group by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedWhy {
    /// The rule, such as `in_group`.
    pub rule: String,
    /// The group that gives something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<SavedGroup>,
    /// The room whose place is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<OwnedRoomId>,
}

/// A group in a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedGroup {
    /// Its name, for people: another name is no difference.
    pub name: String,
    /// The directory.
    pub directory: ProviderId,
    /// Its key there.
    pub key: GroupKey,
    /// What of it counts here.
    pub role: FeedRole,
}

/// What makes an action the same as another.
#[derive(Debug, Serialize)]
struct Same<'a> {
    op: &'a Op,
    rule: &'a str,
    group: Option<(&'a ProviderId, &'a GroupKey, FeedRole)>,
    room: Option<&'a OwnedRoomId>,
    lowers: Option<Lowering>,
}

impl SavedAction {
    /// An action of a room with these feeds.
    pub fn of(action: &Action, feeds: &[Feed]) -> Self {
        Self {
            op: action.op.clone(),
            why: SavedWhy::of(&action.why, feeds),
            lowers: action.lowers,
            held: Vec::new(),
        }
    }

    pub(super) fn guarded(guarded: &GuardedAction, feeds: &[Feed]) -> Self {
        let mut saved = Self::of(&guarded.action, feeds);
        saved.held = match &guarded.verdict {
            Verdict::Held { reasons } => reasons.iter().map(ToString::to_string).collect(),
            Verdict::Pending => vec!["it waits for a person's own run".to_owned()],
            Verdict::Allowed => Vec::new(),
        };
        saved
    }

    /// A text that two actions have in common if they are the same: the same thing, for the same reason, by the same
    /// group. Whether it is held is another matter.
    pub(crate) fn key(&self) -> String {
        let group = self.why.group.as_ref();
        let same = Same {
            op: &self.op,
            rule: &self.why.rule,
            group: group.map(|group| (&group.directory, &group.key, group.role)),
            room: self.why.room.as_ref(),
            lowers: self.lowers,
        };
        // Nothing in it can fail to be written; if it did, it would be like nothing else, and not done.
        serde_json::to_string(&same).unwrap_or_else(|_| format!("{same:?}"))
    }

    /// Whom it brings in or removes, if it is about one person.
    pub const fn person(&self) -> Option<&OwnedUserId> {
        match &self.op {
            Op::Invite { user, .. } | Op::Add { user, .. } | Op::Remove { user, .. } => Some(user),
            _ => None,
        }
    }
}

impl SavedWhy {
    fn of(why: &Why, feeds: &[Feed]) -> Self {
        let rule = match serde_json::to_value(why) {
            Ok(Value::String(rule)) => rule,
            // One with more to it is an object whose key is the rule.
            Ok(Value::Object(object)) => object.into_iter().next().map_or_else(String::new, |(k, _)| k),
            _ => String::new(),
        };
        let group = match why {
            Why::InGroup { feed } | Why::OwnerOf { feed } => feeds.get(usize::from(*feed)),
            _ => None,
        };
        Self {
            rule,
            group: group.map(|feed| SavedGroup {
                name: feed.group.name.to_string(),
                directory: feed.group.provider.clone(),
                key: feed.group.key.clone(),
                role: feed.role,
            }),
            room: match why {
                Why::Replaces { room } => Some(room.clone()),
                _ => None,
            },
        }
    }
}

/// Reads something of which every part is understood: written again it is the same. What stands elsewhere may have keys
/// of later versions; a person who goes through a plan believes every word of it.
fn whole<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Serialize + DeserializeOwned,
    D: Deserializer<'de>,
{
    // Read twice from the text: a value has forgotten which keys stood there twice.
    let text = Box::<RawValue>::deserialize(deserializer)?;
    let wrong = |error: serde_json::Error| D::Error::custom(without_place(&error));
    let read: T = serde_json::from_str(text.get()).map_err(wrong)?;
    let said: Value = serde_json::from_str(text.get()).map_err(wrong)?;
    let meant = serde_json::to_value(&read).map_err(wrong)?;
    if said == meant {
        return Ok(read);
    }
    Err(D::Error::custom(match unknown(&said, &meant) {
        Some(key) => format!("unknown field `{key}` in an action"),
        None => format!("the action {said} is not written as plans have it"),
    }))
}

/// The first key that nobody has understood.
fn unknown<'v>(said: &'v Value, meant: &Value) -> Option<&'v str> {
    match (said, meant) {
        (Value::Object(said), Value::Object(meant)) => {
            said.iter().find_map(|(key, value)| match meant.get(key) {
                Some(meant) => unknown(value, meant),
                None => Some(key.as_str()),
            })
        }
        (Value::Array(said), Value::Array(meant)) => said
            .iter()
            .zip(meant)
            .find_map(|(said, meant)| unknown(said, meant)),
        _ => None,
    }
}

/// An error without its line and column, which are those within the one action; whoever reads the file adds its own.
fn without_place(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.rfind(" at line ") {
        text.truncate(at);
    }
    text
}
