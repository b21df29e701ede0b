//! `inviter sync`

use std::sync::Arc;

use clap::Args;
use inviter::{
    core::{
        backend::Stoppable,
        reconcile::{Draft, Reconciler, RunOptions},
    },
    run_lock::RunLock,
    wiring::Setup,
};
use inviter_operations::operations::{adopt::adopt_found, plan::Planned, sync};

use super::plan::{How, Showing, show};
use crate::{args::EXIT_CODES, context::Context, exit::Exit, output, progress};

/// Make the rooms as the directories want them.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Sync {
    #[command(flatten)]
    asked: sync::Sync,
    #[command(flatten)]
    showing: Showing,
}

impl Sync {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let options = self.asked.selection.options();
        // Until something is sent or remembered, the run may end anywhere.
        let prepared = tokio::select! {
            prepared = self.prepare(context, &options) => prepared?,
            signal = context.interrupt.after(1) => return Ok(Exit::Interrupted(signal)),
        };
        match prepared {
            Prepared::Shown(exit) => Ok(exit),
            Prepared::Ready(ready) => {
                ready
                    .run(context, &options, self.asked.paths, &self.showing)
                    .await
            }
        }
    }

    async fn prepare(&self, context: &Context<'_>, options: &RunOptions) -> anyhow::Result<Prepared> {
        let setup = context.setup().await?;
        let (adopt, paths) = (self.asked.adopt, self.asked.paths);
        if self.asked.dry_run {
            let how = How { adopt, paths };
            let exit = show(&setup.reconciler, options, how, &self.showing, None).await?;
            return Ok(Prepared::Shown(exit));
        }
        let (reconciler, lock) = locked(context, setup)?;
        let mut planned = sync::begin(&reconciler, options, paths).await?;
        if adopt {
            let adopting = adopt_found(&reconciler, &planned.draft, options).await?;
            for refusal in adopting.refusals() {
                output::warning(&refusal);
            }
            if !adopting.outcomes.is_empty() {
                planned = sync::begin(&reconciler, options, paths).await?;
            }
        }
        Ok(Prepared::Ready(Box::new(Ready::new(reconciler, planned, lock))))
    }
}

/// How far a run got before anything was sent.
pub(super) enum Prepared {
    /// It ends here.
    Shown(Exit),
    /// A plan to apply.
    Ready(Box<Ready>),
}

/// What can be stopped, and the lock that is held for as long as something may be sent.
pub(super) fn locked(context: &Context<'_>, setup: Setup) -> anyhow::Result<(Reconciler, RunLock)> {
    let lock = setup.lock()?;
    let mut reconciler = setup.reconciler;
    let stop = Arc::new(context.interrupt.clone());
    reconciler.backend = Arc::new(Stoppable::new(reconciler.backend, stop));
    Ok((reconciler, lock))
}

/// A plan to apply.
pub(super) struct Ready {
    reconciler: Reconciler,
    draft: Draft,
    /// Held until it is applied.
    _lock: RunLock,
}

impl Ready {
    /// Tells what is to be known of the plan before it is applied.
    pub(super) fn new(reconciler: Reconciler, planned: Planned, lock: RunLock) -> Self {
        output::warnings(&planned);
        Self {
            reconciler,
            draft: planned.draft,
            _lock: lock,
        }
    }

    /// Applies the plan and tells what became of it.
    pub(super) async fn run(
        self,
        context: &Context<'_>,
        options: &RunOptions,
        paths: bool,
        showing: &Showing,
    ) -> anyhow::Result<Exit> {
        progress::expect(self.draft.operations());
        let synced = tokio::select! {
            synced = sync::apply(&self.reconciler, self.draft, options, paths) => synced,
            signal = context.interrupt.insisted() => return Ok(Exit::Interrupted(signal)),
        };
        output::answer(&synced, showing.json)?;
        Ok(match context.interrupt.signal() {
            Some(signal) => {
                output::warning("the run was stopped; what was not sent is done by the next one");
                Exit::Interrupted(signal)
            }
            None => Exit::of_sync(&synced.report, &synced.desired, showing.exit_code),
        })
    }
}
