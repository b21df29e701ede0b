//! What the commands about one person or one room have in common.

use std::sync::Arc;

use clap::Args;
use inviter::{
    core::{
        backend::Stoppable,
        by_hand::{Considered, Request, Standing},
        reconcile::Reconciler,
    },
    run_lock::RunLock,
};
use inviter_operations::operations::by_hand::WishAnswer;

use crate::{context::Context, exit::Exit, output};

/// For the long help of these commands.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
    0  fine: it is done, was so already, or could be done (dry run)
    1  not done: a rule is in the way, or it failed
    4  in part: the rest waits for somebody, or failed; the same again does it
  130  interrupted by Ctrl-C (143 by TERM); the same again does the rest";

/// How to go about it.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl How {
    /// Decides about what is asked, and does what comes of it.
    pub(super) async fn run(&self, context: &Context<'_>, request: Request) -> anyhow::Result<Exit> {
        // Until something is sent, it may end anywhere.
        let (reconciler, considered, _lock) = tokio::select! {
            prepared = self.prepare(context, &request) => prepared?,
            signal = context.interrupt.after(1) => return Ok(Exit::Interrupted(signal)),
        };
        let answer = if self.dry_run {
            WishAnswer::planned(&request.wish, &considered)
        } else {
            let report = tokio::select! {
                report = reconciler.carry_out(considered) => report,
                signal = context.interrupt.insisted() => return Ok(Exit::Interrupted(signal)),
            };
            WishAnswer::done(&request.wish, report)
        };
        output::answer(&answer, self.json)?;
        if let Some(signal) = context.interrupt.signal() {
            return Ok(Exit::Interrupted(signal));
        }
        Ok(match answer.report.standing() {
            Standing::Planned | Standing::Done | Standing::AlreadySo => Exit::Fine,
            Standing::Waiting | Standing::InPart => Exit::InPart,
            _ => Exit::Failed,
        })
    }

    /// The lock is held for as long as something may be sent.
    async fn prepare(
        &self,
        context: &Context<'_>,
        request: &Request,
    ) -> anyhow::Result<(Reconciler, Considered, Option<RunLock>)> {
        let setup = context.setup().await?;
        let lock = if self.dry_run { None } else { Some(setup.lock()?) };
        let mut reconciler = setup.reconciler;
        let stop = Arc::new(context.interrupt.clone());
        reconciler.backend = Arc::new(Stoppable::new(reconciler.backend, stop));
        let considered = reconciler.consider(request).await?;
        Ok((reconciler, considered, lock))
    }
}
