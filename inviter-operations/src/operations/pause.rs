//! `pause`: nothing more is done in rooms, or anywhere, until they are resumed.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use clap::Args;
use inviter::core::{
    recall::{MemoryStore as _, Pause as What},
    reconcile::{Reconciler, RunError},
    room::RoomRef,
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    arguments::room_ref,
    render::{clean::clean, style::HEADLINE, time},
};

/// What to pause; with nothing named, what is paused is only listed.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
Nothing is planned or done for a paused room by any later run; it is listed as paused. A run that is under way goes \
on to its end. Without arguments, lists what is paused. `inviter resume` takes a pause back.")]
pub struct Pause {
    /// The rooms, by alias or ID
    #[arg(value_name = "ROOM", value_parser = room_ref)]
    pub rooms: Vec<RoomRef>,
    /// Pause everything
    #[arg(long, conflicts_with = "rooms")]
    pub all: bool,
}

/// What is paused, and since when.
#[derive(Debug, Clone)]
pub struct Paused {
    /// By the names that were given.
    pub paused: BTreeMap<What, Timestamp>,
}

/// Pauses, and tells all that is paused. Needs no lock: a pause must not wait for the run that it is meant to be the
/// last before.
///
/// # Errors
/// As [`Reconciler::pause`].
pub async fn pause(reconciler: &Reconciler, asked: &Pause) -> Result<Paused, RunError> {
    reconciler.pause(&chosen(&asked.rooms, asked.all)).await?;
    paused(reconciler).await
}

/// What is paused now.
pub(super) async fn paused(reconciler: &Reconciler) -> Result<Paused, RunError> {
    let memory = reconciler.store.recall().await?.into_memory();
    Ok(Paused {
        paused: memory.paused,
    })
}

/// What is named.
pub(super) fn chosen(rooms: &[RoomRef], all: bool) -> Vec<What> {
    if all {
        vec![What::Everything]
    } else {
        rooms.iter().cloned().map(What::Room).collect()
    }
}

/// What can be paused, as people call it; cleaned.
pub(super) fn name(what: &What) -> String {
    match what {
        What::Everything => "everything".to_owned(),
        What::Room(room) => clean(&room.to_string()),
    }
}

/// One pause for programs.
pub(super) fn entry((what, since): (&What, &Timestamp)) -> Value {
    let room = match what {
        What::Everything => None,
        What::Room(room) => Some(room.to_string()),
    };
    json!({ "room": room, "since": time(*since) })
}

impl Answer for Paused {
    fn kind(&self) -> &'static str {
        "paused"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for (what, since) in &self.paused {
            writeln!(
                out,
                "{HEADLINE}{}{HEADLINE:#}  paused since {}",
                name(what),
                time(*since)
            )?;
        }
        if self.paused.is_empty() {
            writeln!(out, "nothing is paused")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!({ "paused": self.paused.iter().map(entry).collect::<Vec<_>>() })
    }
}
