//! What this process takes of the machine's memory, by `/proc` (proc(5)).

use std::fs;

use anyhow::{Context as _, Result};

/// Bytes in memory now.
pub(crate) fn now() -> Result<u64> {
    field("VmRSS:")
}

/// The most bytes in memory since the start or the last [`forget_peak`].
pub(crate) fn peak() -> Result<u64> {
    field("VmHWM:")
}

/// Lets [`peak`] begin anew from what is in memory now.
pub(crate) fn forget_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("/proc/self/clear_refs")
}

fn field(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kilobytes: u64 = kilobytes.with_context(|| format!("no {name}"))?.parse()?;
    Ok(kilobytes << 10)
}
