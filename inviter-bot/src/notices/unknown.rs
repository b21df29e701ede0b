//! What is known only in part: directories, and rooms that nobody is removed from because of it. It may stay so for
//! months, and nothing fails meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use inviter::{
    Report,
    core::{
        directory::ProviderId,
        finding::{Finding, FindingKind, Subject},
        plan::RoomStatus,
        report::RoomReport,
        room::RoomRef,
    },
};
use inviter_operations::render::clean::clean;

use super::{
    Around,
    told::{Told, directory},
};

/// More rooms than this are told in one sentence.
const SHOWN: usize = 3;

/// Directories that were read, and not as a whole: told once, whatever of them is missing, and when it is over.
pub(super) fn directories(
    before: &Told,
    report: &Report,
    around: &Around,
    lines: &mut Vec<String>,
) -> BTreeSet<ProviderId> {
    let mut now: BTreeMap<&ProviderId, Vec<&Finding>> = BTreeMap::new();
    for finding in incomplete(report) {
        if let Some(id) = directory(finding) {
            now.entry(id).or_default().push(finding);
        }
    }
    for (_, findings) in now.iter().filter(|(id, _)| !before.incomplete.contains(**id)) {
        if let [first, more @ ..] = &**findings {
            let more = match more.len() {
                0 => String::new(),
                more => format!("; and {more} more of that kind, which `!inviter plan` tells"),
            };
            lines.push(format!("read in part: {}{more}", clean(&first.message)));
        }
    }
    let mut after: BTreeSet<ProviderId> = now.keys().map(|id| (*id).clone()).collect();
    let unread = unread(report, around);
    for id in before.incomplete.iter().filter(|id| !now.contains_key(*id)) {
        if !around.directories.contains(id) {
            continue;
        }
        if around.part || unread.contains(id) {
            after.insert(id.clone());
        } else {
            lines.push(format!(
                "over: directory {} is read as a whole again",
                clean(id.as_str())
            ));
        }
    }
    after
}

/// Rooms that nobody is removed from: each is told once, many of them together, and when it is over.
pub(super) fn rooms(
    before: &Told,
    report: &Report,
    around: &Around,
    lines: &mut Vec<String>,
) -> BTreeSet<RoomRef> {
    let unread = unread(report, around);
    let mut now: BTreeMap<&RoomRef, &Finding> = BTreeMap::new();
    let missing_groups = incomplete(report);
    let considered = report.rooms.iter().flat_map(|room| &room.findings);
    let not_considered = considered.filter(|finding| finding.kind == FindingKind::RemovalsNotConsidered);
    for finding in missing_groups.chain(not_considered) {
        if let Subject::Room(room) = &finding.about {
            now.insert(room, finding);
        }
    }
    // That a directory cannot be read is told as such.
    let is_new = |room: &RoomRef, finding: &Finding| {
        !before.open.contains(room) && !is_told_by(&finding.message, &unread)
    };
    let new: Vec<(&RoomRef, &Finding)> = now
        .iter()
        .map(|(room, finding)| (*room, *finding))
        .filter(|(room, finding)| is_new(room, finding))
        .collect();
    if new.len() <= SHOWN {
        lines.extend(new.iter().map(|(_, finding)| clean(&finding.message)));
    } else {
        lines.push(format!(
            "nobody is removed from {} rooms, because not all is known of who belongs there: {}; `!inviter plan` says why",
            new.len(),
            listed(new.iter().map(|(room, _)| *room))
        ));
    }
    let mut open: BTreeSet<RoomRef> = new.iter().map(|(room, _)| (*room).clone()).collect();
    let mut over: Vec<&RoomRef> = Vec::new();
    for room in &before.open {
        let seen = report.rooms.iter().find(|seen| seen.room == *room);
        if now.contains_key(room) || around.part || may_hold(seen, &unread) {
            open.insert(room.clone());
        } else if seen.is_some_and(|seen| seen.status == RoomStatus::Managed) {
            over.push(room);
        }
    }
    if over.len() <= SHOWN {
        let name = |room: &&RoomRef| clean(&room.to_string());
        lines.extend(
            over.iter()
                .map(|room| format!("over: {}: it is known again who belongs there", name(room))),
        );
    } else {
        lines.push(format!(
            "over: in {} rooms it is known again who belongs there: {}",
            over.len(),
            listed(over.iter().copied())
        ));
    }
    open
}

/// What was read only in part.
fn incomplete(report: &Report) -> impl Iterator<Item = &Finding> {
    let findings = report.findings.iter();
    findings.filter(|finding| finding.kind == FindingKind::Incomplete)
}

/// The directories that could not be read in a run, or were not asked.
fn unread(report: &Report, around: &Around) -> BTreeSet<ProviderId> {
    let unread = report.directories(FindingKind::DirectoryUnread);
    unread
        .into_iter()
        .chain(around.quarantined.keys())
        .cloned()
        .collect()
}

/// Whether what is said of a room is that one of these directories could not be read.
fn is_told_by(message: &str, unread: &BTreeSet<ProviderId>) -> bool {
    let is_named = |id: &ProviderId| message.contains(&format!("directory {id} could not be read"));
    unread.iter().any(is_named) || !unread.is_empty() && message.contains(", which could not be read")
}

/// Whether it cannot be told that it is over in a room: it was not seen, or is not wanted by what was read.
fn may_hold(seen: Option<&RoomReport>, unread: &BTreeSet<ProviderId>) -> bool {
    match seen {
        Some(room) => room.status == RoomStatus::Unknown,
        None => !unread.is_empty(),
    }
}

fn listed<'r>(rooms: impl ExactSizeIterator<Item = &'r RoomRef>) -> String {
    let more = rooms.len().saturating_sub(SHOWN);
    let names: Vec<String> = rooms.take(SHOWN).map(|room| clean(&room.to_string())).collect();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", names.join(", "))
}
