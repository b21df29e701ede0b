//! People who are brought in, and people who go.

use futures_util::{StreamExt, stream};
use ruma_common::OwnedUserId;

use super::{RoomRun, Run, record::RECORDS_AT_ONCE, room_run::Ended};
use crate::{
    action::{Action, Op, RoomTarget},
    backend::{BackendError, BackendErrorKind},
    recall::{MemoryChange, Refusal, RefusedOp, RememberedRemoval},
    report::Outcome,
};

impl Run<'_> {
    /// People are brought in once it is written down that it is us. If it cannot be, they are all the same: nobody is
    /// kept out for want of it, and it is tried once more with the rest.
    pub(super) async fn additions(&self, room: &mut RoomRun<'_>) {
        let now = self.options.clock.now();
        let records = room.open(4).into_iter();
        let mut records: Vec<MemoryChange> = records.filter_map(|index| room.brings_in(index, now)).collect();
        if !records.is_empty()
            && let Err(error) = self.options.store.commit(&records).await
        {
            room.errors.push(error.to_string());
            room.memory.append(&mut records);
        }
        self.people(room, 4).await;
    }

    pub(super) async fn people(&self, room: &mut RoomRun<'_>, phase: u8) {
        let indices = room.open(phase);
        let work = &*room;
        let mut ended = stream::iter(indices)
            .map(|index| async move {
                let op = &work.actions[index].action.op;
                let too_late = match op {
                    Op::Remove { .. } => self.is_too_late(),
                    _ => None,
                };
                let (result, outcome) = if let Some(detail) = too_late {
                    let detail = detail.to_owned();
                    (None, Outcome::Stale { detail })
                } else {
                    let result = self.execute(&work.target, op).await;
                    let outcome = self.outcome(result.as_ref(), None);
                    (Some(result), outcome)
                };
                // Now, and not when the last one is through.
                work.tell(&work.target, index, &outcome);
                (index, result, outcome)
            })
            .buffer_unordered(self.options.people_at_once.max(1));
        let (mut done, mut records, mut unwritten): (Vec<Ended>, _, _) = (Vec::new(), Vec::new(), Vec::new());
        while let Some((index, result, outcome)) = ended.next().await {
            if outcome == Outcome::Done {
                records.extend(work.records(index, self.options.clock.now(), self.options.history));
            }
            done.push((index, result, outcome));
            if records.len() >= RECORDS_AT_ONCE {
                // What cannot be written now is tried once more with the rest.
                if self.options.store.commit(&records).await.is_err() {
                    unwritten.append(&mut records);
                }
                records.clear();
            }
        }
        drop(ended);
        room.memory.append(&mut unwritten);
        room.memory.append(&mut records);
        for (index, result, outcome) in done {
            if let Some(result) = &result {
                self.remember_refusal(room, index, result.as_ref().err());
                if let (Ok(_), Some(user)) = (result, room.actions[index].action.op.brings_in()) {
                    room.memory
                        .extend(room.plan.learned_if_invited.get(user).cloned());
                }
            }
            room.outcomes[index] = Some(outcome);
        }
    }

    /// Removals, once it is certain that the world is still the one they were planned for (decision 29), and
    /// after they were written down: a count that is too high is safe, one that is too low is not.
    pub(super) async fn removals(&self, room: &mut RoomRun<'_>) {
        let indices = room.open(5);
        if indices.is_empty() {
            return;
        }
        if let Some(outcome) = self.stale(room).await {
            return room.settle(&indices, &outcome);
        }
        let now = self.options.clock.now();
        let RoomTarget::Existing(id) = &room.target else {
            return;
        };
        let records = indices
            .iter()
            .filter_map(|index| removed_user(&room.actions[*index].action));
        let records: Vec<MemoryChange> = records
            .map(|user| {
                MemoryChange::Removal(RememberedRemoval {
                    at: now,
                    room: id.clone(),
                    user: user.clone(),
                })
            })
            .collect();
        self.use_up(room, &indices, records, "the removals").await;
        // Only those are still open that were written down.
        self.people(room, 5).await;
    }

    /// A refusal that trying again will not change is remembered for a day (decision 31).
    pub(super) fn remember_refusal(
        &self,
        room: &mut RoomRun<'_>,
        index: usize,
        error: Option<&BackendError>,
    ) {
        let RoomTarget::Existing(id) = &room.target else {
            return;
        };
        let (user, of) = match &room.actions[index].action.op {
            // Who could not be put in was invited, and that was refused.
            Op::Invite { user, .. } | Op::Add { user, .. } => (user.clone(), RefusedOp::Invite),
            Op::Remove { user, .. } => (user.clone(), RefusedOp::Remove),
            _ => return,
        };
        if let Some(error) = error.filter(|e| e.kind == BackendErrorKind::Refused) {
            let refusal = Refusal {
                at: self.options.clock.now(),
                of,
                cause: error.message.clone(),
            };
            if of == RefusedOp::Invite {
                // It was written down ahead of it that we bring them in, and now others may.
                room.memory
                    .push(MemoryChange::Brought(id.clone(), user.clone(), None));
            }
            room.memory
                .push(MemoryChange::Refused(id.clone(), user, Some(refusal)));
        }
    }
}

fn removed_user(action: &Action) -> Option<&OwnedUserId> {
    match &action.op {
        Op::Remove { user, .. } => Some(user),
        _ => None,
    }
}
