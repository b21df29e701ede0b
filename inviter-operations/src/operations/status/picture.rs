//! The rooms as they were last looked at, and what of that a later run has made old.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use inviter::core::{
    action::RoomTarget,
    evidence::Evidence,
    plan::RoomStatus,
    recall::Memory,
    report::{Outcome, Report, RoomReport, Tally},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{Hold, Standing, Status};
use crate::{
    operations::{plan::Planned, sync::Synced},
    render::{
        counted, document, release,
        report::{self, Kind},
        status as status_words, time, word,
    },
};

/// The rooms as they were last looked at: in a plan that was made for this, or in the last run.
#[derive(Debug, Clone)]
pub struct Picture {
    /// When they were looked at.
    pub at: Timestamp,
    /// What a run would do, or did.
    pub report: Report,
    /// Whether that is a run, not a plan.
    pub is_run: bool,
    evidence: Evidence,
    /// The rooms in which something waits for a person, with only that.
    pub(super) waiting: Vec<RoomReport>,
}

impl Picture {
    /// Of a plan.
    pub fn of_plan(planned: &Planned) -> Self {
        let at = planned.draft.plan.planned();
        Self::new(at, planned.report.clone(), planned.evidence.clone(), false)
    }

    /// Of a run that was about everything, which began at this time.
    pub fn of_run(synced: &Synced, at: Timestamp) -> Self {
        Self::new(at, synced.report.clone(), synced.evidence.clone(), true)
    }

    /// Of such a run, by what its plan was made from.
    pub fn of_report(report: Report, evidence: Evidence, at: Timestamp) -> Self {
        Self::new(at, report, evidence, true)
    }

    fn new(at: Timestamp, report: Report, evidence: Evidence, is_run: bool) -> Self {
        Self {
            at,
            waiting: waiting(&report),
            report,
            is_run,
            evidence,
        }
    }

    /// How many rooms there are of each status.
    pub fn rooms(&self) -> BTreeMap<RoomStatus, usize> {
        let mut counts = BTreeMap::new();
        for room in &self.report.rooms {
            *counts.entry(room.status).or_default() += 1;
        }
        counts
    }

    pub(super) const fn kind(&self) -> Kind {
        if self.is_run { Kind::Sync } else { Kind::Plan }
    }

    /// Whether what is remembered of holds is at least as new as this: this is a run, and it was written down.
    pub(super) fn is_remembered(&self, memory: &Memory) -> bool {
        self.is_run && memory.runs.iter().any(|run| run.at >= self.at)
    }

    /// Leaves out what waits in rooms in which something else is remembered to be held: a later run, which was about
    /// those rooms only, has looked there.
    pub(super) fn without_what_is_old(mut self, memory: &Memory) -> Self {
        if !self.is_remembered(memory) {
            return self;
        }
        let mut left_out = false;
        for room in &mut self.report.rooms {
            let Some(RoomTarget::Existing(id)) = &room.target else {
                continue;
            };
            let held = memory.rooms.get(id).and_then(|known| known.held.as_ref());
            let (shown, held) = (release(room), held.map(|held| &held.code));
            if shown.is_none() || shown == held {
                continue;
            }
            room.items.retain(|item| !waits(&item.outcome));
            room.release = None;
            left_out = true;
        }
        if left_out {
            self.report.release = None;
            self.waiting = waiting(&self.report);
        }
        self
    }

    /// What a run did or would do, with what a later one has found to be held.
    pub(super) fn tally(&self, holds: &[Hold]) -> Tally {
        let mut tally = self.report.tally();
        let later = holds.iter().filter(|hold| hold.standing == Standing::Unseen);
        tally.held += later
            .map(|hold| hold.held.removals + hold.held.demotions)
            .sum::<u32>();
        tally
    }

    pub(super) fn write(&self, out: &mut String, status: &Status) -> fmt::Result {
        let rooms = self.rooms();
        let counts = rooms
            .iter()
            .map(|(status, count)| format!("{count} {}", status_words(*status)));
        let counts = counts.collect::<Vec<_>>().join("; ");
        let colon = if counts.is_empty() { "" } else { ": " };
        writeln!(
            out,
            "{}{colon}{counts}; as of {}",
            counted(self.report.rooms.len(), "room", "rooms"),
            status.when(self.at)
        )?;
        self.write_unknown(out)?;
        writeln!(out)?;
        report::waiting(out, (&self.report, &self.waiting), &self.evidence, self.kind())
    }

    /// For programs.
    pub(super) fn json(&self, holds: &[Hold]) -> Value {
        let waiting = self.waiting.iter();
        let statuses = self.rooms().into_iter();
        json!({
            "as_of": time(self.at),
            "run": self.is_run,
            "by_status": statuses.map(|(status, count)| (word(&status), count.into())).collect::<serde_json::Map<_, _>>(),
            "counts": document::counts(&self.tally(holds)),
            "incomplete": self.incomplete().map(|finding| &finding.message).collect::<Vec<_>>(),
            "removals_not_considered": self.not_considered().keys().map(ToString::to_string).collect::<Vec<_>>(),
            "waiting": waiting.map(|room| document::room(room, &self.evidence)).collect::<Vec<_>>(),
            "release": self.report.release,
        })
    }
}

const fn waits(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Held { .. } | Outcome::Pending)
}

fn waiting(report: &Report) -> Vec<RoomReport> {
    report::only(report, waits)
}
