//! A proxy in front of a homeserver that records every request and breaks things on demand.

mod answer;
mod fault;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use self::answer::{Answer, answer_head, half, html_502, made_up, remove_hop_by_hop, truncated, with_head};
pub use self::fault::Fault;
use crate::client::HTTP;
use crate::lock;

type Callback = Box<dyn FnOnce(Recorded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;
type Rule = Box<dyn FnMut(&Recorded) -> Option<Fault> + Send>;

/// A request the proxy has seen, and what became of it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its place in the order of arrival, from 0; counts on after [`Proxy::clear`].
    pub index: usize,
    /// Such as `POST`.
    pub method: String,
    /// As it was sent, percent-encoded.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
    /// The request's body.
    pub body: Bytes,
    /// Whether it may change something: every method but GET, logging in and refreshing a token left out.
    pub writing: bool,
    /// When it had arrived, since the proxy was started.
    pub at: Duration,
    /// The status the homeserver answered with, if it was asked and answered.
    pub upstream: Option<u16>,
    /// The status the client was answered with; nothing if the connection was cut, or there is no answer yet.
    pub status: Option<u16>,
}

impl Recorded {
    /// The path in plain characters, to look for a room or user id in it.
    pub fn decoded_path(&self) -> String {
        percent_decode_str(&self.path).decode_utf8_lossy().into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self
            .status
            .map_or_else(|| "cut".to_owned(), |status| status.to_string());
        write!(f, "{} {} -> {status}", self.method, self.decoded_path())
    }
}

/// Where in a writing request [`Proxy::on_write`] steps in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The homeserver never hears of the request.
    BeforeForward,
    /// The homeserver has done what it was asked to and has answered.
    AfterEffect,
}

/// A recording proxy on a free port of 127.0.0.1; it ends when this is dropped.
///
/// Bodies of answers are streamed; those of requests are read first, since they are recorded.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &self.url)
            .field("to", &self.shared.base)
            .finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Shared {
    base: String,
    started: Instant,
    log: Mutex<Log>,
    hooks: Mutex<Vec<Hook>>,
    rule: Mutex<Option<Rule>>,
    under_way: watch::Sender<usize>,
}

#[derive(Default)]
struct Log {
    requests: Vec<Recorded>,
    /// The index of the first request in the list.
    first: usize,
}

struct Hook {
    writes_left: usize,
    when: When,
    callback: Callback,
}

