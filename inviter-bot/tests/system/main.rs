//! The built `inviter-bot`, run against a real Synapse behind a recording proxy.
//!
//! What a test compares with is worked out by the test itself, and rooms are read by Synapse's admin API: nothing
//! of the program's own reading or resolving is trusted here.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]
#![expect(
    clippy::print_stderr,
    reason = "figures for whoever reads the log of a test run"
)]

mod commands;
mod console;
mod drift;
mod faults;
mod federation;
mod harness;
mod hostile;
mod hostile_text;
mod operations;
mod rooms;
mod secrets;
mod telling;
