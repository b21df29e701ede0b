//! `status`: how things stand: the last runs and the next, what waits for a person and why, what is paused, and how old
//! the last good reads of the directories are.

mod directories;
mod holds;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use inviter::core::{
    directory::ProviderId,
    evidence::Evidence,
    plan::RoomStatus,
    quarantine::Quarantined,
    recall::{MemoryStore as _, Recalled, RememberedDirectory},
    reconcile::{Reconciler, RunError},
    report::{Outcome, Report, RoomReport},
    runs::{RememberedRun, RunCause},
    server::{LimitKind, MetLimit},
    time::Timestamp,
};
use serde_json::{Value, json};

pub use self::holds::{Hold, Standing};
use super::{
    pause::{self, Paused},
    plan::Planned,
    sync::Synced,
};
use crate::{
    answer::Answer,
    render::{
        clean::{Clean, clean},
        counted, document, duration,
        report::{self, Kind},
        status as status_words,
        style::{FAILED, HEADLINE, NOTE, QUIET},
        time, word,
    },
};

/// How many runs are told of in the text.
const RUNS_SHOWN: usize = 5;

/// How things stand.
#[derive(Debug, Clone)]
pub struct Status {
    /// The present.
    pub now: Timestamp,
    /// The last runs, oldest first.
    pub runs: Vec<RememberedRun>,
    /// When a full run last went through with nothing failed, unknown or incomplete.
    pub clean_run: Option<Timestamp>,
    /// When the next run begins, if something runs by itself and tells.
    pub next: Option<Timestamp>,
    /// The directories, with their last good reads.
    pub directories: BTreeMap<ProviderId, Option<RememberedDirectory>>,
    /// Those of them that keep failing and are left alone for now.
    pub quarantined: BTreeMap<ProviderId, Quarantined>,
    /// What a person has paused.
    pub paused: Paused,
    /// What is held, as the last run left it.
    pub holds: Vec<Hold>,
    /// Rate limits that runs have met.
    pub limits: BTreeMap<LimitKind, MetLimit>,
    /// Why what was remembered is lost, if it is.
    pub lost: Option<String>,
    /// The rooms, as far as they are known.
    pub picture: Option<Picture>,
}

/// The rooms as they were last looked at: in a plan that was made for this, or in the last run.
#[derive(Debug, Clone)]
pub struct Picture {
    /// When they were looked at.
    pub at: Timestamp,
    /// What a run would do, or did.
    pub report: Report,
    /// Whether that is a run, not a plan.
    pub is_run: bool,
    evidence: Evidence,
    /// The rooms in which something waits for a person, with only that.
    waiting: Vec<RoomReport>,
}

impl Picture {
    /// Of a plan.
    pub fn of_plan(planned: &Planned) -> Self {
        let at = planned.draft.plan.planned();
        Self::new(at, planned.report.clone(), planned.evidence.clone(), false)
    }

    /// Of a run that was about everything, which began at this time.
    pub fn of_run(synced: &Synced, at: Timestamp) -> Self {
        Self::new(at, synced.report.clone(), synced.evidence.clone(), true)
    }

    /// Of such a run, by what its plan was made from.
    pub fn of_report(report: Report, evidence: Evidence, at: Timestamp) -> Self {
        Self::new(at, report, evidence, true)
    }

    fn new(at: Timestamp, report: Report, evidence: Evidence, is_run: bool) -> Self {
        let waits = |outcome: &Outcome| matches!(outcome, Outcome::Held { .. } | Outcome::Pending);
        Self {
            at,
            waiting: report::only(&report, waits),
            report,
            is_run,
            evidence,
        }
    }

    /// How many rooms there are of each status.
    pub fn rooms(&self) -> BTreeMap<RoomStatus, usize> {
        let mut counts = BTreeMap::new();
        for room in &self.report.rooms {
            *counts.entry(room.status).or_default() += 1;
        }
        counts
    }

    const fn kind(&self) -> Kind {
        if self.is_run { Kind::Sync } else { Kind::Plan }
    }
}

/// Looks up what is remembered.
///
/// # Errors
/// What reading the memory can meet.
pub async fn status(
    reconciler: &Reconciler,
    picture: Option<Picture>,
    next: Option<Timestamp>,
) -> Result<Status, RunError> {
    let (memory, lost) = match reconciler.store.recall().await? {
        Recalled::Memory(memory) => (memory, None),
        Recalled::Lost(lost) => (lost.begin(), Some(lost.why)),
    };
    let providers = reconciler.providers.iter().map(|provider| provider.id());
    let directories = providers.map(|id| (id.clone(), memory.directories.get(&id).cloned()));
    let holds = Hold::all(&memory, picture.as_ref());
    Ok(Status {
        now: reconciler.clock.now(),
        directories: directories.collect(),
        quarantined: (reconciler.providers.iter())
            .filter_map(|directory| Some((directory.id(), directory.quarantined()?)))
            .collect(),
        runs: memory.runs,
        clean_run: memory.clean_run,
        next,
        holds,
        paused: Paused {
            paused: memory.paused,
        },
        limits: memory.limits,
        lost,
        picture,
    })
}

impl Status {
    /// A point in time with how long ago it was, or how far ahead it is.
    fn when(&self, at: Timestamp) -> String {
        let relative = if at > self.now {
            format!("in {}", duration(at.since(self.now)))
        } else {
            format!("{} ago", duration(self.now.since(at)))
        };
        format!("{} {QUIET}({relative}){QUIET:#}", time(at))
    }

