//! [`RoomBackend`](inviter_core::RoomBackend) over the Matrix client-server API.
//!
//! [`MatrixBackend::connect`] takes a [`MatrixConfig`]. Types are ruma's, transport is reqwest, and what lies
//! between them is ours: waiting for rate limits, repeating what is safe to repeat, finding out what became of a
//! request whose answer was lost, and saying in one sentence what went wrong.
//!
//! A service that runs for long wraps it into [`Live`], which follows `/sync`, and talks to people by [`Chat`].

mod accounts;
mod add;
mod answer_size;
mod backend;
mod chat;
mod client;
mod config;
mod create;
mod error;
mod execute;
#[cfg(test)]
mod hostile_tests;
mod inspect;
mod jitter;
mod levels;
mod limits;
mod live;
mod login;
mod observe;
mod observer;
mod room_state;
mod session;
mod stream;
mod text_size;
mod transport;
mod work;

pub use answer_size::AnswerSizes;
pub use backend::MatrixBackend;
pub use chat::{Attachment, Chat, Message};
pub use config::{Credentials, MatrixConfig, Timeouts};
pub use live::{Incoming, Live, LiveOptions, Pulse, Text, Trouble};
pub use observer::Observer;
/// Identifiers of events, which only this crate has.
pub use ruma::{EventId, OwnedEventId};
pub use session::{FileSessionStore, MemorySessionStore, SavedSession, SessionStore};
