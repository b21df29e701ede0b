//! What is known only in part, and who is not removed because of it. Nothing fails meanwhile, and nothing is done.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use inviter::core::{
    finding::{Finding, FindingKind, Subject},
    room::RoomRef,
};

use super::Picture;
use crate::render::{
    clean::{Clean, clean},
    counted,
    style::NOTE,
};

/// How many of a kind are told by name.
const SHOWN: usize = 3;

impl Picture {
    /// What was not read of directories that answered.
    pub(super) fn incomplete(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.report.findings.iter();
        findings.filter(|finding| finding.kind == FindingKind::Incomplete)
    }

    /// Rooms that nobody is removed from, with the reason.
    pub(super) fn not_considered(&self) -> BTreeMap<&RoomRef, &Finding> {
        let findings = self.report.rooms.iter().flat_map(|room| &room.findings);
        let open = findings.filter(|finding| finding.kind == FindingKind::RemovalsNotConsidered);
        open.filter_map(|finding| match &finding.about {
            Subject::Room(room) => Some((room, finding)),
            _ => None,
        })
        .collect()
    }

    pub(super) fn write_unknown(&self, out: &mut String) -> fmt::Result {
        for finding in self.incomplete().take(SHOWN) {
            writeln!(out, "{NOTE}note:{NOTE:#} {}", Clean(&finding.message))?;
        }
        let more = self.incomplete().count().saturating_sub(SHOWN);
        if more > 0 {
            writeln!(
                out,
                "{NOTE}note:{NOTE:#} {} of that kind; `inviter plan` tells all",
                counted(more, "more thing", "more things")
            )?;
        }
        let rooms = self.not_considered();
        if rooms.len() <= SHOWN {
            for finding in rooms.values() {
                writeln!(out, "{NOTE}note:{NOTE:#} {}", Clean(&finding.message))?;
            }
            return Ok(());
        }
        let names: Vec<String> = rooms
            .keys()
            .take(SHOWN)
            .map(|room| clean(&room.to_string()))
            .collect();
        writeln!(
            out,
            "{NOTE}note:{NOTE:#} nobody is removed from {} rooms, because not all is known of who belongs there: {} and \
             {} more; `inviter plan` says why",
            rooms.len(),
            names.join(", "),
            rooms.len() - SHOWN
        )
    }

    /// What belongs behind the counts: "no changes" alone would say that all is known.
    pub(super) fn unknown(&self) -> String {
        let directories = self.report.directories(FindingKind::Incomplete).len();
        let mut text = in_part(directories);
        match self.not_considered().len() {
            0 => {}
            rooms => {
                let rooms = counted(rooms, "room", "rooms");
                text.push_str("; nobody removed from ");
                text.push_str(&rooms);
            }
        }
        text
    }
}

/// How many directories were read only in part, to stand behind counts.
pub(super) fn in_part(directories: usize) -> String {
    match directories {
        0 => String::new(),
        count => format!("; {} read in part", counted(count, "directory", "directories")),
    }
}
