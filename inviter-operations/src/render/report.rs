//! A plan, or what became of it, as text.

use std::fmt::{self, Write};

use inviter::core::{
    action::RoomTarget,
    evidence::Evidence,
    finding::{Finding, FindingKind, Subject},
    plan::RoomStatus,
    report::{Outcome, Report, ReportItem, RoomReport, Tally},
};

use super::{
    action::{Sign, lines, permissions},
    clean::{Clean, clean},
    counted, release, status,
    style::{ADD, CHANGE, FAILED, HEADLINE, HELD, NOTE, QUIET, REMOVE},
    time,
    why::Place,
};

/// What stands before the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What would be done.
    Plan,
    /// What would be done if the rooms that were found were adopted.
    PlanAdopting,
    /// What was done.
    Sync,
    /// What was done of a plan that was saved.
    Applied,
    /// What is held.
    Held,
}

impl Kind {
    /// The command that does what is shown here, up to the code that lets it go.
    const fn releasing(self) -> &'static str {
        match self {
            Self::PlanAdopting => "inviter sync --adopt --release",
            Self::Plan | Self::Sync => "inviter sync --release",
            Self::Applied => "inviter apply FILE --release",
            Self::Held => "inviter release",
        }
    }
}

/// Reasons stand in one column, unless that would be too far to the right.
const MAX_COLUMN: usize = 60;

/// The whole report.
pub fn report(out: &mut impl Write, report: &Report, evidence: &Evidence, kind: Kind) -> fmt::Result {
    let rooms: Vec<&RoomReport> = report
        .rooms
        .iter()
        .filter(|room| !room.items.is_empty() || !room.findings.is_empty())
        .collect();
    for room in &rooms {
        write_room(out, room, evidence, kind)?;
        writeln!(out)?;
    }
    for finding in &report.findings {
        note(out, "", finding)?;
    }
    for error in &report.errors {
        writeln!(out, "{FAILED}error:{FAILED:#} {}", Clean(error))?;
    }
    let everything = write_release(out, report, kind)?;
    if !report.findings.is_empty() || !report.errors.is_empty() || everything {
        writeln!(out)?;
    }
    writeln!(
        out,
        "{HEADLINE}{}{}{}{HEADLINE:#}",
        counts(report, kind),
        left_alone(&report.rooms),
        unread(&report.findings)
    )
}

/// How to let go all that is held in several rooms, and whether there is anything to tell.
fn write_release(out: &mut impl Write, report: &Report, kind: Kind) -> Result<bool, fmt::Error> {
    // With one room the room's own code is the same.
    let held_rooms = report.rooms.iter().filter(|room| release(room).is_some()).count();
    let Some(code) = report.release.as_ref().filter(|_| held_rooms > 1) else {
        return Ok(false);
    };
    writeln!(
        out,
        "{HELD}!{HELD:#} to do all that is held, run `{} {code}`",
        kind.releasing()
    )?;
    Ok(true)
}

/// The rooms in which anything has come to such an outcome, each with only that.
pub fn only(report: &Report, is_meant: impl Fn(&Outcome) -> bool) -> Vec<RoomReport> {
    let rooms = report.rooms.iter().filter_map(|room| {
        let mut items = room
            .items
            .iter()
            .filter(|item| is_meant(&item.outcome))
            .peekable();
        items.peek()?;
        let items: Vec<ReportItem> = items.cloned().collect();
        let mut room = room.clone();
        room.findings.clear();
        room.items = items;
        Some(room)
    });
    rooms.collect()
}

/// Rooms of a report with only what waits for a person there, and how to let go what is held.
pub fn waiting(
    out: &mut impl Write,
    (report, rooms): (&Report, &[RoomReport]),
    evidence: &Evidence,
    kind: Kind,
) -> fmt::Result {
    for room in rooms {
        write_room(out, room, evidence, kind)?;
        writeln!(out)?;
    }
    if write_release(out, report, kind)? {
        writeln!(out)?;
    }
    Ok(())
}

/// How many rooms nothing is done in, after the counts: "no changes" would say that all is well there.
fn left_alone(rooms: &[RoomReport]) -> String {
    let alone = |room: &&RoomReport| {
        let managed = matches!(room.status, RoomStatus::Managed | RoomStatus::ToCreate);
        // One that was joined just now is found, and waits for being adopted.
        !managed && (room.items.is_empty() || room.status == RoomStatus::Found)
    };
    match rooms.iter().filter(alone).count() {
        0 => String::new(),
        count => format!("; {} not managed", counted(count, "room", "rooms")),
    }
}

