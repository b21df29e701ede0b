//! [`Witness`]: whoever is told of each action as soon as it is known what became of it.

use std::fmt::Debug;

use crate::{
    action::{Action, RoomTarget},
    desired::Feed,
    guard::GuardedPlan,
    report::Outcome,
    room::RoomRef,
};

/// Is told of each action at the moment its outcome is known, not only when all is over: what a witness has written
/// down is known even if the process is killed in the middle, or the future dropped.
///
/// An action that was under way at that moment is not told, though the homeserver may have done it.
///
/// Both methods keep the work from going on, so they return soon. They may be called from several tasks.
pub trait Witness: Debug + Send + Sync {
    /// A round begins: what is told until the next one begins is among what this plan allows. A run has a second round
    /// if rooms were created or joined. Wishes by hand have none.
    fn begins(&self, plan: &GuardedPlan) {
        let _ = plan;
    }

    /// It is known what became of an action: each is told once, and as the report has it later. Those that are held or
    /// pending are not told; those that were skipped are.
    fn settled(&self, room: InRoom<'_>, action: &Action, outcome: &Outcome);
}

/// The room that an action is about.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct InRoom<'a> {
    /// The reference by which the room is named.
    pub room: &'a RoomRef,
    /// The room itself; one that was created just now has its ID.
    pub target: &'a RoomTarget,
    /// The groups that feed the room; actions refer to them by index. None for wishes by hand.
    pub feeds: &'a [Feed],
}

impl<'a> InRoom<'a> {
    /// That room.
    pub const fn new(room: &'a RoomRef, target: &'a RoomTarget, feeds: &'a [Feed]) -> Self {
        Self { room, target, feeds }
    }
}

/// Lets all go by: for who waits for the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwitnessed;

impl Witness for Unwitnessed {
    fn settled(&self, _: InRoom<'_>, _: &Action, _: &Outcome) {}
}
