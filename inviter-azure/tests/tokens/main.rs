//! Tokens from an emulated authority, with each kind of credential.
#![cfg(feature = "azure_identity")]
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

mod app_service;
mod files;
mod kinds;
mod outages;
mod refusals;
mod secrecy;
mod support;
mod tls;
