//! [`RoomBackend`](inviter_core::RoomBackend) over the Matrix client-server API.
//!
//! [`MatrixBackend::connect`] takes a [`MatrixConfig`]. Types are ruma's, transport is reqwest, and what lies
//! between them is ours: waiting for rate limits, repeating what is safe to repeat, finding out what became of a
//! request whose answer was lost, and saying in one sentence what went wrong.

mod accounts;
mod backend;
mod client;
mod config;
mod create;
mod error;
mod execute;
mod inspect;
mod jitter;
mod levels;
mod limits;
mod login;
mod observe;
mod room_state;
mod session;
mod stream;
mod transport;
mod work;

pub use backend::MatrixBackend;
pub use config::{Credentials, MatrixConfig, Timeouts};
pub use session::{FileSessionStore, MemorySessionStore, SavedSession, SessionStore};
