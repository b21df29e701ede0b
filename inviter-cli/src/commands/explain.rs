//! `inviter explain`

use clap::Args;
use inviter_operations::operations::explain;

use crate::{context::Context, exit::Exit, output};

/// Tell why somebody is in a room or not.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    asked: explain::Explain,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let explained = explain::explain(&reconciler, &self.asked).await?;
        output::answer(&explained, self.json)?;
        Ok(Exit::of_sources(&explained.desired))
    }
}
