//! Connections, requests as they come in, and answers as they go out.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::answer::{Answer, Delivery, RequestIds};
use crate::emulator::Shared;
use crate::{clock, random};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Still encoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) ids: RequestIds,
}

impl Incoming {
    fn new(head: &hyper::http::request::Parts, body: Bytes) -> Self {
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        let mut request = Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: headers.collect(),
            body,
            ids: RequestIds {
                request: random::guid(),
                client: String::new(),
            },
        };
        request.set_client_id();
        request
    }

    fn set_client_id(&mut self) {
        let client = self.header("client-request-id").unwrap_or(&self.ids.request);
        self.ids.client = client.to_owned();
    }

    /// An item of this batch.
    pub(crate) fn part(&self, method: &str, path_and_query: &str, headers: &Map<String, Value>) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())));
        let mut part = Self {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
            body: Bytes::new(),
            ids: self.ids.clone(),
        };
        if part.header("client-request-id").is_some() {
            part.set_client_id();
        }
        part
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn path_and_query(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

/// Takes connections for as long as it lives.
pub(crate) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Owned by this task, so that dropping the emulator ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Small answers would wait for acknowledgements otherwise.
                let _ = stream.set_nodelay(true);
                let (tls, shared) = (tls.clone(), shared.clone());
                connections.spawn(async move {
                    match tls {
                        None => connection(stream, shared).await,
                        // A client that does not trust the certificate is what some tests are about.
                        Some(tls) => if let Ok(stream) = tls.accept(stream).await {
                            connection(stream, shared).await;
                        },
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| serve(shared.clone(), request));
    // An error here is a connection cut by either side.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>>>>>;

/// An error makes hyper end the connection without an answer.
async fn serve(shared: Arc<Shared>, request: Request<hyper::body::Incoming>) -> Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let request = Incoming::new(&head, body);
    let (index, answer) = shared.answer(&request);
    let delay = shared.options.latency + answer.delivery.delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if answer.delivery.silence {
        std::future::pending::<()>().await;
    }
    if answer.delivery.cut {
        return Err(anyhow!("cut by a fault"));
    }
    shared.note_status(index, answer.status);
    response(answer, &request.ids)
}

fn response(answer: Answer, ids: &RequestIds) -> Result<Response<Body>> {
    let length = answer.body.len() + answer.delivery.blanks;
    let mut response = Response::new(body(answer.body, &answer.delivery));
    *response.status_mut() = StatusCode::from_u16(answer.status).context("not a status")?;
    let headers = response.headers_mut();
    headers.insert("date", HeaderValue::from_str(&clock::http())?);
    headers.insert("request-id", HeaderValue::from_str(&ids.request)?);
    headers.insert("client-request-id", HeaderValue::from_str(&ids.client)?);
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    headers.insert("content-length", HeaderValue::from(length));
    for (name, value) in answer.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
    }
    if !headers.contains_key("cache-control") {
        headers.insert("cache-control", HeaderValue::from_static("no-cache"));
    }
    Ok(response)
}

fn body(body: Bytes, delivery: &Delivery) -> Body {
    if delivery.cut_body {
        let half = body.slice(..body.len() / 2);
        let cut = async {
            // Time for hyper to send the half: an error at once would take it along.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(anyhow!("cut by a fault"))
        };
        let pieces = stream::iter([Ok(Frame::data(half))]).chain(stream::once(cut));
        return Either::Right(StreamBody::new(pieces.boxed()));
    }
    if delivery.trickle.is_none() && delivery.blanks == 0 {
        return Either::Left(Full::new(body));
    }
    let size = if delivery.trickle.is_some() { 64 } else { 1 << 16 };
    let pause = delivery.trickle.unwrap_or_default();
    let starts = (0..body.len()).step_by(size);
    let pieces: Vec<Bytes> = starts
        .map(|start| body.slice(start..body.len().min(start + size)))
        .collect();
    let blanks = Bytes::from(vec![b' '; 1 << 16]);
    let left = delivery.blanks;
    let blanks =
        (0..left.div_ceil(1 << 16)).map(move |number| blanks.slice(..(left - (number << 16)).min(1 << 16)));
    let pieces = stream::iter(pieces.into_iter().chain(blanks)).then(move |piece| async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(Frame::data(piece))
    });
    Either::Right(StreamBody::new(pieces.boxed()))
}
