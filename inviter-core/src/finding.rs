//! Findings: what a person is told. A finding changes nothing by itself.

use std::fmt;

use ruma_common::{OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};

use crate::{desired::GroupRef, directory::ProviderId, room::RoomRef};

/// Something that a person should know, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub about: Subject,
    /// Which kind; stable, for programs.
    pub kind: FindingKind,
    /// One sentence without a full stop that names the thing and, where there is one, the remedy.
    pub message: String,
}

impl Finding {
    /// A finding.
    pub fn new(about: Subject, kind: FindingKind, message: impl Into<String>) -> Self {
        Self {
            about,
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The whole run.
    Run,
    /// A directory.
    Directory(ProviderId),
    /// A group.
    Group(GroupRef),
    /// An account of a directory, by its key.
    Account(ProviderId, String),
    /// A desired room.
    Room(RoomRef),
    /// A room that is no longer desired.
    RoomId(OwnedRoomId),
    /// A person in a room.
    Person(RoomRef, OwnedUserId),
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    // Directories, groups and accounts.
    /// A directory could not be read.
    DirectoryUnread,
    /// A directory, or a group in it, was not read completely.
    Incomplete,
    /// A directory has something to say about its answer; nothing is unknown because of it.
    DirectoryRemark,
    /// A group's name looks like a room and leads to no valid alias, or to several.
    Undecodable,
    /// Groups contain each other.
    Cycle,
    /// Two accounts of one directory map to one Matrix ID.
    Collision,
    /// No Matrix ID could be made for an account.
    Unmintable,
    /// A guest account was skipped.
    GuestSkipped,
    /// The directory does not say whether an account may be used.
    StatusUnknown,
    /// An owner is not a member of the group.
    OwnerNotMember,
    /// Two sources want different settings for one room.
    ConflictingSettings,
    /// A setting needs a key that begins with `danger_`, and was left out.
    DangerRefused,
    /// A group that fed a room is gone.
    GroupVanished,
    // The run.
    /// No group stands for a room, and the configuration lists none.
    NothingWanted,
    /// What earlier runs remembered is lost.
    MemoryLost,
    /// A person has paused a room, or everything.
    Paused,
    // Rooms.
    /// Something about the room could not be learnt.
    RoomUnknown,
    /// An alias of another server leads nowhere that we can see.
    RoomForeignMissing,
    /// The bot is not in the room.
    NotJoined,
    /// The bot is invited by someone whose invitations it does not accept.
    UntrustedInvitation,
    /// The room exists and nobody has adopted it.
    NotAdopted,
    /// A person has taken the room out of management.
    HandedOver,
    /// The room's state could not be understood.
    Unreadable,
    /// The bot may not do something.
    PowerMissing,
    /// The room has been replaced by another, in which the bot is not.
    Replaced,
    /// The room has been replaced by another, which is managed in its place from this run on.
    Followed,
    /// The room has been closed in favour of another that does not say that it replaces it.
    NotSuccessor,
    /// An alias of a managed room leads elsewhere, and no upgrade explains it.
    AliasMoved,
    /// Anyone may join, so removals would not last.
    PublicRoom,
    /// The room takes nobody from other servers.
    NotFederated,
    /// Removals were not considered because something is unknown.
    RemovalsNotConsidered,
    // People.
    /// Banned, and wanted by the directory.
    Banned,
    /// Left by their own act.
    LeftThemselves,
    /// Removed by someone else after we had invited them again.
    RemovedByOthers,
    /// At or above the bot's level, or an admin, or a creator.
    Outranked,
    /// Equal to a wanted ID but for case.
    HistoricalId,
    /// No account on the homeserver.
    Unregistered,
    /// The account is deactivated.
    Deactivated,
    /// Refused permanently at an earlier run.
    Refused,
    /// Not wanted any more, and stays for some time yet.
    InGrace,
    /// Not wanted, and not brought in by us, so that they stay.
    NotBroughtIn,
}
