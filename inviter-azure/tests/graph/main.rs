//! `EntraDirectory` on an emulated Graph.
//!
//! What a full read costs in requests to Graph, with `G` groups of which `R` stand for rooms (a batch is one request, and
//! holds up to 20):
//!
//! | what for | requests |
//! |---|---|
//! | the present, from where on changes will be told | 2 |
//! | the root group, if one is configured | 1, and 1 batch for its members |
//! | groups by a prefix of their names, if one is configured | 1 for each 999 of them, at least 1 |
//! | groups by their IDs, if some are configured | 1 batch for each 20 |
//! | the first page of members and of owners of the groups that stand for rooms | 1 batch for each 10 of them |
//! | the first page of members of the groups inside, level by level | 1 batch for each 20 of a level |
//! | the pages after the first, of 999 each | 1 each |
//!
//! So with a root group it is about `4 + (G + R) / 20 + levels + (pages after the first)`, however many people there are.
//! A read after it costs 2 where nothing has changed. Where something has, it costs one request more for each 200 changed
//! people or groups, and batches for what was not told whole: people who are new to the rooms, 20 in a batch, and groups
//! that are new or were deleted. `ordinary` and `scale` hold the first to this, `changes` the second.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

mod changes;
mod completeness;
mod conformance;
mod facts;
mod faults;
mod harness;
mod nesting;
mod ordinary;
mod people;
mod permissions;
mod random_changes;
mod rooms;
mod scale;
mod secrets;
mod sketch;
mod sound;
