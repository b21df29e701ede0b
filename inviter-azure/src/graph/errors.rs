//! [`GraphError`]: what became of a request that was not answered as it should be.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode, header::LOCATION};
use url::Url;

use super::{
    said::{Hidden, Said},
    throttle::retry_after,
};
use crate::{
    token::{TokenError, TokenErrorKind},
    unanswered::unanswered,
};

/// A request to Graph failed.
///
/// Neither the texts nor a cause hold a token, be it for access or in a link.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{about}: {message}")]
pub(crate) struct GraphError {
    /// What the caller can do about it.
    pub(crate) kind: GraphErrorKind,
    /// Method and path below the version, without the query: `GET /groups/<id>/members`.
    pub(crate) about: String,
    /// The status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// Graph's own `error.code`.
    pub(crate) code: Option<String>,
    /// What went wrong, as a clause without a full stop.
    pub(crate) message: String,
    /// When asking again may help, if Graph told.
    pub(crate) retry_after: Option<Duration>,
    /// The cause. Shared, since all that were in one batch fail with it.
    #[source]
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GraphErrorKind {
    /// 403: the application lacks a permission.
    Denied,
    /// 401, with a new token as well.
    Unauthorized,
    /// 404, from Graph itself.
    NotFound,
    /// A link is too old: 410, or a code that says so.
    Expired,
    /// Another 4xx: the request is not one that Graph answers.
    Refused,
    /// Graph asks to wait for longer than anybody waits here.
    Throttled,
    /// No answer, none that was complete, or 5xx.
    Unavailable,
    /// The answer cannot be understood, or must not be believed.
    Malformed,
    /// More was answered than one read may take; what was read before does not count either.
    Outgrown,
    /// There is no token to ask with, or no HTTP client can be set up (`Misconfigured`).
    Token(TokenErrorKind),
}

impl GraphError {
    /// An error without an answer of Graph.
    pub(crate) fn new(kind: GraphErrorKind, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            about: about.into(),
            status: None,
            code: None,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// Adds the cause.
    pub(super) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Whether everything else would end like this as well. Where Graph answers that it cannot answer, it may do so for
    /// one kind of requests only.
    pub(crate) const fn is_about_everything(&self) -> bool {
        match self.kind {
            GraphErrorKind::Unauthorized
            | GraphErrorKind::Throttled
            | GraphErrorKind::Outgrown
            | GraphErrorKind::Token(_) => true,
            GraphErrorKind::Unavailable => self.status.is_none(),
            GraphErrorKind::Denied
            | GraphErrorKind::NotFound
            | GraphErrorKind::Expired
            | GraphErrorKind::Refused
            | GraphErrorKind::Malformed => false,
        }
    }

    /// No token could be had.
    pub(super) fn token(about: &str, failed: TokenError) -> Self {
        let message = format!(
            "no access token can be had from {}: {}",
            failed.about, failed.message
        );
        let mut error = Self::new(GraphErrorKind::Token(failed.kind), about, message);
        error.retry_after = failed.retry_after;
        error.caused_by(failed)
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It would be the same again.
    GiveUp,
    /// Another try may go better.
    Again,
    /// Another try may go better; a third would not.
    AgainOnce,
    /// The whole client has to wait, for so long if that was told.
    Pause(Option<Duration>),
    /// The token is not accepted.
    NewToken,
    /// Asking for less may go better.
    Less,
}

/// An error, and what to do about it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Box<GraphError>,
    pub(super) course: Course,
}

impl Failure {
    pub(super) fn new(course: Course, error: GraphError) -> Self {
        let error = Box::new(error);
        Self { error, course }
    }

    /// An answer of another form than it has to be.
    pub(super) fn malformed(course: Course, about: &str, message: impl Into<String>) -> Self {
        Self::new(course, GraphError::new(GraphErrorKind::Malformed, about, message))
    }
}

/// No answer, or none that could be read to its end.
pub(super) fn transport(about: &str, base: &Url, error: reqwest::Error) -> Failure {
    // It holds links with their tokens.
    let error = error.without_url();
    let base = base.origin().ascii_serialization();
    let (lasting, message) = unanswered(&error);
    let course = if lasting || error.is_builder() {
        Course::GiveUp
    } else {
        Course::Again
    };
    let message = format!("{base} {message}");
    let error = GraphError::new(GraphErrorKind::Unavailable, about, message).caused_by(error);
    Failure::new(course, error)
}

/// The time for a request has passed.
pub(super) fn timed_out(about: &str, base: &Url, after: Duration) -> Failure {
    let base = base.origin().ascii_serialization();
    let after = match after.as_secs() {
        0 => format!("{} ms", after.as_millis()),
        seconds => format!("{seconds} s"),
    };
    let message = format!("{base} did not answer within {after}");
    Failure::new(
        Course::Again,
        GraphError::new(GraphErrorKind::Unavailable, about, message),
    )
}

/// An answer that is not a success, of a request or of one item of a batch.
pub(super) fn answered(
    about: &str,
    base: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    hidden: &Hidden,
) -> Failure {
    use GraphErrorKind as Kind;
    let said = Said::read(headers, body, hidden);
    let told = retry_after(headers);
    let words = &said.message;
    let (kind, course, message) = match status.as_u16() {
        300..=399 => (Kind::Malformed, Course::GiveUp, redirected(base, headers)),
        _ if said.is_expired() || status == StatusCode::GONE => (
            Kind::Expired,
            Course::GiveUp,
            format!("Graph does not know any more where this stood: {words}"),
        ),
        401 => (
            Kind::Unauthorized,
            Course::NewToken,
            format!("Graph does not accept the access token: {words}"),
        ),
        403 => (
            Kind::Denied,
            Course::GiveUp,
            format!("Graph does not allow this to the application: {words}"),
        ),
        // Somebody else's 404 says nothing about what Graph has, and what is gone counts for something.
        404 if said.code.is_none() => (
            Kind::Malformed,
            Course::GiveUp,
            format!("it is not Graph that answers: {words}"),
        ),
        404 => (
            Kind::NotFound,
            Course::GiveUp,
            format!("Graph does not have this: {words}"),
        ),
        429 => (
            Kind::Throttled,
            Course::Pause(told),
            "Graph has had too many requests".to_owned(),
        ),
        503 | 504 if told.is_some() => (
            Kind::Throttled,
            Course::Pause(told),
            format!("Graph asks to come back later: {words}"),
        ),
        408 | 500.. => (
            Kind::Unavailable,
            Course::Again,
            format!("Graph cannot answer: {words}"),
        ),
        _ => (
            Kind::Refused,
            Course::GiveUp,
            format!("Graph refuses the request: {words}"),
        ),
    };
    let mut message = format!("{message} ({}", status.as_u16());
    if let Some(code) = &said.code {
        message.push(' ');
        message.push_str(code);
    }
    if let Some(id) = &said.request_id {
        message.push_str(", request-id ");
        message.push_str(id);
    }
    message.push(')');
    let mut error = GraphError::new(kind, about, message);
    error.status = Some(status.as_u16());
    error.code = said.code;
    error.retry_after = told;
    Failure::new(course, error)
}

/// Where another answer was to be had, which nobody asks: it would get the token.
fn redirected(base: &Url, headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| base.join(location).ok());
    let host = target.as_ref().and_then(Url::host_str).unwrap_or("nowhere");
    format!("the answer redirects to {host}, which is not followed; check the URL of Graph and any proxy")
}
