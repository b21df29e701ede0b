//! `inviter plan`

use std::path::PathBuf;

use clap::Args;
use inviter::core::reconcile::{Reconciler, RunOptions};
use inviter_operations::{
    operations::plan,
    render::{counted, removals},
};

use crate::{args::EXIT_CODES, context::Context, exit::Exit, output, table_file::TableFile};

/// Show what a sync would do.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Plan {
    #[command(flatten)]
    asked: plan::Plan,
    #[command(flatten)]
    showing: Showing,
    /// Write everything that would be taken from people to this file, as a table (CSV) to go through and sign; `-`
    /// writes the table to standard output, in place of the plan. A file that is there is replaced only if it is such a
    /// table or empty
    #[arg(long, value_name = "FILE")]
    removals_csv: Option<PathBuf>,
}

/// How a plan is shown.
#[derive(Debug, Args)]
pub(super) struct Showing {
    /// Write one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// End with code 2 if there are changes to make; after a sync, if some are left pending
    #[arg(long)]
    pub(super) exit_code: bool,
}

impl Plan {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let file = |path| TableFile::new(path, &removals::header());
        let table = self.removals_csv.as_deref().map(file).transpose()?;
        if self.showing.json && matches!(table, Some(TableFile::Stdout)) {
            anyhow::bail!(
                "`--json` and `--removals-csv -` both write to standard output; name a file for the table"
            );
        }
        let reconciler = context.setup().await?.reconciler;
        let options = self.asked.selection.options();
        let how = How {
            adopt: self.asked.adopt,
            paths: self.asked.paths,
        };
        show(&reconciler, &options, how, &self.showing, table).await
    }
}

/// What a plan is of, beside the options of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// As if the rooms that were found were adopted.
    pub(super) adopt: bool,
    /// With the ways of nesting.
    pub(super) paths: bool,
}

/// Plans and shows the plan; also what `sync --dry-run` does.
pub(super) async fn show(
    reconciler: &Reconciler,
    options: &RunOptions,
    how: How,
    showing: &Showing,
    table: Option<TableFile>,
) -> anyhow::Result<Exit> {
    let planned = plan::plan(reconciler, options, how.adopt, how.paths).await?;
    if let Some(table) = &table {
        let removals = planned.removals()?;
        table.write(&removals.table)?;
        output::told(&format!(
            "{} and {} in the table",
            counted(removals.removed, "removal", "removals"),
            counted(removals.lowered, "lowered level", "lowered levels"),
        ));
    }
    if matches!(table, Some(TableFile::Stdout)) {
        output::warnings(&planned);
    } else {
        output::answer(&planned, showing.json)?;
    }
    Ok(Exit::of_plan(
        &planned.report,
        &planned.draft.desired,
        showing.exit_code,
    ))
}
