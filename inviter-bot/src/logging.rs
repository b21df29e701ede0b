//! The log, on standard error.

use std::io;

use inviter::config::{LogFormat, LogLevel};
use tracing_subscriber::{EnvFilter, fmt};

/// The crates whose logs are of interest; those of the libraries below stay out.
const CRATES: [&str; 7] = [
    "inviter",
    "inviter_azure",
    "inviter_bot",
    "inviter_core",
    "inviter_ldap",
    "inviter_matrix",
    "inviter_operations",
];

/// Starts logging.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let filter = CRATES.map(|name| format!("{name}={}", level.as_str())).join(",");
    let builder = fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(false);
    let set = match format {
        LogFormat::Human => tracing::subscriber::set_global_default(builder.finish()),
        LogFormat::Json => {
            tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
        }
    };
    if set.is_err() {
        tracing::debug!("something else receives the logs already");
    }
}
