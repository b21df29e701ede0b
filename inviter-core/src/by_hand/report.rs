//! What a wish comes to, and what came of it.

use ruma_common::{OwnedRoomId, OwnedUserId};
use serde::Serialize;

use super::{Decision, End, Ground};
use crate::{
    action::{Action, Why},
    recall::MemoryChange,
    report::{Outcome, ReportItem},
    room::RoomRef,
};

/// A wish that has been decided about, with nothing done yet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Considered {
    /// The room as it was named.
    pub room: RoomRef,
    /// The room, if it exists.
    pub room_id: Option<OwnedRoomId>,
    /// The bot.
    pub bot: OwnedUserId,
    /// What is to be done.
    pub decision: Decision,
    /// What that was decided by, for deciding again; `None` if the room was not found.
    pub(crate) ground: Option<Box<Ground>>,
    /// What was found out on the way.
    pub(crate) learned: Vec<MemoryChange>,
}

impl Considered {
    /// What would be done, as a report.
    pub fn report(&self) -> WishReport {
        let items = self.decision.ops.iter().map(|op| ReportItem {
            action: Action::new(op.clone(), Why::ByHand),
            outcome: Outcome::Planned,
        });
        WishReport {
            room: self.room.clone(),
            room_id: self.room_id.clone(),
            bot: self.bot.clone(),
            items: items.collect(),
            notes: self.decision.notes.clone(),
            end: self.decision.end.clone(),
            forgotten: false,
            errors: Vec::new(),
        }
    }
}

/// What came of a wish, or would come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WishReport {
    /// The room as it was named.
    pub room: RoomRef,
    /// The room, if it exists.
    pub room_id: Option<OwnedRoomId>,
    /// The bot.
    pub bot: OwnedUserId,
    /// What was to be done, in this order, and what became of it.
    pub items: Vec<ReportItem>,
    /// What a person should know besides.
    pub notes: Vec<String>,
    /// Where all of that leads.
    pub end: End,
    /// Whatever was remembered of the room is forgotten.
    pub forgotten: bool,
    /// Something that kept it from being whole, such as a store that failed.
    pub errors: Vec<String>,
}

/// What a [`WishReport`] says, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It would be done; nothing has been.
    Planned,
    /// It is so now.
    Done,
    /// It was so already.
    AlreadySo,
    /// What can be done is done; the rest waits for somebody else.
    Waiting,
    /// Some of it is done, and the rest failed or could not be written down.
    InPart,
    /// It was not done, by a rule.
    Refused,
    /// It was tried and failed.
    Failed,
}

impl WishReport {
    /// All in a word.
    pub fn standing(&self) -> Standing {
        let planned = self.items.iter().any(|item| item.outcome == Outcome::Planned);
        let done = self.items.iter().any(|item| item.outcome == Outcome::Done) || self.forgotten;
        let so = |item: &ReportItem| matches!(item.outcome, Outcome::Done | Outcome::AlreadySo);
        if matches!(self.end, End::Refused(_)) {
            Standing::Refused
        } else if planned {
            Standing::Planned
        } else if !self.items.iter().all(so) || !self.errors.is_empty() {
            if self.items.iter().any(so) {
                Standing::InPart
            } else {
                Standing::Failed
            }
        } else if matches!(self.end, End::Waits(_)) {
            Standing::Waiting
        } else if done {
            Standing::Done
        } else {
            Standing::AlreadySo
        }
    }
}
