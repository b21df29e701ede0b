//! Who is invited, and who is removed.

use ruma_common::{OwnedUserId, UserId};

use super::{Join, RoomDraft, blocked::Blocked};
use crate::{
    action::{Op, Why},
    desired::{PersonIx, PersonStanding, Seat},
    finding::FindingKind,
    levels::Key,
    reason::Reason,
    recall::{KeptOut, MemoryChange, RefusedOp},
    room::{JoinRule, Membership, Power, RoomMember, RoomSnapshot},
    room_rules::{BringIn, LeftPolicy},
    time::{Dated, Spoken, Timestamp},
};

/// What the levels stage has to know about people; all lists are sorted.
#[derive(Debug, Default)]
pub(super) struct People<'s> {
    /// About to be invited.
    pub(super) inviting: Vec<&'s UserId>,
    /// In the room, and known for sure not to belong in it.
    pub(super) unwanted: Vec<&'s UserId>,
    /// In the room, not to belong in it, and to stay all the same, because we have not brought them in.
    pub(super) kept: Vec<&'s UserId>,
}

impl<'a> RoomDraft<'a> {
    pub(super) fn people<'s>(&mut self, snapshot: &'s RoomSnapshot, join: &Join<'s>) -> People<'s>
    where
        'a: 's,
    {
        let mut people = People::default();
        let mut blocked = Blocked::default();
        let room = self.room;
        for (at, (seat, member)) in join.pairs(&room.seats).enumerate() {
            // Nearly everybody is in the room already, and of them not even the name is needed.
            let settled = member.is_some_and(|member| member.membership.is_in());
            if settled || !self.wanted[at] {
                continue;
            }
            let user = self.user(seat);
            if self.bring_in(snapshot, user, seat, member, &mut blocked) {
                people.inviting.push(user);
            }
        }
        self.take_out(snapshot, &join.unseated, &mut people);
        self.tell_blocked(snapshot, &blocked);
        people
    }

    /// Invites a wanted person where that is right; answers whether it does.
    fn bring_in(
        &mut self,
        snapshot: &RoomSnapshot,
        user: &UserId,
        seat: &Seat,
        member: Option<&RoomMember>,
        blocked: &mut Blocked,
    ) -> bool {
        let absent = self.remembered.is_some_and(|r| r.absent.contains(user));
        let reinvited = self.remembered.is_some_and(|r| r.reinvited.contains(user));
        let mut learned = None;
        match member.map(|m| (m.membership, &*m.sender)) {
            Some((Membership::Joined | Membership::Invited, _)) => return false,
            Some((Membership::Banned, sender)) => {
                let before = self.remembered.and_then(|r| r.kept_out.get(user));
                let is_before = |out: &KeptOut| out.by == *sender && member.is_some_and(|m| m.at == out.at);
                let room = &self.plan.room;
                let message = if before.is_some_and(is_before) {
                    format!(
                        "{room}: {sender} banned {user} from the room that this one has replaced; invite them by hand \
                         if they belong there"
                    )
                } else {
                    format!("{room}: {user} is banned; unban them if they belong there")
                };
                self.tell_of(user, FindingKind::Banned, message);
                return false;
            }
            Some((Membership::Left, sender)) if sender == user => {
                let left = member.map_or(self.cx.now, |member| member.at);
                if !self.is_asked_again(user, left, absent) {
                    return false;
                }
                // Being brought anew is news once.
                learned =
                    absent.then(|| MemoryChange::Absent(snapshot.room_id.clone(), user.to_owned(), false));
            }
            Some((Membership::Left, sender)) if sender != self.cx.bot => {
                if reinvited {
                    let message = format!(
                        "{}: {sender} removed {user} again after we had invited them; settle it with {sender}",
                        self.plan.room
                    );
                    self.tell_of(user, FindingKind::RemovedByOthers, message);
                    return false;
                }
                learned = Some(MemoryChange::Reinvited(
                    snapshot.room_id.clone(),
                    user.to_owned(),
                    true,
                ));
            }
            Some((Membership::Left | Membership::Knocking, _)) | None => {}
        }
        if !snapshot.federate && user.server_name() != snapshot.creator.server_name() {
            let message = format!(
                "{}: {user} cannot join, since the room takes no other servers",
                self.plan.room
            );
            self.tell_of(user, FindingKind::NotFederated, message);
            return false;
        }
        if self.is_refused(user, RefusedOp::Invite) {
            return false;
        }
        if !snapshot
            .power(self.cx.bot)
            .reaches(snapshot.levels.key(Key::Invite))
        {
            blocked.invite.add(user);
            return false;
        }
        // Who left, or was removed by somebody else, is asked: only an invitation can be declined.
        let may_be_put_in = match member.map(|m| (m.membership, &*m.sender)) {
            Some((Membership::Left, sender)) => sender == self.cx.bot,
            _ => true,
        };
        self.invite(user, seat, may_be_put_in);
        // Remembered once the invitation is sent: one that never went out must not count as the only one.
        self.plan
            .learned_if_invited
            .extend(learned.map(|change| (user.to_owned(), change)));
        true
    }

