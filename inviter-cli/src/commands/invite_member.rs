//! `inviter invite-member`

use clap::Args;
use inviter::core::{OwnedUserId, by_hand::Wish, room::RoomRef};

use super::{
    by_hand::{EXIT_CODES, How, user_id},
    room_ref,
};
use crate::{context::Context, exit::Exit};

/// Invite a person of another server into a managed room
#[derive(Debug, Args)]
#[command(long_about = "Invite a person of another server into a managed room.\n\nTheir level stays as it is. People of the directories' own server are invited by being in a group.", after_long_help = EXIT_CODES)]
pub(crate) struct InviteMember {
    /// The room, a managed one, as `inviter managed` names it
    #[arg(value_parser = room_ref)]
    room: RoomRef,
    /// The person, such as '@user:elsewhere.org'
    #[arg(value_parser = user_id)]
    user: OwnedUserId,
    #[command(flatten)]
    how: How,
}

impl InviteMember {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let wish = Wish::InviteMember(self.user.clone());
        self.how
            .run(context, "invite-member", "invite_member", &self.room, wish)
            .await
    }
}
