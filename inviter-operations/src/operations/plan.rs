//! `plan`: what a sync would do.

use std::{collections::BTreeSet, fmt};

use clap::Args;
use inviter::core::{
    evidence::Evidence,
    guard::ReleaseCode,
    policy::Policy,
    reconcile::{Draft, Reconciler, RunError, RunOptions},
    report::{Report, Tally},
};
use serde_json::Value;

use crate::{
    answer::Answer,
    arguments::Selection,
    render::{
        document,
        removals::{self, Removals},
        report::{self, Kind},
    },
};

/// What is planned, and how much of it is told.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Plan {
    /// Which part of everything.
    #[command(flatten)]
    pub selection: Selection,
    /// Show the plan as `sync --adopt` would do it: as if the rooms that exist and that nobody has adopted were adopted
    #[arg(long)]
    pub adopt: bool,
    /// Tell by which nested groups each person comes
    #[arg(long)]
    pub paths: bool,
}

/// A plan, ready to be shown, and to be applied with [`sync::apply`](super::sync::apply).
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan with all that it was made from.
    pub draft: Draft,
    /// The plan as a report.
    pub report: Report,
    /// What the directories say of the people in it.
    pub evidence: Evidence,
    /// Whether it is as if the rooms that were found were adopted. Such a plan is only shown.
    pub adopting: bool,
    /// What a person let go.
    pub releases: BTreeSet<ReleaseCode>,
}

/// Plans. With `adopting`, as if the rooms that exist and that nobody has adopted were adopted; with `paths`, the ways
/// of nesting are told.
///
/// # Errors
/// As any plan.
pub async fn plan(
    reconciler: &Reconciler,
    options: &RunOptions,
    adopting: bool,
    paths: bool,
) -> Result<Planned, RunError> {
    let draft = if adopting {
        let mut reconciler = reconciler.clone();
        // What adopting changes for a plan, without remembering it.
        reconciler.policy.adopt.any = true;
        reconciler.plan(options).await?
    } else {
        reconciler.plan(options).await?
    };
    Ok(Planned {
        adopting,
        ..Planned::of(draft, &reconciler.policy, options, paths)
    })
}

impl Planned {
    /// A plan that was made already.
    pub fn of(draft: Draft, policy: &Policy, options: &RunOptions, paths: bool) -> Self {
        let report = draft.report();
        tracing::info!(
            rooms = report.rooms.len(),
            changes = report.tally().changes(),
            "planned"
        );
        Self {
            evidence: Evidence::gather(&draft.directories, policy, &report.rooms, paths),
            releases: options.releases.clone(),
            adopting: false,
            report,
            draft,
        }
    }

    /// Everything that the plan would take from people, as a table for a person to go through and sign.
    ///
    /// # Errors
    /// None that a table in memory has.
    pub fn removals(&self) -> csv::Result<Removals> {
        removals::removals(&self.report, &self.evidence)
    }
}

impl Answer for Planned {
    fn kind(&self) -> &'static str {
        "plan"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let kind = if self.adopting {
            Kind::PlanAdopting
        } else {
            Kind::Plan
        };
        report::report(out, &self.report, &self.evidence, kind)
    }

    fn json(&self) -> Value {
        let Draft {
            desired, identity, ..
        } = &self.draft;
        document::report(&self.report, &self.evidence, desired, identity.user_id.as_str())
    }

    /// Tells that a code was given and something is still held, or that it let nothing go: what is held has changed
    /// since, or it was mistyped.
    fn warnings(&self) -> Vec<String> {
        let warning = mismatch(!self.releases.is_empty(), &self.report.tally());
        warning.into_iter().map(ToOwned::to_owned).collect()
    }
}

fn mismatch(released: bool, planned: &Tally) -> Option<&'static str> {
    if !released {
        None
    } else if planned.held > 0 {
        Some(
            "something is still held: the code does not cover it (each room has its own), or what is held has changed \
             since the code was shown; look at the plan again",
        )
    } else if planned.removed == 0 && planned.changed == 0 {
        Some("nothing is held, so that the given code lets nothing go")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_let_nothing_go_are_told() {
        let tally = |held, removed| {
            let mut tally = Tally::default();
            tally.held = held;
            tally.removed = removed;
            tally
        };
        assert_eq!(mismatch(false, &tally(1, 0)), None);
        assert_eq!(mismatch(true, &tally(0, 2)), None);
        assert!(
            mismatch(true, &tally(1, 2))
                .unwrap()
                .contains("does not cover it")
        );
        assert!(mismatch(true, &tally(0, 0)).unwrap().contains("nothing is held"));
    }
}
