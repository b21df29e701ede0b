//! Rooms that were closed in favour of others, and rooms whose alias leads elsewhere.

use std::collections::BTreeMap;

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, UserId};

use super::{PlanContext, RoomDraft, RoomPlan, RoomStatus};
use crate::{
    action::{Op, RoomTarget, Why},
    desired::DesiredRoom,
    finding::{Finding, FindingKind, Subject},
    plan::Action,
    recall::{Refusal, RefusedOp, RememberedRoom},
    room::{Membership, RoomMember, RoomRef, RoomSnapshot},
    succession::{Moved, Prospect, Upgrade},
    time::Timestamp,
};

/// Says in the plan of a managed room that was closed what becomes of it: the bot enters the new room where it may,
/// and a person is told where it may not. Answers whether the new room is to be planned in place of the old one, which
/// is then the caller's business.
///
/// `elsewhere` is where aliases lead that are not reckoned to lead there: one of this room may lead to neither of the
/// two.
pub(crate) fn closed_room(
    plan: &mut RoomPlan,
    prospect: &Prospect,
    elsewhere: &BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    cx: &PlanContext<'_>,
) -> bool {
    let Some(upgrade) = plan.lineage.upgrade.take() else {
        return false;
    };
    let agreed = Closed {
        plan,
        upgrade: &upgrade,
        cx,
    }
    .settle(prospect);
    if !agreed {
        tell_third_rooms(plan, &upgrade, elsewhere);
    }
    plan.lineage.upgrade = Some(upgrade);
    plan.findings.sort();
    agreed
}

/// Tells of aliases that lead neither to the closed room nor to the one that is to take its place.
fn tell_third_rooms(
    plan: &mut RoomPlan,
    upgrade: &Upgrade,
    elsewhere: &BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
) {
    let leads = |name: &RoomRef| match name {
        RoomRef::Alias(alias) => elsewhere.get_key_value(alias),
        RoomRef::Id(_) => None,
    };
    let replacement = &upgrade.replacement;
    let third = |to: &OwnedRoomId| replacement.room.as_ref() != Some(to);
    let findings: Vec<Finding> = plan
        .refs
        .iter()
        .filter_map(leads)
        .filter(|(_, to)| third(to))
        .map(|(alias, to)| {
            let message = format!(
                "{}: {alias} now leads to {to}, which is not {}, in favour of which {} was closed; nothing is done in \
                 any of them; move the alias to the room that is meant, or, if that is {to}, run `inviter adopt \
                 '{alias}' '{to}'`",
                plan.room, replacement.named, upgrade.from
            );
            let about = Subject::Room(plan.room.clone());
            Finding::new(about, FindingKind::AliasMoved, message)
        })
        .collect();
    plan.findings.extend(findings);
}

/// How a person puts a room in the place of another that does not agree to it.
fn put_in_place(refs: &[RoomRef], to: &str) -> String {
    let alias = refs.iter().find_map(|name| match name {
        RoomRef::Alias(alias) => Some(alias),
        RoomRef::Id(_) => None,
    });
    match alias {
        // While the alias leads nowhere, a run would make a third room.
        Some(alias) => format!(
            "run `inviter pause '{alias}'`, move the alias there, and run `inviter resume '{alias}'` and `inviter adopt \
             '{alias}'`"
        ),
        None => format!("change the ID in the configuration and run `inviter adopt '{to}'`"),
    }
}

/// The refusal of the last day to let the bot in: upon the invitation of this user, or, of the bot itself, without one
/// (decision 31).
pub(super) fn refused_join<'m>(
    room: Option<&'m RememberedRoom>,
    user: &UserId,
    now: Timestamp,
) -> Option<&'m Refusal> {
    let refusal = room?.refused.get(user)?;
    (refusal.of == RefusedOp::Join && refusal.counts(now)).then_some(refusal)
}

impl RoomDraft<'_> {
    /// An upgrade brings nobody along: to the new room, who had left the old one by their own act, or was removed or
    /// banned there by others, is a stranger, who would be invited again.
    pub(super) fn with_those_out_before(&self, snapshot: &RoomSnapshot) -> Option<RoomSnapshot> {
        let RememberedRoom {
            left_before,
            kept_out,
            ..
        } = self.remembered?;
        let left = left_before
            .iter()
            .filter(|(user, _)| !kept_out.contains_key(*user))
            .map(|(user, at)| RoomMember {
                user_id: user.clone(),
                membership: Membership::Left,
                sender: user.clone(),
                at: *at,
            });
        let kept_out = kept_out.iter().map(|(user, out)| RoomMember {
            user_id: user.clone(),
            membership: if out.banned {
                Membership::Banned
            } else {
                Membership::Left
            },
            sender: out.by.clone(),
            at: out.at,
        });
        let unknown_here = |member: &RoomMember| snapshot.member(&member.user_id).is_none();
        let absent: Vec<RoomMember> = left.chain(kept_out).filter(unknown_here).collect();
        if absent.is_empty() {
            return None;
        }
        let mut snapshot = snapshot.clone();
        snapshot.members.extend(absent);
        snapshot.members.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        Some(snapshot)
    }
}

