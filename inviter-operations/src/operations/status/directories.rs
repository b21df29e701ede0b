//! Directories that keep failing, and are left alone for now.

use std::fmt::{self, Write as _};

use inviter::core::{directory::ProviderId, quarantine::Quarantined};
use serde_json::{Value, json};

use super::Status;
use crate::render::{
    clean::{Clean, clean},
    counted,
    style::FAILED,
    time,
};

impl Status {
    /// How a directory is left alone, if it is.
    pub(super) fn write_quarantine(&self, out: &mut String, directory: &ProviderId) -> fmt::Result {
        let Some(quarantined) = self.quarantined.get(directory) else {
            return Ok(());
        };
        let Quarantined {
            since,
            failures,
            again,
            error,
            ..
        } = quarantined;
        let again = if *again > self.now {
            format!("asked again {}", self.when(*again))
        } else {
            "asked again by the next run".to_owned()
        };
        writeln!(
            out,
            "{FAILED}directory {}:{FAILED:#} in quarantine since {} after {} in a row, {again}, or at once by a \
             person's run; the last error: {}",
            clean(directory.as_str()),
            self.when(*since),
            counted(*failures as usize, "failed read", "failed reads"),
            Clean(error)
        )
    }

    /// The same for programs; null if it is not left alone.
    pub(super) fn quarantine(&self, directory: &ProviderId) -> Value {
        let quarantined = self.quarantined.get(directory);
        quarantined.map_or(Value::Null, |of| {
            json!({
                "since": time(of.since),
                "failing_since": time(of.failing_since),
                "failed_reads": of.failures,
                "asked_again": time(of.again),
                "error": of.error,
            })
        })
    }
}
