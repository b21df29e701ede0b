//! Where the configuration comes from, read anew as often as it is asked for.

use std::path::Path;

use inviter::Config;
use inviter_operations::startup::{ConfigSource, ProcessEnvironment};

/// A file, or the environment alone.
#[derive(Debug)]
pub(crate) struct Source(ConfigSource);

impl Source {
    /// Finds it; nothing is read yet.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let environment = ProcessEnvironment::read()?;
        Ok(Self(ConfigSource::find(named, &environment)?))
    }

    /// Reads and checks it.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub(crate) fn read(&self) -> anyhow::Result<Config> {
        let environment = ProcessEnvironment::read()?;
        Ok(self.0.read(&environment)?)
    }
}
