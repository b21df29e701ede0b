//! The HTTP client that `azure_identity` is given, so that it contacts nobody but whom it is meant to.

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    Error,
    http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode, headers::Headers},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout};
use tracing::debug;
use url::{Host, Url, form_urlencoded};

use super::{
    answer::{Asked, Refusal, wait},
    notes::Notes,
};
use crate::{
    token::{TokenError, TokenErrorKind as Kind},
    unanswered::unanswered,
};

/// The largest answer that is read; a token has a few thousand bytes.
const MAX_BODY: usize = 1 << 20;
/// The longest wait for a busy authority. Who is told to wait longer gives up and says so.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// What App Service gives its own processes, to tell them from others.
const IDENTITY_HEADER: &str = "x-identity-header";
/// The fields of requests that are secrets.
const SECRET_FIELDS: [&str; 2] = ["client_secret", "client_assertion"];

/// Whom `azure_identity` may ask.
#[derive(Debug)]
pub(super) enum Reach {
    /// The authority: `given` is how `azure_identity` knows it, which insists on https, and `real` is where it is.
    Authority { given: Url, real: Url },
    /// What the machine has for its identity: the metadata service of virtual machines, or what App Service names in
    /// the environment.
    Machine {
        /// Where the metadata service is in tests.
        moved: Option<Url>,
    },
}

#[derive(Debug)]
pub(super) struct Transport {
    pub(super) reach: Reach,
    pub(super) asked: Asked,
    pub(super) http: Client,
    /// Past the proxy: no proxy gets to the addresses that mean this very machine.
    pub(super) direct: Client,
    pub(super) request_timeout: Duration,
    pub(super) notes: Arc<Notes>,
}

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Some(url) = self.reach.place(request.url()) else {
            let about = shown(request.url());
            let message = "was not to be asked for a token, so it was not; check `authority`";
            return Err(self
                .notes
                .give_up(TokenError::new(Kind::Misconfigured, about, message)));
        };
        let about = match &self.asked {
            Asked::Authority { url, .. } => url.clone(),
            Asked::Machine { .. } => shown(&url),
        };
        let here = matches!(self.reach, Reach::Machine { .. }) && is_here(&url);
        let http = if here { &self.direct } else { &self.http };
        let Some(sent) = outgoing(request, url) else {
            let message = "cannot be asked, since the request for a token is none that can be sent";
            return Err(self
                .notes
                .give_up(TokenError::new(Kind::Misconfigured, about, message)));
        };
        let started = Instant::now();
        let exchanged = timeout(self.request_timeout, exchange(http, sent)).await;
        let Ok(exchanged) = exchanged else {
            let message = format!("did not answer within {} s", self.request_timeout.as_secs());
            return Err(self
                .notes
                .try_again(TokenError::new(Kind::Unavailable, about, message)));
        };
        let (status, retry_after, body) = match exchanged {
            Ok(answer) => answer,
            Err(failed) => return Err(self.unreachable(about, here, failed)),
        };
        let ms = started.elapsed().as_millis();
        debug!(about, status = status.as_u16(), ms, "asked for a token");
        if status.is_success() {
            self.notes.clear();
            return Ok(answer(status, Headers::new(), body));
        }
        let refusal = Refusal {
            status,
            retry_after: retry_after.as_deref(),
            body: &body,
            secrets: &secrets(request),
        };
        let error = refusal.explain(&self.asked, &about);
        if error.retry_after.is_some_and(|wait| wait > LONGEST_WAIT) {
            return Err(self.notes.give_up(error));
        }
        self.notes.write(error);
        let mut headers = Headers::new();
        if let Some(value) = retry_after.filter(|value| wait(value).is_some()) {
            headers.insert("retry-after", value);
        }
        // What was said is noted; the library only has to see that it is no token, and repeats what it gets.
        Ok(answer(status, headers, b"{}".to_vec()))
    }
}

impl Transport {
    fn unreachable(&self, about: String, here: bool, failed: Failed) -> Error {
        let failed = match failed {
            Failed::Http(failed) => failed.without_url(),
            Failed::TooLong => {
                let message = format!("answered with more than {} MiB", MAX_BODY >> 20);
                return self
                    .notes
                    .give_up(TokenError::new(Kind::Malformed, about, message));
            }
        };
        let (lasting, mut message) = unanswered(&failed);
        // Addresses that mean this very machine do not get lost on the way: there is nothing.
        let nothing = here && failed.is_connect();
        if nothing {
            message += "; a managed identity is there only on machines of Azure";
        }
        let mut error = TokenError::new(Kind::Unavailable, about, message);
        error.source = Some(Box::new(failed));
        if lasting || nothing {
            self.notes.give_up(error)
        } else {
            self.notes.try_again(error)
        }
    }
}

