//! plan and guard, by example: every state that a room and a person can be in.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod bringing_in;
mod forgetting;
mod grace;
mod guard;
mod guard_properties;
mod levels;
mod people;
mod rooms;
mod seen;
mod world;
