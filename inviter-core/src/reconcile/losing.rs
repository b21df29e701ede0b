//! The rooms in which a plan takes something from somebody, and where else these people may have a place.

use std::collections::BTreeMap;

use ruma_common::{OwnedRoomId, OwnedUserId};

use crate::{
    action::{Op, RoomTarget},
    desired::{Desired, DesiredRoom, PersonIx},
    guard::is_loss,
    levels::LevelSlot,
    plan::RoomPlan,
};

/// Whom an alias keeps that may lead to any room.
#[derive(Debug)]
pub(super) enum Concerned<'p> {
    /// Everybody in these rooms, since not all who have a place by it are known.
    All(Vec<&'p OwnedRoomId>),
    /// These people in these rooms: they have a place by it.
    Seated(Vec<(&'p OwnedRoomId, PersonIx)>),
}

/// The rooms in which somebody is to be removed or lowered, and who.
#[derive(Debug, Default)]
pub(super) struct Losing<'p> {
    rooms: Vec<&'p OwnedRoomId>,
    /// By person: which of the rooms. Those whom no directory knows are not among them.
    people: BTreeMap<PersonIx, Vec<usize>>,
}

impl<'p> Losing<'p> {
    pub(super) fn of(desired: &Desired, plans: &'p [RoomPlan]) -> Self {
        let mut losing = Self::default();
        for plan in plans {
            let Some(RoomTarget::Existing(room)) = &plan.target else {
                continue;
            };
            let mut losses = plan.actions.iter().filter(|action| is_loss(action)).peekable();
            if losses.peek().is_none() {
                continue;
            }
            let at = losing.rooms.len();
            losing.rooms.push(room);
            for person in losses.flat_map(|action| losers(desired, &action.op)) {
                losing.people.entry(person).or_default().push(at);
            }
        }
        losing
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether somebody who loses something has a place in a room, or may have one.
    pub(super) fn may_have_place(&self, room: &DesiredRoom) -> bool {
        !is_whole(room)
            || room
                .seats
                .iter()
                .any(|seat| self.people.contains_key(&seat.person))
    }

    /// Who may have a place in a room, or a level, and loses something elsewhere.
    pub(super) fn concerned(&self, room: &DesiredRoom) -> Concerned<'p> {
        if !is_whole(room) {
            return Concerned::All(self.rooms.clone());
        }
        let seated = room.seats.iter().filter_map(|seat| {
            let rooms = self.people.get(&seat.person)?;
            Some(rooms.iter().map(|at| (self.rooms[*at], seat.person)))
        });
        Concerned::Seated(seated.flatten().collect())
    }
}

/// Whether all of a room's people are known; any other may have a place for anybody, even for somebody whom no
/// directory knows.
fn is_whole(room: &DesiredRoom) -> bool {
    room.members.is_complete() && room.owners.is_complete()
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
