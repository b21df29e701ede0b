//! What the guard holds, kept from run to run: since when, how many, why, and the code that lets it go.

use std::collections::BTreeSet;

use ruma_common::OwnedRoomId;

use crate::{
    action::{Op, RoomTarget},
    finding::FindingKind,
    guard::is_loss,
    levels::LevelSlot,
    plan::RoomStatus,
    recall::{Memory, MemoryChange, RememberedHold},
    report::{Outcome, Report, RoomReport},
    time::Timestamp,
};

/// What a run that was applied teaches of holds. `complete`: every room that is wanted is in the report, and known.
pub(super) fn holds(report: &Report, memory: &Memory, complete: bool, now: Timestamp) -> Vec<MemoryChange> {
    let mut changes = Vec::new();
    let mut seen: BTreeSet<&OwnedRoomId> = BTreeSet::new();
    for room in &report.rooms {
        let Some(RoomTarget::Existing(id)) = &room.target else {
            continue;
        };
        seen.insert(id);
        let remembered = memory.rooms.get(id);
        let before = remembered.and_then(|known| known.held.as_ref());
        let after = held(room).map(|hold| {
            // A person's word ends a hold, so that one for the same people is another.
            let is_over = |before: &RememberedHold| {
                let released = remembered.and_then(|known| known.released);
                released.is_some_and(|released| released >= before.since)
            };
            let begun = before.filter(|before| !is_over(before));
            RememberedHold {
                since: begun.map_or(now, |before| before.since),
                ..hold
            }
        });
        // Where nothing was considered, nothing is known to have ended.
        let is_known = after.is_some() || is_considered(room);
        if is_known && before != after.as_ref() {
            changes.push(MemoryChange::Held(id.clone(), after));
        }
    }
    if complete {
        // Nothing is wanted of these rooms any more, so that nothing is held there either.
        let others = memory.rooms.iter().filter(|(id, _)| !seen.contains(id));
        let others = others.filter(|(_, room)| room.held.is_some());
        changes.extend(others.map(|(id, _)| MemoryChange::Held(id.clone(), None)));
    }
    changes
}

/// Whether it was worked out who would lose something in a room.
fn is_considered(room: &RoomReport) -> bool {
    let left_open = |kind| matches!(kind, FindingKind::RemovalsNotConsidered);
    room.status == RoomStatus::Managed && !room.findings.iter().any(|finding| left_open(finding.kind))
}

/// What is held in a room, as of now.
fn held(room: &RoomReport) -> Option<RememberedHold> {
    let code = room.release.clone()?;
    let (mut removals, mut demotions) = (0, 0);
    let mut texts = Vec::new();
    for item in &room.items {
        let Outcome::Held { reasons } = &item.outcome else {
            continue;
        };
        match &item.action.op {
            Op::Remove { .. } => removals += 1,
            // The level of somebody who goes is no loss of its own.
            _ if is_loss(&item.action) && !goes(room, &item.action.op) => demotions += 1,
            _ => {}
        }
        for text in reasons.iter().map(ToString::to_string) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    Some(RememberedHold {
        since: Timestamp(0),
        code,
        removals,
        demotions,
        reasons: texts,
    })
}

/// Whether a change of levels is about somebody who is removed as well.
fn goes(room: &RoomReport, op: &Op) -> bool {
    let Op::SetLevels { changes } = op else {
        return false;
    };
    changes
        .iter()
        .any(|change| matches!(&change.slot, LevelSlot::User(user) if room.going.contains_key(user)))
}
