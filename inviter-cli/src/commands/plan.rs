//! `inviter plan`

use clap::Args;
use inviter::core::{
    reconcile::{Draft, Reconciler},
    report::Tally,
};

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
