//! `inviter adopt`

use clap::Args;
use inviter_operations::operations::adopt;

use crate::{context::Context, exit::Exit, output};

/// Put rooms that existed before under management.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    asked: adopt::Adopt,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Adopt {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let setup = context.setup().await?;
        let _lock = setup.lock()?;
        let adopting = adopt::adopt(&setup.reconciler, &self.asked).await?;
        output::answer(&adopting, self.json)?;
        Ok(match adopting.refused() {
            0 => Exit::Fine,
            n if n == adopting.outcomes.len() => Exit::Failed,
            _ => Exit::InPart,
        })
    }
}
