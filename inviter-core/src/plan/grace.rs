//! People in the room whom nothing wants any more: until when they stay, and whether they may go at all.

use ruma_common::UserId;

use super::RoomDraft;
use crate::{
    action::Why,
    finding::FindingKind,
    recall::{Brought, MemoryChange},
    room::{Membership, RoomMember, RoomSnapshot},
    room_rules::RemovePolicy,
    time::Timestamp,
};

/// In milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

impl RoomDraft<'_> {
    /// Until when somebody stays whom nothing wants any more. The time counts from the first run that knows it for
    /// certain, and is written down by then.
    pub(super) fn grace_of(
        &mut self,
        snapshot: &RoomSnapshot,
        user: &UserId,
        why: &Why,
    ) -> Option<Timestamp> {
        let (grace, now) = (self.room.rules.grace, self.cx.now);
        if grace.is_zero() || *why != Why::InNoGroup {
            return None;
        }
        let known = self.remembered.and_then(|r| r.missing.get(user)).copied();
        // A clock that was ahead then must not keep them for years: it begins anew, which is later, never earlier.
        let since = known.filter(|since| *since <= now).unwrap_or_else(|| {
            let missing = MemoryChange::Missing(snapshot.room_id.clone(), user.to_owned(), Some(now));
            self.plan.learned.push(missing);
            now
        });
        let until = since.plus(grace);
        (now < until).then_some(until)
    }

    /// Whether the rules of the room let somebody go who is not wanted.
    pub(super) fn may_go(&self, member: &RoomMember) -> bool {
        match self.room.rules.remove {
            RemovePolicy::Anyone => true,
            // What was not looked up is not known, and then nobody goes.
            RemovePolicy::BroughtByUs => {
                let brought = self.cx.brought;
                brought.is_some_and(|brought| brought.contains_key(&member.user_id))
                    || self.is_our_invitation(member)
            }
        }
    }

    /// Tells how many stay because we have not brought them in.
    pub(super) fn tell_not_brought_in(&mut self, count: usize) {
        let who = match count {
            0 => return,
            1 => "1 person who is".to_owned(),
            n => format!("{n} people who are"),
        };
        let message = format!(
            "{}: {who} in none of its groups and whom we have not brought in may stay, as `remove` says; remove them \
             by hand if they should go",
            self.plan.room
        );
        self.tell(FindingKind::NotBroughtIn, message);
    }

    /// Ends what is over: the time of people who are wanted again or have gone, and that we have brought in who has
    /// gone since. An invitation that was sent by a run that was killed is found by its sender. Of those who are about
    /// to be invited again, sorted, it is written down that they are ours before they are.
    pub(super) fn remember_people(&mut self, snapshot: &RoomSnapshot, inviting: &[&UserId]) {
        let Some(remembered) = self.remembered else {
            return;
        };
        let id = &snapshot.room_id;
        // An entry that cannot be read looks like none.
        let has_gone = |user: &UserId| {
            snapshot.unreadable.is_empty() && !snapshot.member(user).is_some_and(|m| m.membership.is_in())
        };
        let is_over = |user: &UserId| {
            let rules = &self.room.rules;
            rules.grace.is_zero() || self.seat_of(user).is_some() || has_gone(user) || !self.is_managed(user)
        };
        let over = remembered.missing.keys().filter(|user| is_over(user));
        let mut learned: Vec<MemoryChange> = over
            .map(|user| MemoryChange::Missing(id.clone(), user.clone(), None))
            .collect();
        if let Some(brought) = self.cx.brought {
            let gone = brought
                .keys()
                .filter(|user| has_gone(user) && inviting.binary_search(&&***user).is_err());
            learned.extend(gone.map(|user| MemoryChange::Brought(id.clone(), user.clone(), None)));
            let unknown = snapshot
                .members
                .iter()
                .filter(|member| self.is_our_invitation(member) && !brought.contains_key(&member.user_id));
            learned.extend(unknown.map(|member| {
                let brought = Brought {
                    at: member.at,
                    group: None,
                };
                MemoryChange::Brought(id.clone(), member.user_id.clone(), Some(brought))
            }));
        } else {
            // Who has left is ours no more here either, without looking up whom we have brought in: it is enough to
            // mind those who have gone since the last run, on any clock.
            let since = self.last_whole_run().map_or(0, |at| at.0.saturating_sub(DAY));
            let is_new = |m: &&RoomMember| {
                matches!(m.membership, Membership::Left | Membership::Banned) && m.at.0 >= since
            };
            let gone = snapshot.members.iter().filter(is_new);
            let gone = gone.filter(|member| inviting.binary_search(&&*member.user_id).is_err());
            learned
                .extend(gone.map(|member| MemoryChange::Brought(id.clone(), member.user_id.clone(), None)));
        }
        self.plan.learned.append(&mut learned);
    }

    fn last_whole_run(&self) -> Option<Timestamp> {
        let runs = self.cx.memory.runs.iter();
        let whole = runs.filter(|run| run.whole && run.not_begun.is_none());
        whole.map(|run| run.at).next_back()
    }

    fn is_our_invitation(&self, member: &RoomMember) -> bool {
        member.membership == Membership::Invited && *member.sender == *self.cx.bot
    }
}
