//! guard: marks each removal and demotion of a whole plan as allowed, held or pending (decisions 25–27). Pure.
//!
//! The guard never refuses a plan and never holds an addition. A limit that is exceeded holds **all** removals in
//! its scope: letting the first few through would only make a mistake slower.

mod limits;
mod release;
mod restricted;
mod verdict;

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use self::limits::Totals;
pub use self::{
    limits::is_loss,
    release::ReleaseCode,
    verdict::{HoldReason, Verdict},
};
use crate::{
    action::{Action, Op, RoomTarget},
    desired::Desired,
    plan::RoomPlan,
    recall::Memory,
    time::Timestamp,
};

/// How many people may go within the window. A scope is held if **both** its count and its percentage are
/// exceeded; zero for both means that nobody is ever removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// People who may go from one room.
    pub room_count: u32,
    /// Per cent of a room's people who may go.
    pub room_percent: u8,
    /// People who may go from all rooms together.
    pub total_count: u32,
    /// Per cent of all rooms' people who may go; also how far a directory may shrink.
    pub total_percent: u8,
    /// The time over which removals are counted.
    pub window: Duration,
}

impl Default for Limits {
    /// More than 3 and more than 25 % of a room; more than 10 and more than 5 % of all; over 24 hours.
    fn default() -> Self {
        Self {
            room_count: 3,
            room_percent: 25,
            total_count: 10,
            total_percent: 5,
            window: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Limits {
    /// Whether a directory lost more accounts than may go from all rooms together.
    pub(crate) fn shrinks_too_much(&self, from: u64, to: u64) -> bool {
        let lost = from.saturating_sub(to);
        lost > u64::from(self.total_count)
            && lost.saturating_mul(100) > from.saturating_mul(u64::from(self.total_percent))
    }
}

/// What started the run (decision 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A person's own command.
    Person,
    /// Anything else, such as a timer: removals are listed as pending.
    #[default]
    Cautious,
}

/// What the guard needs beside the plans.
#[derive(Debug, Clone, Copy)]
pub struct GuardContext<'a> {
    /// The limits.
    pub limits: &'a Limits,
    /// What started the run.
    pub trigger: Trigger,
    /// Directories, for those that shrank.
    pub desired: &'a Desired,
    /// Removals of the window, the last good reads, the last clean run.
    pub memory: &'a Memory,
    /// Releases that a person gave.
    pub releases: &'a BTreeSet<ReleaseCode>,
    /// The present.
    pub now: Timestamp,
}

/// An action with the guard's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardedAction {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A room's plan with verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardedRoom {
    plan: RoomPlan,
    actions: Vec<GuardedAction>,
    release: Option<ReleaseCode>,
    /// What was held, and is let go.
    #[serde(skip)]
    released: Option<ReleaseCode>,
}

impl GuardedRoom {
    /// The room's plan. Its own `actions` have moved to [`Self::actions`].
    pub const fn plan(&self) -> &RoomPlan {
        &self.plan
    }

    /// The actions with verdicts.
    pub fn actions(&self) -> &[GuardedAction] {
        &self.actions
    }

    /// Releases what is held in this room.
    pub const fn release(&self) -> Option<&ReleaseCode> {
        self.release.as_ref()
    }

    /// A person has released what is held.
    fn let_go(&mut self) {
        self.released = self.release.take();
        for action in &mut self.actions {
            if matches!(action.verdict, Verdict::Held { .. }) {
                action.verdict = Verdict::Allowed;
            }
        }
    }

    pub(crate) fn into_parts(self) -> (RoomPlan, Vec<GuardedAction>, Option<ReleaseCode>) {
        (self.plan, self.actions, self.release)
    }
}

/// A whole plan that has been through the guard; the only thing that `apply` accepts, and only [`guard`] makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardedPlan {
    rooms: Vec<GuardedRoom>,
    release: Option<ReleaseCode>,
    #[serde(skip)]
    released: BTreeSet<ReleaseCode>,
    planned: Timestamp,
}

impl GuardedPlan {
    /// The rooms.
    pub fn rooms(&self) -> &[GuardedRoom] {
        &self.rooms
    }

    /// Releases everything that is held in this plan.
    pub const fn release(&self) -> Option<&ReleaseCode> {
        self.release.as_ref()
    }

    /// Which of the releases that a person gave have let something go.
    pub const fn released(&self) -> &BTreeSet<ReleaseCode> {
        &self.released
    }

    /// When it was planned.
    pub const fn planned(&self) -> Timestamp {
        self.planned
    }

    /// No actions (decision 31); findings and held items may remain.
    pub fn is_empty(&self) -> bool {
        self.rooms
            .iter()
            .flat_map(GuardedRoom::actions)
            .all(|a| a.verdict != Verdict::Allowed)
    }

    pub(crate) fn into_rooms(self) -> Vec<GuardedRoom> {
        self.rooms
    }
}

/// Marks every action of the plans.
pub fn guard(plans: Vec<RoomPlan>, cx: &GuardContext<'_>) -> GuardedPlan {
    let totals = Totals {
        removals: cx.total(&plans),
        demotions: cx.total_demotions(&plans),
    };
    let shrunk = cx.shrunk();
    let mut rooms: Vec<GuardedRoom> = plans
        .into_iter()
        .map(|plan| cx.room(plan, &totals, &shrunk))
        .collect();
    let of_rooms = rooms.iter().filter_map(|room| room.released.clone());
    let mut released: BTreeSet<ReleaseCode> = of_rooms.collect();
    let mut release = ReleaseCode::of(rooms.iter().flat_map(held));
    if let Some(code) = release.take_if(|code| cx.releases.contains(code)) {
        rooms.iter_mut().for_each(GuardedRoom::let_go);
        released.insert(code);
    }
    GuardedPlan {
        release,
        released,
        rooms,
        planned: cx.now,
    }
}

fn held(room: &GuardedRoom) -> impl Iterator<Item = (&RoomTarget, &Op)> {
    let held = room
        .actions
        .iter()
        .filter(|a| matches!(a.verdict, Verdict::Held { .. }));
    held.filter_map(|a| Some((room.plan.target.as_ref()?, &a.action.op)))
}
