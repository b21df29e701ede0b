//! What is remembered of one room.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma_common::OwnedUserId;
use serde::{Deserialize, Serialize};

use crate::{desired::Feed, guard::ReleaseCode, time::Timestamp};

/// A room at its last good run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RememberedRoom {
    /// A person has put the room under management.
    pub adopted: Option<Timestamp>,
    /// A person has taken the room out of management and has not adopted it since: whoever made it, it is others' now.
    pub handed_over: Option<Timestamp>,
    /// The groups that fed it at its last good run, and those that came since.
    pub feeds: Vec<Feed>,
    /// Levels that we gave.
    pub given: BTreeMap<OwnedUserId, i64>,
    /// People who left by themselves and whom the directory has since not wanted: when it wants them again, that
    /// is news.
    pub absent: BTreeSet<OwnedUserId>,
    /// People who were invited again after someone else had removed them.
    pub reinvited: BTreeSet<OwnedUserId>,
    /// Permanent refusals.
    pub refused: BTreeMap<OwnedUserId, Refusal>,
    /// When its listing was last known to be as configured.
    pub listing_checked: Option<Timestamp>,
    /// People who had left, by their own act, the room that this one has replaced, and when. An upgrade brings nobody
    /// along, so this room does not know them.
    pub left_before: BTreeMap<OwnedUserId, Timestamp>,
    /// People whom others had removed from the room that this one has replaced, or banned there.
    pub kept_out: BTreeMap<OwnedUserId, KeptOut>,
    /// People in the room whom nothing wants any more, and since when that is known for certain: their grace counts
    /// from there.
    pub missing: BTreeMap<OwnedUserId, Timestamp>,
    /// What the guard holds, as of the last run that applied something or nothing.
    pub held: Option<RememberedHold>,
    /// When a person last let go something that was held.
    pub released: Option<Timestamp>,
}

/// What others did with somebody in a room that was replaced since. It holds in the new room as long as they have never
/// been there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOut {
    /// Who removed or banned them.
    pub by: OwnedUserId,
    /// When.
    pub at: Timestamp,
    /// Banned, not only removed.
    pub banned: bool,
}

impl RememberedRoom {
    /// Whether an earlier run has managed the room, and nobody has given it away since.
    pub fn was_managed(&self) -> bool {
        let is_known = self.adopted.is_some() || self.listing_checked.is_some();
        let is_successor = !self.left_before.is_empty() || !self.kept_out.is_empty();
        let has_people = !self.feeds.is_empty() || !self.given.is_empty();
        self.handed_over.is_none() && (is_known || is_successor || has_people)
    }
}

/// A permanent refusal, not tried again for a day (decision 31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Which operation was refused; the other may still be tried.
    pub of: RefusedOp,
    /// What the homeserver said.
    pub cause: String,
}

impl Refusal {
    /// How long one counts, and so is remembered.
    pub const COUNTS_FOR: Duration = Duration::from_secs(24 * 60 * 60);

    /// Whether what was refused is still not to be tried again.
    pub fn counts(&self, now: Timestamp) -> bool {
        now.since(self.at) < Self::COUNTS_FOR
    }
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedOp {
    /// An invitation.
    Invite,
    /// A removal.
    Remove,
    /// The bot's own joining. It is written down for whoever has invited the bot, so that the invitation of another is
    /// tried, and without an invitation for the bot.
    Join,
}

/// Removals and demotions that the guard holds in a room until a person lets them go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedHold {
    /// Since when something is held without a break.
    pub since: Timestamp,
    /// Lets exactly these go.
    pub code: ReleaseCode,
    /// People who would be removed.
    pub removals: u32,
    /// People who would lose a level.
    pub demotions: u32,
    /// Every reason, each as a sentence without a full stop.
    pub reasons: Vec<String>,
}
