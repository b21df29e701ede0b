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
//! A read after it costs 2 where nothing has changed. Where something has, what Graph tells is only a reason to ask, and
//! the rest is:
//!
//! | what for | requests |
//! |---|---|
//! | further pages of what changed, of 200 people or groups and 500 members or owners each | 1 each |
//! | groups that were told to be renamed, hidden, deleted, or new by the prefix or by ID | 1 batch for each 20 |
//! | the first page of each list of which something was told, or in which a deleted group was | 1 batch for each 20 |
//! | lists of groups that are new inside those, level by level | 1 batch for each 20 of a level |
//! | the pages of these lists after the first | 1 each |
//! | people of whom anything was told and who are in a list | 1 batch for each 20 |
//!
//! So most changes cost one request, and a new member who is a new user too costs two. Where asking for all of it would
//! take more than reading everything does, everything is read. Lists with gaps, those of people who are not known, and
//! those of groups with hidden membership are read with each read. A full read that is due costs 6 more than a full read.
//!
//! `ordinary` and `scale` hold the first read to this, `changes` those after it.
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
