//! `inviter unmanage`

use clap::Args;
use inviter::core::{OwnedUserId, by_hand::Wish, room::RoomRef};

use super::{
    by_hand::{EXIT_CODES, How, user_id},
    room_ref,
};
use crate::{context::Context, exit::Exit};

/// Take a room out of management: the bot gives up its level and leaves
#[derive(Debug, Args)]
#[command(
    long_about = "Take a room out of management: the bot gives up its level and leaves.

It stays while nobody else who has joined is an admin (level 100). With --admin, that person is invited and raised, and \
has to join before the bot leaves: run the same again then.

The room is others' from then on: should the bot be invited back, it does nothing there until `inviter adopt`.",
    after_long_help = EXIT_CODES
)]
pub(crate) struct Unmanage {
    /// The room, by alias or ID: any that the bot is in or remembers, wanted by a group or not
    #[arg(value_parser = room_ref)]
    room: RoomRef,
    /// Who is to be an admin in the bot's place, such as '@user:example.com'
    #[arg(long, value_name = "USER", value_parser = user_id)]
    admin: Option<OwnedUserId>,
    #[command(flatten)]
    how: How,
}

impl Unmanage {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let wish = Wish::Unmanage {
            admin: self.admin.clone(),
        };
        self.how
            .run(context, "unmanage", "unmanage", &self.room, wish)
            .await
    }
}
