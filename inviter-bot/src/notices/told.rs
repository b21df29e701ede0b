//! [`Told`]: what has been told and still holds, and what a run changes about it.

use std::collections::{BTreeMap, BTreeSet};

use inviter::{
    Report,
    core::{
        directory::ProviderId,
        finding::{Finding, FindingKind, Subject},
        provider::ProviderErrorKind,
        quarantine::Quarantined,
        room::RoomRef,
        time::Timestamp,
    },
};
use inviter_operations::render::{clean::clean, duration, time};

use super::{
    Around,
    things::{self, Thing},
    unknown,
};
use crate::quarantines;

/// What has been told and still holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// That what was remembered is lost.
    pub(super) lost: bool,
    /// The quarantines, by directory and beginning, with the beginning of the failures.
    quarantined: BTreeMap<(ProviderId, Timestamp), Timestamp>,
    /// Directories that cannot be read and are not in quarantine. What the error says is no part of it: it may be
    /// another with each read.
    unread: BTreeSet<ProviderId>,
    /// Directories of which something is not known.
    pub(super) incomplete: BTreeSet<ProviderId>,
    /// Rooms that nobody is removed from, because something is not known.
    pub(super) open: BTreeSet<RoomRef>,
    /// All else.
    things: BTreeSet<Thing>,
}

impl Told {
    /// Takes over what the process before has told.
    pub(super) fn recall(&mut self, quarantines: quarantines::Told) {
        let quarantines = quarantines.into_iter();
        self.quarantined
            .extend(quarantines.map(|(id, of)| ((id, of.since), of.failing_since)));
    }

    /// What is to be told after a run, and what has been told then.
    pub(super) fn after(&self, report: &Report, around: &Around) -> (Vec<String>, Self) {
        let mut lines = Vec::new();
        let things = things::of(report);
        let mut told = Self {
            lost: lost(report).is_some() || around.part && self.lost,
            quarantined: self.quarantines(around, &mut lines),
            unread: self.unread(report, around, &mut lines),
            incomplete: unknown::directories(self, report, around, &mut lines),
            open: unknown::rooms(self, report, around, &mut lines),
            things: things.keys().cloned().collect(),
        };
        let new = things
            .into_iter()
            .filter(|(thing, _)| !self.things.contains(thing));
        lines.extend(new.map(|(_, sentence)| sentence));
        let still = self.things.iter();
        let still = still.filter(|thing| around.part || things::is_still_refused(thing, report));
        told.things.extend(still.cloned());
        (lines, told)
    }

    fn quarantines(
        &self,
        around: &Around,
        lines: &mut Vec<String>,
    ) -> BTreeMap<(ProviderId, Timestamp), Timestamp> {
        let of = |(id, of): (&ProviderId, &Quarantined)| ((id.clone(), of.since), of.failing_since);
        let now: BTreeMap<_, _> = around.quarantined.iter().map(of).collect();
        // A directory may have recovered and failed again since: the last line says how it is.
        for (told, failing) in &self.quarantined {
            // One that was taken out of the configuration is nobody's concern any more.
            if !now.contains_key(told) && around.directories.contains(&told.0) {
                lines.push(recovery(&told.0, around.now, *failing));
            }
        }
        for (id, quarantined) in &around.quarantined {
            if !self.quarantined.contains_key(&(id.clone(), quarantined.since)) {
                lines.push(entry(id, quarantined));
            }
        }
        now
    }

    fn unread(&self, report: &Report, around: &Around, lines: &mut Vec<String>) -> BTreeSet<ProviderId> {
        // Its quarantine says all of a directory.
        let mut now: BTreeMap<&ProviderId, &Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.kind == FindingKind::DirectoryUnread)
            .filter_map(|finding| Some((directory(finding)?, finding)))
            .collect();
        now.retain(|id, _| !around.quarantined.contains_key(*id));
        for (id, finding) in &now {
            if !self.unread.contains(*id) {
                lines.push(format!("not read: {}", clean(&finding.message)));
            }
        }
        let before = self.unread.iter();
        let before = before
            .filter(|id| around.directories.contains(*id) && !around.quarantined.contains_key(*id))
            .filter(|id| !now.contains_key(*id));
        let mut unread: BTreeSet<ProviderId> = now.keys().map(|id| (*id).clone()).collect();
        if around.part {
            unread.extend(before.cloned());
        } else {
            lines.extend(before.map(|id| format!("over: directory {} answers again", clean(id.as_str()))));
        }
        unread
    }
}

/// What is told of a memory that is lost.
pub(super) fn lost(report: &Report) -> Option<String> {
    let lost = |finding: &&Finding| finding.kind == FindingKind::MemoryLost;
    let finding = report.findings.iter().find(lost)?;
    Some(format!(
        "memory lost: {}; gone are all pauses, what was held, and whom the bot has brought in; pause again what is to \
         be paused (`!inviter pause ROOM…`), look with `!inviter plan`, and go on with `!inviter sync`; \
         while a room is paused no run counts as clean, and `!inviter release` lets removals go",
        clean(&finding.message)
    ))
}

/// What is told when a directory is left alone from now on.
fn entry(directory: &ProviderId, of: &Quarantined) -> String {
    let remedy = match of.kind {
        // What the bot itself has to know otherwise is read with the configuration only.
        ProviderErrorKind::Denied | ProviderErrorKind::Misconfigured => {
            "correct it and reload the bot (SIGHUP, `systemctl reload`), which reads files of secrets anew and asks the \
             directory at once"
        }
        _ => "mend it, and have it asked at once with `!inviter sync`",
    };
    format!(
        "quarantine: directory {} has failed {} and is asked ever more seldom from now on, next at {}; nobody is removed \
         from the rooms that it feeds; {remedy}; the last error: {}",
        clean(directory.as_str()),
        match of.failures {
            1 => "once".to_owned(),
            failures => format!("{failures} times in a row"),
        },
        time(of.again),
        clean(&of.error)
    )
}

/// What is told when it answers again.
fn recovery(directory: &ProviderId, now: Timestamp, failing: Timestamp) -> String {
    format!(
        "over: directory {} answers again, {} after its first failure, and is out of quarantine",
        clean(directory.as_str()),
        duration(now.since(failing))
    )
}

/// The directory that a finding is about.
pub(super) fn directory(finding: &Finding) -> Option<&ProviderId> {
    match &finding.about {
        Subject::Directory(id) => Some(id),
        _ => None,
    }
}