/// How many directories could not be read: whoever looks at the last line only has to know.
pub fn unread(findings: &[Finding]) -> String {
    let is_unread = |finding: &&Finding| finding.kind == FindingKind::DirectoryUnread;
    match findings.iter().filter(is_unread).count() {
        0 => String::new(),
        count => format!("; {} not read", counted(count, "directory", "directories")),
    }
}

fn write_room(out: &mut impl Write, room: &RoomReport, evidence: &Evidence, kind: Kind) -> fmt::Result {
    write!(out, "{HEADLINE}{}{HEADLINE:#}", Clean(&room.room.to_string()))?;
    let id = match &room.target {
        Some(RoomTarget::Existing(id)) => Some(id.as_str()),
        _ => None,
    };
    match (id, room.status) {
        (Some(id), RoomStatus::Managed) => writeln!(out, "  {QUIET}{}{QUIET:#}", Clean(id))?,
        (Some(id), other) => writeln!(out, "  {QUIET}{}, {}{QUIET:#}", Clean(id), status(other))?,
        (None, other) => writeln!(out, "  {QUIET}{}{QUIET:#}", status(other))?,
    }
    write_items(out, room, evidence, kind)?;
    for finding in &room.findings {
        note(out, "  ", finding)?;
    }
    Ok(())
}

/// What is to be done in a room or was done, and what is held there.
pub fn write_items(out: &mut impl Write, room: &RoomReport, evidence: &Evidence, kind: Kind) -> fmt::Result {
    let place = Place {
        room: &room.room,
        feeds: &room.feeds,
        evidence,
    };
    items(out, &room.items, &place)?;
    write_held(out, room, kind)
}

/// Actions with their outcomes, a line for each thing that changes, but for permissions: those that came to the same
/// share one.
pub fn items(out: &mut impl Write, items: &[ReportItem], place: &Place<'_>) -> fmt::Result {
    let mut rows: Vec<(&ReportItem, Vec<String>)> = Vec::new();
    for item in items {
        let Some(permissions) = permissions(&item.action.op) else {
            rows.push((item, lines(&item.action.op)));
            continue;
        };
        match rows.last_mut() {
            Some((before, line))
                if self::permissions(&before.action.op).is_some()
                    && before.action.why == item.action.why
                    && before.outcome == item.outcome =>
            {
                for line in line {
                    line.push_str(", ");
                    line.push_str(&permissions);
                }
            }
            _ => rows.push((item, vec![format!("permissions: {permissions}")])),
        }
    }
    let width = |line: &String| line.chars().count();
    let widths = rows.iter().flat_map(|(_, lines)| lines).map(width);
    let column = widths.filter(|width| *width <= MAX_COLUMN).max().unwrap_or(0);
    for (item, lines) in &rows {
        write_item(out, item, lines, place, column)?;
    }
    Ok(())
}

