//! [`Notices`]: what the administration room is told without having asked, once and not with every run.

use std::collections::BTreeSet;

use inviter::{
    Report,
    core::{
        finding::FindingKind,
        report::{Outcome, RoomReport},
        runs::RunCause,
    },
};
use inviter_operations::render::{clean::clean, counted};

use crate::session::Session;

/// What has been told and still holds.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    told: BTreeSet<String>,
    not_begun: Option<String>,
}

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
        let mut now = news(report);
        lines.extend(now.iter().filter(|line| !self.told.contains(*line)).cloned());
        if *cause == RunCause::Drift {
            // It was about some rooms only, and says nothing of what holds elsewhere.
            now.extend(self.told.iter().cloned());
        } else {
            let over = self.told.iter().filter(|line| !now.contains(*line));
            let over = over.filter(|line| line.starts_with(UNREAD));
            lines.extend(over.map(|line| format!("over: {line}")));
        }
        // What did not arrive is told again after the next run.
        if lines.is_empty() || self.tell(session, &lines.join("\n")).await {
            self.told = now;
        }
    }
}

const UNREAD: &str = "not read: ";

/// What an administrator should know of a run, a sentence for each thing. The same thing makes the same sentence.
fn news(report: &Report) -> BTreeSet<String> {
    let unread = report
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::DirectoryUnread)
        .map(|finding| format!("{UNREAD}{}", clean(&finding.message)));
    let mut news: BTreeSet<String> = unread.collect();
    news.extend(report.errors.iter().map(|error| clean(error)));
    // Where a room or its alias has gone is for a person to know, and mostly to decide about.
    let findings = report.rooms.iter().flat_map(|room| &room.findings);
    let moved = findings.chain(&report.findings).filter(|finding| {
        matches!(
            finding.kind,
            FindingKind::AliasMoved | FindingKind::NotSuccessor | FindingKind::Followed
        )
    });
    news.extend(moved.map(|finding| clean(&finding.message)));
    for room in &report.rooms {
        news.extend(of_room(room));
    }
    news
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
