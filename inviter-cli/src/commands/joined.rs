//! `inviter joined`

use clap::Args;
use inviter_operations::operations::joined;

use crate::{context::Context, exit::Exit, output};

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
        output::answer(&joined::read(&*backend).await?, self.json)?;
        Ok(Exit::Fine)
    }
}