    /// Whether someone who left by their own act is invited again; tells of it if not.
    fn is_asked_again(&mut self, user: &UserId, left: Timestamp, brought_anew: bool) -> bool {
        let when = match self.room.rules.left {
            LeftPolicy::Again => return true,
            LeftPolicy::UntilBroughtAnew | LeftPolicy::After(_) if brought_anew => return true,
            // Their membership is another one from then on: there is one invitation for each leaving.
            LeftPolicy::After(time) if self.cx.now.since(left) >= time => return true,
            LeftPolicy::After(time) => format!("again until {} after that", Spoken(time)),
            LeftPolicy::UntilBroughtAnew | LeftPolicy::Never => "again".to_owned(),
        };
        let message = format!(
            "{}: {user} left by themselves and is not invited {when}; invite them by hand if they ask",
            self.plan.room
        );
        self.tell_of(user, FindingKind::LeftThemselves, message);
        false
    }

    /// Brings somebody in, by the way that the room has for it; by an invitation unless they may be put in.
    pub(super) fn invite(&mut self, user: &UserId, seat: &Seat, may_be_put_in: bool) {
        let why = seat.feed.map_or(Why::Fixed, |feed| Why::InGroup { feed });
        let (reason, user) = (
            self.reason(self.cx.policy.invite_reason.as_ref()),
            user.to_owned(),
        );
        let is_local = || user.server_name() == self.cx.policy.homeserver;
        let op = match self.room.rules.bring_in {
            BringIn::Join if may_be_put_in && is_local() => Op::Add { user, reason },
            BringIn::Join | BringIn::Invite => Op::Invite { user, reason },
        };
        self.act(op, why);
    }

    /// A reason as it is shown in this room.
    fn reason(&self, configured: Option<&Reason>) -> Option<String> {
        configured.map(|reason| reason.text_for(&self.plan.room, &self.room.feeds))
    }

    /// A permanent refusal of the last day is told instead of tried again (decision 31).
    fn is_refused(&mut self, user: &UserId, of: RefusedOp) -> bool {
        let Some(refusal) = self
            .remembered
            .and_then(|r| r.refused.get(user))
            .filter(|r| r.of == of)
        else {
            return false;
        };
        let recent = refusal.counts(self.cx.now);
        if recent {
            let message = format!(
                "{}: {user}: {}; tried again a day later",
                self.plan.room, refusal.cause
            );
            self.tell_of(user, FindingKind::Refused, message);
        }
        recent
    }

