//! Leaving out a part of a plan that has been through the guard as a whole. Nothing here adds to a plan or lets
//! anything go.

use super::{GuardedPlan, GuardedRoom};
use crate::{action::Action, plan::RoomPlan, room::RoomRef};

impl GuardedRoom {
    /// Whether a person's word has let go what is held here otherwise.
    pub(crate) const fn was_let_go(&self) -> bool {
        self.released.is_some()
    }
}

impl GuardedPlan {
    /// Keeps only some rooms. The verdicts stay those of the whole.
    pub(crate) fn keep_rooms(&mut self, keep: impl FnMut(&GuardedRoom) -> bool) {
        self.rooms.retain(keep);
        // It stands for what is held in all of them.
        self.release = None;
    }

    /// Keeps only some actions, and answers with the others by the rooms that they are in.
    pub(crate) fn keep_actions(
        &mut self,
        mut keep: impl FnMut(&RoomPlan, &Action) -> bool,
    ) -> Vec<(RoomRef, Vec<Action>)> {
        let mut left_out = Vec::new();
        for room in &mut self.rooms {
            let plan = &room.plan;
            let actions = std::mem::take(&mut room.actions);
            let (kept, others): (Vec<_>, Vec<_>) = actions
                .into_iter()
                .partition(|guarded| keep(plan, &guarded.action));
            room.actions = kept;
            if !others.is_empty() {
                // What is learnt once all is done is not learnt from a part.
                room.plan.learned_if_done.clear();
                // It stands for all that is held.
                room.release = None;
                let others = others.into_iter().map(|guarded| guarded.action);
                left_out.push((room.plan.room.clone(), others.collect()));
            }
        }
        left_out
    }
}
