//! One action as lines of text.

use inviter::core::{
    action::{Blueprint, Op},
    levels::{LevelChange, LevelSlot},
    room_rules::{HistoryVisibility, Listing, RoomKind},
};

use super::clean::clean;

/// Whether something comes, changes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A room or a person comes.
    Add,
    /// Something becomes different.
    Change,
    /// A person goes.
    Remove,
}

impl Sign {
    /// Of an action.
    pub const fn of(op: &Op) -> Self {
        match op {
            Op::CreateRoom(_) | Op::Join { .. } | Op::Invite { .. } | Op::Add { .. } => Self::Add,
            Op::Remove { .. } | Op::Leave => Self::Remove,
            _ => Self::Change,
        }
    }

    /// The sign itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::Remove => "-",
        }
    }
}

/// What an action does, cleaned; a line for each thing that changes.
pub fn lines(op: &Op) -> Vec<String> {
    let line = match op {
        Op::CreateRoom(blueprint) => {
            // Who is to moderate is the creation's business too, and nothing to find out afterwards.
            let levels = blueprint.levels.iter();
            let levels =
                levels.map(|(user, to)| format!("level of {}: default → {to}", clean(user.as_str())));
            return std::iter::once(create(blueprint)).chain(levels).collect();
        }
        Op::Join { .. } => "join".to_owned(),
        Op::SetLevels { changes } => return changes.iter().map(level).collect(),
        Op::SetHistoryVisibility { from, to } => {
            let from = from.map_or("unset", HistoryVisibility::as_str);
            format!("history visibility: {from} → {}", to.as_str())
        }
        Op::SetName { to } => format!("name: unset → \"{}\"", clean(to)),
        Op::SetTopic { to } => format!("topic: unset → \"{}\"", clean(to)),
        Op::SetListing { to } => {
            let (from, to) = match to {
                Listing::Public => ("private", "public"),
                Listing::Private => ("public", "private"),
            };
            format!("room directory: {from} → {to}")
        }
        Op::Invite { user, .. } => format!("invite {}", clean(user.as_str())),
        Op::Add { user, .. } => format!("put in {}", clean(user.as_str())),
        Op::Remove {
            user,
            invitation: false,
            ..
        } => format!("remove {}", clean(user.as_str())),
        Op::Remove {
            user,
            invitation: true,
            ..
        } => {
            format!("withdraw the invitation of {}", clean(user.as_str()))
        }
        Op::Leave => "leave".to_owned(),
        other => format!("something that this version cannot show ({})", super::word(other)),
    };
    vec![line]
}

/// Changes of what each level may do, in one line, cleaned; `None` for anything else.
pub fn permissions(op: &Op) -> Option<String> {
    let Op::SetLevels { changes } = op else {
        return None;
    };
    let one = |change: &LevelChange| {
        let name = match &change.slot {
            LevelSlot::User(_) => return None,
            LevelSlot::Event(kind) => clean(kind),
            LevelSlot::Key(key) => key.as_str().to_owned(),
        };
        Some(format!("{name} {} → {}", value(change.from), value(change.to)))
    };
    let changes: Option<Vec<String>> = changes.iter().map(one).collect();
    Some(changes?.join(", "))
}

fn create(blueprint: &Blueprint) -> String {
    let what = match blueprint.kind {
        RoomKind::Room => "room",
        RoomKind::Space => "space",
    };
    let mut line = vec![match &blueprint.name {
        Some(name) => format!("create the {what} \"{}\"", clean(name)),
        None => format!("create the {what}"),
    }];
    if blueprint.kind == RoomKind::Room {
        let encrypted = if blueprint.encrypt {
            "encrypted"
        } else {
            "not encrypted"
        };
        line.push(encrypted.to_owned());
    }
    line.extend(
        blueprint
            .history_visibility
            .map(|history| format!("history {}", history.as_str())),
    );
    if blueprint.listing == Listing::Public {
        line.push("in the room directory".to_owned());
    }
    line.extend(
        blueprint
            .version
            .as_ref()
            .map(|version| format!("version {version}")),
    );
    line.join(", ")
}

fn level(change: &LevelChange) -> String {
    let subject = match &change.slot {
        LevelSlot::User(user) => format!("level of {}", clean(user.as_str())),
        LevelSlot::Event(kind) => format!("level for {}", clean(kind)),
        LevelSlot::Key(key) => format!("level {}", key.as_str()),
    };
    format!("{subject}: {} → {}", value(change.from), value(change.to))
}

/// An absent entry means the room's default.
fn value(level: Option<i64>) -> String {
    level.map_or_else(|| "default".to_owned(), |level| level.to_string())
}
