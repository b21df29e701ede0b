//! What is written down of people once something was done with them.

use super::RoomRun;
use crate::{
    action::{Op, RoomTarget, Why},
    desired::GroupRef,
    levels::LevelSlot,
    recall::{Brought, Ground, Happened, Happening, MemoryChange},
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
        let mut happened = Vec::new();
        match &action.op {
            // That we bring them in was written down before.
            Op::Invite { user, .. } | Op::Add { user, .. } => {
                let put_in = matches!(action.op, Op::Add { .. });
                let what = if put_in {
                    Happening::PutIn
                } else {
                    Happening::Invited
                };
                happened.push((user, what));
            }
            Op::Remove { user, invitation, .. } => {
                records.push(MemoryChange::Brought(room.clone(), user.clone(), None));
                records.push(MemoryChange::Missing(room.clone(), user.clone(), None));
                let what = if *invitation {
                    Happening::InvitationWithdrawn
                } else {
                    Happening::Removed
                };
                happened.push((user, what));
            }
            Op::SetLevels { changes } => {
                happened.extend(changes.iter().filter_map(|change| match &change.slot {
                    LevelSlot::User(user) => Some((user, Happening::Level(change.to))),
                    _ => None,
                }));
            }
            _ => {}
        }
        if let (true, Some(ground)) = (history, ground(&action.why)) {
            records.extend(happened.into_iter().map(|(user, what)| {
                MemoryChange::Happened(Happened {
                    at,
                    room: room.clone(),
                    user: user.clone(),
                    what,
                    ground,
                    group: self.group(&action.why),
                })
            }));
        }
        records
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