    fn take_out<'s>(
        &mut self,
        snapshot: &'s RoomSnapshot,
        leaving: &[&'s RoomMember],
        people: &mut People<'s>,
    ) {
        for member in leaving.iter().filter(|member| member.membership.is_in()) {
            if self.is_managed(&member.user_id) {
                self.tell_doubt(&member.user_id);
            }
        }
        let candidates: Vec<_> = leaving
            .iter()
            .filter_map(|member| Some((member, self.why_unwanted(&member.user_id)?)))
            .collect();
        let known = self.removals_are_known(snapshot);
        self.removals_known = known;
        if candidates.is_empty() {
            return;
        }
        let mut blocked = Blocked::default();
        // IDs with capitals come from attributes and renames only; mostly there are none.
        let room = self.room;
        let has_capitals = |seat: &&Seat| self.cx.roster.traits(seat.person).has_capitals();
        let capitals = room.seats.iter().filter(has_capitals);
        let capitals: Vec<&UserId> = capitals.map(|seat| self.user(seat)).collect();
        for (member, why) in candidates {
            let user = &*member.user_id;
            match member.membership {
                Membership::Joined | Membership::Invited if known => {
                    self.take_one_out(snapshot, (member, why), &capitals, people, &mut blocked);
                }
                Membership::Left if known && member.sender == user => self.note_absent(snapshot, user),
                _ => {}
            }
        }
        self.tell_blocked(snapshot, &blocked);
        self.tell_not_brought_in(people.kept.len());
    }

    /// In scope, not the bot, not exempt, and nothing about them uncertain.
    pub(super) fn may_be_managed(&self, user: &UserId) -> bool {
        self.why_unwanted(user).is_some()
    }

    /// In scope, not exempt, and not the bot.
    pub(super) fn is_managed(&self, user: &UserId) -> bool {
        self.cx.policy.in_scope(user) && user != self.cx.bot && !self.cx.policy.exempt.matches(user)
    }

    /// Why someone without a place would be removed; nothing for somebody who may not be managed.
    fn why_unwanted(&self, user: &UserId) -> Option<Why> {
        if !self.is_managed(user) {
            return None;
        }
        let person = self.cx.roster.find(user);
        if person.is_some_and(|person| self.room.in_doubt.contains_key(&person)) {
            return None;
        }
        match person.map(|PersonIx(at)| self.cx.desired.people[at as usize].standing) {
            Some(PersonStanding::Uncertain) => None,
            Some(PersonStanding::Disabled) => Some(Why::AccountDisabled),
            Some(PersonStanding::Active) | None => Some(Why::InNoGroup),
        }
    }

    /// Tells of somebody who may belong here by an alias that cannot be asked; answers whether they may.
    pub(super) fn tell_doubt(&mut self, user: &UserId) -> bool {
        // Mostly nobody.
        if self.room.in_doubt.is_empty() {
            return false;
        }
        let person = self.cx.roster.find(user);
        let Some(why) = person.and_then(|person| self.room.in_doubt.get(&person)) else {
            return false;
        };
        let message = format!(
            "{}: {user} is neither removed nor lowered, because {why}",
            self.plan.room
        );
        self.tell_of(user, FindingKind::RemovalsNotConsidered, message);
        true
    }

