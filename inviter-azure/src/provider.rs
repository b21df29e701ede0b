//! [`EntraDirectory`]

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use inviter_core::{
    IdentityProvider,
    directory::{Directory, ProviderId},
    provider::{Advice, ProviderError, ProviderErrorKind, ReadRequest},
    time::Clock,
};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    advice,
    config::EntraConfig,
    directory::directory,
    graph::Graph,
    object::UserProperties,
    read::{self, Kept, Reader},
    token::TokenSource,
    trouble,
};

/// A tenant of Microsoft Entra ID. Clones share what is kept between reads. Reading needs a tokio runtime.
#[derive(Clone)]
pub struct EntraDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    id: ProviderId,
    config: EntraConfig,
    properties: UserProperties,
    tokens: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    graph: OnceCell<Graph>,
    /// What the next read goes on from. Taken out while a read goes on, so that one that was cut off leaves nothing
    /// half done behind.
    kept: Mutex<Option<Kept>>,
}

impl fmt::Debug for EntraDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraDirectory")
            .field("id", &self.shared.id)
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl EntraDirectory {
    /// A directory called `id`. The clock tells when a full read is due. Nothing is contacted before it is read.
    pub fn new(
        id: ProviderId,
        config: EntraConfig,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let properties = UserProperties::of(&config);
        Self {
            shared: Arc::new(Shared {
                id,
                config,
                properties,
                tokens,
                clock,
                graph: OnceCell::new(),
                kept: Mutex::new(None),
            }),
        }
    }
}

impl Shared {
    async fn graph(&self) -> Result<&Graph, ProviderError> {
        let graph = self.graph.get_or_try_init(|| async {
            self.config.check().map_err(|error| {
                let about = self.config.cloud.graph();
                ProviderError::new(ProviderErrorKind::Misconfigured, about, error.to_string())
            })?;
            Graph::new(&self.config, Arc::clone(&self.tokens)).map_err(trouble::of_read)
        });
        graph.await
    }

    async fn read(&self) -> Result<Directory, ProviderError> {
        let graph = self.graph().await?;
        let reader = Reader {
            graph,
            config: &self.config,
            properties: &self.properties,
        };
        // Held to the end: a second read at the same time waits, and then asks only for what changed.
        let mut kept = self.kept.lock().await;
        let before = graph.requests();
        graph.begin_read();
        let read = match read::read(reader, kept.take(), &*self.clock).await {
            Ok(read) => read,
            Err((error, as_it_was)) => {
                *kept = as_it_was;
                return Err(trouble::of_read(error));
            }
        };
        if let Some(error) = graph.outgrown() {
            // Nor does what would be kept count: the next read reads everything.
            return Err(trouble::of_read(error));
        }
        let directory = directory(
            &read.picture,
            &self.config,
            &self.properties,
            read.remarks.clone(),
        );
        tracing::debug!(
            directory = %self.id,
            requests = graph.requests() - before,
            accounts = directory.accounts.len(),
            groups = directory.groups.len(),
            "read"
        );
        *kept = Some(read.keep());
        Ok(directory)
    }
}

#[async_trait]
impl IdentityProvider for EntraDirectory {
    fn id(&self) -> ProviderId {
        self.shared.id.clone()
    }

    async fn read(&self, _request: &ReadRequest) -> Result<Directory, ProviderError> {
        let config = &self.shared.config;
        tokio::time::timeout(config.read_timeout, self.shared.read())
            .await
            .unwrap_or_else(|_| {
                Err(ProviderError::new(
                    ProviderErrorKind::Unavailable,
                    config.cloud.graph(),
                    format!(
                        "reading took more than {} s and was given up; Graph may be slow or limit the rate: run again \
                         later, or set `read_timeout` higher",
                        config.read_timeout.as_secs()
                    ),
                ))
            })
    }

    async fn advice(&self) -> Vec<Advice> {
        let Ok(graph) = self.shared.graph().await else {
            return Vec::new();
        };
        let reader = Reader {
            graph,
            config: &self.shared.config,
            properties: &self.shared.properties,
        };
        let advice = tokio::time::timeout(self.shared.config.read_timeout, advice::advice(reader));
        advice.await.unwrap_or_default()
    }
}
