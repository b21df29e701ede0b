//! The whole chain in memory, by random directories, rooms and changes. What is right is worked out by the
//! generator's own model, never by the code under test, and no runtime is at hand.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod arguments;
mod bringing_in;
mod faults;
mod holds;
mod joining;
mod kept_holds;
mod lost;
mod model;
mod moved;
mod pauses;
mod people;
mod progress;
mod properties;
mod runs;
mod saved;
mod scope;
mod shrunk;
mod stopped;
mod united;
mod upgrades;
mod witnessed;
