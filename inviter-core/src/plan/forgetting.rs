//! What a room that was read shows to be of no use any more, of what is remembered of people.
//!
//! Nothing is forgotten here that a later run could go by: the tables in `SECURITY.md` say what stays, and why.

use std::collections::BTreeSet;

use ruma_common::{OwnedUserId, UserId};

use super::RoomDraft;
use crate::{
    desired::SourceOutcome,
    recall::MemoryChange,
    room::{Membership, RoomSnapshot},
};

impl RoomDraft<'_> {
    /// Forgets of people what nothing goes by any more. `as_read` is the room as it was read, and `snapshot` that with
    /// those who were out of the room before it.
    pub(super) fn forget_people(&mut self, as_read: &RoomSnapshot, snapshot: &RoomSnapshot) {
        let Some(remembered) = self.remembered else {
            return;
        };
        let id = &snapshot.room_id;
        // An entry that cannot be read looks like none.
        let readable = snapshot.unreadable.is_empty();
        let of = |user: &UserId| {
            let member = snapshot.member(user);
            member.map(|member| (member.membership, member.sender == member.user_id))
        };
        // Once they are in again, or others have decided about them, a later leaving is another one. Who only knocks is
        // still out.
        let may_be_news = |user: &OwnedUserId| match of(user) {
            Some((Membership::Left, by_themselves)) => by_themselves,
            Some((Membership::Knocking, _)) => true,
            Some(_) => false,
            None => !readable,
        };
        let absent = remembered.absent.iter().filter(|user| !may_be_news(user));
        let absent = absent.map(|user| MemoryChange::Absent(id.clone(), user.clone(), false));

        let is_settled = |user: &&OwnedUserId| self.is_second_invitation_settled(user, of(user));
        let reinvited = remembered.reinvited.iter().filter(is_settled);
        let reinvited = reinvited.map(|user| MemoryChange::Reinvited(id.clone(), user.clone(), false));

        // What the room itself knows of somebody counts, from then on.
        let out_before: BTreeSet<&OwnedUserId> = remembered
            .left_before
            .keys()
            .chain(remembered.kept_out.keys())
            .filter(|user| as_read.member(user).is_some())
            .collect();
        let out_before = out_before
            .into_iter()
            .map(|user| MemoryChange::OutBeforeForgotten(id.clone(), user.clone()));

        // Others have taken the level back: one that they give later is not ours, though it be the same. Who has a place
        // may be given theirs in this run.
        let levels = &snapshot.levels;
        let is_taken_back = |user: &&OwnedUserId| {
            levels.is_present() && levels.user_entry(user).is_none() && self.seat_of(user).is_none()
        };
        let given = remembered.given.keys().filter(is_taken_back);
        let given = given.map(|user| MemoryChange::Given(id.clone(), user.clone(), None));

        let mut learned: Vec<MemoryChange> = absent.chain(reinvited).chain(out_before).chain(given).collect();
        self.plan.learned.append(&mut learned);
    }

    /// Whether nobody needs to know any more that somebody was invited once more after others had removed them: they
    /// are out of the room, and left it by their own act while nothing wanted them, or have no account in any directory.
    /// Who is in no group may come back to one, so a directory that tells of people in groups only says nothing of that.
    /// Whoever is banned may be let in again, and has had their invitation.
    fn is_second_invitation_settled(&self, user: &UserId, member: Option<(Membership, bool)>) -> bool {
        // Something about the room or its groups is not known.
        if !self.removals_known {
            return false;
        }
        let by_themselves = match member {
            Some((Membership::Left, by_themselves)) => by_themselves,
            Some(_) => return false,
            None => false,
        };
        let desired = self.cx.desired;
        let is_gone =
            || desired.person(user).is_none() && desired.sources.iter().all(SourceOutcome::names_everybody);
        by_themselves && self.seat_of(user).is_none() && self.may_be_managed(user) || is_gone()
    }
}
