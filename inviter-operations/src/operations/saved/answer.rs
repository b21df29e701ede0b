//! What became of a saved plan, as text.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use inviter::core::{
    desired::FeedRole,
    directory::ProviderId,
    finding::Finding,
    report::Report,
    room::RoomRef,
    saved_plan::{Difference, Rest, RoomComparison, SavedAction, SavedWhy, Standing},
};
use serde_json::Value;

use super::{Applied, in_json};
use crate::{
    answer::Answer,
    render::{
        action::{Sign, lines},
        clean::{Clean, clean},
        counted,
        report::{self, Kind},
        style::{ADD, CHANGE, FAILED, HEADLINE, HELD, NOTE, QUIET, REMOVE},
    },
};

/// How many actions of one kind of difference the text of a room names; JSON has them all.
const IN_TEXT: usize = 50;

impl Answer for Applied {
    fn kind(&self) -> &'static str {
        "apply"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let rooms = &self.comparison.rooms;
        for room in rooms.iter().filter(|room| room.standing != Standing::Same) {
            write_room(out, room, self.synced.is_none())?;
        }
        if !self.comparison.not_in_file.is_empty() {
            let rooms = counted(self.comparison.not_in_file.len(), "room", "rooms");
            writeln!(
                out,
                "{NOTE}note:{NOTE:#} {rooms} beside those of the plan would be changed now; nothing is done there, and \
                 `inviter plan` shows what\n"
            )?;
        }
        let Some(synced) = &self.synced else {
            return self.write_refused(out);
        };
        let told = self.without_what_is_told(&synced.report);
        report::report(out, &told, &synced.evidence, Kind::Applied)?;
        self.write_left(out)
    }

    fn json(&self) -> Value {
        in_json::document(self)
    }
}

