//! `inviter pause`

use std::fmt::Write as _;

use clap::Args;
use inviter::core::{
    recall::{MemoryStore as _, Pause as What},
    room::RoomRef,
    time::Timestamp,
};
use serde_json::json;

use super::room_ref;
use crate::{
    context::Context,
    exit::Exit,
    output,
    render::{clean::clean, document, style::HEADLINE, time},
};

/// Do nothing more in rooms, or anywhere, until they are resumed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Nothing is planned or done for a paused room by any later run; it is listed as paused. A run that is under way goes \
on to its end. Without arguments, lists what is paused. `inviter resume` takes a pause back.")]
pub(crate) struct Pause {
    /// The rooms, by alias or ID
    #[arg(value_name = "ROOM", value_parser = room_ref)]
    rooms: Vec<RoomRef>,
    /// Pause everything
    #[arg(long, conflicts_with = "rooms")]
    all: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Pause {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        // No lock: a pause must not wait for the run that it is meant to be the last before.
        reconciler.pause(&chosen(&self.rooms, self.all)).await?;
        show(&reconciler.store.recall().await?.into_memory().paused, self.json)?;
        Ok(Exit::Fine)
    }
}

/// What a command line names.
pub(super) fn chosen(rooms: &[RoomRef], all: bool) -> Vec<What> {
    if all {
        vec![What::Everything]
    } else {
        rooms.iter().cloned().map(What::Room).collect()
    }
}

/// What is paused now.
pub(super) fn show(paused: &std::collections::BTreeMap<What, Timestamp>, json: bool) -> anyhow::Result<()> {
    if json {
        let entries: Vec<_> = paused
            .iter()
            .map(|(what, since)| {
                let room = match what {
                    What::Everything => None,
                    What::Room(room) => Some(room.to_string()),
                };
                json!({ "room": room, "since": time(*since) })
            })
            .collect();
        return output::json(&document::Document::new("paused", json!({ "paused": entries })));
    }
    let mut text = String::new();
    for (what, since) in paused {
        let what = match what {
            What::Everything => "everything".to_owned(),
            What::Room(room) => clean(&room.to_string()),
        };
        writeln!(
            text,
            "{HEADLINE}{what}{HEADLINE:#}  paused since {}",
            time(*since)
        )?;
    }
    if paused.is_empty() {
        writeln!(text, "nothing is paused")?;
    }
    output::text(&text)?;
    Ok(())
}
