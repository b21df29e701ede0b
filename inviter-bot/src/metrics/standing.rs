//! What the last runs found, for gauges.

use std::collections::{BTreeMap, BTreeSet};

use inviter::{
    Report,
    core::{
        directory::ProviderId,
        finding::FindingKind,
        plan::RoomStatus,
        report::{Outcome, RoomReport},
        room::RoomRef,
    },
};

use super::Shown;

/// What the last runs found.
#[derive(Debug, Default)]
pub(super) struct Standing {
    rooms: BTreeMap<RoomRef, InRoom>,
    /// Directories of which the last run has read only a part.
    incomplete: BTreeSet<ProviderId>,
}

#[derive(Debug, Clone, Copy)]
struct InRoom {
    status: &'static str,
    held: u32,
    pending: u32,
    /// People who go later.
    in_grace: u32,
    /// Whether something is not known, so that nobody is removed.
    open: bool,
}

impl Standing {
    /// A run has ended; `whole`: it was about everything.
    pub(super) fn take_in(&mut self, report: &Report, whole: bool) {
        if whole {
            self.rooms.clear();
        }
        let rooms = report.rooms.iter();
        self.rooms
            .extend(rooms.map(|room| (room.room.clone(), InRoom::of(room))));
        let incomplete = report.directories(FindingKind::Incomplete);
        self.incomplete = incomplete.into_iter().cloned().collect();
    }

    /// Whether the last run has read only a part of a directory.
    pub(super) fn is_incomplete(&self, directory: &ProviderId) -> bool {
        self.incomplete.contains(directory)
    }

    /// Sets the gauges about rooms.
    pub(super) fn show_rooms(&self, shown: &Shown) {
        let sum = |of: fn(&InRoom) -> u32| self.rooms.values().map(|room| i64::from(of(room))).sum();
        shown.held.set(sum(|room| room.held));
        shown.pending.set(sum(|room| room.pending));
        shown.in_grace.set(sum(|room| room.in_grace));
        shown.open_rooms.set(sum(|room| room.open.into()));
        for status in STATUSES {
            shown.rooms.get_or_create(&[("status", word(status))]).set(0);
        }
        for room in self.rooms.values() {
            shown.rooms.get_or_create(&[("status", room.status)]).inc();
        }
    }
}

impl InRoom {
    fn of(room: &RoomReport) -> Self {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let items = |is: fn(&Outcome) -> bool| {
            let items = room.items.iter().filter(|item| is(&item.outcome));
            number(items.count())
        };
        let told = |kind| {
            let findings = room.findings.iter().filter(|finding| finding.kind == kind);
            number(findings.count())
        };
        Self {
            status: word(room.status),
            held: items(|outcome| matches!(outcome, Outcome::Held { .. })),
            pending: items(|outcome| *outcome == Outcome::Pending),
            in_grace: told(FindingKind::InGrace),
            open: told(FindingKind::RemovalsNotConsidered) > 0,
        }
    }
}

const STATUSES: [RoomStatus; 9] = [
    RoomStatus::ToCreate,
    RoomStatus::Managed,
    RoomStatus::Found,
    RoomStatus::Invited,
    RoomStatus::NotJoined,
    RoomStatus::Replaced,
    RoomStatus::Moved,
    RoomStatus::Paused,
    RoomStatus::Unknown,
];

const fn word(status: RoomStatus) -> &'static str {
    match status {
        RoomStatus::ToCreate => "to_create",
        RoomStatus::Managed => "managed",
        RoomStatus::Found => "found",
        RoomStatus::Invited => "invited",
        RoomStatus::NotJoined => "not_joined",
        RoomStatus::Replaced => "replaced",
        RoomStatus::Moved => "moved",
        RoomStatus::Paused => "paused",
        _ => "unknown",
    }
}
