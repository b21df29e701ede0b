//! What a homeserver tells about itself and about the bot's account there. Everything may be unknown, and unknown
//! is never read as a no.

use std::{collections::BTreeSet, time::Duration};

use ruma_common::RoomVersionId;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a homeserver tells about itself and about the account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ServerFacts {
    /// The program that it is.
    pub software: Option<Software>,
    /// The versions of the Matrix specification that it speaks, such as `v1.11`, oldest first.
    pub spec_versions: Vec<String>,
    /// The room versions that it calls stable, lowest first; empty if it does not tell.
    pub stable_room_versions: Vec<RoomVersionId>,
    /// Whether the account is an administrator of the homeserver.
    pub admin: Option<bool>,
    /// What is special about the account, as far as it is told.
    pub flags: BTreeSet<AccountFlag>,
    /// Limits that the homeserver keeps for this account in place of its usual ones.
    pub rate_override: RateOverride,
}

impl ServerFacts {
    /// Whether it is a Synapse, so that the requests of Synapse's administration API make sense.
    pub fn is_synapse(&self) -> bool {
        self.software
            .as_ref()
            .is_some_and(|software| software.name.eq_ignore_ascii_case("synapse"))
    }
}

/// The program that a homeserver is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Software {
    /// Its name, such as `Synapse`.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// What can be special about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccountFlag {
    /// A guest's account, which may do little.
    Guest,
    /// An account of an application service.
    ApplicationService,
    /// Locked: nothing works.
    Locked,
    /// Suspended: it may read and leave, and nothing else.
    Suspended,
    /// Shadow-banned: what it sends seems to work and reaches nobody.
    ShadowBanned,
}

impl AccountFlag {
    /// Whether rooms cannot be managed with such an account.
    pub const fn is_obstacle(self) -> bool {
        !matches!(self, Self::ApplicationService)
    }
}

/// Rate limits of one account, by Synapse's `/_synapse/admin/v1/users/{user}/override_ratelimit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum RateOverride {
    /// Nobody told.
    #[default]
    NotKnown,
    /// The homeserver's usual limits hold.
    None,
    /// No limit holds.
    Exempt,
    /// These hold for messages, and the usual ones for everything else.
    Set {
        /// Messages a second.
        per_second: u64,
        /// How many may go at once.
        burst: u64,
    },
}

/// What a homeserver limits, as far as a 429 tells: by what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Creating rooms.
    Creations,
    /// Joining rooms.
    Joins,
    /// Inviting people.
    Invitations,
    /// Removals, levels, settings and listings.
    Events,
    /// Requests that change nothing.
    Reads,
}

impl LimitKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Creations,
        Self::Joins,
        Self::Invitations,
        Self::Events,
        Self::Reads,
    ];

    /// The name under which it is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creations => "creations",
            Self::Joins => "joins",
            Self::Invitations => "invitations",
            Self::Events => "events",
            Self::Reads => "reads",
        }
    }
}

/// A rate limit that a run has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetLimit {
    /// The end of the run that met it last.
    pub at: Timestamp,
    /// The longest wait that the homeserver asked for in that run.
    pub wait: Duration,
}
