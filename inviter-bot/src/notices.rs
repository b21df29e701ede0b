//! [`Notices`]: what the administration room is told without having asked, once and not with every run.

mod things;
mod told;
mod unknown;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use inviter::{
    Report,
    core::{directory::ProviderId, quarantine::Quarantined, runs::RunCause, time::Timestamp},
};

use self::told::Told;
use crate::session::{NotBegun, Obstacle, Session};

/// What has been told, and what did not arrive.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    told: Told,
    /// What has kept runs from beginning since the last one that did.
    not_begun: Vec<Obstacle>,
    /// What the process before has told of quarantines is among `told`.
    recalled: bool,
    /// What no later report says again, and nobody has heard yet.
    owed: Vec<String>,
}

/// What a run says nothing of.
#[derive(Debug)]
struct Around {
    /// The directories of the configuration.
    directories: BTreeSet<ProviderId>,
    /// Those of them that are left alone for now.
    quarantined: BTreeMap<ProviderId, Quarantined>,
    /// The present.
    now: Timestamp,
    /// The run was about some rooms only, and says nothing of what holds elsewhere.
    part: bool,
    /// It was a run, and no look at rooms from what is known already, which shows of no run that it could begin.
    ran: bool,
}

impl Notices {
    /// Says something in the administration room, if there is one, a line for each thing, and answers whether that went
    /// well; it is logged in any case.
    pub(crate) async fn tell(&mut self, session: &Session, lines: &[String]) -> bool {
        log(lines);
        session.say(&lines.join("\n")).await
    }

    /// A run could not even begin. What keeps it from that is told once, whatever is said of it each time.
    pub(crate) async fn not_begun(&mut self, session: &Session, why: &NotBegun) {
        let Some(text) = self.obstacle(why) else { return };
        if self.tell(session, &[text]).await {
            self.not_begun.push(why.obstacle.clone());
        }
    }

    /// What is to be told of a run that could not begin, if that is news.
    fn obstacle(&self, why: &NotBegun) -> Option<String> {
        let text = || {
            format!("the run could not begin: {why}; nothing was changed, and it is tried again on schedule")
        };
        (!self.not_begun.contains(&why.obstacle)).then(text)
    }

    /// A run has come to an end: what is new is told, and what is over.
    pub(crate) async fn after_run(&mut self, session: &Session, report: &Report, cause: &RunCause) {
        self.after(session, report, *cause == RunCause::Drift, true).await;
    }

    /// Some rooms were looked at from what was read before, and no run was needed: what is new in them is told.
    pub(crate) async fn after_look(&mut self, session: &Session, report: &Report) {
        self.after(session, report, true, false).await;
    }

    async fn after(&mut self, session: &Session, report: &Report, part: bool, ran: bool) {
        let around = Around {
            directories: session.reconciler.providers.iter().map(|d| d.id()).collect(),
            quarantined: session.quarantined(),
            now: session.now(),
            part,
            ran,
        };
        let quarantines = session.board.known().quarantines;
        if !std::mem::replace(&mut self.recalled, true) {
            self.told.recall(quarantines.told());
        }
        let news = self.news(report, &around);
        let arrived = news.lines.is_empty() || self.tell(session, &news.lines).await;
        self.told_that(news, arrived);
        if arrived {
            quarantines
                .remember(&session.reconciler, &around.quarantined)
                .await;
        }
    }

    /// What is to be told after a run.
    fn news(&self, report: &Report, around: &Around) -> News {
        let begins = around.ran && !self.not_begun.is_empty();
        let begins = begins.then(|| "runs begin again".to_owned());
        let mut lines: Vec<String> = begins.into_iter().chain(self.owed.iter().cloned()).collect();
        let (more, told) = self.told.after(report, around);
        let lost = told::lost(report).filter(|_| !self.told.lost && self.owed.is_empty());
        let once: Vec<String> = self.owed.iter().cloned().chain(lost.clone()).collect();
        lines.extend(lost);
        lines.extend(more);
        News {
            lines,
            once,
            told,
            ran: around.ran,
        }
    }

    /// What did not arrive is told again after the next run.
    fn told_that(&mut self, news: News, arrived: bool) {
        if arrived {
            if news.ran {
                self.not_begun.clear();
            }
            self.owed.clear();
            self.told = news.told;
        } else {
            self.owed = news.once;
        }
    }
}

/// What is to be told, and what is told if that arrives.
#[derive(Debug)]
struct News {
    lines: Vec<String>,
    /// Those of the lines that no later report says again.
    once: Vec<String>,
    told: Told,
    /// See [`Around`].
    ran: bool,
}

/// Logs each line as an event of its own: what is in one can begin no other.
pub(crate) fn log(lines: &[String]) {
    for line in lines {
        tracing::warn!("{line}");
    }
}
