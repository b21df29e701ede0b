//! `inviter plan`

use clap::Args;
use inviter::core::reconcile::{Draft, Reconciler};

use super::Selection;
use crate::{
    args::EXIT_CODES,
    context::Context,
    exit::Exit,
    output,
    render::{document, report, rooms},
};

/// Show what a sync would do.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
    /// End with code 2 if there are changes to make
    #[arg(long)]
    exit_code: bool,
}

impl Plan {
    pub(super) async fn run(&self, context: &Context<'_>) -> anyhow::Result<Exit> {
        let reconciler = context.setup().await?.reconciler;
        show(&reconciler, &self.selection, self.json, self.exit_code).await
    }
}

/// Plans and shows the plan; also what `sync --dry-run` does.
pub(super) async fn show(
    reconciler: &Reconciler,
    selection: &Selection,
    json: bool,
    exit_code: bool,
) -> anyhow::Result<Exit> {
    let draft = reconciler.plan(&selection.options()).await?;
    let report = draft.report();
    tracing::info!(
        rooms = report.rooms.len(),
        changes = report.tally().changes(),
        "planned"
    );
    if json {
        let contents = document::report(&report, &draft.desired, draft.identity.user_id.as_str());
        output::json(&document::Document::new("plan", contents))?;
    } else {
        let mut text = String::new();
        rooms::nothing_wanted(&mut text, &draft.desired)?;
        report::report(&mut text, &report, report::Kind::Plan)?;
        output::text(&text)?;
    }
    mismatched(selection, &draft);
    Ok(Exit::of_plan(&report, &draft.desired, exit_code))
}

/// Tells that a code was given and something is still held: what is held has changed since, or it was mistyped.
pub(super) fn mismatched(selection: &Selection, draft: &Draft) {
    if !selection.release.is_empty() && draft.report().tally().held > 0 {
        output::warning(
            "something is still held: the code does not cover it, or what is held has changed since the code was \
             shown; look at the plan again",
        );
    }
}
