//! What no run may do, looked at with each writing request: before it is passed on, and once it is done.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::{
    OwnedUserId, RoomId, UserId,
    action::Op,
    room::{Membership, Power, RoomSnapshot},
    room_rules::RemovePolicy,
};
use serde_json::Value;

use super::{
    names::is_ours,
    organisation::{Source, Standing},
    site::{Maker, Place, Site, Unread},
};

/// What a room is before a request.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) snapshot: RoomSnapshot,
    levels: BTreeMap<String, i64>,
}

/// Accounts of a bridge, which the configuration exempts.
pub(super) fn is_exempt(user: &UserId) -> bool {
    user.as_str().starts_with("@_bridge_")
}

fn entries(levels: Option<&Value>) -> BTreeMap<String, i64> {
    let users = levels
        .and_then(|levels| levels.get("users")?.as_object())
        .into_iter()
        .flatten();
    users
        .filter_map(|(user, level)| Some((user.clone(), level.as_i64()?)))
        .collect()
}

fn default_level(levels: Option<&Value>) -> i64 {
    levels
        .and_then(|levels| levels.get("users_default")?.as_i64())
        .unwrap_or_default()
}

/// Somebody of the room who is joined and has 100 or more.
fn has_admin(snapshot: &RoomSnapshot) -> bool {
    snapshot.members.iter().any(|member| {
        member.membership == Membership::Joined && snapshot.power(&member.user_id) >= Power::Level(100)
    })
}

/// How many people of a room the limits are about.
pub(super) fn population(snapshot: &RoomSnapshot, bot: &UserId) -> usize {
    let counts = |user: &UserId| {
        is_ours(user) && user != bot && !is_exempt(user) && snapshot.power(user) < Power::Level(100)
    };
    let people = snapshot.members.iter().filter(|member| member.membership.is_in());
    people.filter(|member| counts(&member.user_id)).count()
}

/// Whether a directory has left open who is in a room, as far as the program can know that it has to tell.
fn is_blind(shown: &Source, told: Option<&super::site::Told>, room: usize) -> bool {
    let reach = shown.reach(room);
    let Some(told) = told else {
        return !reach.is_empty();
    };
    if told.failed {
        return !reach.is_empty();
    }
    reach.into_iter().any(|name| {
        let whole = told
            .said
            .groups
            .get(name)
            .is_some_and(|group| !group.gaps.0 && group.dangling.is_empty());
        !whole
    })
}

impl Site {
    /// Looks at a request before it is passed on.
    pub(super) fn judge(&mut self, room: &RoomId, op: &Op) -> Option<Before> {
        let snapshot = self.homeserver.snapshot(room)?;
        let Some((at, place)) = self.place_of(room) else {
            // It shows from inside alone whether a room agrees that it replaces another.
            if matches!(op, Op::Join { .. }) && self.is_named(room) {
                return None;
            }
            self.blame(format!("{op:?} in {room}, which is no room of the organisation"));
            return None;
        };
        let place = place.clone();
        let name = &place.name;
        if place.maker == Maker::Squatter && !matches!(op, Op::Join { .. }) {
            self.blame(format!("{op:?} in {name}, which nobody has adopted"));
        }
        if self.closed.contains_key(room) && !matches!(op, Op::Join { .. }) {
            self.blame(format!("{op:?} in {name}, in {room}, which is closed"));
        }
        if place.paused {
            self.blame(format!("{op:?} in {name}, which is paused"));
        }
        match (self.unread.get(room), op) {
            (Some(Unread::Whole), _) => {
                self.blame(format!("{op:?} in {name}, of which nothing can be known"));
            }
            (Some(Unread::Partly), Op::Remove { user, .. }) => {
                self.blame(format!(
                    "{user} is removed from {name}, which cannot be read completely"
                ));
            }
            _ => {}
        }
        match op {
            Op::Remove { user, .. } => self.judge_removal(at, &place, user, &snapshot),
            Op::Invite { user, .. } | Op::Add { user, .. } => self.judge_invitation(at, &place, user),
            Op::Leave => self.blame(format!("{name}: the bot leaves")),
            _ => {}
        }
        if let Op::Invite { user, .. } | Op::Add { user, .. } = op {
            self.brought.insert((room.to_owned(), user.clone()));
        }
        let levels = entries(self.homeserver.levels(room).as_ref());
        Some(Before { snapshot, levels })
    }

