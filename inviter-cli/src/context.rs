//! What every command starts from: the configuration, the reconciler, and the lock.

use std::path::PathBuf;

use inviter::{
    config::Config,
    core::{desired::Desired, reconcile::Reconciler},
    run_lock::RunLock,
    wiring::Setup,
};

use crate::{args::Global, config_file, interrupt::Interrupt};

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
        Ok((path, config))
    }

    /// Everything wired up, logged in.
    pub(crate) async fn reconciler(&self) -> anyhow::Result<Reconciler> {
        todo!()
    }

    /// What the directories want; asks the homeserver nothing that the configuration tells.
    pub(crate) async fn desired(&self) -> anyhow::Result<Desired> {
        todo!()
    }

    /// Takes the lock: one run at a time for each account.
    pub(crate) async fn lock(&self, reconciler: &Reconciler) -> anyhow::Result<RunLock> {
        todo!()
    }
}
