//! `inviter unmanage`

use clap::Args;
use inviter_operations::operations::by_hand;

use super::by_hand::{EXIT_CODES, How};
use crate::{context::Context, exit::Exit};

/// Take a room out of management: the bot gives up its level and leaves
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Unmanage {
    #[command(flatten)]
    asked: by_hand::Unmanage,
    #[command(flatten)]
    how: How,
}

impl Unmanage {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        self.how.run(context, (&self.asked).into()).await
    }
}