    fn write_runs(&self, out: &mut String) -> fmt::Result {
        if self.runs.is_empty() {
            writeln!(out, "runs: none is remembered")?;
        }
        for run in self.runs.iter().rev().take(RUNS_SHOWN) {
            write!(
                out,
                "run {}, {}: ",
                self.when(run.at),
                clean(&run.cause.to_string())
            )?;
            if let Some(why) = &run.not_begun {
                writeln!(out, "{FAILED}could not begin:{FAILED:#} {}", Clean(why))?;
                continue;
            }
            let part = if run.whole { "" } else { ", of a part" };
            let errors = if run.errors {
                format!("; {FAILED}with errors{FAILED:#}")
            } else {
                String::new()
            };
            writeln!(
                out,
                "{}{errors} {QUIET}(took {}{part}){QUIET:#}",
                report::tallied(&run.tally, Kind::Sync),
                duration(run.duration()),
            )?;
        }
        match self.clean_run {
            Some(at) => writeln!(
                out,
                "last full run with nothing failed or unknown: {}",
                self.when(at)
            )?,
            None => writeln!(
                out,
                "{NOTE}note:{NOTE:#} no full run has gone through with nothing failed or unknown yet, so nobody is removed"
            )?,
        }
        if let Some(next) = self.next {
            writeln!(out, "next run: {}", self.when(next))?;
        }
        Ok(())
    }

    fn write_directories(&self, out: &mut String) -> fmt::Result {
        for (id, read) in &self.directories {
            self.write_quarantine(out, id)?;
            let id = clean(id.as_str());
            match read {
                Some(read) => {
                    let accounts = usize::try_from(read.active_accounts).unwrap_or(usize::MAX);
                    writeln!(
                        out,
                        "directory {id}: last read completely {}, {}",
                        self.when(read.at),
                        counted(accounts, "active account", "active accounts")
                    )?;
                }
                None => writeln!(out, "directory {id}: no run has read it completely yet")?,
            }
        }
        Ok(())
    }
}

impl Picture {
    fn write(&self, out: &mut String, status: &Status) -> fmt::Result {
        let rooms = self.rooms();
        let counts = rooms
            .iter()
            .map(|(status, count)| format!("{count} {}", status_words(*status)));
        let counts = counts.collect::<Vec<_>>().join("; ");
        let colon = if counts.is_empty() { "" } else { ": " };
        writeln!(
            out,
            "{}{colon}{counts}; as of {}",
            counted(self.report.rooms.len(), "room", "rooms"),
            status.when(self.at)
        )?;
        writeln!(out)?;
        report::waiting(out, (&self.report, &self.waiting), &self.evidence, self.kind())
    }
}

impl Answer for Status {
    fn kind(&self) -> &'static str {
        "status"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.write_runs(out)?;
        self.write_directories(out)?;
        if let Some(why) = &self.lost {
            writeln!(
                out,
                "{FAILED}error:{FAILED:#} what earlier runs had written down is lost: {}",
                Clean(why)
            )?;
        }
        for (what, since) in &self.paused.paused {
            writeln!(out, "paused: {} since {}", pause::name(what), self.when(*since))?;
        }
        for hold in &self.holds {
            hold.write(out, |at| self.when(at))?;
        }
        let Some(picture) = &self.picture else {
            return writeln!(
                out,
                "\n{HEADLINE}status: no run has looked at the rooms yet{HEADLINE:#}"
            );
        };
        picture.write(out, self)?;
        let tally = report::tallied(&picture.report.tally(), picture.kind());
        let unread = report::unread(&picture.report.findings);
        writeln!(out, "{HEADLINE}status: {tally}{unread}{HEADLINE:#}")
    }

    fn json(&self) -> Value {
        let directories = self.directories.iter().map(|(id, read)| {
            json!({
                "directory": id.as_str(),
                "read": read.as_ref().map(|read| time(read.at)),
                "age_seconds": read.as_ref().map(|read| self.now.since(read.at).as_secs()),
                "active_accounts": read.as_ref().map(|read| read.active_accounts),
                "quarantine": self.quarantine(id),
            })
        });
        let limits = self.limits.iter().map(|(kind, met)| {
            json!({ "kind": kind.as_str(), "wait_seconds": met.wait.as_secs_f64(), "seen": time(met.at) })
        });
        json!({
            "now": time(self.now),
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "clean_run": self.clean_run.map(time),
            "next_run": self.next.map(time),
            "directories": directories.collect::<Vec<_>>(),
            "paused": self.paused.paused.iter().map(pause::entry).collect::<Vec<_>>(),
            "holds": self.holds.iter().map(|hold| hold.json(self.now)).collect::<Vec<_>>(),
            "limits_met": limits.collect::<Vec<_>>(),
            "lost": self.lost,
            "rooms": self.picture.as_ref().map(picture),
        })
    }
}

fn run(run: &RememberedRun) -> Value {
    let who = match &run.cause {
        RunCause::Person { who } => who.as_ref(),
        _ => None,
    };
    json!({
        "at": time(run.at),
        "took_seconds": run.duration().as_secs_f64(),
        "cause": run.cause.as_str(),
        "who": who,
        "whole": run.whole,
        "counts": document::counts(&run.tally),
        "errors": run.errors,
        "not_begun": run.not_begun,
    })
}

fn picture(picture: &Picture) -> Value {
    let waiting = picture.waiting.iter();
    let statuses = picture.rooms().into_iter();
    json!({
        "as_of": time(picture.at),
        "run": picture.is_run,
        "by_status": statuses.map(|(status, count)| (word(&status), count.into())).collect::<serde_json::Map<_, _>>(),
        "counts": document::counts(&picture.report.tally()),
        "waiting": waiting.map(|room| document::room(room, &picture.evidence)).collect::<Vec<_>>(),
        "release": picture.report.release,
    })
}
