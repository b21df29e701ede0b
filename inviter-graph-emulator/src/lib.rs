//! An emulator of the parts of Microsoft Graph and of Entra ID's token endpoint that inviter uses, for its own
//! tests.
//!
//! Nothing here shares code with inviter: what the tests compare inviter with must not have its errors.
//!
//! - [`Tenant`] is a directory: users, groups and other objects. [`Tenant::generate`] makes one of any
//!   [`Shape`], and knows who is in which room.
//! - [`Emulator`] serves it, records every request, and changes it under the eyes of delta queries.
//! - [`Fault`] makes things go wrong: what [`Trouble`] there is, and with which requests ([`Match`]).

mod answer;
mod batch;
mod change_log;
mod clock;
pub mod control;
mod deletion;
mod delta;
mod emulator;
mod extension;
mod fault;
mod filter;
mod generate;
mod graph;
mod group;
mod id;
mod identity;
mod listing;
mod object;
mod options;
mod organization;
mod query;
mod random;
mod record;
mod respond;
mod rights;
mod selection;
mod server;
mod shown;
mod spoil;
mod tenant;
mod tenant_file;
mod tokens;
mod user;

pub use emulator::Emulator;
pub use fault::{Fault, FaultHandle, Match, Trouble};
pub use generate::{Room, Shape};
pub use group::{Group, Other};
pub use id::{Id, NotAnId};
pub use identity::ManagedIdentity;
pub use object::Kind;
pub use options::Options;
pub use record::Recorded;
pub use tenant::Tenant;
pub use tenant_file::TenantFile;
pub use tokens::{ACCESS_TOKEN_PREFIX, SECRET_PREFIX};
pub use user::User;

/// Locks a mutex; a test that panicked while holding it has said what was wrong.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
