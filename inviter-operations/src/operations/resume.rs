//! `resume`: takes pauses back.

use std::fmt;

use clap::Args;
use inviter::core::{
    recall::Pause as What,
    reconcile::{Reconciler, RunError},
    room::RoomRef,
};
use serde_json::Value;

use super::pause::{Paused, chosen, name, paused};
use crate::{answer::Answer, arguments::room_ref};

/// Which pauses.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
Each pause is taken back by the name that it was given. Rooms that were paused one by one stay so when everything is \
resumed.")]
pub struct Resume {
    /// The rooms, as they were paused
    #[arg(value_name = "ROOM", value_parser = room_ref, required_unless_present = "all")]
    pub rooms: Vec<RoomRef>,
    /// Resume everything
    #[arg(long, conflicts_with = "rooms")]
    pub all: bool,
}

/// What is still paused, and what was resumed.
#[derive(Debug, Clone)]
pub struct Resumed {
    /// What is still paused.
    pub paused: Paused,
    /// What was paused until now.
    pub resumed: Vec<What>,
    /// What was to be resumed and was not paused.
    pub not_paused: Vec<What>,
}

/// Takes pauses back, and tells all that is still paused.
///
/// # Errors
/// As [`Reconciler::resume`].
pub async fn resume(reconciler: &Reconciler, asked: &Resume) -> Result<Resumed, RunError> {
    let mut not_paused = chosen(&asked.rooms, asked.all);
    let resumed = reconciler.resume(&not_paused).await?;
    not_paused.retain(|what| !resumed.contains(what));
    Ok(Resumed {
        paused: paused(reconciler).await?,
        resumed,
        not_paused,
    })
}

impl Answer for Resumed {
    fn kind(&self) -> &'static str {
        self.paused.kind()
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.paused.write(out)
    }

    fn json(&self) -> Value {
        self.paused.json()
    }

    fn warnings(&self) -> Vec<String> {
        let names = self.not_paused.iter().map(name);
        names.map(|name| format!("{name} was not paused")).collect()
    }
}
