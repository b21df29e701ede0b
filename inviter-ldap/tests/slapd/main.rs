//! `LdapDirectory` against a real OpenLDAP server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

mod branches;
mod conformance;
mod connecting;
mod gone;
mod hostile_names;
mod limits;
mod picture;
mod presets;
mod status;
