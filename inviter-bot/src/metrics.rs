//! [`Metrics`]: numbers for Prometheus.

use std::time::Duration;

use inviter::{Report, core::server::LimitKind, matrix::Observer};

use crate::board::Finished;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics;

impl Metrics {
    /// A run has ended.
    pub(crate) fn run(&self, _finished: &Finished) {}

    /// A change by somebody else was put right, this long after it was noticed.
    pub(crate) fn drift(&self, _report: &Report, _took: Duration) {}

    /// A room was paused, because somebody keeps undoing what the bot does there.
    pub(crate) fn fight(&self) {}
}

impl Observer for Metrics {
    fn request(&self, _kind: LimitKind, _status: Option<u16>, _took: Duration) {}

    fn limited(&self, _kind: LimitKind, _wait: Duration) {}
}
