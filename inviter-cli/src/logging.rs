//! Logs on standard error, only when asked for.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

/// The crates whose logs are of interest; those of the libraries below stay out.
const CRATES: [&str; 6] = [
    "inviter",
    "inviter_azure",
    "inviter_core",
    "inviter_ldap",
    "inviter_matrix",
    "inviter_operations",
];

/// Starts logging at the level that `-v` asks for; without it, nothing is logged.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = CRATES.map(|name| format!("{name}={level}")).join(",");
    let subscriber = fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(colours())
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("something else receives the logs already");
    }
}

/// Whether standard error shows colours.
fn colours() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}
