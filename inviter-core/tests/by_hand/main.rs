//! What a person asks for by hand, over the in-memory homeserver: each rule, each refusal, and repetition after an end
//! in the middle.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

mod admins;
mod changed;
mod handed_over;
mod members;
mod named;
mod unmanage;
mod witnessed;
mod world;
