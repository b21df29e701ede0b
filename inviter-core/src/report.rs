//! What became of a run: every action with its outcome.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma_common::OwnedUserId;
use serde::{Deserialize, Serialize};

use crate::{
    action::{Action, Op, RoomTarget},
    backend::{BackendError, BackendErrorKind, Effect},
    desired::Feed,
    directory::ProviderId,
    finding::{Finding, FindingKind, Subject},
    guard::{GuardedPlan, GuardedRoom, HoldReason, ReleaseCode, Verdict},
    plan::{Census, RoomStatus},
    room::RoomRef,
    time::Timestamp,
};

/// A run, or what a run would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The rooms, in the order of the plan.
    pub rooms: Vec<RoomReport>,
    /// Findings about directories, groups and accounts.
    pub findings: Vec<Finding>,
    /// Releases everything that is held.
    pub release: Option<ReleaseCode>,
    /// Something that kept the run from being whole, such as a store that failed.
    pub errors: Vec<String>,
}

/// One room in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RoomReport {
    /// The reference by which the room is named.
    pub room: RoomRef,
    /// The room, if it exists by now.
    pub target: Option<RoomTarget>,
    /// How far it can be managed.
    pub status: RoomStatus,
    /// What was to be done, and what became of it.
    pub items: Vec<ReportItem>,
    /// What a person should be told.
    pub findings: Vec<Finding>,
    /// The groups that feed the room; items refer to them by index.
    pub feeds: Arc<[Feed]>,
    /// Numbers before the run.
    pub census: Census,
    /// The level, before the run, of everyone who is to be removed.
    pub going: BTreeMap<OwnedUserId, i64>,
    /// Releases what is held in this room.
    pub release: Option<ReleaseCode>,
}

/// An action and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportItem {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// Not tried: this is a plan.
    Planned,
    /// Done.
    Done,
    /// It was so already.
    AlreadySo,
    /// The room had changed since it was planned.
    Stale {
        /// What had changed.
        detail: String,
    },
    /// Refused or failed.
    Failed {
        /// What the homeserver said.
        error: String,
        /// Whether another run may succeed.
        temporary: bool,
    },
    /// Put off, because the homeserver asked for a longer wait.
    Parked {
        /// The earliest time at which trying again makes sense.
        until: Timestamp,
        /// What the homeserver said.
        error: String,
    },
    /// Not tried, because something before it failed.
    Skipped {
        /// What.
        because: String,
    },
    /// Not sent, because the run was stopped before: no fault of anybody's, and the next run does it.
    NotSent,
    /// Held by the guard.
    Held {
        /// Every reason.
        reasons: Vec<HoldReason>,
    },
    /// Waits for a person's own run.
    Pending,
}

impl Outcome {
    /// What became of an operation at the time `now`.
    pub(crate) fn of(result: Result<&Effect, &BackendError>, now: Timestamp) -> Self {
        match result {
            Ok(Effect::Done | Effect::Revisit(_)) => Self::Done,
            Ok(Effect::AlreadySo) => Self::AlreadySo,
            Ok(Effect::Stale(_)) => Self::Stale {
                detail: "someone changed it since it was read; plan again".to_owned(),
            },
            Err(error) => match (&error.kind, error.retry_after) {
                (BackendErrorKind::Stopped, _) => Self::NotSent,
                (BackendErrorKind::RateLimited, Some(wait)) => Self::Parked {
                    until: now.plus(wait),
                    error: error.to_string(),
                },
                _ => Self::Failed {
                    error: error.to_string(),
                    temporary: error.is_temporary(),
                },
            },
        }
    }
}

/// How many items came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Tally {
    /// Rooms to create or created.
    pub rooms_created: u32,
    /// People to invite or to put in, or who were.
    pub invited: u32,
    /// People to remove or removed.
    pub removed: u32,
    /// Levels, settings and joins.
    pub changed: u32,
    /// Items held.
    pub held: u32,
    /// Items pending.
    pub pending: u32,
    /// Items that failed, were skipped or not sent, or had changed in between.
    pub failed: u32,
    /// Items put off.
    pub parked: u32,
}

impl Tally {
    /// Items planned or done.
    pub const fn changes(&self) -> u32 {
        self.rooms_created + self.invited + self.removed + self.changed
    }

    fn add(&mut self, item: &ReportItem) {
        let counter = match (&item.outcome, &item.action.op) {
            (Outcome::AlreadySo, _) => return,
            (Outcome::Held { .. }, _) => &mut self.held,
            (Outcome::Pending, _) => &mut self.pending,
            (Outcome::Parked { .. }, _) => &mut self.parked,
            (
                Outcome::Failed { .. } | Outcome::Skipped { .. } | Outcome::NotSent | Outcome::Stale { .. },
                _,
            ) => &mut self.failed,
            (_, Op::CreateRoom(_)) => &mut self.rooms_created,
            (_, Op::Invite { .. } | Op::Add { .. }) => &mut self.invited,
            (_, Op::Remove { .. }) => &mut self.removed,
            _ => &mut self.changed,
        };
        *counter += 1;
    }
}

impl Report {
    /// The report of a plan that was not applied.
    pub fn of_plan(plan: &GuardedPlan, findings: Vec<Finding>) -> Self {
        let rooms = plan.rooms().iter().map(RoomReport::of_plan).collect();
        Self {
            rooms,
            findings,
            release: plan.release().cloned(),
            errors: Vec::new(),
        }
    }

    /// The directories of which something of this kind was found, such as that one could not be read.
    pub fn directories(&self, kind: FindingKind) -> BTreeSet<&ProviderId> {
        let findings = self.findings.iter().filter(|finding| finding.kind == kind);
        let directories = findings.filter_map(|finding| match &finding.about {
            Subject::Directory(directory) => Some(directory),
            _ => None,
        });
        directories.collect()
    }

    /// How many actions were not sent, because the run was stopped.
    pub fn not_sent(&self) -> usize {
        let items = self.rooms.iter().flat_map(|room| &room.items);
        items.filter(|item| item.outcome == Outcome::NotSent).count()
    }

    /// Counts items by what they came to.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.rooms
            .iter()
            .flat_map(|room| &room.items)
            .for_each(|item| tally.add(item));
        tally
    }
}

impl RoomReport {
    /// A room's part in the report of a plan that was not applied.
    pub fn of_plan(room: &GuardedRoom) -> Self {
        let items = room.actions().iter().map(|a| ReportItem {
            action: a.action.clone(),
            outcome: match &a.verdict {
                Verdict::Allowed => Outcome::Planned,
                Verdict::Held { reasons } => Outcome::Held {
                    reasons: reasons.clone(),
                },
                Verdict::Pending => Outcome::Pending,
            },
        });
        let plan = room.plan();
        Self {
            room: plan.room.clone(),
            target: plan.target.clone(),
            status: plan.status,
            items: items.collect(),
            findings: plan.findings.clone(),
            feeds: Arc::clone(&plan.feeds),
            census: plan.census,
            going: plan.going.clone(),
            release: room.release().cloned(),
        }
    }
}
