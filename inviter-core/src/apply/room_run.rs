//! The work on one room: what is planned, and what became of it so far.

use super::{InRoom, Witness};
use crate::{
    action::RoomTarget,
    backend::{BackendError, Effect},
    guard::GuardedAction,
    plan::RoomPlan,
    recall::MemoryChange,
    report::{Outcome, ReportItem},
    time::Timestamp,
};

/// The work on one room.
pub(super) struct RoomRun<'a> {
    pub(super) plan: &'a RoomPlan,
    pub(super) target: RoomTarget,
    pub(super) actions: Vec<GuardedAction>,
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) memory: Vec<MemoryChange>,
    pub(super) errors: Vec<String>,
    pub(super) witness: &'a dyn Witness,
    /// What is taken from people here rests on a person's word, which is yet to be written down as used.
    pub(super) released: Option<Timestamp>,
}

/// An action that was ended among others, by its index. Without a result: those before it had to wait, and now it is
/// too late.
pub(super) type Ended = (usize, Option<Result<Effect, BackendError>>, Outcome);

impl RoomRun<'_> {
    /// Indices of what is still to be done in a phase.
    pub(super) fn open(&self, phase: u8) -> Vec<usize> {
        let all = self.actions.iter().zip(&self.outcomes).enumerate();
        all.filter(|(_, (a, outcome))| outcome.is_none() && a.action.phase() == phase)
            .map(|(index, _)| index)
            .collect()
    }

    pub(super) fn settle(&mut self, indices: &[usize], outcome: &Outcome) {
        for index in indices {
            self.settle_one(*index, outcome.clone());
        }
    }

    pub(super) fn settle_open(&mut self, outcome: &Outcome) {
        for index in 0..self.outcomes.len() {
            if self.outcomes[index].is_none() {
                self.settle_one(index, outcome.clone());
            }
        }
    }

    pub(super) fn settle_one(&mut self, index: usize, outcome: Outcome) {
        self.tell(&self.target, index, &outcome);
        self.outcomes[index] = Some(outcome);
    }

    pub(super) fn tell(&self, target: &RoomTarget, index: usize, outcome: &Outcome) {
        let room = InRoom::new(&self.plan.room, target, &self.plan.feeds);
        self.witness.settled(room, &self.actions[index].action, outcome);
    }

    /// What is settled.
    pub(super) fn items(&self) -> Vec<ReportItem> {
        let items = self.actions.iter().zip(&self.outcomes);
        let items = items.filter_map(|(guarded, outcome)| {
            Some(ReportItem {
                action: guarded.action.clone(),
                outcome: outcome.clone()?,
            })
        });
        items.collect()
    }
}
