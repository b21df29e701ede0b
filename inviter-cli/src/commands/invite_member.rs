//! `inviter invite-member`

use clap::Args;
use inviter_operations::operations::by_hand;

use super::by_hand::{EXIT_CODES, How};
use crate::{context::Context, exit::Exit};

/// Invite a person of another server into a managed room
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct InviteMember {
    #[command(flatten)]
    asked: by_hand::InviteMember,
    #[command(flatten)]
    how: How,
}

impl InviteMember {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        self.how.run(context, (&self.asked).into()).await
    }
}
