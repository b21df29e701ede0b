//! Room settings: history visibility, name, topic, listing. Only in rooms of our own homeserver (decision 11).

use ruma_common::RoomAliasId;

use super::RoomDraft;
use crate::{
    action::{Op, Why},
    finding::FindingKind,
    recall::MemoryChange,
    room::RoomSnapshot,
    room_rules::{HistoryVisibility, RoomKind, RoomRules},
};

impl RoomDraft<'_> {
    pub(super) fn settings(&mut self, snapshot: &RoomSnapshot) {
        if !self.is_home(snapshot) {
            return;
        }
        self.name(snapshot);
        if snapshot.kind == RoomKind::Room {
            self.topic(snapshot);
            self.history_visibility(snapshot);
            self.listing(snapshot);
        }
    }

    /// Whether the bot may send a state event; tells of it if not.
    fn may_send(&mut self, snapshot: &RoomSnapshot, kind: &str, what: &str) -> bool {
        let power = snapshot.power(self.cx.bot);
        let needed = snapshot.levels.state_event(kind);
        if power.reaches(needed) {
            return true;
        }
        let message = format!(
            "{}: the {what} is not set, because that needs level {needed} and the bot has {power}; raise {}",
            self.plan.room, self.cx.bot
        );
        self.tell(FindingKind::PowerMissing, message);
        false
    }

    fn name(&mut self, snapshot: &RoomSnapshot) {
        let Some(alias) = self.alias().map(ToOwned::to_owned) else {
            return;
        };
        let to = room_name(&self.room.rules, &alias);
        // An empty name is none, and would be set anew by every run.
        if snapshot.name.is_none() && !to.is_empty() && self.may_send(snapshot, "m.room.name", "name") {
            self.act(Op::SetName { to }, Why::Configured);
        }
    }

    fn topic(&mut self, snapshot: &RoomSnapshot) {
        let Some(topic) = self.room.rules.topic.clone().filter(|topic| !topic.is_empty()) else {
            return;
        };
        if snapshot.topic.is_none() && self.may_send(snapshot, "m.room.topic", "topic") {
            self.act(Op::SetTopic { to: topic }, Why::Configured);
        }
    }

    fn history_visibility(&mut self, snapshot: &RoomSnapshot) {
        let Some(to) = self.room.rules.history_visibility else {
            return;
        };
        if to == HistoryVisibility::WorldReadable && !self.cx.policy.danger_allow_world_readable {
            return;
        }
        // Absent reads as `shared` by the spec.
        let now = snapshot.history_visibility.unwrap_or(HistoryVisibility::Shared);
        let wanted = if self.room.rules.history_exact {
            to != now
        } else {
            to < now
        };
        if wanted && self.may_send(snapshot, "m.room.history_visibility", "history visibility") {
            self.act(
                Op::SetHistoryVisibility {
                    from: snapshot.history_visibility,
                    to,
                },
                Why::Configured,
            );
        }
    }

    fn listing(&mut self, snapshot: &RoomSnapshot) {
        let (Some(to), Some(now)) = (self.room.rules.listing, self.cx.listings.get(&snapshot.room_id)) else {
            return;
        };
        if to == *now {
            let checked = MemoryChange::ListingChecked(snapshot.room_id.clone(), self.cx.now);
            return self.plan.learned.push(checked);
        }
        // Synapse asks for the level of the canonical alias before it changes the listing.
        if self.may_send(snapshot, "m.room.canonical_alias", "listing") {
            self.act(Op::SetListing { to }, Why::Configured);
        }
    }
}

/// The configured name, else the localpart of the alias with `_` as space, as the reference bot names rooms.
pub(super) fn room_name(rules: &RoomRules, alias: &RoomAliasId) -> String {
    rules
        .name
        .clone()
        .unwrap_or_else(|| alias.alias().replace('_', " "))
}
