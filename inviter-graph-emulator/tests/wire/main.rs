//! What the emulator says, down to the form.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod batches;
mod collections;
mod deltas;
mod faults;
mod identities;
mod program;
mod raw;
mod rounds;
