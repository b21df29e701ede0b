//! `inviter kick-member`

use clap::Args;
use inviter_operations::operations::by_hand;

use super::by_hand::{EXIT_CODES, How};
use crate::{context::Context, exit::Exit};

/// Remove a person of another server from a managed room, or withdraw their invitation
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct KickMember {
    #[command(flatten)]
    asked: by_hand::KickMember,
    #[command(flatten)]
    how: How,
}

impl KickMember {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        self.how.run(context, (&self.asked).into()).await
    }
}