impl Applied {
    /// Nothing was done: how many rooms are not as they were, and how.
    fn write_refused(&self, out: &mut String) -> fmt::Result {
        let rooms = &self.comparison.rooms;
        let count = |is: fn(&Standing) -> bool| rooms.iter().filter(|room| is(&room.standing)).count();
        let (settled, rest, left_out) = (
            count(|standing| *standing == Standing::Settled),
            count(|standing| matches!(standing, Standing::Rest(_))),
            self.skipped(),
        );
        let counts = [
            (settled, "nothing is left to do in"),
            (rest, "only a part is left to do in"),
            (left_out, "it does not hold any more in"),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{what} {count}"))
            .collect();
        let remedy = match (left_out, rest) {
            (0, 0) => "",
            (0, _) => "; without `--strict` that part is done",
            _ => "; plan again",
        };
        writeln!(
            out,
            "{HEADLINE}apply: nothing was done, since not every room is as it was when the plan was saved ({}): of {}, {}\
             {remedy}{HEADLINE:#}",
            Clean(&self.planned),
            counted(rooms.len(), "room", "rooms"),
            counts.join(", "),
        )
    }

    /// What is left when the rest is done.
    fn write_left(&self, out: &mut String) -> fmt::Result {
        let not_sent = self.not_sent();
        if not_sent > 0 {
            writeln!(
                out,
                "{HEADLINE}apply: {not_sent} of the plan not sent, since the run was stopped; applying it again does the \
                 rest{HEADLINE:#}"
            )?;
        }
        let (skipped, in_part) = (self.skipped(), self.in_part());
        if skipped == 0 && in_part == 0 {
            return Ok(());
        }
        let mut left = Vec::new();
        if skipped > 0 {
            left.push(format!("{} skipped", counted(skipped, "room", "rooms")));
        }
        if in_part > 0 {
            left.push(format!("{} done in part", counted(in_part, "room", "rooms")));
        }
        writeln!(
            out,
            "{HEADLINE}apply: {} (the plan was saved {}); `inviter plan` shows what is to be done there now{HEADLINE:#}",
            left.join(", "),
            Clean(&self.planned),
        )
    }

    /// What is said of rooms that are put off, or done in part, stands with them already.
    fn without_what_is_told(&self, report: &Report) -> Report {
        let mut report = report.clone();
        let mut told: BTreeMap<&RoomRef, &Standing> = BTreeMap::new();
        // Rooms of the file that have become one have one name now; the others tell nothing of it.
        let tells = |standing: &Standing| matches!(standing, Standing::PutOff(_) | Standing::Rest(_));
        let telling = self.comparison.rooms.iter().filter(|room| tells(&room.standing));
        for compared in telling {
            told.extend(compared.now.as_ref().map(|name| (name, &compared.standing)));
        }
        for room in &mut report.rooms {
            match told.get(&room.room) {
                Some(Standing::PutOff(_)) => room.findings.clear(),
                Some(Standing::Rest(rest)) => {
                    let shown = rest.because.iter().take(IN_TEXT);
                    let shown: Vec<&Finding> = shown.collect();
                    room.findings.retain(|finding| !shown.contains(&finding));
                }
                _ => {}
            }
        }
        report
    }
}

fn write_room(out: &mut String, room: &RoomComparison, refused: bool) -> fmt::Result {
    let name = |room: &RoomRef| clean(&room.to_string());
    write!(out, "{HEADLINE}{}{HEADLINE:#}", name(&room.room))?;
    match &room.standing {
        Standing::Settled => {
            writeln!(
                out,
                "  {QUIET}nothing is left to do: it was done since, or is not wanted any more{QUIET:#}\n"
            )
        }
        Standing::PutOff(because) => {
            writeln!(
                out,
                "  {FAILED}skipped:{FAILED:#} nothing is to be done there now, which does not mean that it was done"
            )?;
            findings(out, because)?;
            writeln!(out)
        }
        Standing::Rest(rest) => write_rest(out, rest, refused),
        Standing::Gone => writeln!(
            out,
            "  {FAILED}skipped:{FAILED:#} no directory and no configuration wants this room any more, or it is outside \
             what the plan was asked for\n"
        ),
        Standing::Unknown(unread) => {
            let names: Vec<String> = unread.iter().map(ProviderId::as_str).map(clean).collect();
            writeln!(
                out,
                "  {FAILED}skipped:{FAILED:#} it is not known whether this room is still wanted, since not all of {} could be \
                 read\n",
                names.join(", ")
            )
        }
        Standing::Changed(difference) => write_changed(out, difference),
        _ => writeln!(out, "  {FAILED}skipped{FAILED:#}\n"),
    }
}

fn write_rest(out: &mut String, rest: &Rest, refused: bool) -> fmt::Result {
    let over = rest.over.len();
    let what = if refused {
        "is left"
    } else {
        "is left, and is done"
    };
    if rest.because.is_empty() {
        return writeln!(
            out,
            "  {QUIET}the rest of the plan {what}: {over} of it was done since, or is not wanted any more{QUIET:#}\n"
        );
    }
    writeln!(
        out,
        "  {FAILED}in part:{FAILED:#} the rest of the plan {what}; {over} of it is not to be done now, which does not mean \
         that it was done"
    )?;
    findings(out, &rest.because)?;
    writeln!(out)
}

fn write_changed(out: &mut String, difference: &Difference) -> fmt::Result {
    writeln!(
        out,
        "  {FAILED}skipped:{FAILED:#} it has changed since the plan was saved"
    )?;
    if let Some((before, now)) = &difference.other_room {
        writeln!(
            out,
            "  the plan was made for {}, and it is {} now",
            Clean(before),
            Clean(now)
        )?;
    }
    actions(out, "in the saved plan only", &difference.only_in_file)?;
    actions(out, "only in what would be done now", &difference.only_now)?;
    actions(
        out,
        "held when the plan was saved, and not held now",
        &difference.held_no_more,
    )?;
    writeln!(out)
}

fn findings(out: &mut String, findings: &[Finding]) -> fmt::Result {
    for finding in findings.iter().take(IN_TEXT) {
        report::note(out, "  ", finding)?;
    }
    match findings.len().saturating_sub(IN_TEXT) {
        0 => Ok(()),
        more => writeln!(out, "    … and {more} more"),
    }
}

fn actions(out: &mut String, title: &str, actions: &[SavedAction]) -> fmt::Result {
    if actions.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {title}:")?;
    for action in actions.iter().take(IN_TEXT) {
        let sign = Sign::of(&action.op);
        let style = match sign {
            Sign::Add => ADD,
            Sign::Change => CHANGE,
            Sign::Remove => REMOVE,
        };
        let why = clause(&action.why);
        for line in lines(&action.op) {
            write!(
                out,
                "    {style}{}{style:#} {line}  {QUIET}{why}{QUIET:#}",
                sign.as_str()
            )?;
            if action.held.is_empty() {
                writeln!(out)?;
            } else {
                writeln!(out, "  {HELD}held{HELD:#}")?;
            }
        }
    }
    match actions.len().saturating_sub(IN_TEXT) {
        0 => Ok(()),
        more => writeln!(out, "    … and {more} more"),
    }
}

/// Such as `member of MTRX #staff:example.com (people)`, cleaned.
fn clause(why: &SavedWhy) -> String {
    let rule = clean(&why.rule).replace('_', " ");
    let of = match (why.rule.as_str(), &why.group) {
        ("in_group", Some(group)) if group.role == FeedRole::Owners => "owner of".to_owned(),
        ("in_group", Some(_)) => "member of".to_owned(),
        _ => rule,
    };
    let group = why.group.as_ref();
    let group = group.map(|group| format!(" {} ({})", clean(&group.name), clean(group.directory.as_str())));
    let room = why.room.as_ref().map(|room| format!(" {}", clean(room.as_str())));
    of + &group.unwrap_or_default() + &room.unwrap_or_default()
}
