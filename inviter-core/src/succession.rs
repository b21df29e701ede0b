//! Rooms that take the place of others: which upgrades are followed, and which aliases have been moved without one.
//!
//! A room is followed to its successor only where both agree: the old one's tombstone names the new one, and the create
//! event of the new one names the old one. Either alone can be written by somebody who has no say in the other room
//! (decision 41). An alias that leads somewhere else without such an agreement is not believed (decision 43).

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    recall::{KeptOut, Memory},
    room::{JoinRule, Membership, Replacement, RoomSnapshot, RoomState},
    time::Timestamp,
};

/// Further than this no chain of upgrades is followed: nobody upgrades one room that often, and who writes a longer
/// one is up to something.
const LONGEST: usize = 32;

/// Which rooms were followed to which.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Successors(pub BTreeMap<OwnedRoomId, OwnedRoomId>);

impl Successors {
    /// The room that has taken this one's place by now; itself if none has.
    pub fn current<'a>(&'a self, room: &'a RoomId) -> &'a RoomId {
        let mut current = room;
        // What is remembered has no circles; were there one, it would end somewhere in it.
        for _ in 0..LONGEST {
            match self.0.get(current) {
                Some(next) => current = next,
                None => break,
            }
        }
        current
    }

    /// Every room that this one has taken the place of.
    pub fn before(&self, room: &RoomId) -> BTreeSet<OwnedRoomId> {
        if self.0.is_empty() {
            return BTreeSet::new();
        }
        let led_here = self.0.keys().filter(|old| self.current(old) == room);
        led_here.cloned().collect()
    }

    /// Whether a room may still be followed to another: without a circle, and the chain is not too long.
    fn admits(&self, from: &RoomId, to: &RoomId) -> bool {
        self.current(to) != from && self.before(from).len() < LONGEST - 1
    }
}

/// How the plan of one room stands to upgrades and moved aliases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Rooms whose place this one has taken. An alias that leads to one of them leads here.
    pub before: BTreeSet<OwnedRoomId>,
    /// The managed room has been closed, and another is to take its place.
    pub upgrade: Option<Box<Upgrade>>,
    /// An alias leads elsewhere all of a sudden.
    pub moved: Option<Moved>,
    /// Who tries to join without an invitation, so that a refusal can be remembered.
    pub(crate) joins_as: Option<OwnedUserId>,
}

/// A managed room that was closed in favour of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The room that was closed.
    pub from: OwnedRoomId,
    /// What its tombstone says.
    pub replacement: Replacement,
    /// Its join rule, which servers copy into the room that replaces it.
    pub join_rule: JoinRule,
    /// Who had left it by their own act before it was closed, and when.
    pub left: BTreeMap<OwnedUserId, Timestamp>,
    /// Whom others than the bot had removed from it before it was closed, or banned.
    pub kept_out: BTreeMap<OwnedUserId, KeptOut>,
}

impl Upgrade {
    /// What there is to know for following a closed room, once it is clear that it is managed. Those who were out of the
    /// room before this one are among the members of the snapshot.
    pub(crate) fn of(snapshot: &RoomSnapshot, replacement: &Replacement, bot: &UserId) -> Self {
        let (mut left, mut kept_out) = (BTreeMap::new(), BTreeMap::new());
        // Who leaves a closed room says nothing about the new one.
        for member in snapshot
            .members
            .iter()
            .filter(|member| member.at <= replacement.at)
        {
            let banned = member.membership == Membership::Banned;
            if member.membership == Membership::Left && member.sender == member.user_id {
                left.insert(member.user_id.clone(), member.at);
            } else if banned || member.membership == Membership::Left && member.sender != bot {
                let out = KeptOut {
                    by: member.sender.clone(),
                    at: member.at,
                    banned,
                };
                kept_out.insert(member.user_id.clone(), out);
            }
        }
        Self {
            from: snapshot.room_id.clone(),
            replacement: replacement.clone(),
            join_rule: snapshot.join_rule.clone(),
            left,
            kept_out,
        }
    }

