//! Power levels: people's, left-over entries, and the permission template.

use std::collections::BTreeMap;

use ruma_common::UserId;

use super::{RoomDraft, people::People};
use crate::{
    action::{Action, Op, Why},
    desired::{FeedRole, GroupStanding, Role, Seat},
    finding::FindingKind,
    levels::{Key, LevelChange, LevelSlot, Lowering, may_change},
    room::{Membership, Power, RoomSnapshot},
    room_rules::{LevelsMode, PowerTemplate, RoomKind},
};

const LEVELS_EVENT: &str = "m.room.power_levels";

impl RoomDraft<'_> {
    pub(super) fn power_levels(&mut self, snapshot: &RoomSnapshot, people: &People<'_>) {
        let template = self
            .room
            .rules
            .template
            .as_ref()
            .filter(|_| self.is_home(snapshot) && snapshot.kind == RoomKind::Room);
        let mut changes = Changes::default();
        if let Some(template) = template {
            self.template(snapshot, template, &mut changes);
        }
        let users_default = changes
            .entries
            .get(&LevelSlot::Key(Key::UsersDefault))
            .and_then(|(change, _)| change.to)
            .unwrap_or_else(|| snapshot.levels.key(Key::UsersDefault));
        self.members_levels(snapshot, people, users_default, &mut changes);
        self.leftover_levels(snapshot, people, &mut changes);
        self.emit(snapshot, changes, users_default);
    }

    fn template(&mut self, snapshot: &RoomSnapshot, template: &PowerTemplate, changes: &mut Changes) {
        let levels = &snapshot.levels;
        if template.holds_in(levels) {
            // So it is nearly always.
            return;
        }
        let power = snapshot.power(self.cx.bot);
        let mut missing = Vec::new();
        // The defaults may change along, and events without an entry with them.
        let mut after = levels.clone();
        let keys = template.keys().map(|(key, to)| {
            let now = levels.key(key);
            if power.reaches(now) && power.reaches(to) {
                after.set_key(key, to);
            }
            (
                LevelSlot::Key(key),
                key.as_str().to_owned(),
                levels.key_entry(key),
                now,
                now,
                to,
            )
        });
        let keys: Vec<_> = keys.collect();
        let events = template.events_for(levels.rules());
        let events = events.into_iter().map(|(kind, to)| {
            let (entry, now, then) = (levels.event_entry(kind), levels.event(kind), after.event(kind));
            let slot = LevelSlot::Event(kind.to_owned());
            (slot, kind.to_owned(), entry, now, then, to)
        });
        for (slot, name, from, now, then, to) in keys.into_iter().chain(events) {
            if then == to {
                continue;
            }
            if power.reaches(now) && power.reaches(to) {
                changes.add(
                    LevelChange {
                        slot,
                        from,
                        to: Some(to),
                    },
                    Why::Template,
                );
            } else {
                missing.push(format!("{name} from {now} to {to}"));
            }
        }
        if !missing.is_empty() {
            let message = format!(
                "{}: the bot has level {power} and cannot set {}; raise {} or change the template",
                self.plan.room,
                missing.join(", "),
                self.cx.bot
            );
            self.tell(FindingKind::PowerMissing, message);
        }
    }

    fn members_levels(
        &mut self,
        snapshot: &RoomSnapshot,
        people: &People<'_>,
        users_default: i64,
        changes: &mut Changes,
    ) {
        let room = self.room;
        // Only who has or gets an entry is looked at; nearly everybody is an ordinary member without one.
        let raised = room
            .seats
            .iter()
            .enumerate()
            .filter(|(_, seat)| seat.role != Role::Member);
        let mut seats: Vec<usize> = raised.map(|(at, _)| at).collect();
        seats.extend(
            snapshot
                .levels
                .users()
                .keys()
                .filter_map(|user| self.seat_of(user)),
        );
        seats.sort_unstable();
        seats.dedup();
        seats.retain(|at| self.wanted[*at]);
        for at in seats {
            let seat = &room.seats[at];
            let user = self.user(seat);
            let entry = snapshot.levels.user_entry(user);
            let here = snapshot.member(user).is_some_and(|m| m.membership.is_in())
                || people.inviting.binary_search(&user).is_ok();
            if !here {
                continue;
            }
            let wanted = match seat.role {
                Role::Member if !self.cx.roster.traits(seat.person).is_in_scope() => continue,
                Role::Member => None,
                Role::Level(level) => Some(level).filter(|level| *level != users_default),
            };
            if entry != wanted {
                self.member_level(
                    snapshot,
                    seat,
                    LevelChange {
                        slot: LevelSlot::User(user.to_owned()),
                        from: entry,
                        to: wanted,
                    },
                    users_default,
                    changes,
                );
            }
        }
    }

    fn member_level(
        &mut self,
        snapshot: &RoomSnapshot,
        seat: &Seat,
        change: LevelChange,
        users_default: i64,
        changes: &mut Changes,
    ) {
        let user = self.user(seat);
        let (now, then) = (
            change
                .from
                .unwrap_or_else(|| snapshot.levels.key(Key::UsersDefault)),
            change.to.unwrap_or(users_default),
        );
        if !self.is_below_us(snapshot, user) {
            // A privileged creator needs no entry: whatever the directory wants, they have it.
            if !snapshot.is_privileged_creator(user) && then != now {
                let message = format!(
                    "{}: {user} has level {now}, wanted is {then}, and is left alone; change it by hand",
                    self.plan.room
                );
                self.tell_of(user, FindingKind::Outranked, message);
            }
            return;
        }
        if then < now
            && (!self.may_lower(snapshot, user, now, seat.level_fixed)
                || !seat.level_fixed && self.tell_doubt(user))
        {
            return;
        }
        let bot = snapshot.power(self.cx.bot);
        if then >= 100 && !self.cx.policy.danger_allow_admin_levels || Power::Level(then) >= bot {
            let message = format!(
                "{}: {user} is wanted at level {then}, and the bot has {bot}; raise {} or lower the level",
                self.plan.room, self.cx.bot
            );
            return self.tell_of(user, FindingKind::PowerMissing, message);
        }
        let why = match (change.to, seat.feed) {
            (None, _) => Why::NoLongerGiven,
            (Some(_), None) => Why::Fixed,
            (Some(_), Some(feed)) => match self.room.feeds.get(usize::from(feed)).map(|f| f.role) {
                Some(FeedRole::Owners) => Why::OwnerOf { feed },
                _ => Why::InGroup { feed },
            },
        };
        changes.add(change, why);
    }

    /// Lowering needs complete knowledge of the directory's side, unless the configuration names the level.
    fn may_lower(&self, snapshot: &RoomSnapshot, user: &UserId, now: i64, fixed: bool) -> bool {
        let known = self.room.members.is_complete()
            && self.room.owners.is_complete()
            && snapshot.unreadable.is_empty()
            && self.removals_known
            && self.feeds_are_known();
        let ours = match self.room.rules.levels {
            LevelsMode::Exact => true,
            LevelsMode::Keep => self.remembered.is_some_and(|r| r.given.get(user) == Some(&now)),
        };
        (fixed || known) && ours && !self.cx.policy.exempt.matches(user)
    }

    /// Every group that fed the room at its last good run is there or known to be gone.
    fn feeds_are_known(&self) -> bool {
        self.remembered.is_none_or(|r| {
            r.feeds
                .iter()
                .all(|feed| match self.cx.desired.group_standing(&feed.group) {
                    GroupStanding::Present(extent) => extent.is_complete(),
                    GroupStanding::Vanished => true,
                    GroupStanding::Unknown => false,
                })
        })
    }

    /// Entries of people who are gone or going (decision 19): cleared, so that coming back brings no power along.
    fn leftover_levels(&mut self, snapshot: &RoomSnapshot, people: &People<'_>, changes: &mut Changes) {
        for (user, level) in snapshot.levels.users() {
            let membership = snapshot.member(user).map(|m| m.membership);
            let here = membership.is_some_and(Membership::is_in);
            let going = people.unwanted.binary_search(&&**user).is_ok();
            let coming = people.inviting.binary_search(&&**user).is_ok();
            // Who may stay although no group has them any more keeps what others gave them, not what we did.
            let ours = || self.remembered.is_some_and(|r| r.given.get(user) == Some(level));
            let staying = people.kept.binary_search(&&**user).is_ok() && ours();
            if membership == Some(Membership::Banned) || coming || here && !going && !staying {
                continue;
            }
            if !self.may_be_managed(user) || !self.is_below_us(snapshot, user) {
                continue;
            }
            let keeps = self.room.rules.levels == LevelsMode::Keep
                && self.remembered.is_none_or(|r| r.given.get(user) != Some(level));
            if keeps || !snapshot.unreadable.is_empty() {
                continue;
            }
            let change = LevelChange {
                slot: LevelSlot::User(user.clone()),
                from: Some(*level),
                to: None,
            };
            // Someone who is still in the room loses something; an entry of someone who is gone is mere tidying.
            changes.add(change, if here { Why::NoLongerGiven } else { Why::LeftBehind });
        }
    }

    /// Plans the changes; `users_default` is the one that holds once they are made.
    fn emit(&mut self, snapshot: &RoomSnapshot, mut changes: Changes, users_default: i64) {
        if changes.entries.is_empty() {
            return;
        }
        let power = snapshot.power(self.cx.bot);
        let needed = snapshot.levels.state_event(LEVELS_EVENT);
        if !power.reaches(needed) {
            let message = format!(
                "{}: {} not changed, because that needs level {needed} and the bot has {power}; raise {}",
                self.plan.room,
                match changes.entries.len() {
                    1 => "1 power level is".to_owned(),
                    n => format!("{n} power levels are"),
                },
                self.cx.bot
            );
            return self.tell(FindingKind::PowerMissing, message);
        }
        if let (false, Power::Level(own)) = (snapshot.levels.is_present(), power) {
            // Without the event the creator's 100 is implied, and lost with the first event that does not say it.
            let change = LevelChange {
                slot: LevelSlot::User(self.cx.bot.to_owned()),
                from: None,
                to: Some(own),
            };
            changes.add(change, Why::OwnLevel);
        }
        for (change, why) in changes.entries.into_values() {
            if may_change(power, &change, false) || why == Why::OwnLevel {
                let lowers = lowering(snapshot, &change, &why, users_default);
                let changes = vec![change];
                self.plan.actions.push(Action {
                    op: Op::SetLevels { changes },
                    why,
                    lowers,
                });
            }
        }
    }
}

/// What a person loses by a change. Tidying up the entry of someone who is not in the room any more takes nothing from
/// anyone, and whoever only comes never had the level of those without an entry.
fn lowering(
    snapshot: &RoomSnapshot,
    change: &LevelChange,
    why: &Why,
    users_default: i64,
) -> Option<Lowering> {
    let LevelSlot::User(user) = &change.slot else {
        return None;
    };
    let is_here = || {
        snapshot
            .member(user)
            .is_some_and(|member| member.membership.is_in())
    };
    if *why == Why::LeftBehind || change.from.is_none() && !is_here() {
        return None;
    }
    let from = snapshot.levels.user(user, &snapshot.creator);
    let to = change.to.unwrap_or(users_default);
    (to < from).then_some(Lowering { from, to })
}

/// Changes in the order of their slots, each slot once.
#[derive(Debug, Default)]
struct Changes {
    entries: BTreeMap<LevelSlot, (LevelChange, Why)>,
}

impl Changes {
    fn add(&mut self, change: LevelChange, why: Why) {
        self.entries.insert(change.slot.clone(), (change, why));
    }
}