struct Closed<'a> {
    plan: &'a mut RoomPlan,
    upgrade: &'a Upgrade,
    cx: &'a PlanContext<'a>,
}

impl Closed<'_> {
    fn settle(&mut self, prospect: &Prospect) -> bool {
        let (room, from) = (self.plan.room.clone(), self.upgrade.from.clone());
        let (to, by) = (&self.upgrade.replacement.named, &self.upgrade.replacement.by);
        match prospect {
            Prospect::Agreed => return true,
            Prospect::Refused(why) => {
                let way = put_in_place(&self.plan.refs, to);
                let message = format!(
                    "{room}: {by} closed {from} in favour of {to}, which is not followed, since {why}; if {to} is \
                     meant, {way}"
                );
                self.tell(FindingKind::NotSuccessor, message);
            }
            Prospect::Unknown(why) => {
                let message = format!(
                    "{room}: {from} was replaced by {to}, of which nothing can be known just now: {why}; nothing is \
                     done in either"
                );
                self.plan.status = RoomStatus::Unknown;
                self.tell(FindingKind::RoomUnknown, message);
            }
            Prospect::Outside { invited_by } => self.enter(invited_by.as_ref()),
        }
        false
    }

    /// The bot is not in the new room. Whether that agrees shows only from inside, and is looked at once more then.
    fn enter(&mut self, invited_by: Option<&ruma_common::OwnedUserId>) {
        let Some(to) = self.upgrade.replacement.room.clone() else {
            return;
        };
        let (room, by, bot) = (self.plan.room.clone(), &self.upgrade.replacement.by, self.cx.bot);
        let from = self.upgrade.from.clone();
        self.plan.invited_by = invited_by.cloned();
        let trusted =
            |user: &&ruma_common::OwnedUserId| *user == by || self.cx.policy.trusted_inviters.contains(*user);
        let invited = invited_by.filter(trusted);
        let known = self.cx.memory.rooms.get(&to);
        let refused = refused_join(known, invited.map_or(bot, |by| by), self.cx.now);
        if refused.is_none() && (invited.is_some() || self.upgrade.may_let_in()) {
            self.plan
                .findings
                .retain(|finding| finding.kind != FindingKind::Replaced);
            self.plan.target = Some(RoomTarget::Existing(to));
            self.plan.status = RoomStatus::Invited;
            if invited.is_none() {
                self.plan.lineage.joins_as = Some(bot.to_owned());
            }
            let join = Op::Join {
                invited_by: invited.cloned(),
            };
            self.plan
                .actions
                .push(Action::new(join, Why::Replaces { room: from }));
            return;
        }
        let because = match (invited_by, refused) {
            (Some(by), Some(refusal)) if invited.is_some() => {
                format!("and could not accept the invitation of {by}: {}", refusal.cause)
            }
            (Some(other), _) => format!("and {other}, who invited it, is not a trusted inviter"),
            (None, Some(refusal)) => format!("and was not let in: {}", refusal.cause),
            (None, None) => "and may not join without an invitation".to_owned(),
        };
        let message = format!(
            "{room}: {by} replaced {from} by {to}, where the bot is not in, {because}; have {bot} invited there by {by} \
             or by a trusted inviter"
        );
        self.tell(FindingKind::Replaced, message);
    }

    /// In place of what was said before the new room was looked at.
    fn tell(&mut self, kind: FindingKind, message: String) {
        self.plan
            .findings
            .retain(|finding| finding.kind != FindingKind::Replaced);
        let about = Subject::Room(self.plan.room.clone());
        self.plan.findings.push(Finding::new(about, kind, message));
    }
}

/// The plan of a room that is not looked at, because its alias led to a managed room and now leads to another.
pub(crate) fn moved_room(room: &DesiredRoom, moved: &Moved, cx: &PlanContext<'_>) -> RoomPlan {
    let mut draft = RoomDraft::new(room, cx);
    draft.plan.status = RoomStatus::Moved;
    draft.plan.target = None;
    let Moved { alias, from, to } = moved;
    let message = format!(
        "{}: {alias} led to {from}, which is managed, and now leads to {to}, which does not replace it by an upgrade; \
         nothing is done in either on its account; move the alias back, or, if {to} is meant, run `inviter adopt \
         '{alias}'`",
        draft.plan.room
    );
    draft.tell(FindingKind::AliasMoved, message);
    draft.plan.lineage.moved = Some(moved.clone());
    draft.plan
}
