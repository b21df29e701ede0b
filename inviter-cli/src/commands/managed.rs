//! `inviter managed`

use clap::Args;
use inviter_operations::{arguments::Part, operations::managed};

use crate::{context::Context, exit::Exit, output};

/// List the rooms that the directories want, with their status.
#[derive(Debug, Args)]
pub(crate) struct Managed {
    #[command(flatten)]
    part: Part,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Managed {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let managed = managed::read(&reconciler, &self.part.options()).await?;
        output::answer(&managed, self.json)?;
        Ok(Exit::of_reading(&managed.draft.report(), &managed.draft.desired))
    }
}
