//! [`Notices`]: what the administration room is told without having asked, once and not with every run.

use std::collections::{BTreeMap, BTreeSet};

use inviter::{
    Report,
    core::{
        directory::ProviderId,
        finding::{Finding, FindingKind, Subject},
        quarantine::Quarantined,
        report::{Outcome, RoomReport},
        runs::RunCause,
        time::Timestamp,
    },
};
use inviter_operations::render::{clean::clean, counted, duration, time};

use crate::session::Session;

/// What has been told and still holds.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    told: News,
    not_begun: Option<String>,
    /// The quarantines that have been told, by directory and beginning, with the beginning of the failures.
    quarantined: BTreeMap<(ProviderId, Timestamp), Timestamp>,
}

/// Sentences, each with the directory if it says that one could not be read.
type News = BTreeMap<String, Option<ProviderId>>;

impl Notices {
    /// Says something in the administration room, if there is one, and answers whether that went well; it is logged in
    /// any case.
    pub(crate) async fn tell(&mut self, session: &Session, text: &str) -> bool {
        tracing::warn!("{text}");
        session.say(text).await
    }

    /// A run could not even begin.
    pub(crate) async fn not_begun(&mut self, session: &Session, why: &str) {
        if self.not_begun.as_deref() == Some(why) {
            return;
        }
        let text =
            format!("the run could not begin: {why}; nothing was changed, and it is tried again on schedule");
        if self.tell(session, &text).await {
            self.not_begun = Some(why.to_owned());
        }
    }

    /// A run has come to an end: what is new is told, and what is over.
    pub(crate) async fn after_run(&mut self, session: &Session, report: &Report, cause: &RunCause) {
        let mut lines = Vec::new();
        if self.not_begun.take().is_some() {
            lines.push("runs begin again".to_owned());
        }
        let quarantined = session.quarantined();
        let entered = quarantined.iter().filter(|(id, of)| !self.has_told(id, of));
        lines.extend(entered.map(|(id, of)| entry(id, of)));
        let is_over = |id: &ProviderId, since| quarantined.get(id).is_none_or(|of| of.since != since);
        let directories: BTreeSet<ProviderId> = session.reconciler.providers.iter().map(|d| d.id()).collect();
        for ((id, since), failing) in &self.quarantined {
            // One that was taken out of the configuration is nobody's concern any more.
            if is_over(id, *since) && directories.contains(id) {
                lines.push(recovery(id, session.now(), *failing));
            }
        }
        // Its quarantine says all of a directory, however its errors change.
        let is_told_so = |about: &Option<ProviderId>| {
            about.as_ref().is_some_and(|id| {
                quarantined.contains_key(id) || self.quarantined.keys().any(|(told, _)| told == id)
            })
        };
        let mut now = news(report);
        now.retain(|_, about| !about.as_ref().is_some_and(|id| quarantined.contains_key(id)));
        lines.extend(now.keys().filter(|line| !self.told.contains_key(*line)).cloned());
        if *cause == RunCause::Drift {
            // It was about some rooms only, and says nothing of what holds elsewhere.
            now.extend(self.told.clone());
            now.retain(|_, about| !is_told_so(about));
        } else {
            let over = self.told.iter().filter(|(line, _)| !now.contains_key(*line));
            let over = over.filter(|(_, about)| about.is_some() && !is_told_so(about));
            lines.extend(over.map(|(line, _)| format!("over: {line}")));
        }
        // What did not arrive is told again after the next run.
        if lines.is_empty() || self.tell(session, &lines.join("\n")).await {
            self.told = now;
            let told = quarantined
                .into_iter()
                .map(|(id, of)| ((id, of.since), of.failing_since));
            self.quarantined = told.collect();
        }
    }

    fn has_told(&self, directory: &ProviderId, of: &Quarantined) -> bool {
        self.quarantined.contains_key(&(directory.clone(), of.since))
    }
}

/// What is told when a directory is left alone from now on.
fn entry(directory: &ProviderId, of: &Quarantined) -> String {
    format!(
        "quarantine: directory {} has failed {} times in a row and is asked ever more seldom from now on, next at {}; \
         nobody is removed from the rooms that it feeds; mend it, and have it asked at once with `!inviter sync`; the \
         last error: {}",
        clean(directory.as_str()),
        of.failures,
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

const UNREAD: &str = "not read: ";

/// What an administrator should know of a run, a sentence for each thing. The same thing makes the same sentence.
fn news(report: &Report) -> News {
    let unread = report
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::DirectoryUnread);
    let mut news: News = unread
        .map(|finding| (format!("{UNREAD}{}", clean(&finding.message)), directory(finding)))
        .collect();
    let mut add = |line: String| {
        news.insert(line, None);
    };
    report.errors.iter().for_each(|error| add(clean(error)));
    // Where a room or its alias has gone is for a person to know, and mostly to decide about.
    let findings = report.rooms.iter().flat_map(|room| &room.findings);
    let moved = findings.chain(&report.findings).filter(|finding| {
        matches!(
            finding.kind,
            FindingKind::AliasMoved | FindingKind::NotSuccessor | FindingKind::Followed
        )
    });
    moved.for_each(|finding| add(clean(&finding.message)));
    report.rooms.iter().flat_map(of_room).for_each(add);
    news
}

fn directory(finding: &Finding) -> Option<ProviderId> {
    match &finding.about {
        Subject::Directory(id) => Some(id.clone()),
        _ => None,
    }
}

fn of_room(room: &RoomReport) -> Vec<String> {
    let name = clean(&room.room.to_string());
    let count = |is: fn(&Outcome) -> bool| room.items.iter().filter(|item| is(&item.outcome)).count();
    let mut lines = Vec::new();
    let held = count(|outcome| matches!(outcome, Outcome::Held { .. }));
    if held > 0 {
        let code = room.release.as_ref().map(ToString::to_string).unwrap_or_default();
        lines.push(format!(
            "{name}: {} held; `!inviter status` says why, `!inviter release {code}` lets go",
            counted(held, "removal or demotion is", "removals or demotions are")
        ));
    }
    let pending = count(|outcome| matches!(outcome, Outcome::Pending));
    if pending > 0 {
        lines.push(format!(
            "{name}: {} waiting for `!inviter sync '{name}'`",
            counted(pending, "removal or demotion is", "removals or demotions are")
        ));
    }
    for item in &room.items {
        if let Outcome::Failed {
            error,
            temporary: false,
        } = &item.outcome
        {
            lines.push(format!("{name}: {}", clean(error)));
        }
    }
    lines
}
