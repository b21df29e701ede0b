//! [`Thing`]: what else is told after a run, and by what it is known again.

use std::collections::BTreeMap;

use inviter::{
    Report,
    core::{
        OwnedUserId,
        action::Op,
        finding::{FindingKind, Subject},
        recall::StoreError,
        report::{Outcome, RoomReport},
        room::RoomRef,
    },
};
use inviter_operations::render::{clean::clean, counted};

/// What is told once, for as long as it is so. What a homeserver or a file system says of it is no part of it: that may
/// be another text each time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// The run was not whole because of something.
    Trouble {
        /// The room, request or file.
        about: String,
        /// It is a memory that is lost with the next run: whatever else was told of that file, this is another matter.
        damaged: bool,
    },
    /// The homeserver refused something for good.
    Refused {
        room: RoomRef,
        what: &'static str,
        user: Option<OwnedUserId>,
    },
    /// Something else, which always makes the same sentence.
    Said(String),
}

/// What an administrator should know of a run beside what could not be read, with a sentence for each thing.
pub(super) fn of(report: &Report) -> BTreeMap<Thing, String> {
    let mut all = BTreeMap::new();
    let mut add = |thing, sentence: String| {
        all.entry(thing).or_insert(sentence);
    };
    for error in &report.errors {
        // An error begins with what it is about.
        let about = error.split_once(": ").map_or(&**error, |(about, _)| about);
        let trouble = Thing::Trouble {
            about: about.to_owned(),
            damaged: error.ends_with(StoreError::SETS_ASIDE),
        };
        add(trouble, clean(error));
    }
    // Where a room or its alias has gone is for a person to know, and mostly to decide about.
    let findings = report.rooms.iter().flat_map(|room| &room.findings);
    let moved = findings.chain(&report.findings).filter(|finding| {
        matches!(
            finding.kind,
            FindingKind::AliasMoved | FindingKind::NotSuccessor | FindingKind::Followed
        )
    });
    let said = moved.map(|finding| clean(&finding.message));
    for sentence in said.chain(report.rooms.iter().flat_map(waiting)) {
        add(Thing::Said(sentence.clone()), sentence);
    }
    for room in &report.rooms {
        for item in &room.items {
            if let Outcome::Failed {
                error,
                temporary: false,
            } = &item.outcome
            {
                let (what, user) = what(&item.action.op);
                let thing = Thing::Refused {
                    room: room.room.clone(),
                    what,
                    user: user.cloned(),
                };
                add(
                    thing,
                    format!("{}: {}", clean(&room.room.to_string()), clean(error)),
                );
            }
        }
    }
    all
}

/// Whether something that was refused is not tried again for a day, and nothing else is known of it meanwhile.
pub(super) fn is_still_refused(thing: &Thing, report: &Report) -> bool {
    let Thing::Refused { room, user, .. } = thing else {
        return false;
    };
    let about = match user {
        Some(user) => Subject::Person(room.clone(), user.clone()),
        None => Subject::Room(room.clone()),
    };
    let findings = report.rooms.iter().flat_map(|room| &room.findings);
    findings
        .filter(|finding| finding.kind == FindingKind::Refused)
        .any(|finding| finding.about == about)
}

/// What an operation is about.
fn what(op: &Op) -> (&'static str, Option<&OwnedUserId>) {
    match op {
        Op::CreateRoom(_) => ("create", None),
        Op::Join { .. } => ("join", None),
        Op::SetLevels { .. } => ("levels", None),
        Op::SetHistoryVisibility { .. } => ("history visibility", None),
        Op::SetName { .. } => ("name", None),
        Op::SetTopic { .. } => ("topic", None),
        Op::SetListing { .. } => ("listing", None),
        Op::Invite { user, .. } | Op::Add { user, .. } => ("bring in", Some(user)),
        Op::Remove { user, .. } => ("remove", Some(user)),
        Op::Leave => ("leave", None),
        _ => ("something else", None),
    }
}

/// What waits for a person in a room.
fn waiting(room: &RoomReport) -> Vec<String> {
    let name = clean(&room.room.to_string());
    let count = |is: fn(&Outcome) -> bool| room.items.iter().filter(|item| is(&item.outcome)).count();
    let mut lines = Vec::new();
    let held = count(|outcome| matches!(outcome, Outcome::Held { .. }));
    if held > 0 {
        let code = room.release.as_ref().map(ToString::to_string).unwrap_or_default();
        lines.push(format!(
            "{name}: {} held; `!inviter status` says why, `!inviter release {code}` lets go",
            counted(held, "removal or demotion is", "removals or demotions are")
        ));
    }
    let pending = count(|outcome| matches!(outcome, Outcome::Pending));
    if pending > 0 {
        lines.push(format!(
            "{name}: {} waiting for `!inviter sync '{name}'`",
            counted(pending, "removal or demotion is", "removals or demotions are")
        ));
    }
    lines
}
