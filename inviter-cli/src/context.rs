//! What every command starts from: the configuration, and everything that it wires up.

use std::path::Path;

use futures_util::future::join_all;
use inviter::{
    config::{Config, Explained},
    core::{
        OwnedUserId,
        desired::Desired,
        provider::ReadRequest,
        resolve::{ReadOutcome, resolve},
    },
    wiring::{Setup, SetupError, connect_backend, providers},
};

use crate::{
    args::Global,
    config_file::{self, Source},
    environment::ProcessEnvironment,
    interrupt::Interrupt,
    progress,
};

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
    pub(crate) fn config(&self) -> anyhow::Result<(Source, Config)> {
        let (source, environment) = self.source()?;
        let config = match &source {
            Source::File(path) => Config::load(path, &environment),
            Source::Environment => Config::from_environment(Path::new(""), &environment),
        }?;
        tracing::info!(
            from = source.name(),
            directories = config.directories.len(),
            "configuration read"
        );
        Ok((source, config))
    }

    /// The configuration with where each of its values comes from.
    pub(crate) fn explained(&self) -> anyhow::Result<(Source, Explained)> {
        let (source, environment) = self.source()?;
        let explained = match &source {
            Source::File(path) => Config::explain_file(path, &environment),
            Source::Environment => Config::explain_environment(Path::new(""), &environment),
        }?;
        Ok((source, explained))
    }

    /// What the configuration is read from; nothing is read yet.
    pub(crate) fn source(&self) -> anyhow::Result<(Source, ProcessEnvironment)> {
        let environment = ProcessEnvironment::read()?;
        let source = config_file::find(self.global.config.as_deref(), &environment)?;
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

/// What the directories want. The homeserver is only asked who the bot is, and only if the configuration does not
/// say so.
pub(crate) async fn desired(config: &Config) -> anyhow::Result<Desired> {
    let bot: OwnedUserId = match config.homeserver.credentials.user() {
        Some(user) => user.to_owned(),
        None => connect_backend(config).await?.1.user_id,
    };
    let providers = providers(config);
    let request = ReadRequest::default();
    let reads = providers.iter().map(|provider| async {
        let result = provider.read(&request).await;
        ReadOutcome {
            provider: provider.id(),
            result,
        }
    });
    Ok(resolve(&join_all(reads).await, &config.policy(&bot)))
}
