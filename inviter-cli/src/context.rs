//! What every command starts from: the configuration, and everything that it wires up.

use std::path::PathBuf;

use futures_util::future::join_all;
use inviter::{
    config::Config,
    core::{
        OwnedUserId,
        desired::Desired,
        provider::ReadRequest,
        resolve::{ReadOutcome, resolve},
    },
    wiring::{Setup, SetupError, connect_backend, providers},
};

use crate::{args::Global, config_file, interrupt::Interrupt, progress};

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
    pub(crate) fn config(&self) -> anyhow::Result<(PathBuf, Config)> {
        let path = config_file::find(self.global.config.as_deref())?;
        let env = |name: &str| std::env::var(name).ok();
        let config = Config::load(&path, &env)?;
        tracing::info!(file = %path.display(), directories = config.directories.len(), "configuration read");
        Ok((path, config))
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
