//! What can be commanded in the administration room, and how it is written there.
//!
//! The arguments are those of the command line, from the same definitions; a few may be written shorter.

mod by_hand;
mod grammar;
mod looking;
mod losses;
mod rooms;
mod running;
mod state;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use futures_util::{FutureExt as _, future::BoxFuture};
use inviter::core::{OwnedUserId, by_hand::Request, room::RoomRef};
use inviter_operations::{
    arguments::{Part, room_ref, user_id},
    operations::{adopt, by_hand as wishes, check, explain, pause, plan, release, resume, sync},
};

pub(crate) use self::grammar::{Understood, is_addressed, understand};
use crate::{
    conversation::{Asked, progress::Progress},
    session::{NoTurn, Turn},
    stop::Reason,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how things stand: the last runs, what waits for a person and why, what is paused
    Status,
    /// Show what a sync would do, without doing anything
    Plan(Plan),
    /// Make the rooms as the directories want them
    Sync(Sync),
    /// Show what is held and why, or let it go
    Release(release::Release),
    /// Tell why somebody is in a room or not, and what the next sync would do about it
    Explain(explain::Explain),
    /// List rooms and members as the directories want them
    Idp,
    /// List the rooms that the bot is in
    Joined,
    /// List the rooms that the directories want, with their status
    Managed(Managed),
    /// Check the configuration, the directories, the homeserver and each room, and tell what is missing
    Check(check::Check),
    /// Put rooms that existed before under management
    Adopt(adopt::Adopt),
    /// Do nothing more in a room, or anywhere, until it is resumed
    Pause(pause::Pause),
    /// Take a pause back
    Resume(resume::Resume),
    /// Take a room out of management: the bot gives up its level and leaves
    Unmanage(Unmanage),
    /// Invite a person of another server into a managed room
    InviteMember(ByHand<wishes::InviteMember>),
    /// Remove a person of another server from a managed room, or withdraw their invitation
    KickMember(ByHand<wishes::KickMember>),
    /// Invite a person of another server into a managed room, with level 100
    InviteAdmin(ByHand<wishes::InviteAdmin>),
    /// Tell the version of the bot
    Version,
}

/// What is planned.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Plan {
    /// Only these rooms, by alias or ID
    #[arg(value_name = "ROOM", value_parser = room_ref)]
    rooms: Vec<RoomRef>,
    #[command(flatten)]
    asked: plan::Plan,
}

/// What is done.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Sync {
    /// `dry` only shows what would be done; with rooms, by alias or ID, it is about these only
    #[arg(value_name = "dry|ROOM", value_parser = word)]
    words: Vec<Word>,
    #[command(flatten)]
    asked: sync::Sync,
}

/// Which rooms are listed.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Managed {
    /// Only these rooms, by alias or ID
    #[arg(value_name = "ROOM", value_parser = room_ref)]
    rooms: Vec<RoomRef>,
    #[command(flatten)]
    part: Part,
}

/// Which room is given away, and to whom.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Unmanage {
    #[command(flatten)]
    asked: wishes::Unmanage,
    /// The same as --admin
    #[arg(value_name = "NEW ADMIN", value_parser = user_id, conflicts_with = "admin")]
    new_admin: Option<OwnedUserId>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// A wish about one person in one room.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ByHand<W: Args> {
    #[command(flatten)]
    asked: W,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// A word after `sync`.
#[derive(Debug, Clone)]
enum Word {
    Dry,
    Room(RoomRef),
}

fn word(text: &str) -> Result<Word, String> {
    if text == "dry" {
        return Ok(Word::Dry);
    }
    let room = room_ref(text).map(Word::Room);
    room.map_err(|why| format!("{why}, or `dry`"))
}

impl Sync {
    /// As the command line has it.
    fn into_asked(self) -> sync::Sync {
        let mut asked = self.asked;
        for word in self.words {
            match word {
                Word::Dry => asked.dry_run = true,
                Word::Room(room) => asked.selection.part.room.push(room),
            }
        }
        asked
    }
}

impl Unmanage {
    fn into_request(self) -> Request {
        let mut asked = self.asked;
        asked.admin = asked.admin.or(self.new_admin);
        Request::from(&asked)
    }
}

/// Does what was asked for, and tells what came of it.
pub(crate) async fn run(command: Command, asked: &Asked<'_>) {
    let place = asked.place;
    let quarantined = asked.session.quarantined();
    let done = dispatch(command, asked).await;
    asked.session.follow_recovered(&quarantined);
    if let Err(Failed(why)) = done {
        place.say(&format!("not done: {why}")).await;
    }
}

fn dispatch<'a>(command: Command, asked: &'a Asked<'_>) -> BoxFuture<'a, Done> {
    match command {
        Command::Status => state::status(asked).boxed(),
        Command::Plan(plan) => looking::plan(asked, plan).boxed(),
        Command::Sync(sync) => running::sync(asked, sync.into_asked()).boxed(),
        Command::Release(release) => running::release(asked, release).boxed(),
        Command::Explain(explain) => looking::explain(asked, explain).boxed(),
        Command::Idp => looking::idp(asked).boxed(),
        Command::Joined => looking::joined(asked).boxed(),
        Command::Managed(managed) => looking::managed(asked, managed).boxed(),
        Command::Check(check) => looking::check(asked, check).boxed(),
        Command::Adopt(adopt) => rooms::adopt(asked, adopt).boxed(),
        Command::Pause(pause) => rooms::pause(asked, pause).boxed(),
        Command::Resume(resume) => rooms::resume(asked, resume).boxed(),
        Command::Unmanage(unmanage) => {
            let dry_run = unmanage.dry_run;
            by_hand::wish(asked, unmanage.into_request(), dry_run).boxed()
        }
        Command::InviteMember(wish) => by_hand::wish(asked, (&wish.asked).into(), wish.dry_run).boxed(),
        Command::KickMember(wish) => by_hand::wish(asked, (&wish.asked).into(), wish.dry_run).boxed(),
        Command::InviteAdmin(wish) => by_hand::wish(asked, (&wish.asked).into(), wish.dry_run).boxed(),
        Command::Version => async {
            let version = concat!("inviter-bot ", env!("CARGO_PKG_VERSION"));
            asked.place.say(version).await;
            Ok(())
        }
        .boxed(),
    }
}

/// Why something was not done: a sentence without a full stop.
#[derive(Debug)]
struct Failed(String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors say their cause themselves.
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Self(text)
    }
}

/// What a command comes to; what it has to say it has said itself.
type Done = Result<(), Failed>;

/// Waits for the turn, and says so if that takes time.
///
/// # Errors
/// As [`Session::turn`](crate::session::Session::turn), and when whoever asked may command no more by then.
async fn turn<'s>(asked: &Asked<'s>, progress: &Progress) -> Result<Turn<'s>, Failed> {
    let session = asked.session;
    if session.is_busy() {
        let running = session.board.known().running;
        let what = running.map_or_else(
            || "another command writes just now".to_owned(),
            |running| format!("a run {} is under way", running.cause),
        );
        progress.waits(format!("{what}; this waits for its end, and goes on then"));
    }
    let turn = match session.turn().await {
        Ok(turn) => turn,
        Err(NoTurn::Stopping) => {
            let reason = session.stopping.reason().unwrap_or(Reason::End);
            return Err(Failed(reason.in_words().to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    progress.goes_on();
    // It may have been long.
    session.may_command(asked.who).map_err(Failed)?;
    Ok(turn)
}
