//! Real servers, a raw Matrix client and a recording proxy for inviter's own tests.
//!
//! Nothing here shares code with inviter: what the tests compare inviter with must not have its errors.
//!
//! - [`Synapse`] starts a real homeserver, or two that federate, or finds the one the test run shares.
//! - [`Client`] says to it whatever a test wants to say, and reads what it answers.
//! - [`digest`] and [`digest_all`] write down all state of rooms, to prove that nothing changed.
//! - [`Proxy`] stands between inviter and the homeserver, records every request, and breaks things on demand.
//! - [`Nio`] is a person at a client: a session of matrix-nio.
//! - [`Slapd`] and [`SambaAd`] are real LDAP servers; [`Ldif`] fills them, [`Ca`] makes their certificates.
//! - [`found`] looks for secrets in whatever a program has said or written, in all forms that they may have there.
//! - [`hostile_texts`] are texts that are there to do harm; [`is_readable`] says that they did none.
//! - [`ldap`] has an LDAP server that behaves as badly as a test wants, and a proxy that cuts real ones off.

mod certificates;
mod client;
mod digest;
mod hostile_text;
pub mod ldap;
mod ldap_process;
mod ldif;
mod nio;
mod proxy;
mod samba;
mod secret_forms;
mod slapd;
mod synapse;

pub use certificates::{Ca, Certificate};
pub use client::{Client, enc, expect_ok};
pub use digest::{changes, digest, digest_all};
pub use hostile_text::{HOSTILE, harmful, hostile_documents, hostile_texts, is_readable};
pub use ldap_process::Found;
pub use ldif::{Attributes, Ldif, rdn};
pub use nio::{Attachment, Edit, Invitation, Message, Nio, Place, Reaction, Seen, count};
pub use proxy::{Fault, Proxy, Recorded, When};
pub use samba::{SambaAd, SambaOptions};
pub use secret_forms::{SecretForms, forms, found};
pub use slapd::{Overlay, Slapd, SlapdOptions, VerifyClient};
pub use synapse::{Options, Synapse};

use std::hash::{BuildHasher, Hasher, RandomState};

use anyhow::{Context, Result};

/// A name nobody else uses, so that tests can share a homeserver: `unique("alice")` gives `alice-1f0c…`.
///
/// Fit for a localpart of a user or an alias.
pub fn unique(prefix: &str) -> String {
    // The only source of randomness in the standard library: its hash keys.
    format!(
        "{prefix}-{:012x}",
        RandomState::new().build_hasher().finish() >> 16
    )
}

/// Ends a process at once with SIGKILL, as a crash or a power cut would.
pub fn sigkill(pid: u32) -> Result<()> {
    signal(pid, rustix::process::Signal::KILL)
}

/// Asks a process to stop, with SIGINT, as Ctrl-C does.
pub fn interrupt(pid: u32) -> Result<()> {
    signal(pid, rustix::process::Signal::INT)
}

/// Asks a process to end, with SIGTERM, as an init system does.
pub fn terminate(pid: u32) -> Result<()> {
    signal(pid, rustix::process::Signal::TERM)
}

fn signal(pid: u32, signal: rustix::process::Signal) -> Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .context("not a process id")?;
    rustix::process::kill_process(pid, signal).context("cannot signal the process")
}

/// Locks a mutex; a test that panicked while holding it has said what was wrong.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
