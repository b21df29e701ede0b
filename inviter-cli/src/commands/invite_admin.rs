//! `inviter invite-admin`

use clap::Args;
use inviter::core::{OwnedUserId, by_hand::Wish, room::RoomRef};

use super::{
    by_hand::{EXIT_CODES, How, user_id},
    room_ref,
};
use crate::{context::Context, exit::Exit};

/// Invite a person of another server into a managed room, with level 100
#[derive(Debug, Args)]
#[command(long_about = "Invite a person of another server into a managed room, with level 100.\n\nEither part may be so already. Before room version 12 nobody else can take that level back.", after_long_help = EXIT_CODES)]
pub(crate) struct InviteAdmin {
    /// The room, a managed one, as `inviter managed` names it
    #[arg(value_parser = room_ref)]
    room: RoomRef,
    /// The person, such as '@user:elsewhere.org'
    #[arg(value_parser = user_id)]
    user: OwnedUserId,
    #[command(flatten)]
    how: How,
}

impl InviteAdmin {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let wish = Wish::InviteAdmin(self.user.clone());
        self.how
            .run(context, "invite-admin", "invite_admin", &self.room, wish)
            .await
    }
}
