//! Real LDAP servers as directories: an ordinary life, and every way in which a server can go wrong.
//!
//! What is to be in the rooms is worked out from the harness's `Directory`, of which the servers' entries are made, too.

mod active_directory;
mod branches;
mod check;
mod dangling;
mod emptied;
mod hostile;
mod killed;
mod life;
mod passwords;
mod rights;
mod secrets;
pub(crate) mod town;
pub(crate) mod tree;
mod trial;
