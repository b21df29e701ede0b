//! `inviter check`

use clap::Args;
use inviter_operations::operations::check;

use crate::{
    context::{self, Context},
    exit::Exit,
    output,
};

/// Check everything that a sync needs.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    asked: check::Check,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let (source, config) = context.config()?;
        let connect = context::connect(&config);
        let checked = check::check(&source.name(), &config, connect, &self.asked).await?;
        output::answer(&checked, self.json)?;
        Ok(if checked.works() { Exit::Fine } else { Exit::Failed })
    }
}
