//! What is remembered of runs: when they were, what they came to, and what started them.

use std::{fmt, time::Duration};

use ruma_common::OwnedUserId;
use serde::{Deserialize, Serialize};

use crate::{report::Tally, time::Timestamp};

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunCause {
    /// The program began.
    Start,
    /// It was time.
    Schedule,
    /// A directory told of a change.
    Directory,
    /// Somebody changed a room.
    Drift,
    /// A person asked for it.
    Person {
        /// Who, where that is known: not on a command line.
        who: Option<OwnedUserId>,
    },
}

impl RunCause {
    /// A word for programs and databases.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Schedule => "schedule",
            Self::Directory => "directory",
            Self::Drift => "drift",
            Self::Person { .. } => "person",
        }
    }

    /// The cause of this word, with the person of [`RunCause::Person`].
    pub fn parse(word: &str, who: Option<OwnedUserId>) -> Option<Self> {
        Some(match word {
            "start" => Self::Start,
            "schedule" => Self::Schedule,
            "directory" => Self::Directory,
            "drift" => Self::Drift,
            "person" => Self::Person { who },
            _ => return None,
        })
    }
}

impl Default for RunCause {
    /// Of timers and the like, as the options of a run are by default.
    fn default() -> Self {
        Self::Schedule
    }
}

impl fmt::Display for RunCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("at the start"),
            Self::Schedule => f.write_str("on schedule"),
            Self::Directory => f.write_str("after a change in a directory"),
            Self::Drift => f.write_str("after a change in a room"),
            Self::Person { who: Some(who) } => write!(f, "by {who}"),
            Self::Person { who: None } => f.write_str("by a person"),
        }
    }
}

/// One run, as far as `status` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedRun {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// What started it.
    pub cause: RunCause,
    /// Whether it was about everything that the configuration is about.
    pub whole: bool,
    /// What it came to.
    pub tally: Tally,
    /// Whether something beside single actions went wrong, such as writing down what was done.
    pub errors: bool,
    /// How many directories could not be read at all.
    #[serde(default)]
    pub unread: u32,
    /// How many others were read only in part, be it their listing or one of their groups.
    #[serde(default)]
    pub incomplete: u32,
    /// Why it could not even begin, if so: a sentence without a full stop.
    pub not_begun: Option<String>,
}

impl RememberedRun {
    /// How many runs are remembered, not counting the last whole one and the last that could not begin.
    pub const KEPT: usize = 20;

    /// How long it took.
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.took)
    }

    /// Forgets runs that nobody asks about any more: all but the last 20, the last whole one and the last that could
    /// not begin.
    pub fn keep(runs: &mut Vec<Self>) {
        let Some(surplus) = runs.len().checked_sub(Self::KEPT).filter(|n| *n > 0) else {
            return;
        };
        let last = |is: fn(&Self) -> bool| runs.iter().rposition(is);
        let kept = [
            last(|run| run.whole && run.not_begun.is_none()),
            last(|run| run.not_begun.is_some()),
        ];
        let mut at = 0;
        runs.retain(|_| {
            let keep = at >= surplus || kept.contains(&Some(at));
            at += 1;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(at: u64, whole: bool, begun: bool) -> RememberedRun {
        RememberedRun {
            at: Timestamp(at),
            took: 5,
            cause: RunCause::Drift,
            whole,
            tally: Tally::default(),
            errors: false,
            unread: 0,
            incomplete: 0,
            not_begun: (!begun).then(|| "the homeserver is away".to_owned()),
        }
    }

    #[test]
    fn the_last_whole_run_and_the_last_failure_outlive_the_others() {
        let mut runs = Vec::new();
        for at in 0..100 {
            runs.push(run(at, at <= 8, at != 7));
            RememberedRun::keep(&mut runs);
        }
        let times: Vec<u64> = runs.iter().map(|run| run.at.0).collect();
        let wanted: Vec<u64> = [7, 8].into_iter().chain(80..100).collect();
        assert_eq!(times, wanted);
    }

    #[test]
    fn causes_are_words_and_back() {
        let who = OwnedUserId::try_from("@a:x").unwrap();
        let person = RunCause::Person {
            who: Some(who.clone()),
        };
        for cause in [
            RunCause::Start,
            RunCause::Schedule,
            RunCause::Directory,
            RunCause::Drift,
            person,
        ] {
            assert_eq!(RunCause::parse(cause.as_str(), Some(who.clone())), Some(cause));
        }
        assert_eq!(RunCause::parse("nobody", None), None);
    }
}