    fn judge_removal(&mut self, at: usize, place: &Place, user: &UserId, snapshot: &RoomSnapshot) {
        let name = &place.name;
        let said = self.said();
        let knowable = self.knowable();
        let (real, by_word) = (knowable.wanted(at), said.wanted(at));
        let fixed = || place.fixed.iter().map(|(user, _)| user);
        let is_wanted = |user: &UserId| {
            real.members.contains(user)
                || by_word.members.contains(user)
                || fixed().any(|known| known == user)
        };
        let alike = || {
            let people = real.members.iter().chain(fixed());
            people
                .into_iter()
                .any(|known| known.as_str().eq_ignore_ascii_case(user.as_str()))
        };
        let pair = (snapshot.room_id.clone(), user.to_owned());
        let mut why = Vec::new();
        if user == self.bot {
            why.push("is the bot".to_owned());
        }
        if !is_ours(user) {
            why.push("is of another server".to_owned());
        }
        if is_exempt(user) {
            why.push("is exempt".to_owned());
        }
        if snapshot.power(user) >= Power::Level(100) {
            why.push("is an admin".to_owned());
        }
        if is_wanted(user) {
            why.push("belongs there".to_owned());
        } else if alike() {
            why.push("differs only in case from somebody who belongs there".to_owned());
        }
        if said.standing(user) == Standing::Uncertain {
            why.push("is uncertain".to_owned());
        }
        for (index, source) in knowable.sources.iter().enumerate() {
            // What is not there at all, by a complete answer, is another matter.
            let mut source = source.clone();
            source
                .groups
                .retain(|name, _| self.shown.sources[index].groups.contains_key(name));
            if is_blind(&source, self.run.told.get(&index), at) {
                why.push(format!(
                    "may belong there by directory {index}, which has not told all"
                ));
            }
        }
        if self.run.unsure && !self.words.lets_go(&pair) {
            why.push("no run has been clean since the memory was lost".to_owned());
        }
        if let Some(left) = self.grace_left(place, &snapshot.room_id, user) {
            why.push(format!("may stay for {} more seconds", left.as_secs()));
        }
        if place.rules.remove == RemovePolicy::BroughtByUs && !self.brought.contains(&pair) {
            why.push("was brought in by hand".to_owned());
        }
        if self.is_orphan(at, user) && !self.words.lets_go(&pair) {
            why.push("is of a group that is gone, and nobody has let them go".to_owned());
        }
        if self.run.unsure || self.is_orphan(at, user) {
            self.words.use_up(&pair);
        }
        if !why.is_empty() {
            self.blame(format!(
                "{user} is removed from {name}, and {}",
                why.join(", and ")
            ));
        }
    }

    fn judge_invitation(&mut self, at: usize, place: &Place, user: &UserId) {
        let said = self.said();
        let fixed = place.fixed.iter().any(|(known, _)| known == user);
        let unclear = said.sources.iter().any(|source| {
            let mut accounts = source.accounts.values();
            accounts.any(|account| account.user == user && account.active.is_none())
        });
        let wanted = || self.real.wanted(at).members.contains(user) || said.wanted(at).members.contains(user);
        if !fixed && !unclear && !wanted() {
            self.blame(format!(
                "{user} is brought into {}, and does not belong there",
                place.name
            ));
        }
    }

