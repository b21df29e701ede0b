//! An LDAP server that behaves as badly as a test wants, and a proxy that cuts real ones off.
//!
//! - [`LdapServer`] serves [`Entries`] as a [`Behaviour`] says: with Active Directory's limits on entries and
//!   values, odd paging, references. Rules give single requests a [`Fault`]: a result code after some entries,
//!   silence, a lost connection, or a [`Hostile`] answer.
//! - [`LdapProxy`] stands between a client and a real server and cuts the connection at a [`Moment`].
//!
//! Both record every [`Request`]. Neither speaks TLS, and neither shares code with an LDAP client.

mod behaviour;
mod ber;
mod directory;
mod fault;
mod filter;
mod hostile;
mod proxy;
mod record;
mod request;
mod search;
mod select;
mod server;
pub mod wire;

pub use behaviour::{Behaviour, Paging, PastEnd, RangeTrick, Ranges};
pub use directory::{Entries, Entry};
pub use fault::Fault;
pub use hostile::Hostile;
pub use proxy::{Counts, LdapProxy, Moment};
pub use request::{Control, Operation, PAGED_RESULTS, Page, Request, Scope, Search};
pub use server::LdapServer;
