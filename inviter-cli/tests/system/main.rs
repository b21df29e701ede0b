//! The built `inviter`, run against a real Synapse behind a recording proxy.
//!
//! What a test compares with is worked out by the test itself, and rooms are read by Synapse's admin API: nothing
//! of the program's own reading or resolving is trusted here.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]
#![expect(
    clippy::print_stderr,
    reason = "figures for whoever reads the log of a test run"
)]

mod bad_input;
mod by_hand;
mod coming_in;
mod doctor;
mod entra;
mod evidence;
mod fault_table;
mod first_day;
mod harness;
mod hostile_directories;
mod hostile_text;
mod interrupted;
mod killed;
mod ldap;
mod listed_rooms;
mod parts;
mod people;
mod saved_plans;
mod saved_releases;
mod upgrades;
mod versions;
mod waiting;
mod writes;
