//! The Matrix backend against a real Synapse.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod accounts;
mod connecting;
mod creating;
mod faults;
mod hostile;
mod hostile_lists;
mod live;
mod people;
mod reading;
mod scripted;
mod support;