    /// Where the upgrade stands, by the state of the room that the tombstone names.
    pub(crate) fn prospect(&self, state: &RoomState, memory: &Memory) -> Prospect {
        let Some(to) = &self.replacement.room else {
            return Prospect::Refused(format!("{} is no room ID", self.replacement.named));
        };
        // Neither entered nor looked at: whoever it was given to decides about it now.
        if memory
            .rooms
            .get(to)
            .is_some_and(|known| known.handed_over.is_some())
        {
            return Prospect::Refused(format!("{to} was given away with `inviter unmanage`"));
        }
        match state {
            RoomState::Joined(snapshot) => match &snapshot.predecessor {
                Some(predecessor) if *predecessor != self.from => {
                    Prospect::Refused(format!("{to} says that it replaces {predecessor}"))
                }
                None => Prospect::Refused(format!("{to} does not say that it replaces any room")),
                Some(_) if !memory.successors.admits(&self.from, to) => {
                    Prospect::Refused("the rooms replace each other in a circle, or too often".to_owned())
                }
                Some(_) => Prospect::Agreed,
            },
            RoomState::NotJoined { invited_by } => Prospect::Outside {
                invited_by: invited_by.clone(),
            },
            RoomState::Unknown(cause) => Prospect::Unknown(cause.to_string()),
            RoomState::Missing => Prospect::Unknown(format!("there is no room {to}")),
        }
    }

    /// Whether the new room may let the bot in without an invitation: servers copy the join rule, and the bot is a
    /// member of the room that a copied `restricted` is usually about.
    pub(crate) fn may_let_in(&self) -> bool {
        matches!(
            self.join_rule,
            JoinRule::Public | JoinRule::Restricted | JoinRule::KnockRestricted
        )
    }
}

/// Where an upgrade stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prospect {
    /// Both rooms agree.
    Agreed,
    /// They do not: half a sentence saying why.
    Refused(String),
    /// The bot is not in the new room, so nobody knows what it says.
    Outside {
        /// Who has invited the bot there.
        invited_by: Option<OwnedUserId>,
    },
    /// It cannot be read just now: half a sentence saying why.
    Unknown(String),
}

/// An alias of a managed room that now leads elsewhere, and no upgrade explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The alias.
    pub alias: OwnedRoomAliasId,
    /// The managed room that it led to.
    pub from: OwnedRoomId,
    /// Where it leads now.
    pub to: OwnedRoomId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> OwnedRoomId {
        OwnedRoomId::try_from(format!("!{name}:x")).unwrap()
    }

    fn chain(pairs: &[(&str, &str)]) -> Successors {
        Successors(pairs.iter().map(|(a, b)| (id(a), id(b))).collect())
    }

    #[test]
    fn chains_lead_to_their_end_and_admit_no_circle() {
        let rooms = chain(&[("a", "b"), ("b", "c"), ("x", "c")]);
        assert_eq!(rooms.current(&id("a")), id("c"));
        assert_eq!(rooms.current(&id("c")), id("c"));
        assert_eq!(rooms.before(&id("c")), [id("a"), id("b"), id("x")].into());
        assert!(rooms.admits(&id("c"), &id("d")));
        for back in ["a", "b", "c"] {
            assert!(!rooms.admits(&id("c"), &id(back)), "{back}");
        }
        // Damage is survived.
        let circle = chain(&[("a", "b"), ("b", "a")]);
        assert!(circle.current(&id("a")) == id("a") || circle.current(&id("a")) == id("b"));
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut rooms = Successors::default();
        let mut length = 0;
        while rooms.admits(&id(&length.to_string()), &id(&(length + 1).to_string())) {
            rooms
                .0
                .insert(id(&length.to_string()), id(&(length + 1).to_string()));
            length += 1;
            assert!(length < 100);
        }
        assert_eq!(rooms.current(&id("0")), id(&length.to_string()), "within reach");
    }
}
