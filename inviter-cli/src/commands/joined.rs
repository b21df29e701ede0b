//! `inviter joined`

use std::fmt::Write as _;

use clap::Args;
use futures_util::StreamExt as _;
use inviter::core::{
    backend::{Observe, Observed},
    room::{Membership, RoomSnapshot, RoomState},
};
use serde_json::{Value, json};

use crate::{
    context::Context,
    exit::Exit,
    output,
    render::{
        clean::{Clean, clean},
        counted, document,
        style::{FAILED, HEADLINE, QUIET},
        word,
    },
};

/// List the rooms that the bot is in.
#[derive(Debug, Args)]
pub(crate) struct Joined {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Joined {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let backend = context.setup().await?.reconciler.backend;
        let mut rooms = Vec::new();
        let mut states = backend.observe(Observe::Joined);
        while let Some(observed) = states.next().await {
            // One line of each is kept, not the room with all its people.
            rooms.push(Row::of(&observed?));
        }
        rooms.sort_by(|a, b| (&a.alias, &a.id).cmp(&(&b.alias, &b.id)));
        if self.json {
            let contents = json!({
                "rooms": rooms.iter().map(Row::json).collect::<Vec<_>>(),
                "counts": { "rooms": rooms.iter().filter(|room| room.state.is_joined()).count() },
            });
            output::json(&document::Document::new("joined", contents))?;
        } else {
            output::text(&text(&rooms)?)?;
        }
        Ok(Exit::Fine)
    }
}

/// What is told of a room.
struct Row {
    id: String,
    alias: Option<String>,
    state: State,
}

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

fn text(rooms: &[Row]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut count = 0;
    for room in rooms {
        let label = clean(room.alias.as_deref().unwrap_or(&room.id));
        write!(text, "{HEADLINE}{label}{HEADLINE:#}  ")?;
        match &room.state {
            State::Joined {
                name,
                kind,
                version,
                joined,
                invited,
                creator,
            } => {
                count += 1;
                if let Some(name) = name {
                    write!(text, "\"{}\", ", Clean(name))?;
                }
                writeln!(
                    text,
                    "{kind} of version {version}, {joined} joined, {invited} invited, created by {}  {QUIET}{}{QUIET:#}",
                    Clean(creator),
                    Clean(&room.id),
                )?;
            }
            State::Invited { by: Some(by) } => writeln!(text, "the bot is invited by {}", Clean(by))?,
            State::Invited { by: None } => writeln!(text, "the bot is invited")?,
            State::Unknown { cause } => writeln!(text, "{FAILED}unknown:{FAILED:#} {}", Clean(cause))?,
        }
    }
    writeln!(
        text,
        "{HEADLINE}joined: {}{HEADLINE:#}",
        counted(count, "room", "rooms")
    )?;
    Ok(text)
}
