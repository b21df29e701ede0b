//! What people should know of a room that the bot is in, whether it is managed or not.

use ruma_common::UserId;

use super::{Join, RoomDraft};
use crate::{
    action::Op,
    ghosts,
    rights::{IfAdopted, Rights, Seen, raisers},
    room::RoomSnapshot,
};

impl RoomDraft<'_> {
    pub(super) fn seen(&self, snapshot: &RoomSnapshot, join: &Join<'_>) -> Seen {
        let bot = self.cx.bot;
        let rights = Rights::of(snapshot, bot);
        let present = join.seated.iter().zip(&self.wanted);
        let present =
            present.filter(|(member, wanted)| **wanted && member.is_some_and(|m| m.membership.is_in()));
        Seen {
            creator: snapshot.creator.clone(),
            creator_is_known: self.is_known(&snapshot.creator),
            created: snapshot.created,
            version: snapshot.version.clone(),
            room_kind: snapshot.kind,
            encrypted: snapshot.encrypted,
            join_rule: snapshot.join_rule.clone(),
            creator_outranks: snapshot.levels.rules().privileged_creators
                && !snapshot.is_privileged_creator(bot),
            // Who has 100 is hardly short of anything that others could give.
            raisers: if rights.manages_people() && rights.own.reaches(100) {
                Vec::new()
            } else {
                raisers(snapshot, bot)
            },
            rights,
            present: u32::try_from(present.count()).unwrap_or(u32::MAX),
            ghosts: ghosts::among(self.strangers(join), &self.cx.policy.accounts_server),
            if_adopted: None,
        }
    }

    fn is_known(&self, user: &UserId) -> bool {
        let policy = self.cx.policy;
        user == self.cx.bot
            || self.cx.desired.person(user).is_some()
            || policy.adopt.trusted_creators.contains(user)
            || policy.trusted_inviters.contains(user)
    }

    /// Who is in the room that no directory knows and nothing exempts, and has the name of a bridge's account.
    fn strangers<'s>(&self, join: &Join<'s>) -> impl Iterator<Item = &'s UserId> {
        let here = join.unseated.iter().filter(|member| member.membership.is_in());
        here.map(|member| &*member.user_id).filter(|user| {
            *user != self.cx.bot
                && !self.cx.policy.exempt.matches(user)
                && ghosts::pattern(user).is_some()
                && self.cx.desired.person(user).is_none()
        })
    }

    /// What adopting the room would do: it is planned as if somebody had.
    pub(super) fn if_adopted(&self, snapshot: &RoomSnapshot, join: &Join<'_>) -> IfAdopted {
        let mut draft = RoomDraft::new(self.room, self.cx);
        draft.manage(snapshot, join);
        let mut adopted = IfAdopted::default();
        for action in &draft.plan.actions {
            match &action.op {
                Op::Invite { .. } | Op::Add { .. } => adopted.invited += 1,
                Op::Remove { .. } => adopted.removed += 1,
                Op::SetLevels { changes } => {
                    adopted.changed += u32::try_from(changes.len()).unwrap_or(u32::MAX);
                }
                _ => adopted.changed += 1,
            }
        }
        adopted
    }
}
