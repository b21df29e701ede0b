//! Leaving out a part of a plan that has been through the guard as a whole. Nothing here adds to a plan or lets
//! anything go.

use std::collections::BTreeSet;

use super::{GuardedPlan, GuardedRoom, ReleaseCode, Verdict};
use crate::{action::Action, plan::RoomPlan, room::RoomRef};

impl GuardedRoom {
    /// Whether a person's word has let go what is held here otherwise.
    pub(crate) const fn was_let_go(&self) -> bool {
        self.released.is_some()
    }
}

impl GuardedPlan {
    /// Keeps only some rooms: some with what is to be done in them, and others with only what is to be told of them. The
    /// verdicts stay those of the whole; of the releases, those count that have let something go in a room that is kept.
    pub(crate) fn restrict(&mut self, done: &BTreeSet<RoomRef>, told: &BTreeSet<RoomRef>) {
        let of_rooms: BTreeSet<ReleaseCode> = self
            .rooms
            .iter()
            .filter_map(|room| room.released.clone())
            .collect();
        self.rooms
            .retain(|room| done.contains(&room.plan.room) || told.contains(&room.plan.room));
        for room in self
            .rooms
            .iter_mut()
            .filter(|room| !done.contains(&room.plan.room))
        {
            room.actions.clear();
            room.release = None;
            room.released = None;
            room.plan.learned.clear();
            room.plan.learned_if_invited.clear();
            room.plan.learned_if_done.clear();
        }
        // It stands for what is held in all of them.
        self.release = None;
        let given = std::mem::take(&mut self.released);
        let lets_go = |code: &ReleaseCode| {
            let mut let_go = self.rooms.iter().filter_map(|room| room.released.as_ref());
            if of_rooms.contains(code) {
                let_go.any(|of_room| of_room == code)
            } else {
                // That of everything, in a room whose own was not given.
                let_go.any(|of_room| !given.contains(of_room))
            }
        };
        self.released = given.iter().filter(|code| lets_go(code)).cloned().collect();
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
                // What is not allowed is not done anyway, and a hold that stands has to be remembered on.
                .partition(|guarded| guarded.verdict != Verdict::Allowed || keep(plan, &guarded.action));
            room.actions = kept;
            if !others.is_empty() {
                // What is learnt once all is done is not learnt from a part.
                room.plan.learned_if_done.clear();
                let others = others.into_iter().map(|guarded| guarded.action);
                left_out.push((room.plan.room.clone(), others.collect()));
            }
        }
        left_out
    }
}
