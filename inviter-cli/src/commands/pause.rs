//! `inviter pause`

use clap::Args;
use inviter_operations::operations::pause;

use crate::{context::Context, exit::Exit, output};

/// Do nothing more in rooms, or anywhere, until they are resumed.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    asked: pause::Pause,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Pause {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        output::answer(&pause::pause(&reconciler, &self.asked).await?, self.json)?;
        Ok(Exit::Fine)
    }
}
