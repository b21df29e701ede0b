//! Telling of people whom something keeps from being invited or removed: once a room, not once a person.

use ruma_common::{OwnedUserId, UserId};

use super::RoomDraft;
use crate::{finding::FindingKind, levels::Key, room::RoomSnapshot};

/// People whom something keeps from being invited or removed, by cause: told once a room, not once a person.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    pub(super) invite: Several,
    pub(super) kick: Several,
    pub(super) public: Several,
}

/// People, of whom the first few are named.
#[derive(Debug, Default)]
pub(super) struct Several {
    count: usize,
    first: Vec<OwnedUserId>,
}

impl Several {
    const NAMED: usize = 5;

    pub(super) fn add(&mut self, user: &UserId) {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(user.to_owned());
        }
    }

    /// `2 people are not invited (@a:x, @b:x)`
    fn are(&self, what: &str) -> String {
        let names: Vec<&str> = self.first.iter().map(|user| user.as_str()).collect();
        let more = match self.count.saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let who = match self.count {
            1 => "1 person is".to_owned(),
            count => format!("{count} people are"),
        };
        format!("{who} {what} ({}{more})", names.join(", "))
    }
}

impl RoomDraft<'_> {
    pub(super) fn tell_blocked(&mut self, snapshot: &RoomSnapshot, blocked: &Blocked) {
        let power = snapshot.power(self.cx.bot);
        let room = self.plan.room.clone();
        if blocked.invite.count > 0 {
            let needed = snapshot.levels.key(Key::Invite);
            self.tell(
                FindingKind::PowerMissing,
                format!(
                    "{room}: {}, because inviting needs level {needed} and the bot has {power}; raise {}",
                    blocked.invite.are("not invited"),
                    self.cx.bot
                ),
            );
        }
        if blocked.kick.count > 0 {
            let needed = snapshot.levels.key(Key::Kick);
            self.tell(
                FindingKind::PowerMissing,
                format!(
                    "{room}: {}, because removing needs level {needed} and the bot has {power}; raise {}",
                    blocked.kick.are("not removed"),
                    self.cx.bot
                ),
            );
        }
        if blocked.public.count > 0 {
            self.tell(
                FindingKind::PublicRoom,
                format!(
                    "{room}: {}, because anyone may join it; set its join rule to invite first",
                    blocked.public.are("not removed")
                ),
            );
        }
    }
}
