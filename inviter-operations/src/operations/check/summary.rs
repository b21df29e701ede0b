//! What it all comes to, and what to do next.

use std::collections::BTreeSet;

use inviter::core::{guard::GuardedRoom, plan::RoomStatus, server::RateOverride};

use super::{Checked, Connected, is_in_the_way, limits::Ahead};
use crate::render::{counted, rooms::is_unread};

/// Once what is in the way is mended.
pub(super) const AGAIN: &str = "inviter check";

/// So many rooms are named in a command; with more it would not be read, and a pilot of few comes first anyway.
const NAMED: usize = 5;

impl Checked {
    /// What is in the way, in words; empty if nothing is.
    pub(super) fn in_the_way(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let mut add = |count: usize, one: &str, many: &str| {
            if count > 0 {
                parts.push(counted(count, one, many));
            }
        };
        let sources = self.desired.sources.iter();
        let directories = sources.filter(|source| !self.can_work(source)).count();
        add(directories, "directory", "directories");
        match &self.connected {
            Err(_) => add(1, "homeserver", "homeservers"),
            Ok(connected) => {
                let of_account = connected.of_account.iter().filter(|remedy| remedy.blocks).count();
                add(
                    of_account,
                    "trouble with the account",
                    "troubles with the account",
                );
                let rooms = connected
                    .draft
                    .plan
                    .rooms()
                    .iter()
                    .filter(|room| is_in_the_way(room));
                let (to_adopt, others): (Vec<_>, Vec<_>) =
                    rooms.partition(|room| only_waits_for_adoption(room));
                add(others.len(), "room with an obstacle", "rooms with an obstacle");
                add(to_adopt.len(), "room to adopt", "rooms to adopt");
            }
        }
        parts
    }

    /// One to three commands.
    pub(super) fn next(&self) -> Vec<String> {
        let Ok(connected) = &self.connected else {
            return vec![AGAIN.to_owned()];
        };
        if self.desired.sources.iter().all(is_unread) {
            return vec![AGAIN.to_owned()];
        }
        let commands = connected.next();
        if commands.is_empty() && !self.works() {
            return vec![AGAIN.to_owned()];
        }
        commands
    }
}

impl Connected {
    fn next(&self) -> Vec<String> {
        let mut commands = Vec::new();
        let limited = self.facts.rate_override != RateOverride::Exempt;
        if limited && self.facts.admin == Some(true) && self.facts.is_synapse() {
            commands.push("inviter check --fix".to_owned());
        }
        let found = self.draft.plan.rooms().iter().map(GuardedRoom::plan);
        let found: Vec<String> = found
            .filter(|plan| plan.status == RoomStatus::Found)
            // A stranger's room is looked at first.
            .filter(|plan| plan.seen.as_ref().is_some_and(|seen| seen.creator_is_known))
            .map(|plan| format!("'{}'", plan.room))
            .collect();
        if !found.is_empty() {
            // What adopting would do is read before it is done.
            commands.push("inviter plan --adopt".to_owned());
            commands.push(if found.len() <= NAMED {
                format!("inviter adopt {}", found.join(" "))
            } else {
                // Which ones is for somebody to say who has read that.
                "inviter adopt ROOM…".to_owned()
            });
        }
        if Ahead::of(self).work.requests() > 0 {
            if found.is_empty() {
                commands.push("inviter plan".to_owned());
            }
            if commands.len() < 3 {
                commands.push("inviter sync".to_owned());
            }
        }
        commands
    }

    /// The patterns of `[accounts] exempt` with those of the bridges that are in rooms; `None` if there are none.
    pub(super) fn exempt(&self) -> Option<Vec<String>> {
        let seen = self
            .draft
            .plan
            .rooms()
            .iter()
            .filter_map(|room| room.plan().seen.as_ref());
        let found: BTreeSet<&String> = seen
            .flat_map(|seen| &seen.ghosts)
            .map(|ghosts| &ghosts.pattern)
            .collect();
        let known = self.policy.exempt.patterns().iter().cloned();
        (!found.is_empty()).then(|| known.chain(found.into_iter().cloned()).collect())
    }
}

/// Whether a person's word is all that the room needs.
fn only_waits_for_adoption(room: &GuardedRoom) -> bool {
    let plan = room.plan();
    let seen = plan.seen.as_ref();
    plan.status == RoomStatus::Found
        && seen.is_some_and(|seen| seen.creator_is_known && seen.rights.manages_people())
}
