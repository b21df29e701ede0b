//! `joined`: the rooms that the bot is in.

use std::fmt::{self, Write as _};

use futures_util::StreamExt as _;
use inviter::core::{
    RoomBackend,
    backend::{BackendError, Observe, Observed},
    room::{Membership, RoomSnapshot, RoomState},
};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    render::{
        clean::{Clean, clean},
        counted,
        style::{FAILED, HEADLINE, QUIET},
        word,
    },
};

/// The rooms that the bot is in, or invited to.
#[derive(Debug, Clone)]
pub struct Joined {
    /// By alias.
    rooms: Vec<Row>,
}

/// Looks at all rooms.
///
/// # Errors
/// What asking the homeserver can meet. A room that cannot be read is told in the answer.
pub async fn read(backend: &dyn RoomBackend) -> Result<Joined, BackendError> {
    let mut rooms = Vec::new();
    let mut states = backend.observe(Observe::Joined);
    while let Some(observed) = states.next().await {
        // One line of each is kept, not the room with all its people.
        rooms.push(Row::of(&observed?));
    }
    rooms.sort_by(|a, b| (&a.alias, &a.id).cmp(&(&b.alias, &b.id)));
    Ok(Joined { rooms })
}

impl Joined {
    /// How many rooms the bot has joined.
    pub fn count(&self) -> usize {
        self.rooms.iter().filter(|room| room.state.is_joined()).count()
    }
}

impl Answer for Joined {
    fn kind(&self) -> &'static str {
        "joined"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for room in &self.rooms {
            let label = clean(room.alias.as_deref().unwrap_or(&room.id));
            write!(out, "{HEADLINE}{label}{HEADLINE:#}  ")?;
            match &room.state {
                State::Joined {
                    name,
                    kind,
                    version,
                    joined,
                    invited,
                    creator,
                } => {
                    if let Some(name) = name {
                        write!(out, "\"{}\", ", Clean(name))?;
                    }
                    writeln!(
                        out,
                        "{kind} of version {version}, {joined} joined, {invited} invited, created by {}  {QUIET}{}{QUIET:#}",
                        Clean(creator),
                        Clean(&room.id),
                    )?;
                }
                State::Invited { by: Some(by) } => writeln!(out, "the bot is invited by {}", Clean(by))?,
                State::Invited { by: None } => writeln!(out, "the bot is invited")?,
                State::Unknown { cause } => writeln!(out, "{FAILED}unknown:{FAILED:#} {}", Clean(cause))?,
            }
        }
        writeln!(
            out,
            "{HEADLINE}joined: {}{HEADLINE:#}",
            counted(self.count(), "room", "rooms")
        )
    }

    fn json(&self) -> Value {
        json!({
            "rooms": self.rooms.iter().map(Row::json).collect::<Vec<_>>(),
            "counts": { "rooms": self.count() },
        })
    }
}

/// What is told of a room.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    alias: Option<String>,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Joined {
        name: Option<String>,
        kind: String,
        version: String,
        joined: usize,
        invited: usize,
        creator: String,
    },
    Invited {
        by: Option<String>,
    },
    Unknown {
        cause: String,
    },
}

impl State {
    const fn is_joined(&self) -> bool {
        matches!(self, Self::Joined { .. })
    }
}

impl Row {
    fn of(observed: &Observed) -> Self {
        let id = observed.room_id.to_string();
        match &observed.state {
            RoomState::Joined(snapshot) => Self::joined(id, snapshot),
            RoomState::NotJoined { invited_by } => {
                let by = invited_by.as_ref().map(ToString::to_string);
                Self {
                    id,
                    alias: None,
                    state: State::Invited { by },
                }
            }
            RoomState::Unknown(cause) => Self {
                id,
                alias: None,
                state: State::Unknown {
                    cause: cause.to_string(),
                },
            },
            RoomState::Missing => Self {
                id,
                alias: None,
                state: State::Unknown {
                    cause: "there is no such room".to_owned(),
                },
            },
        }
    }

    fn joined(id: String, snapshot: &RoomSnapshot) -> Self {
        let count = |wanted| {
            snapshot
                .members
                .iter()
                .filter(|member| member.membership == wanted)
                .count()
        };
        Self {
            id,
            alias: snapshot.canonical_alias.as_ref().map(ToString::to_string),
            state: State::Joined {
                name: snapshot.name.clone(),
                kind: word(&snapshot.kind),
                version: snapshot.version.to_string(),
                joined: count(Membership::Joined),
                invited: count(Membership::Invited),
                creator: snapshot.creator.to_string(),
            },
        }
    }

    fn json(&self) -> Value {
        let mut value = match &self.state {
            State::Joined {
                name,
                kind,
                version,
                joined,
                invited,
                creator,
            } => json!({
                "status": "joined", "name": name, "room_kind": kind, "version": version,
                "joined": joined, "invited": invited, "creator": creator,
            }),
            State::Invited { by } => json!({ "status": "invited", "invited_by": by }),
            State::Unknown { cause } => json!({ "status": "unknown", "cause": cause }),
        };
        value["room_id"] = self.id.as_str().into();
        value["canonical_alias"] = self.alias.clone().into();
        value
    }
}
