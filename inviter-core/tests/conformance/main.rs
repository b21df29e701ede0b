//! The conformance suite of `RoomBackend`, run against the homeserver in memory, and against the same homeserver
//! through decorators that are broken in ways in which real adapters break: the suite has to notice each.

#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod broken;
mod harness;

use std::collections::BTreeSet;

use futures_executor::block_on;
use inviter_core::conformance::{self, CheckOutcome, Verdict};

use crate::{
    broken::Breakage,
    harness::{Harness, Setting},
};

fn failed(outcomes: &[CheckOutcome]) -> BTreeSet<&'static str> {
    conformance::failures(outcomes)
        .iter()
        .map(|outcome| outcome.name)
        .collect()
}

#[test]
fn in_memory_backend_passes_everything() {
    for setting in [Setting::Bot, Setting::Admin] {
        let outcomes = block_on(conformance::backend::run(&Harness::sound(setting)));
        let not_passed: Vec<String> = outcomes
            .iter()
            .filter(|outcome| outcome.verdict != Verdict::Passed)
            .map(ToString::to_string)
            .collect();
        assert!(not_passed.is_empty(), "{setting:?}: {not_passed:#?}");
        assert!(outcomes.len() >= 50, "only {} checks", outcomes.len());
    }
}

#[test]
fn names_are_unique() {
    let names = conformance::backend::names();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
}

#[test]
fn every_breakage_is_noticed() {
    let mut unnoticed = Vec::new();
    for (breakage, noticed_by) in Breakage::ALL {
        let outcomes = block_on(conformance::backend::run(&Harness::broken(*breakage)));
        let failed = failed(&outcomes);
        if !failed.contains(noticed_by) {
            unnoticed.push(format!(
                "{breakage:?}: expected {noticed_by} to fail, and there failed {failed:?}"
            ));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[test]
fn every_breakage_leaves_most_of_the_suite_alone() {
    // A check that fails with everything tells nothing. Only what breaks every single request may fail it all.
    for (breakage, _) in Breakage::ALL {
        if matches!(breakage, Breakage::LosesCreateEvent) {
            continue;
        }
        let outcomes = block_on(conformance::backend::run(&Harness::broken(*breakage)));
        let failed = failed(&outcomes);
        assert!(failed.len() * 2 < outcomes.len(), "{breakage:?}: {failed:?}");
    }
}
