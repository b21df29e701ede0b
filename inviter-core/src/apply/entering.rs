//! The first step in a room that the bot is not in: it is created, or joined.

use ruma_common::OwnedRoomId;

use super::{RoomRun, Run};
use crate::{
    action::{Op, RoomTarget},
    backend::{BackendErrorKind, Effect},
    recall::{MemoryChange, Refusal, RefusedOp},
    report::Outcome,
};

impl Run<'_> {
    /// Creates or joins the room, if that is planned. If it fails, everything after it is skipped.
    pub(super) async fn enter(&self, room: &mut RoomRun<'_>) -> Option<OwnedRoomId> {
        let index = room
            .actions
            .iter()
            .position(|a| matches!(a.action.op, Op::CreateRoom(_) | Op::Join { .. }))?;
        let op = room.actions[index].action.op.clone();
        let result = self.execute(&room.target, &op).await;
        if let Ok(Effect::Revisit(id)) = result {
            room.tell(&RoomTarget::Existing(id.clone()), index, &Outcome::Done);
            room.outcomes[index] = Some(Outcome::Done);
            if let Op::CreateRoom(blueprint) = &op {
                let created = room.created(&id, blueprint, self.options.clock.now(), self.options.history);
                room.memory.extend(created);
            }
            return Some(id);
        }
        let refused_to = match &op {
            Op::Join { invited_by: Some(by) } => Some(by),
            Op::Join { invited_by: None } => room.plan.lineage.joins_as.as_ref(),
            _ => None,
        };
        if let (Some(refused_to), Err(error), RoomTarget::Existing(id)) = (refused_to, &result, &room.target)
            && !error.is_temporary()
            && error.kind != BackendErrorKind::Unauthenticated
        {
            let refusal = Refusal {
                at: self.options.clock.now(),
                of: RefusedOp::Join,
                cause: error.message.clone(),
            };
            let refused = MemoryChange::Refused(id.clone(), refused_to.clone(), Some(refusal));
            room.memory.push(refused);
        }
        let outcome = self.outcome(result.as_ref(), None);
        let because = match op {
            Op::CreateRoom(_) => "the room was not created",
            _ => "the bot could not join",
        };
        // What failed for good would have kept the rest from being sent, whether the run was stopped or not.
        let is_stopped = self.backend.is_stopped() && result.is_err_and(|error| error.is_temporary());
        room.settle_one(index, outcome);
        room.settle_open(&if is_stopped {
            Outcome::NotSent
        } else {
            Outcome::Skipped {
                because: because.to_owned(),
            }
        });
        None
    }
}
