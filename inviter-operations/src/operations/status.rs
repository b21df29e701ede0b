//! `status`: how things stand: the last runs and the next, what waits for a person and why, what is paused, and how old
//! the last good reads of the directories are.

mod directories;
mod grace;
mod holds;
mod picture;
mod runs;
#[cfg(test)]
mod tests;
mod unknown;

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use inviter::core::{
    directory::ProviderId,
    quarantine::Quarantined,
    recall::{MemoryStore as _, Recalled, RememberedDirectory},
    reconcile::{Reconciler, RunError},
    runs::RememberedRun,
    server::{LimitKind, MetLimit},
    time::Timestamp,
};
use serde_json::{Value, json};

pub use self::{
    grace::Grace,
    holds::{Hold, Standing},
    picture::Picture,
};
use super::pause::{self, Paused};
use crate::{
    answer::Answer,
    render::{
        clean::{Clean, clean},
        counted, duration, report,
        style::{FAILED, HEADLINE, QUIET},
        time,
    },
};

/// How things stand.
#[derive(Debug, Clone)]
pub struct Status {
    /// The present.
    pub now: Timestamp,
    /// The last runs, oldest first.
    pub runs: Vec<RememberedRun>,
    /// When a full run last went through with nothing failed, and with every directory and room looked at.
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
    /// Who has time yet before they go.
    pub grace: Option<Grace>,
    /// Rate limits that runs have met.
    pub limits: BTreeMap<LimitKind, MetLimit>,
    /// Why what was remembered is lost, if it is.
    pub lost: Option<String>,
    /// The rooms, as far as they are known.
    pub picture: Option<Picture>,
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
    let picture = picture.map(|picture| picture.without_what_is_old(&memory));
    let holds = Hold::all(&memory, picture.as_ref());
    let now = reconciler.clock.now();
    Ok(Status {
        now,
        grace: Grace::of(&memory, &reconciler.policy, picture.as_ref(), now),
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
        self.write_grace(out)?;
        let Some(picture) = &self.picture else {
            return writeln!(
                out,
                "\n{HEADLINE}status: no run has looked at the rooms yet{HEADLINE:#}"
            );
        };
        picture.write(out, self)?;
        let tally = report::tallied(&picture.tally(&self.holds), picture.kind());
        let unread = report::unread(&picture.report.findings);
        let unknown = picture.unknown();
        writeln!(out, "{HEADLINE}status: {tally}{unread}{unknown}{HEADLINE:#}")
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
            "runs": self.runs.iter().map(runs::json).collect::<Vec<_>>(),
            "clean_run": self.clean_run.map(time),
            "next_run": self.next.map(time),
            "directories": directories.collect::<Vec<_>>(),
            "paused": self.paused.paused.iter().map(pause::entry).collect::<Vec<_>>(),
            "holds": self.holds.iter().map(|hold| hold.json(self.now)).collect::<Vec<_>>(),
            "grace": self.grace.as_ref().map(Grace::json),
            "limits_met": limits.collect::<Vec<_>>(),
            "lost": self.lost,
            "rooms": self.picture.as_ref().map(|picture| picture.json(&self.holds)),
        })
    }
}
