//! `idp`: rooms and members as the directories want them.

use std::fmt;

use futures_util::future::join_all;
use inviter::{
    config::Config,
    core::{
        desired::Desired,
        provider::ReadRequest,
        resolve::{ReadOutcome, resolve},
    },
    wiring::{SetupError, connect_backend, providers},
};
use serde_json::Value;

use crate::{
    answer::Answer,
    render::{document, rooms},
};

/// What the directories want.
#[derive(Debug, Clone)]
pub struct Idp {
    /// The rooms and their people.
    pub desired: Desired,
}

/// Reads the directories of a configuration. The homeserver is only asked who the bot is, and only if the configuration
/// does not say so; whoever is connected anyway asks the
/// [`Reconciler`](inviter::core::reconcile::Reconciler::desired).
///
/// # Errors
/// What asking the homeserver can meet. A directory that cannot be read is told in the answer.
pub async fn read(config: &Config) -> Result<Idp, SetupError> {
    let bot = match config.homeserver.credentials.user() {
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
    let desired = resolve(&join_all(reads).await, &config.policy(&bot));
    Ok(Idp { desired })
}

impl Answer for Idp {
    fn kind(&self) -> &'static str {
        "idp"
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        rooms::desired(out, &self.desired)
    }

    fn json(&self) -> Value {
        document::desired(&self.desired)
    }
}
