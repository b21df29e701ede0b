//! One request and its answer over HTTP.

use std::sync::atomic::Ordering;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::{Instant, timeout};
use tracing::debug;
use url::Url;

use super::{
    Graph, GraphError, GraphErrorKind,
    errors::{self, Course, Failure},
    said::{Hidden, is_web_page},
    throttle::chance,
};
use crate::token::{Token, TokenErrorKind};

/// The largest answer that is read.
const MAX_BODY: usize = 16 << 20;
/// Asks Graph to let others through first: nobody waits in front of a screen for this.
pub(super) const PRIORITY: (&str, &str) = ("x-ms-throttle-priority", "low");

/// A request. Its URL may hold a token in the query, so there is no `Debug`.
pub(super) struct Ask {
    pub(super) url: Url,
    /// What is posted, if it is not a GET.
    pub(super) body: Option<Vec<u8>>,
    /// Method and path, for errors and logs.
    pub(super) about: String,
}

impl Ask {
    pub(super) fn get(graph: &Graph, url: Url) -> Self {
        let about = graph.about_get(&url);
        Self {
            url,
            body: None,
            about,
        }
    }
}

/// An answer with a status of success, complete. It holds people and tokens, so there is no `Debug`.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// What must not be shown of it.
    pub(super) hidden: Hidden,
}

impl Graph {
    /// Sends once.
    pub(super) async fn exchange(&self, ask: &Ask, token: &Token) -> Result<Answer, Failure> {
        // Whatever was answered could not be read.
        self.allow(ask, 0)?;
        let request = request(ask, token)?;
        let started = Instant::now();
        self.shared.sent.fetch_add(1, Ordering::Relaxed);
        let exchanged = timeout(self.shared.deadline, self.transfer(ask, request)).await;
        let exchanged = exchanged
            .unwrap_or_else(|_| Err(errors::timed_out(&ask.about, self.base(), self.shared.deadline)));
        let (status, headers, body) = exchanged.inspect_err(|failure| {
            debug!(about = %ask.about, ms = started.elapsed().as_millis(), error = %failure.error, "request");
        })?;
        let units = headers
            .get("x-ms-resource-unit")
            .and_then(|units| units.to_str().ok());
        debug!(about = %ask.about, status = status.as_u16(), ms = started.elapsed().as_millis(), units, "request");
        self.shared.throttle.note(&headers);
        let hidden = Hidden::new(token.secret.expose_secret(), &ask.url);
        if status.is_success() {
            return Ok(Answer { body, hidden });
        }
        Err(errors::answered(
            &ask.about,
            self.base(),
            status,
            &headers,
            &body,
            &hidden,
        ))
    }

    async fn transfer(
        &self,
        ask: &Ask,
        request: reqwest::Request,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), Failure> {
        let broken = |failed| errors::transport(&ask.about, self.base(), failed);
        let mut response = self.shared.http.execute(request).await.map_err(broken)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_BODY {
                let message = format!("the answer is larger than {} MiB", MAX_BODY >> 20);
                return Err(Failure::malformed(Course::Less, &ask.about, message));
            }
            self.allow(ask, chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        Ok((status, headers, body))
    }

    /// Notes that so many bytes have come in answer.
    fn allow(&self, ask: &Ask, bytes: usize) -> Result<(), Failure> {
        let allowed = self.shared.allowance.take(bytes, &ask.about);
        allowed.map_err(|error| Failure::new(Course::GiveUp, error))
    }
}

fn request(ask: &Ask, token: &Token) -> Result<reqwest::Request, Failure> {
    let bearer = format!("Bearer {}", token.secret.expose_secret());
    let mut bearer = HeaderValue::try_from(bearer).map_err(|_| {
        let kind = GraphErrorKind::Token(TokenErrorKind::Malformed);
        let message = "the access token holds characters that no token can have";
        Failure::new(Course::GiveUp, GraphError::new(kind, &ask.about, message))
    })?;
    bearer.set_sensitive(true);
    let method = if ask.body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let mut request = reqwest::Request::new(method, ask.url.clone());
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    let json = HeaderValue::from_static("application/json");
    headers.insert(ACCEPT, json.clone());
    let (name, value) = PRIORITY;
    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    // Always hexadecimal digits.
    if let Ok(id) = HeaderValue::try_from(guid()) {
        headers.insert("client-request-id", id);
    }
    if let Some(body) = &ask.body {
        headers.insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(body.clone().into());
    }
    Ok(request)
}

/// What an answer holds.
pub(super) fn json<T: DeserializeOwned>(about: &str, body: &[u8]) -> Result<T, Failure> {
    let read = |body: &[u8]| {
        // Serde would take a list for an object too, by the order of its fields: a list of lists for a page of nobody.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(serde::de::Error::custom("not an object"));
        }
        serde_json::from_slice(body)
    };
    read(body).map_err(|failed| unreadable(about, body, &failed))
}

/// What is wrong with a body. The parser's own words may repeat what is in it, people and tokens.
pub(super) fn unreadable(about: &str, body: &[u8], failed: &serde_json::Error) -> Failure {
    let at = format!("line {}, column {}", failed.line(), failed.column());
    let (course, message) = match failed.classify() {
        _ if is_web_page(body) => (
            Course::AgainOnce,
            "the answer is a web page and not of Graph; check the URL of Graph and any proxy".to_owned(),
        ),
        Category::Eof => (Course::AgainOnce, format!("the answer is cut off at {at}")),
        Category::Syntax | Category::Io => (Course::AgainOnce, format!("the answer is not JSON at {at}")),
        Category::Data => {
            let words = failed.to_string();
            // Names of ours, and not what was there instead.
            let field = words
                .strip_prefix("missing field ")
                .and_then(|rest| rest.split(' ').next());
            let what = field.map_or_else(
                || "what was expected".to_owned(),
                |field| format!("{field}, as it should"),
            );
            (
                Course::GiveUp,
                format!("the answer does not have {what}, at {at}"),
            )
        }
    };
    Failure::malformed(course, about, message)
}

/// A new identifier for a request, which Microsoft can find it by.
fn guid() -> String {
    let id = (u128::from(chance()) << 64) | u128::from(chance());
    // Version 4, variant 1 (RFC 9562).
    let id = id & !(0xf << 76) | (0x4 << 76);
    let id = id & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{id:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile_tests;
