//! `inviter invite-admin`

use clap::Args;
use inviter_operations::operations::by_hand;

use super::by_hand::{EXIT_CODES, How};
use crate::{context::Context, exit::Exit};

/// Invite a person of another server into a managed room, with level 100
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct InviteAdmin {
    #[command(flatten)]
    asked: by_hand::InviteAdmin,
    #[command(flatten)]
    how: How,
}

impl InviteAdmin {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        self.how.run(context, (&self.asked).into()).await
    }
}
