//! The Matrix backend against a real Synapse.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod accounts;
mod connecting;
mod creating;
mod faults;
mod live;
mod people;
mod reading;
mod support;
