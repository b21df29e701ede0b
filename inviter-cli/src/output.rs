//! Standard output.

use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use inviter_operations::{Answer, render::clean};
use serde::Serialize;

use crate::progress;

const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Writes text, with colours where they are shown.
///
/// A reader that went away is no error: what a command came to does not depend on who reads about it.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    progress::end();
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(anyhow::anyhow!(
            "the result could not be written to standard output ({error}); what was done stays done, and `inviter plan` \
             shows what is left"
        )),
        Ok(()) => Ok(()),
    }
}

/// Writes an answer as text or as JSON, and its warnings beside it.
pub(crate) fn answer(answer: &impl Answer, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        json(&answer.document())?;
    } else {
        text(&answer.text())?;
    }
    warnings(answer);
    Ok(())
}

/// Warns of everything that an answer has beside its text.
pub(crate) fn warnings(answer: &impl Answer) {
    for text in answer.warnings() {
        warning(&text);
    }
}

/// Writes one JSON document.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut document = clean::json(&serde_json::to_string_pretty(document)?);
    document.push('\n');
    text(&document)
}

/// Tells something beside the result, on standard error.
pub(crate) fn told(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // Not worth failing for.
    let _ = writeln!(stderr, "inviter: {text}");
}

/// Warns, on standard error.
pub(crate) fn warning(text: &str) {
    progress::aside(|| {
        let mut stderr = anstream::stderr().lock();
        // Not worth failing for.
        let _ = writeln!(stderr, "{WARNING}inviter: warning:{WARNING:#} {text}");
    });
}
