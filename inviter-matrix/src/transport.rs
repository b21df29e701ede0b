//! One request and its answer over HTTP.

use std::time::Duration;

use http::{HeaderValue, header::AUTHORIZATION};
use inviter_core::backend::{BackendError, BackendErrorKind as Kind};
use reqwest::{Certificate, Proxy, redirect};
use ruma::api::error::IntoHttpError;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::{
    client::{Call, Client},
    config::MatrixConfig,
    error::{self, Failure},
    session::Token,
    work::Class,
};

/// The largest answer that is read into memory as a whole.
const MAX_BODY: usize = 16 << 20;
/// An answer with a status below 300.
pub(crate) struct Answer {
    pub(crate) parts: http::response::Parts,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Whole(Vec<u8>),
    Open(reqwest::Response),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read to its end within the deadline of a request.
    Whole,
    /// As soon as it begins, which may take this long.
    Open(Duration),
}

pub(crate) type Build<'a> = &'a (dyn Fn(&str) -> Result<http::Request<Vec<u8>>, IntoHttpError> + Send + Sync);

impl Client {
    /// Sends once.
    pub(crate) async fn attempt(
        &self,
        call: &Call,
        token: Option<&Token>,
        mode: Mode,
        build: Build<'_>,
    ) -> Result<Answer, Failure> {
        let about = &call.about;
        let secret = token.map_or("", |token| token.secret.expose_secret());
        let unsendable =
            |what: String| Failure::without_effect(BackendError::new(Kind::Refused, about, what));
        let mut request = build(secret)
            .map_err(|failed| unsendable(format!("cannot be asked of this homeserver ({failed})")))?;
        if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
            HeaderValue::set_sensitive(value, true);
        }
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let request = reqwest::Request::try_from(request)
            .map_err(|failed| unsendable(format!("is not a request ({})", failed.without_url())))?;
        let started = Instant::now();
        let deadline = match mode {
            Mode::Whole => self.timeouts.request,
            Mode::Open(patience) => patience,
        };
        let exchanged = timeout(deadline, self.exchange(about, request, mode)).await;
        if let (Some(observer), Some(kind)) = (&self.observer, call.work.class.kind())
            && call.work.class != Class::Follow
        {
            let status = match &exchanged {
                Ok(Ok(answer)) => Some(answer.parts.status.as_u16()),
                _ => None,
            };
            observer.request(kind, status, started.elapsed());
        }
        let answer = exchanged.unwrap_or_else(|_| Err(error::timed_out(about, &self.base, deadline)))?;
        let status = answer.parts.status;
        debug!(%method, path, status = status.as_u16(), ms = started.elapsed().as_millis(), "request");
        match answer.body {
            Body::Whole(body) if !status.is_success() => {
                let response = http::Response::from_parts(answer.parts, body.as_slice());
                Err(error::answered(about, &self.base, &error::read_error(response)))
            }
            body => Ok(Answer { body, ..answer }),
        }
    }

    async fn exchange(&self, about: &str, request: reqwest::Request, mode: Mode) -> Result<Answer, Failure> {
        let broken = |failed| error::transport(about, &self.base, failed);
        let mut response = self.http.execute(request).await.map_err(broken)?;
        let mut parts = http::Response::new(()).into_parts().0;
        parts.status = response.status();
        parts.headers = response.headers().clone();
        if mode != Mode::Whole && parts.status.is_success() {
            let body = Body::Open(response);
            return Ok(Answer { parts, body });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Failure::lost(BackendError::new(
                    Kind::Malformed,
                    about,
                    format!("{} answered with more than {} MiB", self.base, MAX_BODY >> 20),
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let body = Body::Whole(body);
        Ok(Answer { parts, body })
    }
}

pub(crate) fn http_client(config: &MatrixConfig, base: &str) -> Result<reqwest::Client, BackendError> {
    let wrong = |what: &str, failed: reqwest::Error| {
        // The URL of a proxy may carry a password.
        let failed = failed.without_url();
        BackendError::new(Kind::Refused, base, format!("{what} ({failed})")).caused_by(failed)
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(&config.user_agent)
        .connect_timeout(config.timeouts.connect)
        // A homeserver does not redirect its API; another host must not get the token.
        .redirect(redirect::Policy::none())
        .no_proxy();
    if let Some(proxy) = &config.proxy {
        builder = builder.proxy(
            Proxy::all(proxy.expose_secret()).map_err(|e| wrong("the HTTP proxy's URL cannot be used", e))?,
        );
    }
    if let Some(pem) = &config.extra_ca {
        let certificates = Certificate::from_pem_bundle(pem)
            .map_err(|e| wrong("the CA file is not a PEM certificate", e))?;
        if certificates.is_empty() {
            return Err(BackendError::new(
                Kind::Refused,
                base,
                "the CA file holds no PEM certificate",
            ));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|failed| {
        // Certificates are only looked into here.
        if config.extra_ca.is_some() {
            let message = "`ca_file` holds a certificate that cannot be read; check it (`openssl x509 -text -in FILE` \
                           shows it)";
            return BackendError::new(Kind::Refused, base, message).caused_by(failed);
        }
        wrong("the HTTP client cannot be set up", failed)
    })
}
