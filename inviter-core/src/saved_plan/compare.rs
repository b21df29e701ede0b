//! A saved plan beside a plan that was made just now.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{OwnedRoomId, UserId};

use super::{
    SavedAction, SavedPlan, SavedRoom,
    in_the_way::{Present, in_the_way},
};
use crate::{
    action::{Op, RoomTarget},
    directory::ProviderId,
    finding::Finding,
    guard::GuardedRoom,
    plan::{RoomPlan, RoomStatus},
    reconcile::Draft,
    room::RoomRef,
};

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
    /// A part of it is still to be done, and nothing else: the rest of a plan that was not carried out to its end.
    Rest(Box<Rest>),
    /// Nothing of it is to be done any more: it was done, or is not wanted now.
    Settled,
    /// Nothing is done there now, and not because it was done: these findings say why. Never empty.
    PutOff(Vec<Finding>),
    /// Something else is to be done.
    Changed(Box<Difference>),
    /// The run is not about it any more: no group or configuration wants it.
    Gone,
    /// Nothing that could be read wants it, and these directories could not be read to their end.
    Unknown(Vec<ProviderId>),
}

/// What has become of a room of which a part is still to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Rest {
    /// What is not to be done any more.
    pub over: Vec<SavedAction>,
    /// Why some of that may be neither done nor unwanted; empty if it is the one or the other.
    pub because: Vec<Finding>,
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
    /// Whether nothing is to be done but what the saved plan has for the same room.
    fn adds_nothing(&self) -> bool {
        self.only_now.is_empty() && self.held_no_more.is_empty() && self.other_room.is_none()
    }
}

impl Standing {
    /// Whether what is to be done in the room now is done.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Same | Self::Rest(_))
    }
}

impl Comparison {
    /// Whether everything is as it was saved.
    pub fn is_same(&self) -> bool {
        self.rooms.iter().all(|room| room.standing == Standing::Same)
    }

    /// The rooms in which nothing is done, although it is not known that nothing of the plan is left to do there.
    pub fn skipped(&self) -> impl Iterator<Item = &RoomComparison> {
        let rooms = self.rooms.iter();
        rooms.filter(|room| !room.standing.is_done() && room.standing != Standing::Settled)
    }

    /// The rooms in which a part is done, and something else of the plan is not known to be done or unwanted.
    pub fn in_part(&self) -> impl Iterator<Item = &RoomComparison> {
        let rooms = self.rooms.iter();
        rooms.filter(|room| matches!(&room.standing, Standing::Rest(rest) if !rest.because.is_empty()))
    }
}

impl SavedPlan {
    /// Compares with a plan that was made just now, over the same part of everything.
    pub fn compare(&self, now: &Draft) -> Comparison {
        let index = index(now.plan.rooms());
        let present = Present::new(now);
        let mut met = BTreeSet::new();
        let compared = self.rooms.iter().map(|saved| {
            let found = saved.names().find_map(|name| index.get(&name).copied());
            let room = found.and_then(|at| now.plan.rooms().get(at));
            let standing = match (found, room) {
                // Two rooms of the file can have become one.
                (Some(at), Some(room)) if !met.insert(at) => saved.taken(room),
                (_, Some(room)) => saved.standing(room, &present),
                (_, None) => gone(now),
            };
            RoomComparison {
                room: saved.room.clone(),
                now: room.map(|room| room.plan().room.clone()),
                standing,
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

/// The run is not about a room. Where not everything could be read, nobody knows whether something wants it.
fn gone(now: &Draft) -> Standing {
    let sources = now.desired.sources.iter();
    let unread: Vec<ProviderId> = sources
        .filter(|source| !source.is_complete())
        .map(|source| source.provider.clone())
        .collect();
    if unread.is_empty() {
        Standing::Gone
    } else {
        Standing::Unknown(unread)
    }
}

impl SavedRoom {
    fn standing(&self, room: &GuardedRoom, now: &Present<'_>) -> Standing {
        let difference = self.difference(room, &now.draft.identity.user_id);
        if room.actions().is_empty() {
            let because = in_the_way(&self.actions, room, now);
            // What is the matter with a room that is not managed is told first, whichever it is.
            let is_looked_at = matches!(room.plan().status, RoomStatus::Managed | RoomStatus::ToCreate);
            return if difference.other_room.is_some() && (is_looked_at || because.is_empty()) {
                // Nothing to do there says nothing of the room that the plan was made for.
                Standing::Changed(Box::new(difference))
            } else if because.is_empty() {
                Standing::Settled
            } else {
                Standing::PutOff(because)
            };
        }
        if !difference.adds_nothing() {
            Standing::Changed(Box::new(difference))
        } else if difference.only_in_file.is_empty() {
            Standing::Same
        } else {
            Standing::Rest(Box::new(Rest {
                because: in_the_way(&difference.only_in_file, room, now),
                over: difference.only_in_file,
            }))
        }
    }

    /// A room that is now the same as one that stands before it in the file.
    fn taken(&self, room: &GuardedRoom) -> Standing {
        Standing::Changed(Box::new(Difference {
            only_in_file: self.actions.clone(),
            other_room: Some((self.room.to_string(), room.plan().room.to_string())),
            ..Difference::default()
        }))
    }

    fn difference(&self, room: &GuardedRoom, bot: &UserId) -> Difference {
        let plan = room.plan();
        let mut difference = Difference::default();
        let target = match &plan.target {
            Some(RoomTarget::Existing(id)) => Some(id),
            Some(RoomTarget::New(_)) | None => None,
        };
        if target != self.room_id.as_ref() && !self.was_created(plan, bot) {
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
        difference
    }

    /// Whether a room is the one that the plan was to create: by us, and with no name that the plan does not know.
    fn was_created(&self, plan: &RoomPlan, bot: &UserId) -> bool {
        let creator = plan.seen.as_ref().map(|seen| &*seen.creator);
        let creates = |action: &SavedAction| matches!(action.op, Op::CreateRoom(_));
        self.room_id.is_none()
            && self.actions.iter().any(creates)
            && creator == Some(bot)
            && plan
                .refs
                .iter()
                .all(|name| *name == self.room || self.refs.contains(name))
    }
}
