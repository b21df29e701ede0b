//! [`LdapDirectory`]

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use inviter_core::{
    IdentityProvider,
    directory::{Directory, ProviderId},
    provider::{Advice, ProviderError, ProviderErrorKind, ReadRequest},
    time::Clock,
};

use crate::{advice, config::LdapConfig, read};

/// A directory on an LDAP server. Each read connects anew, and needs a tokio runtime.
#[derive(Clone)]
pub struct LdapDirectory {
    id: ProviderId,
    config: Arc<LdapConfig>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for LdapDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapDirectory")
            .field("id", &self.id)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl LdapDirectory {
    /// A directory called `id`. The clock tells which accounts have expired. Nothing is contacted before it is read.
    pub fn new(id: ProviderId, config: LdapConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            id,
            config: Arc::new(config),
            clock,
        }
    }
}

#[async_trait]
impl IdentityProvider for LdapDirectory {
    fn id(&self) -> ProviderId {
        self.id.clone()
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        // In a task of its own: what a hostile server sends may bring the library to panic, and ends only the task.
        let reading = tokio::spawn(read::read(Arc::clone(&self.config), self.clock.now()));
        let mut ended = Ended(Some(reading.abort_handle()));
        let read = reading.await;
        ended.0 = None;
        read.unwrap_or_else(|error| {
            let url = self.config.urls.first().map_or("LDAP", String::as_str);
            let (kind, message) = if error.is_panic() {
                (
                    ProviderErrorKind::Malformed,
                    "the server's answer is not of LDAP's form; look into its log",
                )
            } else {
                (
                    ProviderErrorKind::Unavailable,
                    "reading was interrupted because the program is ending",
                )
            };
            Err(ProviderError::new(kind, url, message).caused_by(error))
        })
    }

    async fn advice(&self) -> Vec<Advice> {
        advice::advice(Arc::clone(&self.config)).await
    }
}

/// Ends the task when nobody waits for it any more.
struct Ended(Option<tokio::task::AbortHandle>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}
