//! What people should know of a room that the bot is in, whether it is managed or not.

use std::cmp::Ordering;

use ruma_common::UserId;

use super::RoomDraft;
use crate::{
    action::Op,
    ghosts,
    rights::{IfAdopted, Rights, Seen, raisers},
    room::RoomSnapshot,
};

impl RoomDraft<'_> {
    pub(super) fn seen(&self, snapshot: &RoomSnapshot) -> Seen {
        let bot = self.cx.bot;
        let rights = Rights::of(snapshot, bot);
        let (present, strangers) = self.tell_apart(snapshot);
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
            raisers: if rights.manages_people() {
                Vec::new()
            } else {
                raisers(snapshot, bot)
            },
            rights,
            present,
            ghosts: ghosts::among(strangers, bot.server_name()),
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

    /// How many of the wanted people are in the room, and who is in it that no directory knows and nothing exempts.
    fn tell_apart<'s>(&self, snapshot: &'s RoomSnapshot) -> (u32, Vec<&'s UserId>) {
        let mut present = 0_u32;
        let mut strangers = Vec::new();
        let mut seats = self.room.seats.iter().zip(&self.wanted).peekable();
        for member in snapshot.members.iter().filter(|m| m.membership.is_in()) {
            let user = &*member.user_id;
            let mut seat = None;
            while let Some((next, _)) = seats.peek() {
                match self.user(next).cmp(user) {
                    Ordering::Less => drop(seats.next()),
                    Ordering::Equal => {
                        seat = seats.next();
                        break;
                    }
                    Ordering::Greater => break,
                }
            }
            match seat {
                Some((_, wanted)) => present += u32::from(*wanted),
                None if user == self.cx.bot || self.cx.policy.exempt.matches(user) => {}
                None if ghosts::pattern(user).is_some() && self.cx.desired.person(user).is_none() => {
                    strangers.push(user);
                }
                None => {}
            }
        }
        (present, strangers)
    }

    /// What adopting the room would do: it is planned as if somebody had.
    pub(super) fn if_adopted(&self, snapshot: &RoomSnapshot) -> IfAdopted {
        let mut draft = RoomDraft::new(self.room, self.cx);
        draft.manage(snapshot);
        let mut adopted = IfAdopted::default();
        for action in &draft.plan.actions {
            match &action.op {
                Op::Invite { .. } => adopted.invited += 1,
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
