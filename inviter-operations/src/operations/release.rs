//! `release`: what is held, and letting it go. That itself is a person's own run over everything to which the codes are
//! given: [`plan`](super::plan::plan) and [`sync::apply`](super::sync::apply) with [`Release::options`].

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use clap::Args;
use inviter::core::{
    guard::ReleaseCode,
    reconcile::{Reconciler, RunError, RunOptions},
    report::{Outcome, RoomReport},
};
use serde_json::{Value, json};

use super::plan::{self, Planned};
use crate::{
    answer::Answer,
    render::{
        counted, document,
        report::{self, Kind},
        style::HEADLINE,
    },
};

/// What is let go.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(after_long_help = "\
Without a code, lists what is held and why, with the code of each room and that of everything. A code stands for exactly \
the people and rooms that were shown with it. Once something else is held, it is another, and the old one is refused.

With codes, this is a sync of everything in which what they stand for is not held: `inviter sync --release CODE`. All \
else that a sync would do is done, too; with --dry-run it is only shown.")]
pub struct Release {
    /// The codes, as they are shown where something is held
    #[arg(value_name = "CODE")]
    pub codes: Vec<String>,
    /// Only show what would be done
    #[arg(long, requires = "codes")]
    pub dry_run: bool,
}

impl Release {
    /// The options of the run that lets go.
    pub fn options(&self) -> RunOptions {
        let mut options = RunOptions::by_person();
        options.releases = self.codes.iter().map(ReleaseCode::new).collect();
        options
    }
}

/// What is held now.
#[derive(Debug, Clone)]
pub struct Held {
    /// The plan that it is held in.
    pub planned: Planned,
    /// The rooms in which something is held, with only that.
    rooms: Vec<RoomReport>,
}

/// A code stands for nothing that is held.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{code}`: nothing is held under this code, so nothing was done; `inviter release` shows what is held"
)]
pub struct NotHeld {
    /// The code as it was understood.
    pub code: ReleaseCode,
}

/// Plans everything, as a person's own run, and tells what is held in it.
///
/// # Errors
/// As any plan.
pub async fn held(reconciler: &Reconciler) -> Result<Held, RunError> {
    let planned = plan::plan(reconciler, &RunOptions::by_person(), false, false).await?;
    Ok(Held::of(planned))
}

impl Held {
    /// What is held in a plan.
    pub fn of(planned: Planned) -> Self {
        let rooms = report::only(&planned.report, |outcome| matches!(outcome, Outcome::Held { .. }));
        Self { planned, rooms }
    }

    /// All codes that let something go: of everything, and of each room.
    pub fn codes(&self) -> BTreeSet<&ReleaseCode> {
        let of_rooms = self.rooms.iter().filter_map(|room| room.release.as_ref());
        of_rooms.chain(&self.planned.report.release).collect()
    }

    /// Whether each of these codes stands for something that is held: a run that a mistyped or outdated one is given to
    /// would do everything but what it was meant for.
    ///
    /// # Errors
    /// [`NotHeld`], for the first that does not.
    pub fn covers<'c>(&self, codes: impl IntoIterator<Item = &'c ReleaseCode>) -> Result<(), NotHeld> {
        let known = self.codes();
        let unknown = codes.into_iter().find(|code| !known.contains(code));
        unknown.map_or(Ok(()), |code| Err(NotHeld { code: code.clone() }))
    }
}

impl Answer for Held {
    fn kind(&self) -> &'static str {
        "release"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Planned { report, evidence, .. } = &self.planned;
        report::waiting(out, (report, &self.rooms), evidence, Kind::Held)?;
        let held = match report.tally().held {
            0 => "nothing is held".to_owned(),
            held => format!("{held} held in {}", counted(self.rooms.len(), "room", "rooms")),
        };
        let unread = report::unread(&report.findings);
        writeln!(out, "{HEADLINE}release: {held}{unread}{HEADLINE:#}")
    }

    fn json(&self) -> Value {
        let Planned { report, evidence, .. } = &self.planned;
        let rooms = self.rooms.iter().map(|room| document::room(room, evidence));
        json!({
            "rooms": rooms.collect::<Vec<_>>(),
            "release": report.release,
            "counts": { "rooms": self.rooms.len(), "held": report.tally().held },
        })
    }
}