impl Proxy {
    /// Starts a proxy in front of a base address such as that of a [`Synapse`](crate::Synapse).
    pub async fn start(base: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            base: base.trim_end_matches('/').to_owned(),
            started: Instant::now(),
            log: Mutex::default(),
            hooks: Mutex::default(),
            rule: Mutex::default(),
            under_way: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self {
            url,
            shared,
            accepting,
        })
    }

    /// The address of the proxy, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All requests since the start or the last [`clear`](Self::clear), in the order of their arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.log).requests.clone()
    }

    /// Those of [`requests`](Self::requests) that may have changed something.
    pub fn writes(&self) -> Vec<Recorded> {
        lock(&self.shared.log)
            .requests
            .iter()
            .filter(|request| request.writing)
            .cloned()
            .collect()
    }

    /// Forgets the requests so far; leaves hooks and faults alone.
    pub fn clear(&self) {
        let mut log = lock(&self.shared.log);
        log.first += log.requests.len();
        log.requests.clear();
    }

    /// At the `k`-th writing request from now on, counted from 1: calls `callback` and ends the connection
    /// without an answer. Once; the callback is where a test kills the client.
    pub fn on_write<F, Fut>(&self, k: usize, when: When, callback: F)
    where
        F: FnOnce(Recorded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let callback: Callback = Box::new(move |request| callback(request).boxed());
        lock(&self.shared.hooks).push(Hook {
            writes_left: k.max(1),
            when,
            callback,
        });
    }

    /// Decides from now on about every request whether something goes wrong with it. The rule may count.
    pub fn on_request(&self, rule: impl FnMut(&Recorded) -> Option<Fault> + Send + 'static) {
        *lock(&self.shared.rule) = Some(Box::new(rule));
    }

    /// Takes back [`on_request`](Self::on_request) and any [`on_write`](Self::on_write) still to come.
    pub fn heal(&self) {
        *lock(&self.shared.rule) = None;
        lock(&self.shared.hooks).clear();
    }

    /// Waits until no request is under way: after a client was killed, others of its requests may still be.
    pub async fn settled(&self) {
        // The sender lives in `self`, so there is no error to meet.
        let _ = self
            .shared
            .under_way
            .subscribe()
            .wait_for(|under_way| *under_way == 0)
            .await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Owned by this task, so that dropping the proxy ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Small answers would wait for acknowledgements otherwise.
                let _ = stream.set_nodelay(true);
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| serve(shared.clone(), request));
                    // An error here is a connection cut by either side, which is what the tests are about.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Counts a request as under way for as long as it lives.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.under_way.send_modify(|count| *count += 1);
        Self(shared.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

/// An error makes hyper end the connection without an answer.
async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer> {
    let under_way = UnderWay::new(&shared);
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (recorded, hook) = shared.record(&head, body);
    let writing = recorded.writing;
    let answer = async move {
        let _under_way = under_way;
        shared.answer(head.headers, head.method, recorded, hook).await
    };
    if writing {
        // hyper drops this future when the client goes away. A homeserver carries on with what it was told,
        // and the callback that kills the client must not die with it.
        tokio::spawn(answer).await?
    } else {
        answer.await
    }
}

impl Shared {
    fn record(&self, head: &hyper::http::request::Parts, body: Bytes) -> (Recorded, Option<Hook>) {
        let path = head.uri.path();
        let session = path.ends_with("/login") || path.ends_with("/refresh");
        let writing = head.method != Method::GET && !(session && path.starts_with("/_matrix/client/"));
        // Both under one lock: the k-th write is the k-th of the list.
        let mut log = lock(&self.log);
        let recorded = Recorded {
            index: log.first + log.requests.len(),
            method: head.method.to_string(),
            path: path.to_owned(),
            query: head.uri.query().map(str::to_owned),
            body,
            writing,
            at: self.started.elapsed(),
            upstream: None,
            status: None,
        };
        log.requests.push(recorded.clone());
        let mut hooks = lock(&self.hooks);
        let mut due = None;
        if writing {
            for hook in hooks.iter_mut() {
                hook.writes_left = hook.writes_left.saturating_sub(1);
            }
            due = hooks.iter().position(|hook| hook.writes_left == 0);
        }
        (recorded, due.map(|position| hooks.remove(position)))
    }

    fn note(&self, index: usize, change: impl FnOnce(&mut Recorded)) {
        let mut log = lock(&self.log);
        let place = index.checked_sub(log.first);
        if let Some(request) = place.and_then(|place| log.requests.get_mut(place)) {
            change(request);
        }
    }

    async fn answer(
        &self,
        headers: HeaderMap,
        method: Method,
        request: Recorded,
        hook: Option<Hook>,
    ) -> Result<Answer> {
        if let Some(hook) = hook {
            if hook.when == When::AfterEffect {
                self.forward(headers, method, &request).await?.bytes().await?;
            }
            (hook.callback)(request).await;
            return Err(anyhow!("cut by on_write"));
        }
        let fault = lock(&self.rule).as_mut().and_then(|rule| rule(&request));
        let answer = match fault {
            None => self.pass(headers, method, &request).await,
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                self.pass(headers, method, &request).await
            }
            Some(Fault::Status(status, headers, body)) => made_up(status, &headers, body),
            Some(Fault::Html502) => html_502(),
            Some(Fault::Cut) => Err(anyhow!("cut by a fault")),
            Some(Fault::LoseAnswer) => {
                self.forward(headers, method, &request).await?.bytes().await?;
                Err(anyhow!("lost by a fault"))
            }
            Some(Fault::TruncatedBody) => truncated(self.forward(headers, method, &request).await?).await,
            Some(Fault::HalfJson) => half(self.forward(headers, method, &request).await?).await,
            Some(Fault::Twice) => {
                let first = self.forward(headers.clone(), method.clone(), &request).await?;
                first.bytes().await?;
                self.pass(headers, method, &request).await
            }
        }?;
        self.note(request.index, |request| {
            request.status = Some(answer.status().as_u16());
        });
        Ok(answer)
    }

    /// Asks the homeserver.
    async fn forward(
        &self,
        mut headers: HeaderMap,
        method: Method,
        request: &Recorded,
    ) -> Result<reqwest::Response> {
        remove_hop_by_hop(&mut headers);
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let query = request
            .query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let url = format!("{}{}{query}", self.base, request.path);
        let sent = HTTP
            .request(method, url)
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await;
        let response = sent.context("the homeserver does not answer")?;
        self.note(request.index, |request| {
            request.upstream = Some(response.status().as_u16());
        });
        Ok(response)
    }

    /// Hands on the homeserver's answer as it comes.
    async fn pass(&self, headers: HeaderMap, method: Method, request: &Recorded) -> Result<Answer> {
        let Ok(response) = self.forward(headers, method, request).await else {
            // What a reverse proxy does while its homeserver is down.
            return html_502();
        };
        let head = answer_head(&response);
        let body = response
            .bytes_stream()
            .map_ok(Frame::data)
            .map_err(anyhow::Error::from);
        Ok(with_head(head, body.boxed()))
    }
}
