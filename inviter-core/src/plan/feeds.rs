//! The groups that feed a room, now and at its last good run: what they leave unknown, and what to remember of them.

use std::collections::BTreeSet;

use super::RoomDraft;
use crate::{
    desired::{Feed, GroupStanding, SourceOutcome},
    directory::ProviderId,
    finding::{Finding, FindingKind},
    recall::MemoryChange,
    room::{RoomMember, RoomSnapshot},
};

impl RoomDraft<'_> {
    /// Whether everything that could keep someone in the room is known; tells once why not.
    pub(super) fn removals_are_known(&mut self, snapshot: &RoomSnapshot) -> bool {
        let mut reasons: Vec<String> = self.room.members.gaps().iter().map(ToString::to_string).collect();
        if !snapshot.unreadable.is_empty() {
            reasons.push("the room's state could not be read completely".to_owned());
        }
        let fed_before = self.remembered.map_or(&[][..], |r| &r.feeds);
        if fed_before.is_empty() {
            // Which groups feed the room was never known; one of them may be in what was not read.
            let incomplete = self.cx.desired.sources.iter().filter(|s| !s.is_complete());
            reasons.extend(incomplete.map(|s| unread(&s.provider)));
        }
        for feed in fed_before {
            if self.room.feeds.contains(feed) {
                continue;
            }
            match self.cx.desired.group_standing(&feed.group) {
                GroupStanding::Present(extent) if extent.is_complete() => {}
                GroupStanding::Present(extent) => {
                    reasons.extend(extent.gaps().iter().map(ToString::to_string));
                }
                // Once, however many of its groups feed the room.
                GroupStanding::Unknown => reasons.push(unread(&feed.group.provider)),
                GroupStanding::Vanished if self.cx.policy.danger_vanished_groups_are_empty => {
                    let message = format!(
                        "{}: group {} fed it at the last good run and is gone; its people go like those of an empty \
                         group, as `danger_vanished_groups_are_empty` says",
                        self.plan.room, feed.group
                    );
                    self.tell(FindingKind::GroupVanished, message);
                }
                GroupStanding::Vanished => self.plan.vanished.push(feed.clone()),
            }
        }
        for feed in self.plan.vanished.clone() {
            let message = format!(
                "{}: group {} fed it at the last good run and is gone; its people stay until you release them",
                self.plan.room, feed.group
            );
            self.tell(FindingKind::GroupVanished, message);
        }
        if reasons.is_empty() {
            return true;
        }
        // What is missing from a group is missing for its members and for its owners.
        let mut told = BTreeSet::new();
        reasons.retain(|reason| told.insert(reason.clone()));
        let more = reasons.len().saturating_sub(3);
        reasons.truncate(3);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let message = format!(
            "{}: nobody is removed, because {}{rest}",
            self.plan.room,
            reasons.join("; ")
        );
        self.tell(FindingKind::RemovalsNotConsidered, message);
        false
    }

    /// A group that feeds the room is remembered at once, whatever becomes of the run: its people come now. One that
    /// feeds it no more is forgotten once nobody is here on its account.
    pub(super) fn remember_feeds(&mut self, snapshot: &RoomSnapshot) {
        let before = self.remembered.map_or(&[][..], |r| &r.feeds);
        // Without a good run before, what was not read may feed it too, and this must not look like all.
        if !before.is_empty() || self.cx.desired.sources.iter().all(SourceOutcome::is_complete) {
            let mut all: Vec<Feed> = before.iter().chain(&*self.room.feeds).cloned().collect();
            all.sort();
            all.dedup();
            if all.len() > before.len() {
                let change = MemoryChange::Feeds(snapshot.room_id.clone(), all);
                self.plan.learned.push(change);
            }
        }
        let known = self.removals_known && self.room.owners.is_complete();
        if known && before != &*self.room.feeds && !self.keeps_someone_of_the_vanished(snapshot) {
            self.plan.learned_if_done.push(MemoryChange::Feeds(
                snapshot.room_id.clone(),
                self.room.feeds.to_vec(),
            ));
        }
    }

    /// Whether a group has vanished and something other than the guard leaves people as they are: once that is out
    /// of the way, they must not go without a question.
    fn keeps_someone_of_the_vanished(&self, snapshot: &RoomSnapshot) -> bool {
        if self.plan.vanished.is_empty() {
            return false;
        }
        let keeps = |finding: &Finding| {
            matches!(
                finding.kind,
                FindingKind::PublicRoom
                    | FindingKind::PowerMissing
                    | FindingKind::Refused
                    | FindingKind::Outranked
                    | FindingKind::HistoricalId
                    | FindingKind::InGrace
            )
        };
        // Of whom it is not known whether they may be managed nothing is told here.
        let is_unclear = |member: &RoomMember| {
            let user = &*member.user_id;
            let is_left_alone = self.is_managed(user) && !self.may_be_managed(user);
            member.membership.is_in() && is_left_alone && self.seat_of(user).is_none()
        };
        self.plan.findings.iter().any(keeps) || snapshot.members.iter().any(is_unclear)
    }
}

fn unread(directory: &ProviderId) -> String {
    format!("directory {directory} could not be read completely")
}