    fn take_one_out<'s>(
        &mut self,
        snapshot: &'s RoomSnapshot,
        (member, why): (&'s RoomMember, Why),
        capitals: &[&UserId],
        people: &mut People<'s>,
        blocked: &mut Blocked,
    ) {
        let user = &*member.user_id;
        if let Some(wanted) = self.wanted_but_for_case(user, capitals) {
            let message = format!(
                "{}: {user} differs only in case from {wanted}, who belongs there; add a rename if they are one person",
                self.plan.room
            );
            return self.tell_of(user, FindingKind::HistoricalId, message);
        }
        if !self.is_below_us(snapshot, user) {
            let (power, bot) = (snapshot.power(user), self.cx.bot);
            let (detail, remedy) = if self.is_ruled(power) {
                let own = snapshot.power(bot);
                (
                    format!("{power}, the bot {own},"),
                    format!("raise {bot} above them"),
                )
            } else {
                (power.to_string(), "lower or remove them by hand".to_owned())
            };
            let message = format!(
                "{}: {user} does not belong there, but has level {detail} and is left alone; {remedy}",
                self.plan.room
            );
            return self.tell_of(user, FindingKind::Outranked, message);
        }
        if !self.may_go(member) {
            people.kept.push(user);
            return;
        }
        // Their level stays as long as they do.
        let until = self.grace_of(snapshot, user, &why);
        if until.is_none() {
            people.unwanted.push(user);
        }
        if snapshot.join_rule == JoinRule::Public {
            blocked.public.add(user);
        } else if !snapshot
            .power(self.cx.bot)
            .reaches(snapshot.levels.key(Key::Kick))
        {
            blocked.kick.add(user);
        } else if let Some(until) = until {
            let message = format!(
                "{}: {user} is in none of its groups any more and is removed after {}, unless the directory brings them \
                 back",
                self.plan.room,
                Dated(until)
            );
            self.tell_of(user, FindingKind::InGrace, message);
        } else if !self.is_refused(user, RefusedOp::Remove) {
            let op = Op::Remove {
                user: user.to_owned(),
                invitation: member.membership == Membership::Invited,
                reason: self.reason(self.cx.policy.remove_reason.as_ref()),
            };
            self.act(op, why);
            let level = snapshot.levels.user(user, &snapshot.creator);
            self.plan.going.insert(user.to_owned(), level);
        }
    }

    /// Below the bot, and below 100 unless the directory rules over admins too (decision 19): the only people who are
    /// removed or lowered. Nobody is above a creator of version 12, so none of them is ever among these.
    pub(super) fn is_below_us(&self, snapshot: &RoomSnapshot, user: &UserId) -> bool {
        let power = snapshot.power(user);
        self.is_ruled(power) && power < snapshot.power(self.cx.bot)
    }

    /// Whether the directory decides about somebody of this power, as long as the bot is above them.
    pub(super) fn is_ruled(&self, power: Power) -> bool {
        power < Power::Level(100) || self.cx.policy.danger_manage_admins && power < Power::Infinite
    }

    fn wanted_but_for_case<'u>(&self, user: &UserId, capitals: &[&'u UserId]) -> Option<&'u UserId>
    where
        'a: 'u,
    {
        let alike = |other: &&&UserId| other.as_str().eq_ignore_ascii_case(user.as_str());
        if let Some(wanted) = capitals.iter().find(alike) {
            return Some(wanted);
        }
        if !has_capitals(user) {
            return None;
        }
        let lower = OwnedUserId::try_from(user.as_str().to_ascii_lowercase()).ok()?;
        self.seat_of(&lower).map(|at| self.user(&self.room.seats[at]))
    }

    /// Someone who left and is not wanted: when the directory wants them again, that is news.
    fn note_absent(&mut self, snapshot: &RoomSnapshot, user: &UserId) {
        let id = &snapshot.room_id;
        if !self.remembered.is_some_and(|r| r.absent.contains(user)) {
            self.plan
                .learned
                .push(MemoryChange::Absent(id.clone(), user.to_owned(), true));
            // Whoever lets them in from now on, it is not us.
            self.plan
                .learned
                .push(MemoryChange::Brought(id.clone(), user.to_owned(), None));
        }
    }
}

pub(super) fn has_capitals(user: &UserId) -> bool {
    // In pieces that the processor looks at as a whole: mostly there are none.
    let capital = |piece: &[u8]| {
        piece
            .iter()
            .fold(false, |any, byte| any | byte.is_ascii_uppercase())
    };
    let (pieces, rest) = user.as_bytes().as_chunks::<8>();
    (pieces.iter().any(|piece| capital(piece)) || capital(rest))
        && user.localpart().bytes().any(|b| b.is_ascii_uppercase())
}
