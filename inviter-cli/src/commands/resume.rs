//! `inviter resume`

use clap::Args;
use inviter::core::{
    recall::{MemoryStore as _, Pause as What},
    room::RoomRef,
};

use super::{
    pause::{chosen, show},
    room_ref,
};
use crate::{context::Context, exit::Exit, output, render::clean::clean};

/// Take a pause back.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Each pause is taken back by the name that it was given. Rooms that were paused one by one stay so when everything is \
resumed.")]
pub(crate) struct Resume {
    /// The rooms, as they were paused
    #[arg(value_name = "ROOM", value_parser = room_ref, required_unless_present = "all")]
    rooms: Vec<RoomRef>,
    /// Resume everything
    #[arg(long, conflicts_with = "rooms")]
    all: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Resume {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let asked = chosen(&self.rooms, self.all);
        let resumed = reconciler.resume(&asked).await?;
        for what in asked.iter().filter(|what| !resumed.contains(what)) {
            let what = match what {
                What::Everything => "everything".to_owned(),
                What::Room(room) => clean(&room.to_string()),
            };
            output::warning(&format!("{what} was not paused"));
        }
        show(&reconciler.store.recall().await?.into_memory().paused, self.json)?;
        Ok(if resumed.is_empty() {
            Exit::Failed
        } else {
            Exit::Fine
        })
    }
}
