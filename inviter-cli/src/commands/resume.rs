//! `inviter resume`

use clap::Args;
use inviter_operations::operations::resume;

use crate::{context::Context, exit::Exit, output};

/// Take a pause back.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    asked: resume::Resume,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Resume {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        let resumed = resume::resume(&reconciler, &self.asked).await?;
        output::answer(&resumed, self.json)?;
        Ok(if resumed.resumed.is_empty() {
            Exit::Failed
        } else {
            Exit::Fine
        })
    }
}
