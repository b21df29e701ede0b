//! `inviter idp`

use clap::Args;
use inviter_operations::operations::idp;

use crate::{context::Context, exit::Exit, output};

/// List rooms and members as the directories want them.
#[derive(Debug, Args)]
pub(crate) struct Idp {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Idp {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let (_, config) = context.config()?;
        let idp = idp::read(&config).await?;
        output::answer(&idp, self.json)?;
        Ok(Exit::of_sources(&idp.desired))
    }
}
