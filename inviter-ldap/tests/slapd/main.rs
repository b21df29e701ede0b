//! `LdapDirectory` against a real OpenLDAP server.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

mod conformance;

mod picture;
