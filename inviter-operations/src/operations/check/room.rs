//! One room in the text: what it is, what the bot may do in it, and what mends what is in the way.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use inviter::core::{
    finding::{Finding, FindingKind},
    guard::GuardedRoom,
    plan::RoomPlan,
    remedy::{Remedy, Step, Trouble},
    rights::{Rights, Seen},
    room::JoinRule,
    room_rules::RoomKind,
};

use super::Connected;
use crate::render::{
    clean::{Clean, clean},
    counted,
    report::{note, without_room},
    style::{NOTE, QUIET},
    time,
};

/// In so many rooms with the same trouble the ways to mend it are shown; more would bury everything else.
const SHOWN: usize = 20;

/// What is told once for all rooms.
#[derive(Debug, Default)]
pub(super) struct Told {
    troubles: BTreeMap<Trouble, usize>,
}

/// Notes that several rooms share word for word: told once, after the rooms.
pub(super) fn shared(rooms: &[GuardedRoom]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for room in rooms {
        for finding in room.plan().findings.iter().filter(|f| may_be_shared(f)) {
            *counts.entry(without_room(finding).to_owned()).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count > 1);
    counts
}

fn may_be_shared(finding: &Finding) -> bool {
    finding.kind == FindingKind::RemovalsNotConsidered
}

impl Connected {
    /// The lines below a room's own.
    pub(super) fn room_text(
        &self,
        out: &mut impl Write,
        (plan, remedies): (&RoomPlan, &[Remedy]),
        base: &str,
        shared: &BTreeMap<String, usize>,
        told: &mut Told,
    ) -> fmt::Result {
        if let Some(seen) = &plan.seen {
            self.seen(out, seen)?;
            if_adopted(out, plan, seen)?;
        }
        let findings: Vec<&Finding> = plan
            .findings
            .iter()
            .filter(|finding| !shared.contains_key(without_room(finding)))
            .collect();
        for (ix, finding) in findings.iter().enumerate() {
            if finding.kind == FindingKind::NotAdopted {
                // Who made it when stands in the line above.
                let command = remedies.iter().find(|r| r.trouble == Trouble::NotAdopted);
                let steps = command.map_or(&[][..], |remedy| &remedy.steps);
                if let [Step::Command { command }] = steps {
                    writeln!(
                        out,
                        "  {NOTE}note:{NOTE:#} nobody has adopted it; if it is yours: {}",
                        Clean(command)
                    )?;
                    continue;
                }
            }
            note(out, "  ", finding)?;
            // The ways to mend it stand behind the last of its kind.
            if findings.get(ix + 1).is_some_and(|next| next.kind == finding.kind) {
                continue;
            }
            let of_kind = |remedy: &&Remedy| remedy.told_by == Some(finding.kind);
            // The finding itself names the command that adopts.
            let in_finding = |remedy: &&Remedy| remedy.trouble == Trouble::NotAdopted;
            for remedy in remedies.iter().filter(of_kind).filter(|r| !in_finding(r)) {
                mend(out, remedy, base, told)?;
            }
        }
        for remedy in remedies.iter().filter(|remedy| remedy.told_by.is_none()) {
            writeln!(out, "  {NOTE}note:{NOTE:#} {}", Clean(&remedy.message))?;
            mend(out, remedy, base, told)?;
        }
        if let Some(seen) = &plan.seen {
            ghosts(out, seen)?;
        }
        Ok(())
    }

    fn seen(&self, out: &mut impl Write, seen: &Seen) -> fmt::Result {
        write!(out, "  {QUIET}")?;
        if seen.room_kind == RoomKind::Space {
            write!(out, "space, ")?;
        }
        write!(out, "version {}", clean(seen.version.as_str()))?;
        if seen.encrypted {
            write!(out, ", encrypted")?;
        }
        if seen.join_rule == JoinRule::Public {
            write!(out, ", public")?;
        }
        if seen.creator == self.bot {
            write!(out, ", created by the bot")?;
        } else {
            write!(out, ", created by {}", Clean(seen.creator.as_str()))?;
            if let Some(at) = seen.created {
                write!(out, " on {}", &time(at)[..10])?;
            }
        }
        writeln!(out, "; {}{QUIET:#}", rights(&seen.rights))
    }
}

/// What the bot may do, in short.
fn rights(rights: &Rights) -> String {
    let (may, may_not): (Vec<_>, Vec<_>) = rights.all().into_iter().partition(|(_, right)| right.may);
    let own = rights.own;
    if may_not.is_empty() {
        return format!("the bot has level {own} and may do everything");
    }
    let may: Vec<&str> = may.iter().map(|(what, _)| *what).collect();
    let may_not: Vec<String> = may_not
        .iter()
        .map(|(what, right)| format!("{what} ({})", right.needed))
        .collect();
    if may.is_empty() {
        return format!("the bot has level {own} and may not {}", may_not.join(", "));
    }
    format!(
        "the bot has level {own}, may {}, and may not {}",
        may.join(", "),
        may_not.join(", ")
    )
}

fn if_adopted(out: &mut impl Write, plan: &RoomPlan, seen: &Seen) -> fmt::Result {
    let Some(adopted) = seen.if_adopted else {
        return Ok(());
    };
    writeln!(
        out,
        "  {} of the {} who belong there are in it; once it is adopted, {} would be invited, {} removed, and {} changed",
        seen.present,
        plan.census.wanted,
        adopted.invited,
        adopted.removed,
        counted(
            usize::try_from(adopted.changed).unwrap_or(usize::MAX),
            "level or setting",
            "levels and settings"
        ),
    )
}

/// The ways to mend something, each on its own line; a request on one that can be copied as a whole.
pub(super) fn mend(out: &mut impl Write, remedy: &Remedy, base: &str, told: &mut Told) -> fmt::Result {
    if remedy.steps.is_empty() {
        return Ok(());
    }
    let before = told.troubles.entry(remedy.trouble).or_default();
    *before += 1;
    if *before > SHOWN {
        return writeln!(
            out,
            "    {QUIET}as in the rooms above; `inviter check --json` has it for each{QUIET:#}"
        );
    }
    steps(out, "    ", &remedy.steps, base)
}

/// Steps below something.
pub(super) fn steps(out: &mut impl Write, indent: &str, steps: &[Step], base: &str) -> fmt::Result {
    for step in steps {
        match step {
            Step::Client { text } => writeln!(out, "{indent}in a client: {}", Clean(text))?,
            Step::Configuration { text, line } => writeln!(
                out,
                "{indent}in the configuration: {}: {}",
                Clean(text),
                Clean(line)
            )?,
            Step::Command { command } => writeln!(out, "{indent}here: {}", Clean(command))?,
            Step::Request { text, request } => {
                writeln!(out, "{indent}on the homeserver: {}:", Clean(text))?;
                writeln!(out, "{indent}  {}", Clean(&request.curl(base)))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn ghosts(out: &mut impl Write, seen: &Seen) -> fmt::Result {
    for ghosts in &seen.ghosts {
        let names: Vec<String> = ghosts.first.iter().map(|user| clean(user.as_str())).collect();
        let count = usize::try_from(ghosts.count).unwrap_or(usize::MAX);
        let more = match count.saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(
            out,
            "  {NOTE}note:{NOTE:#} {} in no group ({}{more})",
            counted(count, "account of a bridge is", "accounts of a bridge are"),
            names.join(", "),
        )?;
    }
    Ok(())
}
