//! A server that answers what a test says, and token sources to go with it.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body, response::Response};
use futures_util::stream;
use http::{HeaderMap, Method, Uri};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};
use tracing::{Dispatch, Level, dispatcher::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

use super::{Graph, retries::Pace};
use crate::{Cloud, EntraConfig, RoomGroups, Token, TokenError, TokenErrorKind, TokenSource};

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// How many came before.
    pub(super) nth: usize,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Asked {
    /// Path and query.
    pub(super) fn path(&self) -> &str {
        self.uri.path_and_query().map_or("", |path| path.as_str())
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The paths of a batch.
    pub(super) fn items(&self) -> Vec<String> {
        let requests = self.body["requests"].as_array().unwrap();
        requests
            .iter()
            .map(|request| request["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An answer to a batch. What is null is left out.
    pub(super) fn each(&self, answer: impl Fn(&str) -> Value) -> Reply {
        let requests = self.body["requests"].as_array().unwrap();
        let mut answers = Vec::new();
        for request in requests {
            let mut answer = answer(request["url"].as_str().unwrap());
            if !answer.is_null() {
                answer["id"] = request["id"].clone();
                answers.push(answer);
            }
        }
        Reply::json(200, &json!({ "responses": answers }))
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    cut: bool,
    after: Duration,
}

impl Reply {
    pub(super) fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut: false,
            after: Duration::ZERO,
        }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    /// An error in Graph's form.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &error(code, message))
    }

    pub(super) fn header(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The connection breaks where the body should go on.
    pub(super) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    pub(super) fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = if self.cut {
            let parts = [Ok(self.body), Err(io::Error::other("cut"))];
            Body::from_stream(stream::iter(parts))
        } else {
            Body::from(self.body)
        };
        response.body(body).unwrap()
    }
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "innerError": {"request-id": "0a-1b"}}})
}

/// The server; it ends with the test.
pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    busiest: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let busiest = Arc::new(AtomicUsize::new(0));
        let busy = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(answer);
        let handler = {
            let (asked, busiest) = (Arc::clone(&asked), Arc::clone(&busiest));
            move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
                let (asked, busiest, busy) = (Arc::clone(&asked), Arc::clone(&busiest), Arc::clone(&busy));
                let answer = Arc::clone(&answer);
                async move {
                    busiest.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let this = {
                        let mut all: MutexGuard<'_, Vec<Asked>> = asked.lock().unwrap();
                        let nth = all.len();
                        all.push(Asked {
                            nth,
                            method,
                            uri,
                            headers,
                            body: serde_json::from_str(&body).unwrap_or_default(),
                        });
                        all.last().unwrap().clone()
                    };
                    let reply = answer(&this);
                    sleep(reply.after).await;
                    busy.fetch_sub(1, Ordering::SeqCst);
                    reply.into_response()
                }
            }
        };
        let running = tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(handler))
                .await
                .unwrap();
        });
        Self {
            url,
            asked,
            busiest,
            running,
        }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests were being answered at the same time.
    pub(super) fn busiest(&self) -> usize {
        self.busiest.load(Ordering::SeqCst)
    }

    pub(super) fn config(&self) -> EntraConfig {
        let mut config = EntraConfig::new(RoomGroups::default());
        config.cloud = Cloud::Custom {
            authority: self.url.clone(),
            graph: self.url.clone(),
        };
        config
    }

    /// A client that hardly waits before it tries again.
    pub(super) fn graph(&self) -> Graph {
        self.graph_with(quick(), &Arc::new(Tokens::default()))
    }

    pub(super) fn graph_with(&self, pace: Pace, tokens: &Arc<Tokens>) -> Graph {
        Graph::with_pace(&self.config(), Arc::<Tokens>::clone(tokens), pace).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

pub(super) fn quick() -> Pace {
    Pace {
        again: Duration::from_millis(2),
        throttled: Duration::from_millis(8),
        throttled_most: Duration::from_millis(32),
        ..Pace::default()
    }
}

/// Hands out `secret-token-0` until it is refused, then `secret-token-1`, and so on.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) renewed: AtomicUsize,
    /// There are none.
    pub(super) none: bool,
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, refused: Option<&Token>) -> Result<Token, TokenError> {
        if self.none {
            return Err(TokenError::new(
                TokenErrorKind::Denied,
                "https://login.example",
                "the secret is wrong",
            ));
        }
        // As slow as an authority.
        if let Some(refused) = refused {
            assert!(refused.secret.expose_secret().starts_with("secret-token-"));
            sleep(Duration::from_millis(20)).await;
            self.renewed.fetch_add(1, Ordering::SeqCst);
        }
        let token = format!("secret-token-{}", self.renewed.load(Ordering::SeqCst));
        Ok(Token::new(token))
    }
}

/// What is logged meanwhile, in this thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// Begins to take down everything.
    pub(super) fn begin() -> (Self, DefaultGuard) {
        // Where there is but one subscriber, whether something is logged is decided by the thread that gets there
        // first, which may be another test's.
        static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
        let into = |writer: Self| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(Level::TRACE)
                .with_ansi(false);
            Dispatch::new(subscriber.with_writer(writer).finish())
        };
        OTHERS.get_or_init(|| [into(Self::default()), into(Self::default())]);
        let logged = Self::default();
        let guard = tracing::dispatcher::set_default(&into(logged.clone()));
        (logged, guard)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of this crate with this in them.
    pub(super) fn count(&self, part: &str) -> usize {
        let text = self.text();
        text.lines()
            .filter(|line| line.contains("inviter_azure") && line.contains(part))
            .count()
    }
}

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
