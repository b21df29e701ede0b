//! guard: marks each removal and demotion of a whole plan as allowed, held or pending (decisions 25–27). Pure.
//!
//! The guard never refuses a plan and never holds an addition. A limit that is exceeded holds **all** removals in
//! its scope: letting the first few through would only make a mistake slower.

mod bounds;
mod limits;
mod release;
mod restricted;
mod verdict;

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

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

/// How many people may go within the window. A scope is held if **both** numbers of its pair are exceeded. A pair in
/// which either number is zero lets nobody go without a person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// People who may go from one room.
    pub room_count: u32,
    /// Per cent of a room's people who may go.
    pub room_percent: u8,
    /// People who may go from the rooms that one directory feeds.
    pub directory_count: u32,
    /// Per cent of those rooms' people who may go.
    pub directory_percent: u8,
    /// People who may go from all rooms together.
    pub total_count: u32,
    /// Per cent of all rooms' people who may go.
    pub total_percent: u8,
    /// Accounts that a directory may have lost since its last good read.
    pub shrink_count: u32,
    /// Per cent of a directory's accounts that may be lost.
    pub shrink_percent: u8,
    /// The time over which removals are counted.
    pub window: Duration,
}

impl Default for Limits {
    /// More than 3 and more than 25 % of a room; more than 10 and more than 5 % of what a directory feeds, of all, and
    /// of a directory's accounts; over 24 hours.
    fn default() -> Self {
        Self {
            room_count: 3,
            room_percent: 25,
            directory_count: 10,
            directory_percent: 5,
            total_count: 10,
            total_percent: 5,
            shrink_count: 10,
            shrink_percent: 5,
            window: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Limits {
    /// Whether a directory lost more accounts since its last good read than it may.
    pub(crate) fn shrinks_too_much(&self, from: u64, to: u64) -> bool {
        exceeded(
            from.saturating_sub(to),
            from,
            self.shrink_count,
            self.shrink_percent,
        )
    }
}

/// Whether so many out of so many are more than both numbers of a limit allow.
fn exceeded(going: u64, of: u64, count: u32, percent: u8) -> bool {
    let is_never = count == 0 || percent == 0;
    let is_beyond =
        going > u64::from(count) && going.saturating_mul(100) > of.saturating_mul(u64::from(percent));
    going > 0 && (is_never || is_beyond)
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
    /// When something was last let go here before.
    #[serde(skip)]
    last_released: Option<Timestamp>,
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

    /// What to remember of a person's word, if this room's removals and demotions rest on one: when it was used, which
    /// makes it of no use a second time. Later than the last one, whatever the clock says.
    pub(crate) fn released_at(&self, now: Timestamp) -> Option<Timestamp> {
        let next = |last: Timestamp| Timestamp(last.0.saturating_add(1)).max(now);
        self.released.as_ref()?;
        Some(self.last_released.map_or(now, next))
    }

    /// What is held, as a code is about it.
    fn held(&self) -> impl Iterator<Item = (&RoomTarget, Option<Timestamp>, &Op)> {
        let held = self
            .actions
            .iter()
            .filter(|a| matches!(a.verdict, Verdict::Held { .. }));
        held.filter_map(|a| Some((self.plan.target.as_ref()?, self.last_released, &a.action.op)))
    }

    /// A person has released what is held.
    fn let_go(&mut self) {
        // What was let go by the room's own code stays so.
        self.released = self.release.take().or_else(|| self.released.take());
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
    let bounds = cx.bounds(&plans);
    let mut rooms: Vec<GuardedRoom> = plans.into_iter().map(|plan| cx.room(plan, &bounds)).collect();
    let of_rooms = rooms.iter().filter_map(|room| room.released.clone());
    let mut released: BTreeSet<ReleaseCode> = of_rooms.collect();
    let mut release = ReleaseCode::of(cx.memory.identity, rooms.iter().flat_map(GuardedRoom::held));
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