    /// Looks at a room once a request is done.
    pub(super) fn judge_after(&mut self, room: &RoomId, op: &Op, before: &Before) {
        let Some(snapshot) = self.homeserver.snapshot(room) else {
            return;
        };
        let Some((at, place)) = self.place_of(room) else {
            return;
        };
        let place = place.clone();
        let (name, bot) = (&place.name, self.bot.clone());
        if snapshot.power(&bot) < before.snapshot.power(&bot) {
            self.blame(format!("{name}: the bot has taken power from itself"));
        }
        let is_joined = |snapshot: &RoomSnapshot| {
            let member = snapshot.member(&bot);
            member.is_some_and(|member| member.membership == Membership::Joined)
        };
        if is_joined(&before.snapshot) && !is_joined(&snapshot) {
            self.blame(format!("{name}: the bot is not in it any more"));
        }
        if has_admin(&before.snapshot) && !has_admin(&snapshot) {
            self.blame(format!("{name}: nobody is left with 100"));
        }
        self.judge_members(name, op, before, &snapshot);
        self.judge_levels(at, &place, before, &snapshot);
        if let Op::Remove { user, .. } = op {
            let was = before
                .snapshot
                .member(user)
                .is_some_and(|member| member.membership.is_in());
            let is = snapshot
                .member(user)
                .is_some_and(|member| member.membership.is_in());
            if was && !is {
                let now = self.homeserver.now();
                self.removed.push((now, room.to_owned(), user.clone()));
                self.judge_limits(room, user);
            }
        }
    }

    /// Nobody but the person whom the request is about has another membership.
    fn judge_members(&mut self, name: &str, op: &Op, before: &Before, snapshot: &RoomSnapshot) {
        let about = match op {
            Op::Remove { user, .. } | Op::Invite { user, .. } | Op::Add { user, .. } => Some(user),
            Op::Join { .. } => Some(&self.bot),
            _ => None,
        };
        let others = |snapshot: &RoomSnapshot| -> Vec<(OwnedUserId, Membership)> {
            let members = snapshot.members.iter();
            let members = members.filter(|member| Some(&member.user_id) != about);
            members
                .map(|member| (member.user_id.clone(), member.membership))
                .collect()
        };
        if others(&before.snapshot) != others(snapshot) {
            self.blame(format!("{name}: {op:?} changes somebody else's membership"));
        }
    }

    fn judge_levels(&mut self, at: usize, place: &Place, before: &Before, snapshot: &RoomSnapshot) {
        let content = self.homeserver.levels(&snapshot.room_id);
        let after = entries(content.as_ref());
        if after == before.levels {
            return;
        }
        let (wanted, said) = (self.real.wanted(at), self.said().wanted(at));
        let default = default_level(content.as_ref());
        let users: BTreeSet<&String> = before.levels.keys().chain(after.keys()).collect();
        let mut wrong = Vec::new();
        for id in users {
            let (was, is) = (before.levels.get(id), after.get(id));
            let Ok(user) = <&UserId>::try_from(id.as_str()) else {
                continue;
            };
            if was == is {
                continue;
            }
            let (from, to) = (was.copied().unwrap_or(default), is.copied().unwrap_or(default));
            let fixed = place.fixed.iter().find(|(known, _)| known == user);
            let here = snapshot
                .member(user)
                .is_some_and(|member| member.membership.is_in());
            let lowered = to < from;
            // A level that the configuration names rests on nothing that was read.
            let is_named = fixed.is_some_and(|(_, level)| level.is_some());
            if lowered && here && !is_named && self.unread.contains_key(&snapshot.room_id) {
                wrong.push(format!("{id} is lowered, and the room cannot be read completely"));
            }
            if user == self.bot && lowered {
                wrong.push(format!("{id} is the bot"));
            }
            if !is_ours(user) && fixed.is_none() {
                wrong.push(format!("{id} is of another server"));
            }
            if is_exempt(user) && lowered && here {
                wrong.push(format!("{id} is exempt"));
            }
            if before.snapshot.power(user) >= Power::Level(100) && user != self.bot {
                wrong.push(format!("{id} is an admin"));
            }
            let deserves = fixed.and_then(|(_, level)| *level).unwrap_or_else(|| {
                if wanted.owners.contains(user) || to > from && said.owners.contains(user) {
                    place.rules.owner_level
                } else {
                    default
                }
            });
            if lowered && here && to < deserves {
                wrong.push(format!(
                    "{id} is lowered from {from} to {to} and deserves {deserves}"
                ));
            }
            if to > from && to > deserves && user != self.bot && fixed.is_none() {
                wrong.push(format!(
                    "{id} is raised from {from} to {to} and deserves {deserves}"
                ));
            }
        }
        for what in wrong {
            self.blame(format!("{}: {what}", place.name));
        }
    }
}
