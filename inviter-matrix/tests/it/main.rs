//! The Matrix backend against a real Synapse.

mod accounts;
mod connecting;
mod creating;
mod faults;
mod people;
mod reading;
mod support;