impl Reach {
    /// The authority `real` as `azure_identity` accepts it, and how to get back from there.
    pub(super) fn authority(real: Url) -> Option<Self> {
        let mut given = real.clone();
        given.set_path("/");
        given.set_scheme("https").ok()?;
        Some(Self::Authority { given, real })
    }

    /// Where a request really goes, if it may.
    fn place(&self, url: &Url) -> Option<Url> {
        match self {
            Self::Authority { given, real } if given.origin() == url.origin() => Some(moved(url, real)),
            Self::Authority { .. } => None,
            Self::Machine { moved: Some(to) } => Some(moved(url, to)),
            Self::Machine { moved: None } => Some(url.clone()),
        }
    }
}

/// The path and the query of `url` below `base`.
fn moved(url: &Url, base: &Url) -> Url {
    let mut to = base.clone();
    to.set_path(&format!("{}{}", base.path().trim_end_matches('/'), url.path()));
    to.set_query(url.query());
    to
}

/// Whether an address means this machine: loopback, and the link-local ones of metadata services.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback() || ip.is_unicast_link_local(),
        None => false,
    }
}

/// A URL without its query.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

fn outgoing(request: &Request, url: Url) -> Option<reqwest::Request> {
    let method = Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers().iter() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(value.as_str()).ok()?;
        value.set_sensitive(name.as_str() == IDENTITY_HEADER);
        headers.insert(name, value);
    }
    // Ours is that of the client.
    headers.remove(header::USER_AGENT);
    let mut sent = reqwest::Request::new(method, url);
    *sent.headers_mut() = headers;
    match request.body() {
        Body::Bytes(bytes) if bytes.is_empty() => {}
        Body::Bytes(bytes) => *sent.body_mut() = Some(bytes.clone().into()),
        Body::SeekableStream(_) => return None,
    }
    Some(sent)
}

enum Failed {
    Http(reqwest::Error),
    TooLong,
}

async fn exchange(
    http: &Client,
    request: reqwest::Request,
) -> Result<(http::StatusCode, Option<String>, Vec<u8>), Failed> {
    let mut response: Response = http.execute(request).await.map_err(Failed::Http)?;
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failed::Http)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Failed::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, retry_after, body))
}

fn answer(status: http::StatusCode, headers: Headers, body: Vec<u8>) -> AsyncRawResponse {
    AsyncRawResponse::from_bytes(StatusCode::from(status.as_u16()), headers, body)
}

/// The secrets of a request, as they are and as they are sent.
fn secrets(request: &Request) -> Vec<String> {
    let mut secrets: Vec<String> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str() == IDENTITY_HEADER)
        .map(|(_, value)| value.as_str().to_owned())
        .collect();
    if let Body::Bytes(bytes) = request.body() {
        for (name, value) in form_urlencoded::parse(bytes) {
            if SECRET_FIELDS.contains(&name.as_ref()) {
                secrets.push(form_urlencoded::byte_serialize(value.as_bytes()).collect());
                secrets.push(value.into_owned());
            }
        }
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(authority: &str, asked: &str) -> Option<String> {
        let reach = Reach::authority(Url::parse(authority).unwrap()).unwrap();
        reach.place(&Url::parse(asked).unwrap()).map(Into::into)
    }

    #[test]
    fn only_the_authority_is_asked_and_as_it_is_configured() {
        let token = "/contoso/oauth2/v2.0/token";
        for (authority, given) in [
            ("http://127.0.0.1:8080", "https://127.0.0.1:8080"),
            ("http://localhost", "https://localhost"),
            ("http://localhost:443", "https://localhost"),
            ("https://login.example/gate", "https://login.example"),
        ] {
            let place = place(authority, &format!("{given}{token}"));
            assert_eq!(place, Some(format!("{authority}{token}")));
        }
        for other in [
            "https://127.0.0.1:8081",
            "https://localhost:8080",
            "http://127.0.0.1:8080",
            "https://login.microsoftonline.com",
        ] {
            assert_eq!(
                place("http://127.0.0.1:8080", &format!("{other}{token}")),
                None,
                "{other}"
            );
        }
    }

    #[test]
    fn addresses_of_this_machine() {
        for (url, here) in [
            ("http://169.254.169.254/metadata/identity/oauth2/token", true),
            ("http://127.0.0.1:41741/msi/token", true),
            ("http://localhost:42356/msi/token", true),
            ("http://[::1]:1/x", true),
            ("http://[fe80::1]/x", true),
            ("http://10.0.0.1/x", false),
            ("https://login.microsoftonline.com", false),
        ] {
            assert_eq!(is_here(&Url::parse(url).unwrap()), here, "{url}");
        }
    }
}
