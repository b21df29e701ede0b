//! `inviter idp`

use clap::Args;

use crate::{
    context::{self, Context},
    exit::Exit,
    output,
    render::{document, rooms},
};

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
        let desired = context::desired(&config).await?;
        if self.json {
            output::json(&document::Document::new("idp", document::desired(&desired)))?;
        } else {
            let mut text = String::new();
            rooms::desired(&mut text, &desired)?;
            output::text(&text)?;
        }
        Ok(Exit::of_sources(&desired))
    }
}
