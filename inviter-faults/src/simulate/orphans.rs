//! People whose group is gone: none of them may go before a person says so (decision 2).
//!
//! The program holds all removals in a room as long as it remembers that the group fed it, and may forget that once
//! nobody is there on its account: they have left, something else wants them, or their removal was never its business.
//! From then on they are people like any others.

use std::collections::BTreeSet;

use inviter_core::{OwnedUserId, UserId};

use super::{judge::is_exempt, organisation::Organisation, site::Site};

/// A group that fed a room: directory, name, and place of the room.
pub(super) type Fed = (usize, String, usize);

impl Site {
    /// Takes in which of the groups that fed rooms are gone since the directories were like this.
    pub(super) fn note_orphans(&mut self, before: &Organisation, fed: &BTreeSet<Fed>) {
        for (source, group, place) in fed {
            let had = before.sources[*source].groups.contains_key(group);
            if !had || self.real.sources[*source].groups.contains_key(group) {
                continue;
            }
            let people = before.sources[*source].people_of(group);
            let key = (*source, group.clone(), *place);
            self.orphans.entry(key).or_default().extend(people);
        }
    }

    /// The groups on whose account nobody is left in their room whom the program could want to remove.
    pub(super) fn settled_orphans(&self) -> BTreeSet<Fed> {
        let orphans = self.orphans.iter();
        let settled = orphans.filter(|((_, _, place), people)| !self.is_anyone_left(*place, people));
        settled.map(|(fed, _)| fed.clone()).collect()
    }

    fn is_anyone_left(&self, place: usize, people: &BTreeSet<OwnedUserId>) -> bool {
        // Somebody uncertain has a place there as well, if one of their accounts has.
        let wanted = self.real.seated(place);
        let fixed = |user: &OwnedUserId| self.places[place].fixed.iter().any(|(known, _)| known == user);
        let open = self
            .rooms
            .iter()
            .filter(|(room, _)| !self.closed.contains_key(*room));
        let rooms = open.filter(|(_, at)| **at == place);
        let mut snapshots = rooms.filter_map(|(room, _)| self.homeserver.snapshot(room));
        snapshots.any(|snapshot| {
            people.iter().any(|user| {
                let member = snapshot.member(user);
                member.is_some_and(|member| member.membership.is_in())
                    && !wanted.contains(user)
                    && !fixed(user)
                    && !is_exempt(user)
            })
        })
    }

    /// The program may have forgotten these groups.
    pub(super) fn forget_orphans(&mut self, settled: &BTreeSet<Fed>) {
        self.orphans.retain(|fed, _| !settled.contains(fed));
    }

    /// Whether somebody is of a group that fed a room, is gone, and is remembered.
    pub(super) fn is_orphan(&self, at: usize, user: &UserId) -> bool {
        !self.vanished_is_empty
            && self.orphans.iter().any(|((source, group, place), people)| {
                let is_gone = !self.shown.sources[*source].groups.contains_key(group);
                *place == at && is_gone && people.contains(user)
            })
    }
}
