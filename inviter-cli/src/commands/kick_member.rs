//! `inviter kick-member`

use clap::Args;
use inviter::core::{OwnedUserId, by_hand::Wish, room::RoomRef};

use super::{
    by_hand::{EXIT_CODES, How, user_id},
    room_ref,
};
use crate::{context::Context, exit::Exit};

/// Remove a person of another server from a managed room, or withdraw their invitation
#[derive(Debug, Args)]
#[command(long_about = "Remove a person of another server from a managed room, or withdraw their invitation.\n\nAdmins, exempt people and members named in the configuration are not removed. People of the directories' own server are removed by being taken out of the groups.", after_long_help = EXIT_CODES)]
pub(crate) struct KickMember {
    /// The room, a managed one, as `inviter managed` names it
    #[arg(value_parser = room_ref)]
    room: RoomRef,
    /// The person, such as '@user:elsewhere.org'
    #[arg(value_parser = user_id)]
    user: OwnedUserId,
    #[command(flatten)]
    how: How,
}

impl KickMember {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let wish = Wish::KickMember(self.user.clone());
        self.how
            .run(context, "kick-member", "kick_member", &self.room, wish)
            .await
    }
}
