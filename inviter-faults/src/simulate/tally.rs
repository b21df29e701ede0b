//! What was tried, and what came of it.

use std::{collections::BTreeMap, fmt};

/// Counters of many scenarios.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scenarios.
    pub scenarios: u64,
    /// Runs of the program, killed ones too.
    pub runs: u64,
    /// Writing requests that reached the homeserver, by kind.
    pub actions: BTreeMap<&'static str, u64>,
    /// Faults that were met, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Removals by mistake, and whatever else no run may do.
    pub mistakes: u64,
    /// Scenarios that did not end as they have to.
    pub not_converged: u64,
    /// Seeds of scenarios that failed, with the first thing that was wrong.
    pub failed: Vec<(u64, String)>,
}

impl Tally {
    /// All faults.
    pub fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Removals that reached the homeserver.
    pub fn removals(&self) -> u64 {
        self.actions.get("remove").copied().unwrap_or_default()
    }

    /// Whether all went well.
    pub const fn is_well(&self) -> bool {
        self.mistakes == 0 && self.not_converged == 0
    }

    pub(super) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn action(&mut self, kind: &'static str) {
        *self.actions.entry(kind).or_default() += 1;
    }

    /// Takes in what another thread has counted.
    pub fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.runs += other.runs;
        self.mistakes += other.mistakes;
        self.not_converged += other.not_converged;
        self.failed.extend(other.failed);
        for (kind, count) in other.actions {
            *self.actions.entry(kind).or_default() += count;
        }
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} scenarios, {} runs", self.scenarios, self.runs)?;
        for (what, counts) in [("requests", &self.actions), ("faults", &self.faults)] {
            let all: Vec<String> = counts
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            writeln!(f, "{what}: {}", all.join(", "))?;
        }
        write!(
            f,
            "{} removals, {} mistakes, {} not converged",
            self.removals(),
            self.mistakes,
            self.not_converged
        )
    }
}
