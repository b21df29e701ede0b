//! Reading from a server that behaves as badly as it can: what must never come of it is a complete list that lacks
//! somebody.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

mod codes;
mod connections;
mod disabled;
mod gone;
mod hostile;
mod kinds;
mod limits;
mod logins;
mod long_texts;
mod lookups;
mod malformed;
mod nothing;
mod paging;
mod references;
mod seen;
mod too_much;
mod world;
