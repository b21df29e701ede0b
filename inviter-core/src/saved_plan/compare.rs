//! A saved plan beside a plan that was made just now.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::OwnedRoomId;

use super::{SavedAction, SavedPlan, SavedRoom};
use crate::{action::RoomTarget, guard::GuardedRoom, reconcile::Draft, room::RoomRef};

/// What has become of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// Each room of the saved plan, in its order.
    pub rooms: Vec<RoomComparison>,
    /// Rooms that are not in the saved plan and in which there is something to do now.
    pub not_in_file: Vec<RoomRef>,
}

/// What has become of one room of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomComparison {
    /// The room as the saved plan names it.
    pub room: RoomRef,
    /// The room as the present plan names it, unless it is gone.
    pub now: Option<RoomRef>,
    /// How it stands.
    pub standing: Standing,
}

/// How a room of a saved plan stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Exactly the same is to be done.
    Same,
    /// Nothing is to be done there any more: it was done, or is not wanted now.
    Settled,
    /// Something else is to be done.
    Changed(Box<Difference>),
    /// The run is not about it any more: no group or configuration wants it.
    Gone,
}

/// What differs in a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Difference {
    /// In the saved plan, and not in one that is made now.
    pub only_in_file: Vec<SavedAction>,
    /// In a plan that is made now, and not in the saved one.
    pub only_now: Vec<SavedAction>,
    /// In both; held when the plan was saved, and neither held now nor let go by a person since.
    pub held_no_more: Vec<SavedAction>,
    /// It is another room now: the name of the one that the plan was made for, and of the present one.
    pub other_room: Option<(String, String)>,
}

impl Difference {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Comparison {
    /// Whether everything is as it was saved.
    pub fn is_same(&self) -> bool {
        self.rooms.iter().all(|room| room.standing == Standing::Same)
    }

    /// The rooms that are not done because they have changed or are gone.
    pub fn skipped(&self) -> impl Iterator<Item = &RoomComparison> {
        let rooms = self.rooms.iter();
        rooms.filter(|room| matches!(room.standing, Standing::Changed(_) | Standing::Gone))
    }
}

impl SavedPlan {
    /// Compares with a plan that was made just now, over the same part of everything.
    pub fn compare(&self, now: &Draft) -> Comparison {
        let index = index(now.plan.rooms());
        let mut met = BTreeSet::new();
        let compared = self.rooms.iter().map(|saved| {
            let found = saved.names().find_map(|name| index.get(&name).copied());
            // Two rooms of the file can have become one.
            let found = found.filter(|at| met.insert(*at));
            let found = found.and_then(|at| now.plan.rooms().get(at));
            RoomComparison {
                room: saved.room.clone(),
                now: found.map(|room| room.plan().room.clone()),
                standing: found.map_or(Standing::Gone, |room| saved.standing(room)),
            }
        });
        let rooms: Vec<RoomComparison> = compared.collect();
        let others = now.plan.rooms().iter().enumerate();
        let not_in_file = others
            .filter(|(index, room)| !met.contains(index) && !room.actions().is_empty())
            .map(|(_, room)| room.plan().room.clone());
        Comparison {
            not_in_file: not_in_file.collect(),
            rooms,
        }
    }
}

/// Where each room of a plan stands in it, by all that names it.
pub(crate) fn index(rooms: &[GuardedRoom]) -> BTreeMap<RoomRef, usize> {
    let mut index = BTreeMap::new();
    for (at, room) in rooms.iter().enumerate() {
        let plan = room.plan();
        let id = match &plan.target {
            Some(RoomTarget::Existing(id)) => Some(RoomRef::Id(id.clone())),
            Some(RoomTarget::New(_)) | None => None,
        };
        for name in plan.refs.iter().cloned().chain([plan.room.clone()]).chain(id) {
            index.entry(name).or_insert(at);
        }
    }
    index
}

impl SavedRoom {
    fn standing(&self, room: &GuardedRoom) -> Standing {
        let plan = room.plan();
        if room.actions().is_empty() {
            return Standing::Settled;
        }
        let mut difference = Difference::default();
        let target = match &plan.target {
            Some(RoomTarget::Existing(id)) => Some(id),
            Some(RoomTarget::New(_)) | None => None,
        };
        if target != self.room_id.as_ref() {
            let name = |id: Option<&_>| match id {
                Some(id) => OwnedRoomId::to_string(id),
                None => "one to be created".to_owned(),
            };
            difference.other_room = Some((name(self.room_id.as_ref()), name(target)));
        }
        let mut open: BTreeMap<String, Vec<&SavedAction>> = BTreeMap::new();
        for action in &self.actions {
            open.entry(action.key()).or_default().push(action);
        }
        for guarded in room.actions() {
            let now = SavedAction::guarded(guarded, &plan.feeds);
            let saved = open.get_mut(&now.key()).and_then(Vec::pop);
            match saved {
                None => difference.only_now.push(now),
                // A person who has read that it is held has not agreed to it.
                Some(saved) if !saved.held.is_empty() && now.held.is_empty() && !room.was_let_go() => {
                    difference.held_no_more.push(saved.clone());
                }
                Some(_) => {}
            }
        }
        let left = open.into_iter().map(|(key, left)| (key, left.len()));
        let mut left: BTreeMap<String, usize> = left.collect();
        for action in self.actions.iter().rev() {
            if let Some(count) = left.get_mut(&action.key()).filter(|count| **count > 0) {
                *count -= 1;
                difference.only_in_file.push(action.clone());
            }
        }
        difference.only_in_file.reverse();
        if difference.is_none() {
            Standing::Same
        } else {
            Standing::Changed(Box::new(difference))
        }
    }
}
