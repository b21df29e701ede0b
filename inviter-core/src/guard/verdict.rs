//! Verdicts, and the reasons for holding something.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{desired::Feed, directory::ProviderId};

/// Why a removal or demotion is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[non_exhaustive]
pub enum HoldReason {
    /// There is no memory of a full clean run.
    NoCleanRun,
    /// The directory wants nobody in the room.
    NobodyWanted,
    /// Too many would go from the room.
    RoomLimit {
        /// How many would go, with those of the window.
        going: u32,
        /// Out of how many.
        of: u32,
        /// The limit as a count.
        count: u32,
        /// The limit as a percentage.
        percent: u8,
    },
    /// Too many would go from all rooms.
    TotalLimit {
        /// How many would go, with those of the window.
        going: u32,
        /// Out of how many.
        of: u32,
        /// The limit as a count.
        count: u32,
        /// The limit as a percentage.
        percent: u8,
    },
    /// Too many would go from the rooms that one directory feeds.
    DirectoryLimit {
        /// Which.
        directory: ProviderId,
        /// How many would go, with those of the window.
        going: u32,
        /// Out of how many.
        of: u32,
        /// The limit as a count.
        count: u32,
        /// The limit as a percentage.
        percent: u8,
    },
    /// A directory has far fewer accounts than at its last good read.
    DirectoryShrank {
        /// Which.
        directory: ProviderId,
        /// Accounts then.
        from: u64,
        /// Accounts now.
        to: u64,
    },
    /// A group that fed the room at its last good run is gone.
    GroupVanished {
        /// The group.
        group: Feed,
    },
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCleanRun => f.write_str(
                "nobody is removed before one full run has gone through cleanly, and none counts as clean while a room is \
                 paused or has moved",
            ),
            Self::NobodyWanted => f.write_str("the directory wants nobody in this room"),
            Self::RoomLimit {
                going,
                of,
                count,
                percent,
            } => beyond(f, (*going, *of), &"this room", (*count, *percent)),
            Self::TotalLimit {
                going,
                of,
                count,
                percent,
            } => beyond(f, (*going, *of), &"all rooms", (*count, *percent)),
            Self::DirectoryLimit {
                directory,
                going,
                of,
                count,
                percent,
            } => {
                let rooms = format!("the rooms of directory {directory}");
                beyond(f, (*going, *of), &rooms, (*count, *percent))
            }
            Self::DirectoryShrank { directory, from, to } => {
                write!(
                    f,
                    "directory {directory} shrank from {from} to {to} accounts since its last good read"
                )
            }
            Self::GroupVanished { group } => write!(f, "group {} is gone", group.group),
        }
    }
}

/// How many would go from where, and what the limit is.
fn beyond(
    f: &mut fmt::Formatter<'_>,
    (going, of): (u32, u32),
    place: &dyn fmt::Display,
    (count, percent): (u32, u8),
) -> fmt::Result {
    write!(f, "{going} of {of} people of {place} would go, ")?;
    if count == 0 || percent == 0 {
        return f.write_str("and a limit of 0 lets nobody go without a person's word");
    }
    write!(f, "the limit is {count} and {percent} %")
}

/// What the guard says of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// May run.
    Allowed,
    /// May not run until a person releases it.
    Held {
        /// Every reason.
        reasons: Vec<HoldReason>,
    },
    /// Waits for a person's own run.
    Pending,
}
