//! What every command starts from: the configuration, and everything that it wires up.

use inviter::{
    config::{Config, Explained},
    wiring::{Setup, SetupError},
};
use inviter_operations::startup::{ConfigSource, ProcessEnvironment};

use crate::{args::Global, interrupt::Interrupt, progress};

/// What holds for the whole program.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    global: &'a Global,
    /// Says when to stop.
    pub(crate) interrupt: Interrupt,
}

impl<'a> Context<'a> {
    /// Nothing is read yet.
    pub(crate) const fn new(global: &'a Global, interrupt: Interrupt) -> Self {
        Self { global, interrupt }
    }

    /// Finds and checks the configuration.
    pub(crate) fn config(&self) -> anyhow::Result<(ConfigSource, Config)> {
        let (source, environment) = self.source()?;
        let config = source.read(&environment)?;
        tracing::info!(
            from = source.name(),
            directories = config.directories.len(),
            "configuration read"
        );
        Ok((source, config))
    }

    /// The configuration with where each of its values comes from.
    pub(crate) fn explained(&self) -> anyhow::Result<(ConfigSource, Explained)> {
        let (source, environment) = self.source()?;
        let explained = source.explain(&environment)?;
        Ok((source, explained))
    }

    /// What the configuration is read from; nothing is read yet.
    pub(crate) fn source(&self) -> anyhow::Result<(ConfigSource, ProcessEnvironment)> {
        let environment = ProcessEnvironment::read()?;
        let source = ConfigSource::find(self.global.config.as_deref(), &environment)?;
        Ok((source, environment))
    }

    /// Everything wired up, and logged in.
    pub(crate) async fn setup(&self) -> anyhow::Result<Setup> {
        let (_, config) = self.config()?;
        let setup = connect(&config).await?;
        tracing::info!(homeserver = %config.homeserver.url, user = %setup.identity.user_id, "connected");
        Ok(setup)
    }
}

/// Everything that a configuration describes, wired up and logged in, with its progress shown.
pub(crate) async fn connect(config: &Config) -> Result<Setup, SetupError> {
    let mut setup = Setup::connect(config).await?;
    setup.reconciler.backend = progress::watch(setup.reconciler.backend);
    Ok(setup)
}
