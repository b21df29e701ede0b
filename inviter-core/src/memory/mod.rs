//! Implementations of the core's traits that live in memory: for the tests of services that embed the core, and
//! for trying things out without servers.

mod directory;
mod homeserver;
mod store;

pub use directory::{InMemoryDirectory, MemoryGroup, MemoryPerson};
pub use homeserver::{
    Call, InMemoryBackend, InMemoryHomeserver, NewRoom, Preset, Refusal, UserOp, UserOpOutcome,
};
pub use store::InMemoryStore;
