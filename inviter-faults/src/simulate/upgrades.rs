//! Rooms that are closed in favour of others: by both rooms' word, or by the old one's alone (decisions 41 and 42).

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use inviter_core::{
    OwnedRoomId, OwnedUserId, RoomId, UserId,
    memory::{NewRoom, UserOp},
    room::RoomSnapshot,
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use super::{
    generate::{chance, one},
    names::user,
    site::{Site, look},
    words::Pair,
    world::World,
};

/// A room that was closed.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    /// The room that its tombstone names.
    pub(super) to: OwnedRoomId,
    /// The other one says so, too.
    pub(super) agrees: bool,
    /// The bot is there, or was invited by whoever closed the old one.
    lets_bot_in: bool,
    /// Who was out of the old room by then.
    out: BTreeSet<OwnedUserId>,
}

impl Site {
    /// The room that has taken the place of another by the word of both.
    pub(super) fn current<'a>(&'a self, room: &'a RoomId) -> &'a RoomId {
        let mut current = room;
        while let Some(closed) = self.closed.get(current).filter(|closed| closed.agrees) {
            current = &closed.to;
        }
        current
    }

    /// Whether a room is named by the tombstone of another, whatever it says itself.
    pub(super) fn is_named(&self, room: &RoomId) -> bool {
        self.closed.values().any(|closed| closed.to == room)
    }

    /// Whether the bot may enter the room that a place has by now, or is there.
    pub(super) fn lets_bot_in(&self, room: &RoomId) -> bool {
        self.before(room).all(|closed| closed.lets_bot_in)
    }

    /// How many rooms there are that the bot has to enter to see where they lead, beyond the first of each chain.
    pub(super) fn entries(&self) -> usize {
        let closed = self.closed.values().filter(|closed| closed.agrees);
        closed
            .filter(|closed| self.closed.contains_key(&closed.to))
            .count()
    }

    /// Whether somebody was out of a room before it was closed in favour of this one: then they are out of this one.
    pub(super) fn was_out(&self, snapshot: &RoomSnapshot, user: &UserId) -> bool {
        let mut before = self.before(&snapshot.room_id);
        snapshot.member(user).is_none() && before.any(|closed| closed.out.contains(user))
    }

    /// All closings that lead to a room.
    fn before<'a>(&'a self, room: &'a RoomId) -> impl Iterator<Item = &'a Closed> {
        let leads = self
            .closed
            .iter()
            .filter(move |(old, _)| self.current(old) == room);
        leads
            .filter(|(_, closed)| closed.agrees)
            .map(|(_, closed)| closed)
    }

    /// A room has taken another's place: what holds for the old one holds for it.
    fn close(&mut self, old: &OwnedRoomId, closed: Closed) {
        if closed.agrees
            && let Some(at) = self.rooms.get(old).copied()
        {
            let new = &closed.to;
            self.rooms.insert(new.clone(), at);
            let brought: Vec<_> = self
                .brought
                .iter()
                .filter(|(room, _)| room == old)
                .cloned()
                .collect();
            self.brought
                .extend(brought.into_iter().map(|(_, user)| (new.clone(), user)));
            let (absent, others): (BTreeMap<Pair, Timestamp>, _) = std::mem::take(&mut self.absent)
                .into_iter()
                .partition(|((room, _), _)| room == old);
            self.absent = others;
            self.absent.extend(
                absent
                    .into_iter()
                    .map(|((_, user), since)| ((new.clone(), user), since)),
            );
        }
        self.closed.insert(old.clone(), closed);
    }
}

impl World {
    /// Somebody upgrades a room, if they have the power to; its alias may move along. Or they close it in favour of
    /// one that does not say that it replaces it.
    pub(super) fn upgrade(&self, rng: &mut Rng, old: &OwnedRoomId, at: usize, by: &OwnedUserId) {
        let agrees = !chance(rng, 15);
        let version = one(rng, &["6", "10", "11", "12"]).copied().unwrap_or("12");
        let mut creation = Map::new();
        if agrees {
            creation.insert("predecessor".to_owned(), json!({ "room_id": old }));
        }
        let new = NewRoom {
            version: version.try_into().ok(),
            creation,
            ..NewRoom::default()
        };
        let made = self.homeserver.act(by, &UserOp::CreateRoom(Box::new(new)));
        let Some(new) = made.ok().and_then(inviter_core::memory::UserOpOutcome::created) else {
            return;
        };
        self.copy_levels(old, &new, by, version);
        let out = self.homeserver.snapshot(old).map(|snapshot| {
            let out = snapshot
                .members
                .iter()
                .filter(|member| !member.membership.is_in());
            let out: BTreeSet<OwnedUserId> = out.map(|member| member.user_id.clone()).collect();
            out
        });
        let tombstone = json!({ "body": "moved", "replacement_room": new });
        let tombstone = UserOp::set(old.clone(), "m.room.tombstone", tombstone);
        if self.homeserver.act(by, &tombstone).is_err() {
            look(&self.site).tell(|| format!("  {by} may not close {old}"));
            return;
        }
        let is_bot = *by == self.bot;
        let invites = !is_bot && chance(rng, 80);
        if invites {
            let invite = UserOp::Invite {
                room: new.clone(),
                user: self.bot.clone(),
                reason: None,
            };
            drop(self.homeserver.act(by, &invite));
        }
        let moves = agrees && (is_bot || *by == user("lead")) && chance(rng, 60);
        let mut site = look(&self.site);
        if moves {
            let place = site.places[at].clone();
            site.homeserver.force_alias(place.alias, new.clone(), by.clone());
            // The other one may stay behind, and leads there all the same.
            if let Some((_, other)) = place.other
                && rng.bool()
            {
                site.homeserver.force_alias(other, new.clone(), by.clone());
            }
            site.leads.insert(at, new.clone());
        }
        site.tally.fault(if agrees {
            "room upgraded"
        } else {
            "room closed for a stranger"
        });
        site.tell(|| {
            format!("  {by} closes {old} for {new}, agrees: {agrees}, alias moves: {moves}, bot invited: {invites}")
        });
        let closed = Closed {
            to: new,
            agrees,
            lets_bot_in: is_bot || invites,
            out: out.unwrap_or_default(),
        };
        site.close(old, closed);
    }

    /// As homeservers do it, but for creators where those are above all levels.
    fn copy_levels(&self, old: &OwnedRoomId, new: &OwnedRoomId, by: &OwnedUserId, version: &str) {
        let (Some(before), Some(mut levels)) = (self.homeserver.levels(old), self.homeserver.levels(new))
        else {
            return;
        };
        let creators_reign = version == "12";
        if let Some(Value::Object(users)) = before.get("users") {
            for (user, level) in users {
                if !(creators_reign && user == by.as_str()) {
                    levels["users"][user] = level.clone();
                }
            }
        }
        for user in [by, &self.bot] {
            if !(creators_reign && user == by) {
                levels["users"][user.as_str()] = json!(100);
            }
        }
        drop(
            self.homeserver
                .act(by, &UserOp::set(new.clone(), "m.room.power_levels", levels)),
        );
    }
}
