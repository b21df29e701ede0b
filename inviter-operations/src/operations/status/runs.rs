//! The last runs and the next.

use std::fmt::{self, Write as _};

use inviter::core::runs::{RememberedRun, RunCause};
use serde_json::{Value, json};

use super::{Status, unknown::in_part};
use crate::render::{
    clean::{Clean, clean},
    counted, document, duration,
    report::{self, Kind},
    style::{FAILED, NOTE, QUIET},
    time,
};

/// How many runs are told of in the text.
const RUNS_SHOWN: usize = 5;

impl Status {
    pub(super) fn write_runs(&self, out: &mut String) -> fmt::Result {
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
                "{}{errors}{} {QUIET}(took {}{part}){QUIET:#}",
                report::tallied(&run.tally, Kind::Sync),
                missed(run),
                duration(run.duration()),
            )?;
        }
        // What else was unknown in it is told with the rooms.
        match self.clean_run {
            Some(at) => writeln!(
                out,
                "last full run in which every directory and room was looked at and nothing failed: {}",
                self.when(at)
            )?,
            None => writeln!(
                out,
                "{NOTE}note:{NOTE:#} no full run has looked at every directory and room without a failure yet, so nobody \
                 is removed"
            )?,
        }
        if let Some(next) = self.next {
            writeln!(out, "next run: {}", self.when(next))?;
        }
        Ok(())
    }
}

/// What a run could not read: "no changes" alone would say that there were none.
fn missed(run: &RememberedRun) -> String {
    let unread = match run.unread as usize {
        0 => String::new(),
        count => format!(
            "; {FAILED}{} not read{FAILED:#}",
            counted(count, "directory", "directories")
        ),
    };
    format!("{unread}{}", in_part(run.incomplete as usize))
}

/// For programs.
pub(super) fn json(run: &RememberedRun) -> Value {
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
        "directories_unread": run.unread,
        "directories_incomplete": run.incomplete,
        "errors": run.errors,
        "not_begun": run.not_begun,
    })
}
