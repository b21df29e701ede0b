//! Conformance suites: what every implementation of the core's traits has to pass, in memory or over a network.
//!
//! A suite is given a harness, which makes a fresh world for every check, and answers with a list of
//! [`CheckOutcome`]s; it never panics, and needs no runtime of its own. A test prints the outcomes and asserts
//! that none has failed:
//!
//! ```
//! use inviter_core::conformance::{self, backend::BackendHarness};
//!
//! async fn my_backend_conforms(harness: &dyn BackendHarness) {
//!     let outcomes = conformance::backend::run(harness).await;
//!     let failed = conformance::failures(&outcomes);
//!     assert!(failed.is_empty(), "{failed:#?}");
//! }
//! ```

pub mod backend;
pub mod provider;
pub mod wire;

use std::fmt;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// Not as it should be, and how.
    Failed(String),
    /// This harness cannot bring about what the check is about.
    NotApplicable(String),
}

/// One check of a suite, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// The name of the check; does not change between versions without need.
    pub name: &'static str,
    /// What it found.
    pub verdict: Verdict,
}

impl CheckOutcome {
    /// Whether the check has failed.
    pub const fn is_failure(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => write!(f, "{}: passed", self.name),
            Verdict::Failed(how) => write!(f, "{}: FAILED: {how}", self.name),
            Verdict::NotApplicable(why) => write!(f, "{}: not applicable: {why}", self.name),
        }
    }
}

/// The checks that have failed.
pub fn failures(outcomes: &[CheckOutcome]) -> Vec<&CheckOutcome> {
    outcomes.iter().filter(|outcome| outcome.is_failure()).collect()
}
