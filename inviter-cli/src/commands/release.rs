//! `inviter release`

use clap::Args;
use inviter::core::reconcile::RunOptions;
use inviter_operations::operations::{release, sync};

use super::{
    plan::{How, Showing, show},
    sync::{Prepared, Ready, locked},
};
use crate::{context::Context, exit::Exit, output};

/// Show what is held and why, or let it go.
#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    asked: release::Release,
    #[command(flatten)]
    showing: Showing,
}

impl Release {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let options = self.asked.options();
        // Until something is sent or remembered, the run may end anywhere.
        let prepared = tokio::select! {
            prepared = self.prepare(context, &options) => prepared?,
            signal = context.interrupt.after(1) => return Ok(Exit::Interrupted(signal)),
        };
        match prepared {
            Prepared::Shown(exit) => Ok(exit),
            Prepared::Ready(ready) => ready.run(context, &options, false, &self.showing).await,
        }
    }

    async fn prepare(&self, context: &Context<'_>, options: &RunOptions) -> anyhow::Result<Prepared> {
        let setup = context.setup().await?;
        if self.asked.codes.is_empty() {
            let held = release::held(&setup.reconciler).await?;
            output::answer(&held, self.showing.json)?;
            let (report, desired) = (&held.planned.report, &held.planned.draft.desired);
            let exit = Exit::of_plan(report, desired, self.showing.exit_code);
            return Ok(Prepared::Shown(exit));
        }
        if self.asked.dry_run {
            let held = release::held(&setup.reconciler).await?;
            held.covers(&options.releases)?;
            let how = How {
                adopt: false,
                paths: false,
            };
            let exit = show(&setup.reconciler, options, how, &self.showing, None).await?;
            return Ok(Prepared::Shown(exit));
        }
        let (reconciler, lock) = locked(context, setup)?;
        let held = release::held(&reconciler).await?;
        held.covers(&options.releases)?;
        let planned = sync::begin(&reconciler, options, false).await?;
        Ok(Prepared::Ready(Box::new(Ready::new(reconciler, planned, lock))))
    }
}
