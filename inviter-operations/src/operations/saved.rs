//! A plan in a file: `plan --out` saves it, `apply` does what of it still holds.

mod answer;
mod file;
mod in_json;

use clap::Args;
use inviter::core::{
    guard::ReleaseCode,
    policy::Policy,
    reconcile::{Draft, Reconciler, ReplanError, Replanned, RunOptions},
    saved_plan::{Comparison, Made, SavedPlan, SavedPlanError},
};

pub use self::file::{Read, read};
use super::{
    plan::Planned,
    release::NotHeld,
    sync::{self, Synced},
};
use crate::render::{clean, time};

/// How a saved plan is applied.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct Apply {
    /// Do nothing at all unless every room of the plan is as it was when the plan was saved. Rooms that are not in it do not
    /// count
    #[arg(long)]
    pub strict: bool,
    /// Let go what is held under this code, which the plan shows; may be given several times
    #[arg(long, value_name = "CODE")]
    pub release: Vec<String>,
    /// Tell by which nested groups each person comes
    #[arg(long)]
    pub paths: bool,
}

/// The text of the file that a plan is saved to.
///
/// # Errors
/// A plan that is too large.
pub fn save(
    planned: &Planned,
    options: &RunOptions,
    policy: &Policy,
    program: &str,
) -> Result<String, SavedPlanError> {
    let made = Made {
        program: program.to_owned(),
        at: time(planned.draft.plan.planned()),
    };
    let saved = SavedPlan::of(&planned.draft, options, &policy.scope, made);
    Ok(clean::json(&saved.to_text()?))
}

/// A saved plan does not begin.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It cannot be planned again.
    #[error(transparent)]
    Replan(#[from] ReplanError),
    /// A release is given for something that is not held.
    #[error(transparent)]
    NotHeld(#[from] NotHeld),
    /// A release is given for what is held in rooms in which this plan does nothing.
    #[error(
        "`{0}`: what is held under this code is in no room in which this plan does anything now, so nothing was done; \
         leave the code out, or let it go with `inviter release {0}`"
    )]
    Elsewhere(ReleaseCode),
}

/// Plans again what a saved plan is about, and keeps what is the same.
///
/// # Errors
/// As any plan; a plan that was made elsewhere; and a code under which nothing is held in what is kept.
pub async fn begin(
    reconciler: &Reconciler,
    saved: &SavedPlan,
    asked: &Apply,
) -> Result<Replanned, ApplyError> {
    let codes: Vec<ReleaseCode> = asked.release.iter().map(ReleaseCode::new).collect();
    let replanned = reconciler.plan_saved(saved, codes.iter().cloned()).await?;
    let released = replanned.draft.plan.released();
    match codes.into_iter().find(|code| !released.contains(code)) {
        Some(code) if replanned.released.contains(&code) => Err(ApplyError::Elsewhere(code)),
        Some(code) => Err(NotHeld { code }.into()),
        None => Ok(replanned),
    }
}

/// Does what the guard allowed in a plan that [`begin`] has restricted.
pub async fn apply(
    reconciler: &Reconciler,
    saved: &SavedPlan,
    (draft, comparison): (Draft, Comparison),
    options: &RunOptions,
    paths: bool,
) -> Applied {
    let synced = sync::apply(reconciler, draft, options, paths).await;
    Applied {
        synced: Some(synced),
        ..Applied::refused(saved, comparison)
    }
}

/// What became of a saved plan.
#[derive(Debug, Clone)]
pub struct Applied {
    /// When it was planned, for people.
    pub planned: String,
    /// The version that has saved it.
    pub program: String,
    /// What has become of each of its rooms.
    pub comparison: Comparison,
    /// What was done; nothing if the whole was refused.
    pub synced: Option<Synced>,
}

impl Applied {
    /// Nothing is done, since not everything is as it was saved.
    pub fn refused(saved: &SavedPlan, comparison: Comparison) -> Self {
        Self {
            planned: saved.planned.clone(),
            program: saved.program.clone(),
            comparison,
            synced: None,
        }
    }

    /// How many rooms of the plan are left out, although something of it may be left to do there.
    pub fn skipped(&self) -> usize {
        self.comparison.skipped().count()
    }

    /// In how many rooms a part is done, and something else of the plan may be left to do.
    pub fn in_part(&self) -> usize {
        self.comparison.in_part().count()
    }

    /// How many actions were not sent, because the run was stopped.
    pub fn not_sent(&self) -> usize {
        self.synced.as_ref().map_or(0, |synced| synced.report.not_sent())
    }
}

#[cfg(test)]
mod tests;
