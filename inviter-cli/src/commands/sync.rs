//! `inviter sync`

use std::{collections::BTreeSet, sync::Arc};

use clap::Args;
use inviter::core::{
    backend::Stoppable,
    evidence::Evidence,
    guard::GuardedRoom,
    plan::RoomStatus,
    reconcile::{Adopted, Draft, Reconciler, RunOptions},
    room::RoomRef,
};

use super::{
    Selection,
    plan::{self, Showing},
};
use crate::{
    args::EXIT_CODES,
    context::Context,
    exit::Exit,
    output, progress,
    render::{clean::clean, document, report},
};

/// Make the rooms as the directories want them.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Sync {
    #[command(flatten)]
    selection: Selection,
    /// Only show what would be done, exactly as `inviter plan` does
    #[arg(long)]
    dry_run: bool,
    /// First adopt the rooms that exist and that nobody has adopted, so that they are managed in this run
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    showing: Showing,
}

impl Sync {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        // Until something is sent or remembered, the run may end anywhere.
        let options = self.selection.options();
        let prepared = tokio::select! {
            prepared = self.prepare(context, &options) => prepared?,
            signal = context.interrupt.after(1) => return Ok(Exit::Interrupted(signal)),
        };
        let (reconciler, draft, _lock) = match prepared {
            Prepared::Draft(reconciler, draft, lock) => (reconciler, *draft, lock),
            Prepared::Shown(exit) => return Ok(exit),
        };
        plan::mismatched(&self.selection, &draft);
        let planned = draft.report().tally();
        progress::expect(draft.operations());
        tracing::info!(changes = planned.changes(), held = planned.held, "applying");
        let bot = draft.identity.user_id.to_string();
        let desired = draft.desired.clone();
        let directories = Arc::clone(&draft.directories);
        let report = tokio::select! {
            report = reconciler.apply(draft, &options) => report,
            signal = context.interrupt.insisted() => return Ok(Exit::Interrupted(signal)),
        };
        let evidence = Evidence::gather(
            &directories,
            &reconciler.policy,
            &report.rooms,
            self.showing.paths,
        );
        if self.showing.json {
            let contents = document::report(&report, &evidence, &desired, &bot);
            output::json(&document::Document::new("sync", contents))?;
        } else {
            let mut text = String::new();
            report::report(&mut text, &report, &evidence, report::Kind::Sync)?;
            output::text(&text)?;
        }
        Ok(match context.interrupt.signal() {
            Some(signal) => {
                output::warning("the run was stopped; what was not sent is done by the next one");
                Exit::Interrupted(signal)
            }
            None => Exit::of_sync(&report, &desired, self.showing.exit_code),
        })
    }

    async fn prepare(&self, context: &Context<'_>, options: &RunOptions) -> anyhow::Result<Prepared> {
        let setup = context.setup().await?;
        if self.dry_run {
            let exit = plan::show(setup.reconciler, &self.selection, &self.showing, self.adopt, None).await?;
            return Ok(Prepared::Shown(exit));
        }
        let lock = setup.lock()?;
        let mut reconciler = setup.reconciler;
        let stop = Arc::new(context.interrupt.clone());
        reconciler.backend = Arc::new(Stoppable::new(reconciler.backend, stop));
        let mut draft = reconciler.plan(options).await?;
        if self.adopt {
            let found = found(&draft);
            if !found.is_empty() {
                let mut adopting = options.clone();
                adopting.rooms = found;
                for (room, adopted) in reconciler.adopt(&adopting).await? {
                    if let Adopted::Not(why) = adopted {
                        output::warning(&format!(
                            "{} was not adopted: {}",
                            clean(&room.to_string()),
                            clean(&why)
                        ));
                    }
                }
                draft = reconciler.plan(options).await?;
            }
        }
        Ok(Prepared::Draft(Box::new(reconciler), Box::new(draft), lock))
    }
}

/// How far a run got before anything was sent.
enum Prepared {
    /// A dry run, which ends here.
    Shown(Exit),
    /// A plan to apply, with the lock that is held until it is.
    Draft(Box<Reconciler>, Box<Draft>, inviter::run_lock::RunLock),
}

/// Rooms that wait for being adopted.
fn found(draft: &Draft) -> BTreeSet<RoomRef> {
    let plans = draft.plan.rooms().iter().map(GuardedRoom::plan);
    plans
        .filter(|plan| plan.status == RoomStatus::Found)
        .map(|plan| plan.room.clone())
        .collect()
}
