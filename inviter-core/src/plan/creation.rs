//! A room that does not exist yet, and what it is created with.

use ruma_common::RoomAliasId;

use super::{RoomDraft, RoomStatus, settings};
use crate::{
    action::{Blueprint, Op, RoomTarget, Why},
    desired::Role,
    finding::FindingKind,
    room_rules::{Listing, RoomKind},
};

impl RoomDraft<'_> {
    pub(super) fn missing(&mut self) {
        let Some(alias) = self.alias() else {
            let message = format!("{}: there is no such room; correct the room ID", self.plan.room);
            return self.tell(FindingKind::RoomUnknown, message);
        };
        if alias.server_name() != self.cx.policy.homeserver {
            let message = format!(
                "{alias} belongs to {}: only that server can create it; create it there and invite {}",
                alias.server_name(),
                self.cx.bot
            );
            return self.tell(FindingKind::RoomForeignMissing, message);
        }
        if self.plan.census.wanted == 0 && self.room.feeds.is_empty() && !self.room.members.is_complete() {
            let gaps: Vec<String> = self.room.members.gaps().iter().map(ToString::to_string).collect();
            let message = format!(
                "{alias} is not created, since nobody is known to belong in it ({})",
                gaps.join("; ")
            );
            return self.tell(FindingKind::RoomUnknown, message);
        }
        self.plan.status = RoomStatus::ToCreate;
        self.plan.target = Some(RoomTarget::New(alias.to_owned()));
        let blueprint = self.blueprint(alias);
        self.act(Op::CreateRoom(Box::new(blueprint)), Why::RoomWanted);
        let room = self.room;
        for (at, seat) in room.seats.iter().enumerate() {
            if self.wanted[at] {
                self.invite(self.user(seat), seat, true);
            }
        }
    }

    fn blueprint(&self, alias: &RoomAliasId) -> Blueprint {
        let rules = &self.room.rules;
        let space = rules.kind == RoomKind::Space;
        let template = if space { None } else { rules.template.clone() };
        let users_default = template.as_ref().and_then(|t| t.users_default).unwrap_or(0);
        let levels = self.wanted_seats().filter_map(|seat| match seat.role {
            Role::Level(level) if level != users_default => Some((self.user(seat).to_owned(), level)),
            _ => None,
        });
        Blueprint {
            alias: alias.to_owned(),
            kind: rules.kind,
            version: rules.version.clone(),
            name: Some(settings::room_name(rules, alias)),
            topic: rules.topic.clone(),
            encrypt: rules.encrypt && !space,
            history_visibility: if space { None } else { rules.history_visibility },
            listing: rules.listing.unwrap_or(Listing::Private),
            levels: levels.collect(),
            template,
        }
    }
}
