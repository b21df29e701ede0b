//! `status`: how things stand.

use inviter::core::{evidence::Evidence, reconcile::RunOptions};
use inviter_operations::{
    Answer as _,
    operations::{
        plan as planning,
        status::{self as standing, Picture},
    },
    render::{
        clean::clean,
        duration,
        style::{FAILED, HELD},
    },
};

use super::{
    Done,
    looking::{begin, failed},
};
use crate::{answer::Told, board::Known, conversation::Asked};

pub(super) async fn status(asked: &Asked<'_>) -> Done {
    let session = asked.session;
    let (progress, reconciler) = begin(asked);
    let known = session.board.known();
    let picture = match picture_of_run(asked, &known) {
        Some(picture) => picture,
        // Nothing has run over everything yet.
        None => match planning::plan(&reconciler, &RunOptions::default(), false, false).await {
            Ok(planned) => Picture::of_plan(&planned),
            Err(error) => {
                failed(asked, progress, &error.to_string()).await;
                return Ok(());
            }
        },
    };
    let status = match standing::status(&reconciler, Some(picture), known.next).await {
        Ok(status) => status,
        Err(error) => {
            failed(asked, progress, &error.to_string()).await;
            return Ok(());
        }
    };
    let own = own(asked, &known);
    let text = format!("{own}{}", status.text());
    progress
        .conclude(
            asked.place,
            Told::with_urgent(&text, &own).warning(&status.warnings()),
        )
        .await;
    Ok(())
}

/// The last run over everything, with what the directories said.
fn picture_of_run(asked: &Asked<'_>, known: &Known) -> Option<Picture> {
    let session = asked.session;
    let last = known.last_whole.as_ref()?;
    let report = last.outcome.as_ref().ok()?;
    let directories = session.directories().unwrap_or_else(|| Vec::new().into());
    let evidence = Evidence::gather(&directories, &session.reconciler.policy, &report.rooms, false);
    Some(Picture::of_report(report.as_ref().clone(), evidence, last.at))
}

/// What only the bot knows.
fn own(asked: &Asked<'_>, known: &Known) -> String {
    let session = asked.session;
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if let Some(why) = &known.trouble {
        line(format!("{FAILED}trouble:{FAILED:#} {}", clean(why)));
    }
    if let Some(running) = &known.running {
        line(format!(
            "under way: a run {}, for {}",
            clean(&running.cause.to_string()),
            duration(session.now().since(running.since))
        ));
    }
    let quarantined = session.quarantined();
    for (directory, known) in &known.directories {
        // Of those in quarantine more is told below.
        if let Some(why) = known
            .error
            .as_ref()
            .filter(|_| !quarantined.contains_key(directory))
        {
            line(format!(
                "{FAILED}directory {}:{FAILED:#} {}",
                clean(directory.as_str()),
                clean(why)
            ));
        }
    }
    match asked.waiting() {
        0 => {}
        1 => line(format!("{HELD}1 command waits for its confirmation{HELD:#}")),
        count => line(format!(
            "{HELD}{count} commands wait for their confirmation{HELD:#}"
        )),
    }
    text
}
