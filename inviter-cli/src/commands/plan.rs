//! `inviter plan`

use std::path::PathBuf;

use clap::Args;
use inviter::core::{
    evidence::Evidence,
    reconcile::{Draft, Reconciler},
    report::Tally,
};

use super::Selection;
use crate::{
    args::EXIT_CODES,
    context::Context,
    exit::Exit,
    output,
    render::{counted, document, removals, report},
    table_file::TableFile,
};

/// Show what a sync would do.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    showing: Showing,
    /// Show the plan as `sync --adopt` would do it: as if the rooms that exist and that nobody has adopted were adopted
    #[arg(long)]
    adopt: bool,
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
    /// Tell by which nested groups each person comes
    #[arg(long)]
    pub(super) paths: bool,
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
        show(reconciler, &self.selection, &self.showing, self.adopt, table).await
    }
}

/// Plans and shows the plan; also what `sync --dry-run` does.
pub(super) async fn show(
    mut reconciler: Reconciler,
    selection: &Selection,
    showing: &Showing,
    adopt: bool,
    table: Option<TableFile>,
) -> anyhow::Result<Exit> {
    // What adopting changes for a plan, without remembering it.
    reconciler.policy.adopt.any |= adopt;
    let draft = reconciler.plan(&selection.options()).await?;
    let report = draft.report();
    tracing::info!(
        rooms = report.rooms.len(),
        changes = report.tally().changes(),
        "planned"
    );
    let evidence = Evidence::gather(
        &draft.directories,
        &reconciler.policy,
        &report.rooms,
        showing.paths,
    );
    if let Some(table) = &table {
        let removals = removals::removals(&report, &evidence)?;
        table.write(&removals.table)?;
        output::told(&format!(
            "{} and {} in the table",
            counted(removals.removed, "removal", "removals"),
            counted(removals.lowered, "lowered level", "lowered levels"),
        ));
    }
    if showing.json {
        let contents = document::report(
            &report,
            &evidence,
            &draft.desired,
            draft.identity.user_id.as_str(),
        );
        output::json(&document::Document::new("plan", contents))?;
    } else if !matches!(table, Some(TableFile::Stdout)) {
        let kind = if adopt {
            report::Kind::PlanAdopting
        } else {
            report::Kind::Plan
        };
        let mut text = String::new();
        report::report(&mut text, &report, &evidence, kind)?;
        output::text(&text)?;
    }
    mismatched(selection, &draft);
    Ok(Exit::of_plan(&report, &draft.desired, showing.exit_code))
}

/// Tells that a code was given and something is still held, or that it let nothing go: what is held has changed since,
/// or it was mistyped.
pub(super) fn mismatched(selection: &Selection, draft: &Draft) {
    if let Some(warning) = mismatch(&selection.release, &draft.report().tally()) {
        output::warning(warning);
    }
}

fn mismatch(codes: &[String], planned: &Tally) -> Option<&'static str> {
    if codes.is_empty() {
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
        let codes = ["abc".to_owned()];
        assert_eq!(mismatch(&[], &tally(1, 0)), None);
        assert_eq!(mismatch(&codes, &tally(0, 2)), None);
        assert!(
            mismatch(&codes, &tally(1, 2))
                .unwrap()
                .contains("does not cover it")
        );
        assert!(
            mismatch(&codes, &tally(0, 0))
                .unwrap()
                .contains("nothing is held")
        );
    }
}
