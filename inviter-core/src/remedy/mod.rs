//! Remedies: what keeps a room or the account from being managed, and the exact click or request that mends it.
//! Pure; nothing here is sent by us.

mod account;
mod request;
mod rooms;
#[cfg(test)]
mod tests;

use ruma_common::UserId;
use serde::Serialize;

pub use self::{account::of_account, request::AdminRequest, rooms::of_room};
use crate::{finding::FindingKind, policy::Policy, server::ServerFacts};

/// What remedies depend on beside the room.
#[derive(Debug, Clone, Copy)]
pub struct RemedyContext<'a> {
    /// The homeserver and the account.
    pub facts: &'a ServerFacts,
    /// The administrator's decisions.
    pub policy: &'a Policy,
    /// The bot.
    pub bot: &'a UserId,
}

/// Something in the way, with what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Remedy {
    /// What it is; stable, for programs.
    pub trouble: Trouble,
    /// Whether it keeps the room from being managed; otherwise it is only good to know.
    pub blocks: bool,
    /// The kind of the finding that tells of it already, if there is one.
    pub told_by: Option<FindingKind>,
    /// One sentence without a full stop that says what is the matter.
    pub message: String,
    /// Ways to mend it, each of which is enough, the simplest first.
    pub steps: Vec<Step>,
}

/// What can be in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trouble {
    /// The account is not what it should be: a guest's, locked, suspended or shadow-banned.
    Account,
    /// The homeserver limits how fast the account may work.
    RateLimits,
    /// The bot is not in the room.
    NotJoined,
    /// The bot is invited by someone whom it does not trust.
    UntrustedInvitation,
    /// The room exists and nobody has adopted it.
    NotAdopted,
    /// Somebody unknown has made the room behind the alias.
    UnknownCreator,
    /// The bot may not invite, remove or set levels.
    PowerMissing,
    /// Anyone may join.
    PublicRoom,
    /// The creator stands above all levels.
    CreatorOutranks,
    /// The room was replaced by another.
    Replaced,
    /// The alias is another server's and leads nowhere.
    ForeignAlias,
    /// What the room is like cannot be learnt.
    Unknown,
}

/// One way to mend something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "how")]
#[non_exhaustive]
pub enum Step {
    /// Somebody does it in a Matrix client.
    Client {
        /// Who does what, as one sentence without a full stop.
        text: String,
    },
    /// A line in the configuration.
    Configuration {
        /// What it does, without a full stop.
        text: String,
        /// The line.
        line: String,
    },
    /// A command of this program.
    Command {
        /// The command.
        command: String,
    },
    /// A request to the homeserver.
    Request {
        /// Who may send it, and what it does.
        text: String,
        /// The request.
        request: AdminRequest,
    },
}
