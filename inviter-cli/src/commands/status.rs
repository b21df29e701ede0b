//! `inviter status`

use clap::Args;
use inviter::core::reconcile::RunOptions;
use inviter_operations::operations::{
    plan,
    status::{self, Picture},
};

use crate::{context::Context, exit::Exit, output};

/// Show how things stand.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Tells the last runs, when each directory was last read completely, what is paused, and what a sync that nobody watches, \
such as one of the bot's own, would leave for a person to do, and why. Sends no writing request. When the next run \
begins only the bot itself knows.")]
pub(crate) struct Status {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let planned = plan::plan(&reconciler, &RunOptions::default(), false, false).await?;
        let status = status::status(&reconciler, Some(Picture::of_plan(&planned)), None).await?;
        output::answer(&status, self.json)?;
        Ok(Exit::of_plan(&planned.report, &planned.draft.desired, false))
    }
}
