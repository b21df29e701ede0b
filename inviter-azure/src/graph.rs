//! [`Graph`]: requests to Microsoft Graph, with its limits, retries and tokens.
//!
//! All of it reads, so everything may be asked again.

mod allowance;
mod batch;
mod errors;
mod exchange;
mod links;
mod outage;
mod pages;
mod retries;
mod said;
#[cfg(test)]
mod scripted;
mod throttle;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use self::{allowance::Allowance, exchange::Ask, retries::Pace, throttle::Throttle};
pub(crate) use self::{
    batch::BATCH,
    errors::{GraphError, GraphErrorKind},
    links::Link,
    outage::Outage,
    pages::Page,
};
use crate::{
    config::EntraConfig,
    http_client::http_client,
    token::{TokenErrorKind, TokenSource},
};

/// The version of Graph's API.
const VERSION: &str = "/v1.0";

/// Microsoft Graph, as one application in one tenant.
#[derive(Clone)]
pub(crate) struct Graph {
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    /// With the version, and without a `/` at its end.
    base: Url,
    tokens: Arc<dyn TokenSource>,
    /// Held while a token that is not accepted is replaced.
    renewing: Mutex<()>,
    permits: Semaphore,
    concurrency: usize,
    /// For one request and its answer.
    deadline: Duration,
    throttle: Throttle,
    pace: Pace,
    allowance: Allowance,
    sent: AtomicU64,
}

impl Graph {
    /// Sets up the client; nothing is sent.
    pub(crate) fn new(config: &EntraConfig, tokens: Arc<dyn TokenSource>) -> Result<Self, GraphError> {
        Self::with_pace(config, tokens, Pace::default())
    }

    fn with_pace(config: &EntraConfig, tokens: Arc<dyn TokenSource>, pace: Pace) -> Result<Self, GraphError> {
        let graph = config.cloud.graph();
        let wrong = |message: String| {
            GraphError::new(
                GraphErrorKind::Token(TokenErrorKind::Misconfigured),
                graph,
                message,
            )
        };
        let http = http_client(config).map_err(|failed| wrong(failed.to_string()).caused_by(failed))?;
        let base = Url::parse(&format!("{graph}{VERSION}"))
            .map_err(|failed| wrong(format!("is not a URL ({failed})")))?;
        let concurrency = config.concurrency.max(1);
        let shared = Shared {
            http,
            base,
            tokens,
            renewing: Mutex::default(),
            permits: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            concurrency,
            deadline: config.request_timeout,
            throttle: Throttle::default(),
            pace,
            allowance: Allowance::new(config.read_limit_mib),
            sent: AtomicU64::new(0),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// One GET. The path is below the version, begins with `/` and is encoded already.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GraphError> {
        self.ask(Ask::get(self, self.url(path)?)).await
    }

    /// A GET of a link that Graph gave, as it is.
    pub(crate) async fn follow<T: DeserializeOwned>(&self, link: &Link) -> Result<T, GraphError> {
        self.ask(Ask::get(self, link.0.clone())).await
    }

    /// That a read begins: as much may be answered again as at first.
    pub(crate) fn begin_read(&self) {
        self.shared.allowance.renew();
    }

    /// That more was answered since [`begin_read`](Self::begin_read) than one read may take, if so: then what was read
    /// does not count.
    pub(crate) fn outgrown(&self) -> Option<GraphError> {
        let about = self.base().origin().ascii_serialization();
        self.shared
            .allowance
            .is_used_up()
            .then(|| self.shared.allowance.used_up(&about))
    }

    /// How many HTTP requests have been sent so far; a batch counts as one.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    async fn ask<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, GraphError> {
        let (read, _) = self
            .send(&ask, |answer| exchange::json(&ask.about, &answer.body))
            .await
            .map_err(|failure| *failure.error)?;
        Ok(read)
    }

    fn base(&self) -> &Url {
        &self.shared.base
    }

    /// The URL of a path below the version.
    fn url(&self, path: &str) -> Result<Url, GraphError> {
        let base = self.base();
        let url = Url::parse(&format!("{base}{path}"));
        url.ok()
            .filter(|url| path.starts_with('/') && url.origin() == base.origin())
            .ok_or_else(|| {
                let shown = path.split('?').next().unwrap_or_default();
                GraphError::new(
                    GraphErrorKind::Refused,
                    format!("GET {shown}"),
                    "the path cannot be asked for",
                )
            })
    }

    /// What a GET is called in errors and logs: without the query, which may hold a token.
    fn about_get(&self, url: &Url) -> String {
        let path = links::shown_path(url);
        format!("GET {}", path.strip_prefix(self.base().path()).unwrap_or(path))
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("base", &self.base().as_str())
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}
