//! The sub-commands, one in a file, each with its arguments and what it does.

mod adopt;
mod by_hand;
mod check;
mod completions;
mod config;
mod explain;
mod idp;
mod invite_admin;
mod invite_member;
mod joined;
mod kick_member;
mod man;
mod managed;
mod pause;
mod plan;
mod resume;
mod sync;
mod unmanage;

use clap::{Args, Subcommand};
use inviter::core::{
    OwnedRoomId,
    decode::parse_alias,
    guard::ReleaseCode,
    patterns::Patterns,
    reconcile::RunOptions,
    room::RoomRef,
    room_template::Argument,
    scope::{self, Scope},
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
    /// Tell why somebody is in a room or not, and what the next sync would do about it
    Explain(explain::Explain),
    /// Make the rooms as the directories want them
    Sync(sync::Sync),
    /// Put rooms that existed before under management
    Adopt(adopt::Adopt),
    /// Do nothing more in a room, or anywhere, until it is resumed
    Pause(pause::Pause),
    /// Take a pause back
    Resume(resume::Resume),
    /// Take a room out of management: the bot gives up its level and leaves
    Unmanage(unmanage::Unmanage),
    /// Invite a person of another server into a managed room
    InviteMember(invite_member::InviteMember),
    /// Remove a person of another server from a managed room, or withdraw their invitation
    KickMember(kick_member::KickMember),
    /// Invite a person of another server into a managed room, with level 100
    InviteAdmin(invite_admin::InviteAdmin),
    /// Show the configuration as it takes effect, with where each value comes from
    Config(config::Config),
    /// Write the completions of a shell to standard output
    Completions(completions::Completions),
    /// Write manual pages
    Man(man::Man),
}

/// Runs a command until it ends, or until it is interrupted. What only reads may end anywhere.
pub(crate) async fn run(command: &Command, context: &Context<'_>) -> anyhow::Result<Exit> {
    let run = async {
        match command {
            Command::Check(args) => args.run(context).await,
            Command::Idp(args) => args.run(context).await,
            Command::Joined(args) => args.run(context).await,
            Command::Managed(args) => args.run(context).await,
            Command::Plan(args) => args.run(context).await,
            Command::Explain(args) => args.run(context).await,
            Command::Sync(args) => args.run(context).await,
            Command::Adopt(args) => args.run(context).await,
            Command::Pause(args) => args.run(context).await,
            Command::Resume(args) => args.run(context).await,
            Command::Unmanage(args) => args.run(context).await,
            Command::InviteMember(args) => args.run(context).await,
            Command::KickMember(args) => args.run(context).await,
            Command::InviteAdmin(args) => args.run(context).await,
            Command::Config(args) => args.run(context),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        }
    };
    if command.writes() {
        return run.await;
    }
    tokio::select! {
        exit = run => exit,
        signal = context.interrupt.after(1) => Ok(Exit::Interrupted(signal)),
    }
}

impl Command {
    /// What sends writing requests says itself when it may be interrupted.
    const fn writes(&self) -> bool {
        matches!(
            self,
            Self::Sync(_)
                | Self::Unmanage(_)
                | Self::InviteMember(_)
                | Self::KickMember(_)
                | Self::InviteAdmin(_)
        )
    }
}

/// Which part of everything is meant, and what was let go.
#[derive(Debug, Args)]
struct Selection {
    #[command(flatten)]
    part: Part,
    /// Let go what is held under this code, which the plan shows; may be given several times
    #[arg(long, value_name = "CODE")]
    release: Vec<String>,
}

impl Selection {
    fn options(&self) -> RunOptions {
        let mut options = self.part.options();
        options.releases = self.release.iter().map(ReleaseCode::new).collect();
        options
    }
}

/// Which part of everything is meant. Patterns narrow the scope of the configuration, and never widen it.
#[derive(Debug, Args)]
struct Part {
    /// Only this room, by alias or ID; may be given several times
    #[arg(long, value_name = "ROOM", value_parser = room_ref)]
    room: Vec<RoomRef>,
    /// Only the rooms that this makes of the [[room]] entries with <1>; several values with commas for <1>, <2> and so on; may be given several times
    #[arg(long, value_name = "VALUE", value_parser = Argument::parse)]
    argument: Vec<Argument>,
    /// Only rooms whose alias or ID matches this pattern (* and ?); may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    include_room: Vec<String>,
    /// No room whose alias or ID matches this pattern; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    exclude_room: Vec<String>,
    /// Only rooms of groups whose name or key matches this pattern; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    include_group: Vec<String>,
    /// No room of groups whose name or key matches this pattern; may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    exclude_group: Vec<String>,
}

impl Part {
    fn options(&self) -> RunOptions {
        let mut options = RunOptions::by_person();
        options.rooms = self.room.iter().cloned().collect();
        options.arguments = self.argument.iter().cloned().collect();
        options.scope = Scope {
            rooms: selection(&self.include_room, &self.exclude_room),
            groups: selection(&self.include_group, &self.exclude_group),
        };
        options
    }
}

/// Both lists were checked one by one.
fn selection(include: &[String], exclude: &[String]) -> scope::Selection {
    let compiled = |texts: &[String]| Patterns::new(texts.iter().cloned()).unwrap_or_default();
    scope::Selection::new(compiled(include), compiled(exclude))
}

/// Checks a pattern.
fn pattern(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty; write a name with * and ? for what may differ".to_owned());
    }
    let compiled = Patterns::new([text.to_owned()]);
    compiled.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Reads an alias, whose server may be in capitals, or a room ID.
fn room_ref(text: &str) -> Result<RoomRef, String> {
    let room = if text.starts_with('!') {
        let id = OwnedRoomId::try_from(text);
        id.map(RoomRef::Id)
            .map_err(|error| format!("is not a room ID: {error}"))
    } else {
        parse_alias(text).map(RoomRef::Alias)
    };
    room.map_err(|why| {
        format!("it {why}; write an alias like '#room:example.com' or a room ID like '!abc:example.com'")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_by_alias_or_id() {
        assert!(matches!(room_ref("#a:b"), Ok(RoomRef::Alias(_))));
        assert!(matches!(room_ref("!a:b"), Ok(RoomRef::Id(_))));
        for (wrong, why) in [("a", "it is not a room alias"), ("#:b", "it has nothing")] {
            let error = room_ref(wrong).unwrap_err();
            assert!(
                error.starts_with(why) && error.contains("'#room:example.com'"),
                "{error}"
            );
        }
    }

    /// Directories and the configuration are read so, and another spelling would name no room.
    #[test]
    fn the_server_of_an_alias_is_in_lower_case() {
        assert_eq!(room_ref("#Staff:Example.COM"), room_ref("#Staff:example.com"));
        assert_ne!(room_ref("#Staff:example.com"), room_ref("#staff:example.com"));
    }
}
