//! Since when somebody is in a room that nothing wants them in, by the simulation's own clock.

use std::{collections::BTreeSet, time::Duration};

use inviter_core::{RoomId, UserId};

use super::{
    organisation::Standing,
    site::{Place, Site},
};

impl Site {
    /// Begins the time of whoever is in a room and in none of its groups, before a run. The program cannot have begun it
    /// earlier.
    pub(super) fn begin_graces(&mut self) {
        let now = self.homeserver.now();
        for (room, at) in self
            .rooms
            .iter()
            .filter(|(room, _)| !self.closed.contains_key(*room))
        {
            let Some(snapshot) = self.homeserver.snapshot(room) else {
                continue;
            };
            let wanted = self.shown.wanted(*at).members;
            let members = snapshot.members.iter();
            for member in members.filter(|member| member.membership.is_in()) {
                if !wanted.contains(&member.user_id) {
                    let absent = (room.clone(), member.user_id.clone());
                    self.absent.entry(absent).or_insert(now);
                }
            }
        }
    }

    /// Ends the time of whoever is wanted again, or has gone, after a run in which nothing went wrong, for the rooms at
    /// these places: the program has seen it.
    pub(super) fn end_graces(&mut self, managed: &BTreeSet<usize>) {
        let (homeserver, shown, rooms) = (&self.homeserver, &self.shown, &self.rooms);
        self.absent.retain(|(room, user), _| {
            let Some(at) = rooms.get(room).filter(|at| managed.contains(at)) else {
                return true;
            };
            let Some(snapshot) = homeserver.snapshot(room) else {
                return true;
            };
            let member = snapshot.member(user);
            member.is_some_and(|member| member.membership.is_in())
                && !shown.wanted(*at).members.contains(user)
        });
    }

    /// How long somebody who is to go has still to be left where they are, if at all. Whoever has no account that may be
    /// used goes at once.
    pub(super) fn grace_left(&self, place: &Place, room: &RoomId, user: &UserId) -> Option<Duration> {
        let grace = place.rules.grace;
        if grace.is_zero() || self.said().standing(user) != Standing::Active {
            return None;
        }
        let since = self.absent.get(&(room.to_owned(), user.to_owned()));
        let passed = since.map_or(Duration::ZERO, |since| self.homeserver.now().since(*since));
        grace.checked_sub(passed).filter(|left| !left.is_zero())
    }
}
