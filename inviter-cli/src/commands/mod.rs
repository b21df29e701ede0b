//! The sub-commands, one in a file, each with its arguments and what it does.

mod adopt;
mod check;
mod idp;
mod joined;
mod managed;
mod plan;
mod sync;

use clap::{Args, Subcommand};
use inviter::core::{
    OwnedRoomAliasId, OwnedRoomId, guard::ReleaseCode, reconcile::RunOptions, room::RoomRef,
};

use crate::{context::Context, exit::Exit};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the configuration, the directories, the homeserver and each room, and tell what is missing
    Check(check::Check),
    /// List rooms and members as the directories want them, without asking the homeserver
    Idp(idp::Idp),
    /// List the rooms that the bot is in
    Joined(joined::Joined),
    /// List the rooms that the directories want, with their status
    Managed(managed::Managed),
    /// Show what a sync would do, without doing anything
    Plan(plan::Plan),
    /// Make the rooms as the directories want them
    Sync(sync::Sync),
    /// Put rooms that existed before under management
    Adopt(adopt::Adopt),
}

/// Runs a command until it ends, or until it is interrupted. What only reads may end anywhere.
pub(crate) async fn run(command: &Command, context: &Context<'_>) -> anyhow::Result<Exit> {
    let reading = async {
        match command {
            Command::Check(args) => args.run(context).await,
            Command::Idp(args) => args.run(context).await,
            Command::Joined(args) => args.run(context).await,
            Command::Managed(args) => args.run(context).await,
            Command::Plan(args) => args.run(context).await,
            Command::Adopt(args) => args.run(context).await,
            // Says itself when it may be interrupted.
            Command::Sync(args) => return args.run(context).await,
        }
    };
    if let Command::Sync(_) = command {
        return reading.await;
    }
    tokio::select! {
        exit = reading => exit,
        signal = context.interrupt.after(1) => Ok(Exit::Interrupted(signal)),
    }
}

/// Which part of everything is meant, and what was let go.
#[derive(Debug, Args)]
struct Selection {
    /// Only this room, as `inviter idp` names it; may be given several times
    #[arg(long, value_name = "ROOM", value_parser = room_ref)]
    room: Vec<RoomRef>,
    /// Let go what is held under this code, which the plan shows; may be given several times
    #[arg(long, value_name = "CODE")]
    release: Vec<String>,
}

impl Selection {
    fn options(&self) -> RunOptions {
        let mut options = RunOptions::by_person();
        options.rooms = self.room.iter().cloned().collect();
        options.releases = self.release.iter().map(ReleaseCode::new).collect();
        options
    }
}

/// Reads an alias or a room ID.
fn room_ref(text: &str) -> Result<RoomRef, String> {
    let wrong = |error: &dyn std::fmt::Display| {
        format!("{error}; write an alias like '#room:example.com' or a room ID like '!abc:example.com'")
    };
    if text.starts_with('!') {
        return OwnedRoomId::try_from(text)
            .map(RoomRef::Id)
            .map_err(|error| wrong(&error));
    }
    OwnedRoomAliasId::try_from(text)
        .map(RoomRef::Alias)
        .map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_by_alias_or_id() {
        assert!(matches!(room_ref("#a:b"), Ok(RoomRef::Alias(_))));
        assert!(matches!(room_ref("!a:b"), Ok(RoomRef::Id(_))));
        let error = room_ref("a").unwrap_err();
        assert!(error.contains("'#room:example.com'"), "{error}");
    }
}
