//! The sub-commands, one in a file, each with its arguments and what it does.

mod adopt;
mod apply;
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
mod release;
mod resume;
mod status;
mod sync;
mod unmanage;

use clap::Subcommand;

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
    /// Do what a saved plan has, in the rooms that have not changed since
    Apply(apply::Apply),
    /// Show what is held and why, or let it go
    Release(release::Release),
    /// Show how things stand: the last runs, what waits for a person and why, what is paused
    Status(status::Status),
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
            // It holds more than all others.
            Command::Check(args) => Box::pin(args.run(context)).await,
            Command::Idp(args) => args.run(context).await,
            Command::Joined(args) => args.run(context).await,
            Command::Managed(args) => args.run(context).await,
            Command::Plan(args) => args.run(context).await,
            Command::Explain(args) => args.run(context).await,
            Command::Sync(args) => args.run(context).await,
            Command::Apply(args) => args.run(context).await,
            Command::Release(args) => args.run(context).await,
            Command::Status(args) => args.run(context).await,
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
                | Self::Apply(_)
                | Self::Release(_)
                | Self::Unmanage(_)
                | Self::InviteMember(_)
                | Self::KickMember(_)
                | Self::InviteAdmin(_)
        )
    }
}
