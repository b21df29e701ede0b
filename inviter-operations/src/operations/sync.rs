//! `sync`: makes the rooms as the directories want them.

use std::{fmt, sync::Arc};

use clap::Args;
use inviter::core::{
    OwnedUserId,
    desired::Desired,
    evidence::Evidence,
    reconcile::{Draft, Reconciler, RunError, RunOptions},
    report::Report,
};
use serde_json::Value;

use super::plan::{Planned, plan};
use crate::{
    answer::Answer,
    arguments::Selection,
    render::{
        document,
        report::{self, Kind},
    },
};

/// What is done, and how much of it is told.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Sync {
    /// Which part of everything.
    #[command(flatten)]
    pub selection: Selection,
    /// Only show what would be done, exactly as `inviter plan` does
    #[arg(long)]
    pub dry_run: bool,
    /// First adopt the rooms that exist and that nobody has adopted, so that they are managed in this run
    #[arg(long)]
    pub adopt: bool,
    /// Tell by which nested groups each person comes
    #[arg(long)]
    pub paths: bool,
}

/// What became of a plan.
#[derive(Debug, Clone)]
pub struct Synced {
    /// Every action with its outcome.
    pub report: Report,
    /// What the directories say of the people in it.
    pub evidence: Evidence,
    /// What the directories want.
    pub desired: Desired,
    /// The bot.
    pub bot: OwnedUserId,
}

/// Plans a run that is to be applied: if that fails, the run is remembered as one that could not begin.
///
/// # Errors
/// As any plan.
pub async fn begin(reconciler: &Reconciler, options: &RunOptions, paths: bool) -> Result<Planned, RunError> {
    let began = reconciler.clock.now();
    let planned = plan(reconciler, options, false, paths).await;
    if let Err(error) = &planned {
        reconciler.not_begun(options, began, error).await;
    }
    planned
}

/// Does what the guard allowed in a plan; with `paths`, the ways of nesting are told.
pub async fn apply(reconciler: &Reconciler, draft: Draft, options: &RunOptions, paths: bool) -> Synced {
    let planned = draft.report().tally();
    tracing::info!(changes = planned.changes(), held = planned.held, "applying");
    let bot = draft.identity.user_id.clone();
    let desired = draft.desired.clone();
    let directories = Arc::clone(&draft.directories);
    let report = reconciler.apply(draft, options).await;
    Synced {
        evidence: Evidence::gather(&directories, &reconciler.policy, &report.rooms, paths),
        report,
        desired,
        bot,
    }
}

impl Answer for Synced {
    fn kind(&self) -> &'static str {
        "sync"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        report::report(out, &self.report, &self.evidence, Kind::Sync)
    }

    fn json(&self) -> Value {
        document::report(&self.report, &self.evidence, &self.desired, self.bot.as_str())
    }
}
