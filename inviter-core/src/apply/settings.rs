//! Power levels and settings of a room.

use super::{RoomRun, Run};
use crate::{
    action::{Op, RoomTarget},
    levels::{LevelChange, LevelSlot},
    recall::MemoryChange,
    report::Outcome,
};

impl Run<'_> {
    /// All changes of power levels as one event (decision 28).
    pub(super) async fn levels(&self, room: &mut RoomRun<'_>) {
        let mut indices = Vec::new();
        let mut all: Vec<LevelChange> = Vec::new();
        for (index, guarded) in room.actions.iter().enumerate() {
            if let (None, Op::SetLevels { changes }) = (&room.outcomes[index], &guarded.action.op) {
                indices.push(index);
                all.extend(changes.iter().cloned());
            }
        }
        if all.is_empty() {
            return;
        }
        all.sort();
        let result = self.execute(&room.target, &Op::SetLevels { changes: all }).await;
        for index in indices {
            let Op::SetLevels { changes } = &room.actions[index].action.op else {
                continue;
            };
            let outcome = self.outcome(result.as_ref(), Some(changes));
            if let (Outcome::Done, RoomTarget::Existing(id)) = (&outcome, &room.target) {
                let given = changes.iter().filter_map(|change| match &change.slot {
                    LevelSlot::User(user) => Some(MemoryChange::Given(id.clone(), user.clone(), change.to)),
                    _ => None,
                });
                room.memory.extend(given);
                let records = room.records(index, self.options.clock.now(), self.options.history);
                room.memory.extend(records);
            }
            room.settle_one(index, outcome);
        }
    }

    /// Settings: few, one after another.
    pub(super) async fn one_by_one(&self, room: &mut RoomRun<'_>, phase: u8) {
        for index in room.open(phase) {
            let op = room.actions[index].action.op.clone();
            let result = self.execute(&room.target, &op).await;
            let outcome = self.outcome(result.as_ref(), None);
            if let (Op::SetListing { .. }, Outcome::Done, RoomTarget::Existing(id)) =
                (&op, &outcome, &room.target)
            {
                room.memory
                    .push(MemoryChange::ListingChecked(id.clone(), self.options.clock.now()));
            }
            room.settle_one(index, outcome);
        }
    }
}
