//! Rooms that were closed in favour of others, and rooms whose alias leads elsewhere.

use super::{PlanContext, RoomDraft, RoomPlan, RoomStatus};
use crate::{
    action::{Op, RoomTarget, Why},
    desired::DesiredRoom,
    finding::FindingKind,
    plan::Action,
    recall::RefusedOp,
    succession::{Moved, Prospect, Upgrade},
};

/// How long a refusal to let the bot in keeps it from trying again, in seconds (decision 31).
const REFUSED_FOR: u64 = 24 * 60 * 60;

/// Says in the plan of a managed room that was closed what becomes of it: the bot enters the new room where it may,
/// and a person is told where it may not. Answers whether the new room is to be planned in place of the old one, which
/// is then the caller's business.
pub(crate) fn closed_room(plan: &mut RoomPlan, prospect: &Prospect, cx: &PlanContext<'_>) -> bool {
    let Some(upgrade) = plan.lineage.upgrade.take() else {
        return false;
    };
    let agreed = Closed {
        plan,
        upgrade: &upgrade,
        cx,
    }
    .settle(prospect);
    plan.lineage.upgrade = Some(upgrade);
    plan.findings.sort();
    agreed
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
                let message = format!(
                    "{room}: {by} closed {from} in favour of {to}, which is not followed, since {why}; if {to} is \
                     meant, move the alias there and run `inviter adopt '{room}'`"
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
        let refused = self
            .cx
            .memory
            .rooms
            .get(&to)
            .and_then(|known| known.refused.get(bot));
        let refused = refused.filter(|refusal| {
            refusal.of == RefusedOp::Join && self.cx.now.since(refusal.at).as_secs() < REFUSED_FOR
        });
        if invited.is_some() || self.upgrade.may_let_in() && refused.is_none() {
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
        let about = crate::finding::Subject::Room(self.plan.room.clone());
        self.plan
            .findings
            .push(crate::finding::Finding::new(about, kind, message));
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
