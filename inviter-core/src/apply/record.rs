//! What is written down of people once something was done with them.

use ruma_common::{OwnedRoomId, UserId};

use super::RoomRun;
use crate::{
    action::{Blueprint, Op, RoomTarget, Why},
    desired::{Feed, FeedRole, GroupRef},
    recall::{Brought, Ground, Happened, Happening, MemoryChange, RememberedAlias},
    time::Timestamp,
};

/// So many records are committed while a room is worked on: inviting thousands takes hours, and a run that is killed
/// must not leave all of it untold.
pub(super) const RECORDS_AT_ONCE: usize = 64;

impl RoomRun<'_> {
    /// That we bring somebody in, to be written down before it is done: a run that is killed after that, or does not
    /// hear the answer, must not leave them behind as if others had brought them in.
    pub(super) fn brings_in(&self, index: usize, at: Timestamp) -> Option<MemoryChange> {
        let RoomTarget::Existing(room) = &self.target else {
            return None;
        };
        let action = &self.actions[index].action;
        let user = action.op.brings_in()?;
        // Whom a person brings in by our hand, the directory does not take out.
        let brought = (action.why != Why::ByHand).then(|| Brought {
            at,
            group: self.group(&action.why),
        });
        let of_use = brought.is_none() || self.plan.keeps_brought;
        of_use.then(|| MemoryChange::Brought(room.clone(), user.to_owned(), brought))
    }

    /// What follows from an action that was done; with `history`, also for whoever asks later.
    pub(super) fn records(&self, index: usize, at: Timestamp, history: bool) -> Vec<MemoryChange> {
        let RoomTarget::Existing(room) = &self.target else {
            return Vec::new();
        };
        let action = &self.actions[index].action;
        let mut records = Vec::new();
        // That we bring somebody in was written down before.
        if let Op::Remove { user, .. } = &action.op {
            records.push(MemoryChange::Brought(room.clone(), user.clone(), None));
            records.push(MemoryChange::Missing(room.clone(), user.clone(), None));
        }
        if history {
            let happened = Happening::of(&action.op).into_iter();
            records.extend(happened.filter_map(|what| self.happened(room, what, &action.why, at)));
        }
        records
    }

    /// What follows from the creation of the room; with `history`, also for whoever asks later.
    pub(super) fn created(
        &self,
        room: &OwnedRoomId,
        blueprint: &Blueprint,
        at: Timestamp,
        history: bool,
    ) -> Vec<MemoryChange> {
        let leads_here = RememberedAlias {
            room: room.clone(),
            asked: at,
        };
        let mut records = vec![MemoryChange::Alias(blueprint.alias.clone(), leads_here)];
        for (user, level) in &blueprint.levels {
            records.push(MemoryChange::Given(room.clone(), user.clone(), Some(*level)));
            // One request makes all of it; what gives them their place, and their level with it, is the ground on which
            // they are brought in.
            let mut actions = self.actions.iter().map(|guarded| &guarded.action);
            let place = actions.find(|action| action.op.brings_in() == Some(user));
            if let (true, Some(place)) = (history, place) {
                let why = self.level_ground(&place.why);
                let what = (&**user, Happening::Level(Some(*level)));
                records.extend(self.happened(room, what, &why, at));
            }
        }
        records.push(MemoryChange::ListingChecked(room.clone(), at));
        records
    }

    /// The grounds of a level, where those of the place that it comes with are known.
    fn level_ground(&self, why: &Why) -> Why {
        match why {
            Why::InGroup { feed } if self.plan.feeds.get(usize::from(*feed)).is_some_and(is_of_owners) => {
                Why::OwnerOf { feed: *feed }
            }
            why => why.clone(),
        }
    }

    fn happened(
        &self,
        room: &OwnedRoomId,
        (user, what): (&UserId, Happening),
        why: &Why,
        at: Timestamp,
    ) -> Option<MemoryChange> {
        Some(MemoryChange::Happened(Happened {
            at,
            room: room.clone(),
            user: user.to_owned(),
            what,
            ground: ground(why)?,
            group: self.group(why),
        }))
    }

    fn group(&self, why: &Why) -> Option<GroupRef> {
        match why {
            Why::InGroup { feed } | Why::OwnerOf { feed } => {
                let feed = self.plan.feeds.get(usize::from(*feed))?;
                Some(feed.group.clone())
            }
            _ => None,
        }
    }
}

fn is_of_owners(feed: &Feed) -> bool {
    feed.role == FeedRole::Owners
}

/// The grounds as they are remembered; none for what is no news to anybody, such as the bot's own level.
fn ground(why: &Why) -> Option<Ground> {
    Some(match why {
        Why::InGroup { .. } => Ground::MemberOf,
        Why::OwnerOf { .. } => Ground::OwnerOf,
        Why::Fixed => Ground::Configured,
        Why::InNoGroup => Ground::InNoGroup,
        Why::AccountDisabled => Ground::AccountDisabled,
        Why::NoLongerGiven => Ground::NoLongerGiven,
        Why::ByHand => Ground::ByHand,
        _ => return None,
    })
}
