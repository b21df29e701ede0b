//! `managed`: the rooms that the directories want, with their status.

use std::fmt::{self, Write as _};

use inviter::core::{
    finding::FindingKind,
    plan::RoomStatus,
    reconcile::{Draft, Reconciler, RunError, RunOptions},
};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    render::{counted, document, report::note, rooms, style::HEADLINE},
};

/// The desired rooms as they are.
#[derive(Debug, Clone)]
pub struct Managed {
    /// The plan, of which only the rooms are told.
    pub draft: Draft,
}

/// Looks at the rooms that the options are about.
///
/// # Errors
/// As any plan.
pub async fn read(reconciler: &Reconciler, options: &RunOptions) -> Result<Managed, RunError> {
    let draft = reconciler.plan(options).await?;
    Ok(Managed { draft })
}

impl Managed {
    /// How many of the rooms are managed.
    pub fn count(&self) -> usize {
        let rooms = self.draft.plan.rooms().iter();
        rooms
            .filter(|room| room.plan().status == RoomStatus::Managed)
            .count()
    }
}

impl Answer for Managed {
    fn kind(&self) -> &'static str {
        "managed"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let rooms = self.draft.plan.rooms();
        rooms::statuses(out, rooms, |_, _| Ok(()))?;
        let findings = self.draft.findings.iter();
        for finding in findings.filter(|f| f.kind == FindingKind::NothingWanted) {
            note(out, "", finding)?;
        }
        rooms::outside(out, self.draft.rooms_outside)?;
        let rooms = counted(rooms.len(), "room", "rooms");
        writeln!(
            out,
            "\n{HEADLINE}managed: {} of {rooms}{HEADLINE:#}",
            self.count()
        )
    }

    fn json(&self) -> Value {
        let rooms = self.draft.plan.rooms();
        json!({
            "rooms": document::statuses(rooms),
            "findings": document::findings(&self.draft.findings),
            "counts": { "rooms": rooms.len(), "managed": self.count(), "outside": self.draft.rooms_outside },
        })
    }
}
