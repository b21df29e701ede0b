//! `inviter plan`

use std::path::{Path, PathBuf};

use clap::Args;
use inviter::core::{
    desired::Desired,
    reconcile::{Reconciler, RunOptions},
    saved_plan,
};
use inviter_operations::{
    operations::{plan, saved},
    render::{clean::clean, counted, removals},
};

use crate::{
    args::EXIT_CODES,
    context::Context,
    exit::Exit,
    output,
    table_file::{Sort, TableFile},
};

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
    /// Save the plan to this file, for `inviter apply FILE` to do exactly that; `-` writes it to standard output, in place
    /// of the plan. A file that is there is replaced only if it is such a plan or empty
    #[arg(long, value_name = "FILE", conflicts_with = "adopt")]
    out: Option<PathBuf>,
}

/// What a plan is written to, beside being shown.
#[derive(Debug)]
pub(super) struct Files {
    /// What would be taken from people.
    table: Option<TableFile>,
    /// The plan, to be applied later.
    out: Option<TableFile>,
    /// The file of the plan, as it was named.
    named: Option<PathBuf>,
}

impl Files {
    /// Whether one of them takes the place of what is shown.
    fn on_stdout(&self) -> bool {
        let files = [&self.table, &self.out].into_iter().flatten();
        files.into_iter().any(|file| matches!(file, TableFile::Stdout))
    }
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
        let table = Sort {
            begins: removals::header(),
            what: "table",
            other: "no table of removals",
        };
        let plan = Sort {
            begins: saved_plan::BEGINS.to_owned(),
            what: "plan",
            other: "no saved plan",
        };
        let file =
            |path: &Option<PathBuf>, sort| path.as_deref().map(|path| TableFile::new(path, sort)).transpose();
        let files = Files {
            table: file(&self.removals_csv, &table)?,
            out: file(&self.out, &plan)?,
            named: self.out.clone(),
        };
        if self.showing.json && files.on_stdout() {
            let (option, what) = match files.table {
                Some(TableFile::Stdout) => ("--removals-csv -", "table"),
                _ => ("--out -", "saved plan"),
            };
            anyhow::bail!(
                "`--json` and `{option}` both write to standard output; name a file for the {what}"
            );
        }
        if let (Some(table), Some(out)) = (&files.table, &files.out)
            && table.is(out)
        {
            anyhow::bail!("`--removals-csv` and `--out` name the same file; name another for one of them");
        }
        let reconciler = context.setup().await?.reconciler;
        let options = self.asked.selection.options();
        let how = How {
            adopt: self.asked.adopt,
            paths: self.asked.paths,
        };
        show(&reconciler, &options, how, &self.showing, Some(files)).await
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
    files: Option<Files>,
) -> anyhow::Result<Exit> {
    let planned = plan::plan(reconciler, options, how.adopt, how.paths).await?;
    let exit = Exit::of_plan(&planned.report, &planned.draft.desired, showing.exit_code);
    if let Some(out) = files.as_ref().and_then(|files| files.out.as_ref()) {
        // One in which nothing is to be done would say no more than that nothing is known.
        if exit == Exit::Failed {
            output::warning("the plan is not saved, since no directory could be read");
        } else {
            let named = files.as_ref().and_then(|files| files.named.as_deref());
            save(reconciler, options, &planned, (out, named))?;
        }
    }
    if let Some(table) = files.as_ref().and_then(|files| files.table.as_ref()) {
        if exit == Exit::Failed {
            output::warning("the table is not written, since no directory could be read");
        } else {
            let removals = planned.removals()?;
            table.write(&removals.table)?;
            output::told(&format!(
                "{} and {} in the table",
                counted(removals.removed, "removal", "removals"),
                counted(removals.lowered, "lowered level", "lowered levels"),
            ));
        }
    }
    if files.is_some_and(|files| files.on_stdout()) {
        output::warnings(&planned);
    } else {
        output::answer(&planned, showing.json)?;
    }
    Ok(exit)
}

/// Saves a plan for `inviter apply`.
fn save(
    reconciler: &Reconciler,
    options: &RunOptions,
    planned: &plan::Planned,
    (out, named): (&TableFile, Option<&Path>),
) -> anyhow::Result<()> {
    let text = saved::save(planned, options, &reconciler.policy, env!("CARGO_PKG_VERSION"))?;
    out.write(text.as_bytes())?;
    if let (TableFile::File(..), Some(path)) = (out, named) {
        output::told(&format!(
            "the plan is saved; `inviter apply {}` does exactly that, in the rooms that have not changed by then{}",
            argument(path),
            unread(&planned.draft.desired),
        ));
    }
    Ok(())
}

/// A name of a file as a shell takes it for one argument, and nothing in it reaches the terminal as anything but text.
fn argument(path: &Path) -> String {
    let name = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !name.starts_with('-') && name.chars().all(is_plain) {
        return name;
    }
    // An option would be taken for one.
    let name = if name.starts_with('-') {
        format!("./{name}")
    } else {
        name
    };
    format!("'{}'", clean(&name).replace('\'', r"'\''"))
}

/// What is not in a plan, because it could not be read.
fn unread(desired: &Desired) -> String {
    let incomplete = desired.sources.iter().filter(|source| !source.is_complete());
    let names: Vec<String> = incomplete.map(|source| clean(source.provider.as_str())).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(
            "; what could not be read of {} is not in it, so that there may be more to do",
            names.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_argument() {
        for (name, told) in [
            ("plan.json", "plan.json"),
            ("/srv/a-b/Pläne_1.json", "/srv/a-b/Pläne_1.json"),
            ("my plan.json", "'my plan.json'"),
            ("it's", r"'it'\''s'"),
            ("$(date)", "'$(date)'"),
            ("-x", "'./-x'"),
            ("a\u{1b}[2Jb\u{202e}", r"'a\u{1b}[2Jb\u{202e}'"),
        ] {
            assert_eq!(argument(Path::new(name)), told);
        }
    }
}
