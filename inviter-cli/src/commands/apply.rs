//! `inviter apply`

use std::{fmt, path::PathBuf};

use clap::Args;
use inviter::{
    core::{
        reconcile::{Reconciler, ReplanError, Replanned},
        saved_plan::SavedPlan,
    },
    run_lock::RunLock,
};
use inviter_operations::{
    operations::saved::{self, Applied, ApplyError, Read},
    render::clean::clean,
};

use super::sync::locked;
use crate::{context::Context, exit::Exit, output, progress};

const LONG_HELP: &str = "\
Directories and rooms are read again, and everything is planned anew. A room in which exactly the same is to be done as \
the file says is done, and one in which a part of it is left to do: a file whose run was stopped is given again for the \
rest. One in which anything else is to be done is skipped, and the difference is shown; so is one in which nothing is done \
now although it is not known that nothing is left to do, and the reason is shown. Rooms that are not in the file are left \
alone. Whatever stands in the file, nothing is done that a sync would not do now: limits count all that a sync would do, \
and what is held stays held.

Exit codes:
    0  fine: everything in the file is done, or nothing is left to do there
    1  failed: nothing was done. The file is no plan, or one for another homeserver, account or
       `[scope]`, or every user can write to it; with --strict, a room of the plan is not as it
       was; a code that lets nothing go in the rooms of the plan; or what makes a sync fail
    2  with --exit-code: rooms that are not in the file are to be changed, too
    3  removals or demotions are held
    4  in part: rooms were skipped, or done in part; or what makes a sync end in part
  130  interrupted by Ctrl-C (143 by TERM); what was done is listed, and the same command does the rest
Where several apply: 1, then 4, then 3, then 2.";

/// Do what a saved plan has.
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub(crate) struct Apply {
    /// The file that `inviter plan --out` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    asked: saved::Apply,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
    /// End with code 2 if rooms that are not in the file are to be changed, too
    #[arg(long)]
    exit_code: bool,
}

/// A plan to apply, and the lock that is held for as long as something may be sent.
struct Ready {
    reconciler: Reconciler,
    replanned: Replanned,
    _lock: RunLock,
}

impl Apply {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let Read {
            plan: saved,
            warnings,
        } = saved::read(&self.file).map_err(|error| self.about(&error))?;
        for warning in warnings {
            output::warning(&clean(&format!("{}: {warning}", self.file.display())));
        }
        // Until something is sent or remembered, the run may end anywhere.
        let ready = tokio::select! {
            ready = self.prepare(context, &saved) => ready?,
            signal = context.interrupt.after(1) => return Ok(Exit::Interrupted(signal)),
        };
        let Replanned {
            draft,
            comparison,
            options,
            ..
        } = ready.replanned;
        if self.asked.strict && !comparison.is_same() {
            output::answer(&Applied::refused(&saved, comparison), self.json)?;
            return Ok(Exit::Failed);
        }
        progress::expect(draft.operations());
        let reconciler = &ready.reconciler;
        let applied = tokio::select! {
            applied = saved::apply(reconciler, &saved, (draft, comparison), &options, self.asked.paths) => applied,
            signal = context.interrupt.insisted() => return Ok(Exit::Interrupted(signal)),
        };
        output::answer(&applied, self.json)?;
        if let Some(signal) = context.interrupt.signal() {
            output::warning("the run was stopped; the same command does the rest of the plan");
            return Ok(Exit::Interrupted(signal));
        }
        Ok(self.exit(&applied))
    }

    async fn prepare(&self, context: &Context<'_>, saved: &SavedPlan) -> anyhow::Result<Ready> {
        let (reconciler, lock) = locked(context, context.setup().await?)?;
        let replanned = saved::begin(&reconciler, saved, &self.asked).await;
        let replanned = replanned.map_err(|error| match error {
            ApplyError::Replan(ReplanError::Plan(error)) => self.about(&error),
            other => other.into(),
        })?;
        Ok(Ready {
            reconciler,
            replanned,
            _lock: lock,
        })
    }

    /// What is the matter with the file.
    fn about(&self, error: &impl fmt::Display) -> anyhow::Error {
        anyhow::anyhow!("{}: {error}", self.file.display())
    }

    fn exit(&self, applied: &Applied) -> Exit {
        let done = applied.synced.as_ref();
        let done = done.map_or(Exit::Failed, |synced| {
            Exit::of_sync(&synced.report, &synced.desired, self.exit_code)
        });
        let others = self.exit_code && !applied.comparison.not_in_file.is_empty();
        done.max(if applied.skipped() + applied.in_part() > 0 {
            Exit::InPart
        } else {
            Exit::Fine
        })
        .max(if others { Exit::Changes } else { Exit::Fine })
    }
}