fn write_item(
    out: &mut impl Write,
    item: &ReportItem,
    lines: &[String],
    place: &Place<'_>,
    column: usize,
) -> fmt::Result {
    let sign = Sign::of(&item.action.op);
    let style = match sign {
        Sign::Add => ADD,
        Sign::Change => CHANGE,
        Sign::Remove => REMOVE,
    };
    let why = place.clause(&item.action);
    let held = matches!(item.outcome, Outcome::Held { .. });
    for line in lines {
        let (mark, mark_style) = if held { ("!", HELD) } else { (sign.as_str(), style) };
        write!(
            out,
            "  {mark_style}{mark}{mark_style:#} {line:column$}  {QUIET}{why}{QUIET:#}"
        )?;
        match outcome(&item.outcome) {
            Some((text, bad)) if bad => writeln!(out, "  {FAILED}{text}{FAILED:#}")?,
            Some((text, _)) => writeln!(out, "  {text}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// What became of an action, and whether that is bad news. What a plan would do needs no words.
fn outcome(outcome: &Outcome) -> Option<(String, bool)> {
    Some(match outcome {
        Outcome::Planned => return None,
        Outcome::Done => ("done".to_owned(), false),
        Outcome::NotSent => ("not sent, because the run was stopped".to_owned(), true),
        Outcome::AlreadySo => ("was so already".to_owned(), false),
        Outcome::Stale { detail } => (format!("left out: {}", clean(detail)), true),
        Outcome::Failed { error, temporary } => {
            let again = if *temporary { "; may work later" } else { "" };
            (format!("failed: {}{again}", clean(error)), true)
        }
        Outcome::Parked { until, error } => {
            (format!("put off until {}: {}", time(*until), clean(error)), true)
        }
        Outcome::Skipped { because } => (format!("not tried: {}", clean(because)), true),
        Outcome::Held { .. } => ("held".to_owned(), false),
        Outcome::Pending => ("waits for `inviter sync`".to_owned(), false),
        other => (super::word(other), true),
    })
}

/// Why things are held in a room, each reason once, and how to let them go.
fn write_held(out: &mut impl Write, room: &RoomReport, kind: Kind) -> fmt::Result {
    let mut reasons: Vec<String> = Vec::new();
    for item in &room.items {
        let Outcome::Held { reasons: of_item } = &item.outcome else {
            continue;
        };
        for reason in of_item {
            let reason = clean(&reason.to_string());
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    for reason in reasons {
        writeln!(out, "    {HELD}held:{HELD:#} {reason}")?;
    }
    if let Some(code) = release(room) {
        writeln!(out, "    if that is right, run `{} {code}`", kind.releasing())?;
    }
    Ok(())
}

/// What a finding says, without the room: that stands above it.
pub fn without_room(finding: &Finding) -> &str {
    let (Subject::Room(room) | Subject::Person(room, _)) = &finding.about else {
        return &finding.message;
    };
    let rest = finding.message.strip_prefix(&room.to_string());
    rest.and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(&finding.message)
}

/// One finding. A directory that could not be read is the cause of others, and more than a note. One that stands
/// indented below its room does not name it again.
pub fn note(out: &mut impl Write, indent: &str, finding: &Finding) -> fmt::Result {
    if finding.kind == FindingKind::DirectoryUnread {
        return writeln!(
            out,
            "{indent}{FAILED}error:{FAILED:#} {}",
            Clean(&finding.message)
        );
    }
    let message = if indent.is_empty() {
        &finding.message
    } else {
        without_room(finding)
    };
    writeln!(out, "{indent}{NOTE}note:{NOTE:#} {}", Clean(message))
}

/// The last line, by its beginning.
fn counts(report: &Report, kind: Kind) -> String {
    let name = match kind {
        Kind::Plan | Kind::PlanAdopting => "plan",
        Kind::Sync => "sync",
        Kind::Applied => "apply",
        Kind::Held => "release",
    };
    // What a person has stopped has not failed.
    let not_sent = report.not_sent();
    let mut tally = report.tally();
    tally.failed = tally
        .failed
        .saturating_sub(u32::try_from(not_sent).unwrap_or(u32::MAX));
    let stopped = match not_sent {
        0 => String::new(),
        count => format!(", {count} not sent"),
    };
    format!("{name}: {}{stopped}", tallied(&tally, kind))
}

/// The counts, as they stand behind the name of the command.
pub fn tallied(tally: &Tally, kind: Kind) -> String {
    let words = match kind {
        Kind::Sync | Kind::Applied => ["created", "invited", "removed", "changed"],
        Kind::Plan | Kind::PlanAdopting | Kind::Held => ["to create", "to invite", "to remove", "to change"],
    };
    let rooms = if tally.rooms_created == 1 { "room" } else { "rooms" };
    let changes = [
        (tally.rooms_created, format!("{rooms} {}", words[0])),
        (tally.invited, words[1].to_owned()),
        (tally.removed, words[2].to_owned()),
        (tally.changed, words[3].to_owned()),
    ];
    let changes: Vec<String> = if tally.changes() == 0 {
        vec!["no changes".to_owned()]
    } else {
        changes
            .into_iter()
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    };
    let mut rest = Vec::new();
    let mut add = |count: u32, word: &str, always: bool| {
        if count > 0 || always {
            rest.push(format!("{count} {word}"));
        }
    };
    let always = tally.changes() > 0;
    let done = matches!(kind, Kind::Sync | Kind::Applied);
    add(tally.held, "held", always);
    add(tally.pending, "pending", always && !done);
    add(tally.failed, "failed", always && done);
    add(tally.parked, "put off", always && done);
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("; {}", rest.join(", "))
    };
    format!("{}{rest}", changes.join(", "))
}
