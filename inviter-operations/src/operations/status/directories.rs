//! Directories that keep failing, and are left alone for now.

use std::fmt::{self, Write as _};

use inviter::core::{directory::ProviderId, provider::ProviderErrorKind, quarantine::Quarantined};
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
            kind,
            error,
            ..
        } = quarantined;
        let again = if *again > self.now {
            format!("asked again {}", self.when(*again))
        } else {
            "asked again by the next run".to_owned()
        };
        let at_once = match kind {
            // What the bot itself has to know otherwise is read with the configuration only.
            ProviderErrorKind::Denied | ProviderErrorKind::Misconfigured => {
                "a person's run, or, with the configuration and files of secrets read anew, by a reload"
            }
            _ => "a person's run",
        };
        writeln!(
            out,
            "{FAILED}directory {}:{FAILED:#} in quarantine since {} after {}, {again}, or at once by {at_once}; \
             the last error: {}",
            clean(directory.as_str()),
            self.when(*since),
            counted(*failures as usize, "failed read", "failed reads in a row"),
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
