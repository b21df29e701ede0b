//! Counting: who is wanted in a room, and who is there.

use std::{collections::BTreeSet, iter};

use ruma_common::OwnedUserId;

use super::{Join, PlanContext, RoomDraft};
use crate::{
    desired::Seat,
    levels::Key,
    room::{Membership, Power, RoomMember, RoomSnapshot},
};

impl<'a> RoomDraft<'a> {
    /// The seats that lead to an invitation.
    pub(super) fn wanted_seats(&self) -> impl Iterator<Item = &'a Seat> {
        let seats = self.room.seats.iter().zip(&self.wanted);
        seats.filter(|(_, wanted)| **wanted).map(|(seat, _)| seat)
    }

    pub(super) fn count_wanted(&mut self) {
        let (mut wanted, mut from_groups) = (0, 0);
        for seat in self.wanted_seats() {
            wanted += 1;
            from_groups += u32::from(!seat.is_fixed());
        }
        (self.plan.census.wanted, self.plan.census.from_groups) = (wanted, from_groups);
    }

    pub(super) fn take_census(&mut self, snapshot: &RoomSnapshot, join: &Join<'_>) {
        // What holds for everybody without an entry is looked up once.
        let all_reach = !self.counts(snapshot, Power::Level(snapshot.levels.key(Key::UsersDefault)));
        let mut managed = 0;
        for (seat, member) in join.pairs(&self.room.seats) {
            let counts = member.is_some_and(|member| member.membership.is_in())
                && self.cx.roster.traits(seat.person).is_managed();
            managed += u32::from(counts);
        }
        let unseated = join.unseated.iter().filter(|member| member.membership.is_in());
        // Who may not go in any case must not raise the limit on those who may.
        let may_go = |member: &&&RoomMember| self.is_managed(&member.user_id) && self.may_go(member);
        managed += size(unseated.filter(may_go).count());

        let census = &mut self.plan.census;
        census.population = if all_reach { 0 } else { managed };
        for member in &snapshot.members {
            census.joined += u32::from(member.membership == Membership::Joined);
            census.invited += u32::from(member.membership == Membership::Invited);
        }
        self.count_the_special(snapshot, all_reach);
    }

    /// Whether somebody of this power is among those whom the limits are about: below 100, or an admin over whom the
    /// directory rules.
    fn counts(&self, snapshot: &RoomSnapshot, power: Power) -> bool {
        power < Power::Level(100) || self.is_ruled(power) && power < snapshot.power(self.cx.bot)
    }

    /// Corrects the count by those who have a level of their own: few, since the event that gives it holds 64 KiB.
    fn count_the_special(&mut self, snapshot: &RoomSnapshot, all_reach: bool) {
        let entries = snapshot.levels.users();
        let creators = iter::once(&snapshot.creator).chain(&snapshot.additional_creators);
        let special: BTreeSet<&OwnedUserId> = entries.keys().chain(creators).collect();
        for user in special {
            let here = snapshot.member(user).is_some_and(|member| {
                member.membership.is_in() && (self.seat_of(user).is_some() || self.may_go(member))
            });
            if !here || !self.is_managed(user) {
                continue;
            }
            let reaches = !self.counts(snapshot, snapshot.power(user));
            let census = &mut self.plan.census;
            census.population = census.population - u32::from(!all_reach) + u32::from(!reaches);
            census.raised += u32::from(!reaches && entries.contains_key(user));
        }
    }
}

/// Whether a seat leads to an invitation: an active person, in scope or named, and not the bot.
pub(super) fn is_wanted(seat: &Seat, cx: &PlanContext<'_>) -> bool {
    let traits = cx.roster.traits(seat.person);
    traits.is_invitable() && (seat.is_fixed() || traits.is_in_scope())
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
