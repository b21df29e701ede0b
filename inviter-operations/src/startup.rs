//! What a program does before anything else: finds its configuration, in files and in the environment.

mod config_source;
mod environment;

pub use config_source::ConfigSource;
pub use environment::ProcessEnvironment;

/// There is no configuration to start from: a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(pub(crate) String);
