//! Exit codes: what a run came to, for scripts.

use std::process::ExitCode;

use inviter::core::{
    desired::{Desired, SourceOutcome},
    finding::{Finding, FindingKind},
    report::{Outcome, Report, Tally},
};
use inviter_operations::render::rooms::is_unread;

/// What a command came to. The greatest of several is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything is as it should be.
    Fine,
    /// There are changes to make, and `--exit-code` asks to be told so.
    Changes,
    /// Something is held by the guard.
    Held,
    /// Not everything could be done or looked at.
    InPart,
    /// Nothing could be done.
    Failed,
    /// Stopped by this signal.
    Interrupted(u8),
}

impl Exit {
    /// The code as a number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::Held => 3,
            Self::InPart => 4,
            Self::Interrupted(signal) => 128_u8.saturating_add(signal),
        }
    }

    /// What a plan comes to.
    pub(crate) fn of_plan(report: &Report, desired: &Desired, tell_changes: bool) -> Self {
        let tally = report.tally();
        let changes = tell_changes && tally.changes() + tally.pending > 0;
        Self::of_reading(report, desired)
            .max(if tally.held > 0 { Self::Held } else { Self::Fine })
            .max(if changes { Self::Changes } else { Self::Fine })
    }

    /// What a look at directories and rooms comes to.
    pub(crate) fn of_reading(report: &Report, desired: &Desired) -> Self {
        Self::of_sources(desired).max(Self::of_findings(report))
    }

    /// What a run comes to.
    pub(crate) fn of_sync(report: &Report, desired: &Desired, tell_changes: bool) -> Self {
        let tally = report.tally();
        let left = tell_changes && tally.pending > 0;
        Self::of_reading(report, desired)
            .max(Self::of_outcomes(report, &tally))
            .max(if tally.held > 0 { Self::Held } else { Self::Fine })
            .max(if left { Self::Changes } else { Self::Fine })
    }

    /// Directories that could not be read, or not be listed to their end.
    pub(crate) fn of_sources(desired: &Desired) -> Self {
        let sources = &desired.sources;
        if sources.iter().all(SourceOutcome::is_complete) {
            return Self::Fine;
        }
        if sources.iter().all(is_unread) {
            Self::Failed
        } else {
            Self::InPart
        }
    }

    /// Rooms that could not be looked at, or in which the bot may not do what the directories want. Other findings are
    /// for people, and no reason to call for one.
    fn of_findings(report: &Report) -> Self {
        let of_rooms = report.rooms.iter().flat_map(|room| &room.findings);
        let in_the_way = |finding: &Finding| {
            matches!(
                finding.kind,
                FindingKind::RoomUnknown | FindingKind::RemovalsNotConsidered | FindingKind::PowerMissing
            )
        };
        if of_rooms.chain(&report.findings).any(in_the_way) {
            Self::InPart
        } else {
            Self::Fine
        }
    }

    fn of_outcomes(report: &Report, tally: &Tally) -> Self {
        let items = || report.rooms.iter().flat_map(|room| &room.items);
        let achieved = items().any(|item| matches!(item.outcome, Outcome::Done | Outcome::AlreadySo));
        if tally.failed > 0 && tally.parked == 0 && !achieved {
            Self::Failed
        } else if tally.failed > 0 || tally.parked > 0 || !report.errors.is_empty() {
            Self::InPart
        } else {
            Self::Fine
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod runs;

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_worst_is_told() {
        let order = [Exit::Failed, Exit::InPart, Exit::Held, Exit::Changes, Exit::Fine];
        assert!(order.is_sorted_by(|a, b| a > b));
        assert_eq!(order.map(Exit::code), [1, 4, 3, 2, 0]);
        assert_eq!(Exit::Interrupted(2).code(), 130);
    }
}
