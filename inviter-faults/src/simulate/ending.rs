//! What every room must be once nothing goes wrong any more.

use inviter_core::{
    OwnedUserId, UserId,
    levels::Key,
    room::{JoinRule, Membership, Power, RoomSnapshot},
    room_rules::{LeftPolicy, LevelsMode, RemovePolicy},
};

use super::{
    judge::is_exempt,
    names::is_ours,
    organisation::{Standing, Wanted},
    site::{Maker, Place, Site},
};

impl Site {
    /// Everything in which the rooms differ from what the directories want.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (at, place) in self.places.iter().enumerate() {
            let groups = self.real.sources.iter().flat_map(|source| source.groups.values());
            let is_fed = groups.clone().any(|group| group.room == Some(at));
            if place.maker == Maker::Squatter || !is_fed && !place.explicit {
                continue;
            }
            let Some(room) = self.homeserver.alias(&place.alias) else {
                all.push(format!("{} does not exist", place.name));
                continue;
            };
            let room = self.current(&room).to_owned();
            // Nobody knows which room is meant.
            if self.closed.contains_key(&room) {
                continue;
            }
            let Some(snapshot) = self.homeserver.snapshot(&room) else {
                continue;
            };
            // Of which nothing is known, in which nothing is done.
            if self.unread.keys().any(|unread| self.current(unread) == room) {
                continue;
            }
            let bot = snapshot.member(&self.bot);
            let is_there = bot.is_some_and(|member| member.membership == Membership::Joined);
            if is_there && snapshot.replaced_by.is_none() {
                self.compare(at, place, &snapshot, &mut all);
            } else if place.maker == Maker::Bot && self.lets_bot_in(&room) {
                all.push(format!("{}: the bot is not in it", place.name));
            }
        }
        all
    }

    fn compare(&self, at: usize, place: &Place, snapshot: &RoomSnapshot, all: &mut Vec<String>) {
        let wanted = self.real.wanted(at);
        let name = &place.name;
        let fixed = place.fixed.iter().map(|(user, _)| user);
        let belongs: Vec<&OwnedUserId> = wanted
            .members
            .iter()
            .chain(fixed.filter(|user| !matches!(self.real.standing(user), Standing::Uncertain)))
            .collect();
        for user in &belongs {
            if !self.is_in_or_kept_out(place, snapshot, user) {
                let membership = snapshot
                    .member(user)
                    .map(|member| (member.membership, &member.sender));
                all.push(format!("{name}: {user} is not in it ({membership:?})"));
            }
        }
        for member in snapshot.members.iter().filter(|member| member.membership.is_in()) {
            let user = &member.user_id;
            let is_alike = belongs
                .iter()
                .any(|known| known.as_str().eq_ignore_ascii_case(user.as_str()));
            let lower = UserId::parse(user.as_str().to_ascii_lowercase());
            let is_alike =
                is_alike || lower.is_ok_and(|lower| self.real.standing(&lower) == Standing::Uncertain);
            // Whom the program has brought in may be lost with what it remembers; its own invitation speaks for itself.
            let is_ours_to_remove = place.rules.remove == RemovePolicy::Anyone
                || member.membership == Membership::Invited && member.sender == self.bot;
            if !is_alike && is_ours_to_remove && self.must_go(snapshot, user) {
                all.push(format!("{name}: {user} is still in it ({:?})", member.membership));
            }
        }
        self.compare_levels(place, &wanted, snapshot, all);
    }

    /// Whether somebody who belongs in a room is there, or something keeps them out that the program must not overrule.
    fn is_in_or_kept_out(&self, place: &Place, snapshot: &RoomSnapshot, user: &UserId) -> bool {
        let may_invite = snapshot
            .power(&self.bot)
            .reaches(snapshot.levels.key(Key::Invite));
        if self.was_out(snapshot, user) {
            return true;
        }
        match snapshot.member(user) {
            Some(member) if member.membership.is_in() => true,
            Some(member) if member.membership == Membership::Banned => true,
            Some(member) if member.membership == Membership::Left && member.sender == user => {
                place.rules.left != LeftPolicy::Again || !may_invite
            }
            // Invited once, and removed again.
            Some(member) if member.membership == Membership::Left && member.sender != self.bot => true,
            _ => !may_invite,
        }
    }

    /// Whether nothing holds for somebody's staying.
    fn must_go(&self, snapshot: &RoomSnapshot, user: &UserId) -> bool {
        let power = snapshot.power(user);
        let own = snapshot.power(&self.bot);
        is_ours(user)
            && user != self.bot
            && !is_exempt(user)
            && self.real.standing(user) != Standing::Uncertain
            && power < Power::Level(100)
            && power < own
            && own.reaches(snapshot.levels.key(Key::Kick))
            && snapshot.join_rule != JoinRule::Public
    }

    fn compare_levels(&self, place: &Place, wanted: &Wanted, snapshot: &RoomSnapshot, all: &mut Vec<String>) {
        let own = snapshot.power(&self.bot);
        if !own.reaches(snapshot.levels.state_event("m.room.power_levels")) {
            return;
        }
        let default = snapshot.levels.key(Key::UsersDefault);
        for member in snapshot.members.iter().filter(|member| member.membership.is_in()) {
            let user = &member.user_id;
            let power = snapshot.power(user);
            let fixed = place.fixed.iter().find(|(known, _)| known == user);
            let is_wanted = wanted.members.contains(user) || fixed.is_some();
            let uncertain = self.real.standing(user) == Standing::Uncertain;
            if !is_wanted || uncertain || power >= Power::Level(100) || power >= own {
                continue;
            }
            let deserves = fixed.and_then(|(_, level)| *level).or_else(|| {
                (is_ours(user)).then(|| {
                    if wanted.owners.contains(user) {
                        place.rules.owner_level
                    } else {
                        default
                    }
                })
            });
            let Some(deserves) = deserves else { continue };
            let has = snapshot.levels.user(user, &snapshot.creator);
            let may_keep = place.rules.levels == LevelsMode::Keep || is_exempt(user);
            if has < deserves || has > deserves && !may_keep {
                all.push(format!(
                    "{}: {user} has level {has}, and not {deserves}",
                    place.name
                ));
            }
        }
    }
}
