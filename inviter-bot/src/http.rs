//! Health, readiness and metrics over HTTP. Nothing in the answers is secret, and nothing can be changed.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use inviter_operations::render::clean::clean;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{board::Board, health, metrics::Metrics};

/// The `Content-Type` of the Prometheus text format.
const METRICS: &str = prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// Serves until it is dropped; then the port is free again.
#[derive(Debug)]
pub(crate) struct Server {
    /// As it was configured.
    pub(crate) address: SocketAddr,
    /// Its end is the server's.
    _end: oneshot::Sender<()>,
}

#[derive(Debug, Clone)]
struct Served {
    board: Arc<Board>,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Listens, and serves from then on.
    pub(crate) async fn start(
        address: SocketAddr,
        board: Arc<Board>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let router = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(numbers))
            .with_state(Served { board, metrics });
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            // Not an error: the other end is dropped, and never sends.
            let _ = ended.await;
        });
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "health, readiness and metrics are no longer served");
            }
        });
        tracing::info!(address = %bound, "health, readiness and metrics are served");
        Ok(Self { address, _end: end })
    }
}

async fn healthz(State(served): State<Served>) -> Response {
    answer(health::alive(
        &served.board.known(),
        &served.metrics.signs,
        Instant::now(),
    ))
}

async fn readyz(State(served): State<Served>) -> Response {
    answer(health::ready(
        &served.board.known(),
        &served.metrics.signs,
        Instant::now(),
    ))
}

async fn numbers(State(served): State<Served>) -> Response {
    match served.metrics.text(&served.board.known()) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// One line of text: `ok`, or what is wrong.
fn answer(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, clean(&why) + "\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use inviter::core::OwnedUserId;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    async fn start(board: &Arc<Board>) -> (Server, SocketAddr) {
        // A port that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let server = Server::start(free, Arc::clone(board), Arc::default()).await;
        (server.unwrap(), free)
    }

    async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    #[tokio::test]
    async fn what_is_asked_is_answered_and_nothing_else() {
        let board = Arc::<Board>::default();
        let (_server, address) = start(&board).await;
        let (status, answer) = ask(address, "GET", "/readyz").await;
        assert_eq!(
            (status, answer.ends_with("\r\n\r\nnot logged in yet\n")),
            (503, true),
            "{answer}"
        );
        assert_eq!(ask(address, "GET", "/healthz").await.0, 200);
        board.connected(&OwnedUserId::try_from("@bot:x").unwrap());
        assert_eq!(ask(address, "GET", "/readyz").await.0, 200);
        board.trouble(Some("away\r\nX: y\u{1b}\u{202e}".to_owned()));
        let (status, answer) = ask(address, "GET", "/readyz").await;
        assert_eq!(
            (
                status,
                answer.ends_with("\r\n\r\naway\\r\\nX: y\\u{1b}\\u{202e}\n")
            ),
            (503, true),
            "{answer}"
        );
        let (status, answer) = ask(address, "GET", "/metrics").await;
        assert_eq!(status, 200);
        assert!(
            answer.contains("content-type: text/plain; version=0.0.4"),
            "{answer}"
        );
        assert!(answer.contains("\ninviter_ready 0\n"), "{answer}");
        for (method, path, status) in [
            ("POST", "/healthz", 405),
            ("DELETE", "/metrics", 405),
            ("GET", "/", 404),
            ("GET", "/metrics/../etc/passwd", 404),
        ] {
            assert_eq!(ask(address, method, path).await.0, status, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error_and_a_dropped_server_frees_it() {
        let board = Arc::<Board>::default();
        let (server, address) = start(&board).await;
        let again = || Server::start(address, Arc::clone(&board), Arc::default());
        assert_eq!(again().await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        drop(server);
        let freed = async {
            while again().await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), freed)
            .await
            .unwrap();
    }
}
