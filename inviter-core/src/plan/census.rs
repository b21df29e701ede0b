//! Counting: who is wanted in a room, and who is there.

use std::{cmp::Ordering, collections::btree_map, iter::Peekable};

use ruma_common::{OwnedUserId, UserId};

use super::{PlanContext, RoomDraft};
use crate::{
    desired::{PersonStanding, Seat},
    levels::Key,
    room::{Membership, Power, RoomSnapshot},
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

    pub(super) fn take_census(&mut self, snapshot: &RoomSnapshot) {
        let census = &mut self.plan.census;
        let mut entries = Entries::of(snapshot);
        let ordinary = Power::Level(snapshot.levels.key(Key::UsersDefault)).reaches(100);
        let is_creator = |user: &UserId| {
            snapshot.creator == user || snapshot.additional_creators.iter().any(|creator| creator == user)
        };
        for member in &snapshot.members {
            match member.membership {
                Membership::Joined => census.joined += 1,
                Membership::Invited => census.invited += 1,
                _ => continue,
            }
            let user = &*member.user_id;
            let entry = entries.next_of(user);
            // What holds for nearly everybody needs to be looked up once.
            let reaches = if entry.is_none() && !is_creator(user) {
                ordinary
            } else {
                snapshot.power(user).reaches(100)
            };
            let counts = !reaches
                && user != self.cx.bot
                && self.cx.policy.in_scope(user)
                && !self.cx.policy.exempt.matches(user);
            if counts {
                census.population += 1;
                census.raised += u32::from(entry.is_some());
            }
        }
    }
}

/// Whether a seat leads to an invitation: an active person, in scope or named, and not the bot.
pub(super) fn is_wanted(seat: &Seat, cx: &PlanContext<'_>) -> bool {
    let person = &cx.desired.people[seat.person.0 as usize];
    person.standing == PersonStanding::Active
        && person.user_id != cx.bot
        && (seat.is_fixed() || cx.policy.in_scope(&person.user_id))
}

/// The level entries of people who come in the order of their user IDs, without a search for each.
struct Entries<'s> {
    left: Peekable<btree_map::Iter<'s, OwnedUserId, i64>>,
}

impl<'s> Entries<'s> {
    fn of(snapshot: &'s RoomSnapshot) -> Self {
        Self {
            left: snapshot.levels.users().iter().peekable(),
        }
    }

    /// The entry of somebody who comes after everybody asked for before.
    fn next_of(&mut self, user: &UserId) -> Option<i64> {
        while let Some((other, level)) = self.left.peek() {
            match (***other).cmp(user) {
                Ordering::Less => drop(self.left.next()),
                Ordering::Equal => return Some(**level),
                Ordering::Greater => return None,
            }
        }
        None
    }
}
