//! What a person asked for in one room, as text and as JSON.

use std::fmt::{self, Write};

use inviter::core::{
    by_hand::{End, Standing, WishReport},
    evidence::Evidence,
};
use serde_json::{Value, json};

use super::{
    clean::Clean,
    document, report,
    style::{FAILED, HEADLINE, HELD, NOTE, QUIET},
    why::Place,
    word,
};

/// As text; `name` is the command's.
pub fn text(out: &mut impl Write, name: &str, report: &WishReport) -> fmt::Result {
    write!(out, "{HEADLINE}{}{HEADLINE:#}", Clean(&report.room.to_string()))?;
    if let Some(id) = &report.room_id {
        write!(out, "  {QUIET}{}{QUIET:#}", Clean(id.as_str()))?;
    }
    writeln!(out)?;
    report::items(out, &report.items, &place(report, &Evidence::default()))?;
    match &report.end {
        End::Refused(refusal) => writeln!(out, "  {FAILED}not done:{FAILED:#} {}", Clean(&refusal.message))?,
        End::Waits(why) => writeln!(out, "  {HELD}waits:{HELD:#} {}", Clean(why))?,
        _ => {}
    }
    for note in &report.notes {
        writeln!(out, "  {NOTE}note:{NOTE:#} {}", Clean(note))?;
    }
    for error in &report.errors {
        writeln!(out, "  {FAILED}error:{FAILED:#} {}", Clean(error))?;
    }
    let outcome = match report.standing() {
        Standing::Planned => "nothing is done in a dry run",
        Standing::Done => "done",
        Standing::AlreadySo => "was so already",
        Standing::Waiting => "waits",
        Standing::InPart => "done in part; the same again does the rest",
        Standing::Refused => "not done",
        _ => "failed",
    };
    writeln!(out, "\n{HEADLINE}{name}: {outcome}{HEADLINE:#}")
}

/// The contents of the document.
pub fn json(report: &WishReport) -> Value {
    let (refusal, message) = match &report.end {
        End::Refused(refusal) => (Some(word(&refusal.kind)), Some(refusal.message.as_str())),
        End::Waits(why) => (None, Some(why.as_str())),
        _ => (None, None),
    };
    let evidence = Evidence::default();
    let place = place(report, &evidence);
    let actions = report.items.iter().map(|item| document::action(item, &place));
    json!({
        "bot": report.bot,
        "room": report.room.to_string(),
        "room_id": report.room_id,
        "outcome": word(&report.standing()),
        "refusal": refusal,
        "message": message,
        "actions": actions.collect::<Vec<_>>(),
        "notes": report.notes,
        "errors": report.errors,
    })
}

/// A person's word needs no groups for its reason.
fn place<'a>(report: &'a WishReport, evidence: &'a Evidence) -> Place<'a> {
    Place {
        room: &report.room,
        feeds: &[],
        evidence,
    }
}
