//! The rooms in which a plan takes something from somebody, and where else these people may have a place.

use std::collections::BTreeSet;

use ruma_common::{OwnedRoomId, OwnedUserId};

use crate::{
    action::{Op, RoomTarget},
    desired::{Desired, DesiredRoom, PersonIx},
    guard::is_loss,
    levels::LevelSlot,
    plan::RoomPlan,
};

/// Who is to be removed or lowered in a room.
#[derive(Debug)]
pub(super) struct Losers<'p> {
    pub(super) room: &'p OwnedRoomId,
    /// Without those whom no directory knows.
    people: BTreeSet<PersonIx>,
}

impl Losers<'_> {
    /// Whether one of them has a place in another room, or may have one: where not all of its people are known, that
    /// may be anybody, even somebody whom no directory knows.
    pub(super) fn may_have_place(&self, room: &DesiredRoom) -> bool {
        let has_seat = |person: &PersonIx| {
            let seat = room.seats.binary_search_by_key(person, |seat| seat.person);
            seat.is_ok()
        };
        !room.members.is_complete() || !room.owners.is_complete() || self.people.iter().any(has_seat)
    }
}

/// The rooms in which somebody is to be removed or lowered.
pub(super) fn losing<'p>(desired: &Desired, plans: &'p [RoomPlan]) -> Vec<Losers<'p>> {
    let losing = plans.iter().filter_map(|plan| {
        let Some(RoomTarget::Existing(room)) = &plan.target else {
            return None;
        };
        let mut losses = plan.actions.iter().filter(|action| is_loss(action)).peekable();
        losses.peek()?;
        let people = losses.flat_map(|action| losers(desired, &action.op)).collect();
        Some(Losers { room, people })
    });
    losing.collect()
}

/// Whom something that takes away is about.
fn losers(desired: &Desired, op: &Op) -> Vec<PersonIx> {
    let users: Vec<&OwnedUserId> = match op {
        Op::Remove { user, .. } => vec![user],
        Op::SetLevels { changes } => {
            let users = changes.iter().filter_map(|change| match &change.slot {
                LevelSlot::User(user) => Some(user),
                _ => None,
            });
            users.collect()
        }
        _ => Vec::new(),
    };
    let index = |user: &OwnedUserId| {
        let found = desired.people.binary_search_by(|person| person.user_id.cmp(user));
        found.ok().and_then(|at| u32::try_from(at).ok()).map(PersonIx)
    };
    users.into_iter().filter_map(index).collect()
}
