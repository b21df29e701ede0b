//! From transport errors and Matrix errors to [`BackendError`]: status first, then errcode.

use std::{error::Error as StdError, time::Duration};

use http::StatusCode;
use inviter_core::{
    backend::{BackendError, BackendErrorKind as Kind},
    harmful::is_harmful,
};
use ruma::api::error::{Error as MatrixError, ErrorBody, ErrorKind, RetryAfter};

/// A request that failed, with what the caller needs to decide on.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For the caller of the backend.
    pub(crate) error: BackendError,
    /// The errcode, if it was the homeserver that said no.
    errcode: Option<Box<ErrorKind>>,
    /// The status, if there was an answer.
    pub(crate) status: Option<StatusCode>,
    /// The request was sent and nobody has said that it was refused: it may have been carried out.
    pub(crate) may_have_happened: bool,
}

impl Failure {
    /// A failure before anything was sent, or one that is known to have had no effect.
    pub(crate) const fn without_effect(error: BackendError) -> Self {
        Self {
            error,
            errcode: None,
            status: None,
            may_have_happened: false,
        }
    }

    /// A failure after sending, without an answer from the homeserver.
    pub(crate) const fn lost(error: BackendError) -> Self {
        Self {
            error,
            errcode: None,
            status: None,
            may_have_happened: true,
        }
    }

    /// The errcode, if it was the homeserver that said no.
    pub(crate) fn errcode(&self) -> Option<&ErrorKind> {
        self.errcode.as_deref()
    }

    /// The homeserver itself answered 404 `M_NOT_FOUND`.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == Some(StatusCode::NOT_FOUND) && matches!(self.errcode(), Some(ErrorKind::NotFound))
    }

    /// The homeserver itself answered 403, for whichever reason.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.status == Some(StatusCode::FORBIDDEN) && self.errcode.is_some()
    }
}

impl From<Failure> for BackendError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// No answer, or none that could be read to its end.
pub(crate) fn transport(about: &str, base: &str, error: reqwest::Error) -> Failure {
    // The URL is in `about` as far as it matters.
    let error = error.without_url();
    let not_sent = error.is_connect() || error.is_builder();
    let who = who(about, base);
    let message = if is_certificate(&error) {
        format!("{who}shows {}", certificate_trouble(&innermost(&error)))
    } else if error.is_connect() {
        format!(
            "{who}cannot be reached ({}); check the homeserver's URL and that it is running",
            innermost(&error)
        )
    } else if error.is_timeout() {
        format!("{who}did not answer in time")
    } else {
        format!(
            "the connection to {base} broke before the answer was complete ({})",
            innermost(&error)
        )
    };
    let error = BackendError::new(Kind::Unavailable, about, message).caused_by(error);
    if not_sent {
        Failure::without_effect(error)
    } else {
        Failure::lost(error)
    }
}

/// With what a message begins that is about the homeserver itself: nothing where its address stands in front
/// already.
pub(crate) fn who(about: &str, base: &str) -> String {
    if about == base {
        String::new()
    } else {
        format!("{base} ")
    }
}

/// What is wrong with a certificate and what to do, from the words of the TLS library, whose own are for programmers.
fn certificate_trouble(said: &str) -> &'static str {
    if said.contains("UnknownIssuer") {
        "a certificate that is not trusted, since its authority is unknown here; if that is your own, name the \
         authority's certificate as `ca_file`"
    } else if said.contains("CaUsedAsEndEntity") {
        "a certificate that is not trusted, since it is an authority's own (CA:TRUE) and not a server's; make one for \
         the server (CA:FALSE) and name it, or the authority that signed it, as `ca_file`"
    } else if said.contains("not valid for name") {
        "a certificate for another name; check the homeserver's URL, which must have a name that the certificate is \
         for"
    } else if said.contains("expired") {
        "a certificate that has expired; renew it on the homeserver, or set this machine's clock right"
    } else if said.contains("not valid yet") {
        "a certificate that is not valid yet; set the clocks of this machine and of the homeserver right"
    } else {
        "a certificate that is not trusted; check it on the homeserver (`openssl s_client` shows it), and `ca_file` if \
         its authority is your own"
    }
}

/// Our own deadline has passed.
pub(crate) fn timed_out(about: &str, base: &str, after: Duration) -> Failure {
    Failure::lost(BackendError::new(
        Kind::Unavailable,
        about,
        format!("{}did not answer within {} s", who(about, base), after.as_secs()),
    ))
}

/// Whether trying again is pointless since the certificate is what is wrong.
pub(crate) fn is_certificate(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|e| {
        let text = e.to_string();
        text.contains("invalid peer certificate") || text.contains("UnknownIssuer")
    })
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn StdError + 'static)| (*e).source())
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(String::new, |innermost| shorten(&innermost.to_string()))
}

/// What is said of a success that is a web page.
pub(crate) const WEB_PAGE: &str =
    "answered with a web page, not Matrix; check the homeserver's URL and the proxy in front of it";

/// The body is a web page: not from the homeserver, whatever the status says.
pub(crate) fn is_web_page(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// An answer that is not a success.
pub(crate) fn answered(about: &str, base: &str, error: &MatrixError) -> Failure {
    let status = error.status_code;
    let code = status.as_u16();
    let (errcode, said) = match &error.body {
        ErrorBody::Standard(body) => (Some(body.kind.clone()), shorten(&body.message)),
        ErrorBody::NotJson { bytes, .. } if is_web_page(bytes) => (None, "a web page, not Matrix".to_owned()),
        _ => (None, "something that is not a Matrix error".to_owned()),
    };
    let who = who(about, base);
    let named = errcode.as_ref().map(|kind| shorten(kind.errcode().as_str()));
    let (kind, message) = match (code, &errcode) {
        (429, _) => (Kind::RateLimited, "too many requests".to_owned()),
        (300..=399, _) => (
            Kind::Malformed,
            format!("{who}redirects elsewhere ({code}); set the homeserver's URL to where it leads"),
        ),
        (500.., Some(_)) => (Kind::Unavailable, format!("the homeserver says: {said}")),
        (500.., None) => (
            Kind::Unavailable,
            format!("{who}answered with {said}; a proxy is in front of a homeserver that is down"),
        ),
        (408, _) => (Kind::Unavailable, format!("{who}did not answer in time")),
        (_, Some(ErrorKind::UnknownToken(_) | ErrorKind::MissingToken)) => (
            Kind::Unauthenticated,
            format!(
                "the homeserver does not accept the access token ({said}); log in again or give a new one"
            ),
        ),
        (_, Some(ErrorKind::UserDeactivated | ErrorKind::UserLocked | ErrorKind::UserSuspended)) => (
            Kind::Unauthenticated,
            format!("the bot's account cannot be used ({said})"),
        ),
        (_, None) => (
            Kind::Malformed,
            format!("{who}answered with {said}; check the homeserver's URL and the proxy in front of it"),
        ),
        (401, _) => (
            Kind::Unauthenticated,
            format!("the homeserver does not accept the access token ({said})"),
        ),
        (404, _) => (Kind::NotFound, format!("the homeserver says: {said}")),
        _ => (Kind::Refused, format!("the homeserver says no: {said}")),
    };
    let message = match named {
        Some(name) => format!("{message} ({code} {name})"),
        None => format!("{message} ({code})"),
    };
    let mut backend = BackendError::new(kind, about, message);
    backend.retry_after = retry_after(errcode.as_ref());
    Failure {
        may_have_happened: status.is_server_error() || code == 408,
        error: backend,
        errcode: errcode.map(Box::new),
        status: Some(status),
    }
}

/// A success whose body is not what the endpoint answers.
pub(crate) fn malformed(
    about: &str,
    base: &str,
    body: &[u8],
    source: impl StdError + Send + Sync + 'static,
) -> Failure {
    let who = who(about, base);
    let message = if is_web_page(body) {
        format!("{who}{WEB_PAGE}")
    } else {
        // The parser's words may repeat what is in the body.
        let source = shorten(&source.to_string());
        format!("{who}answered with something that is not Matrix ({source})")
    };
    Failure::lost(BackendError::new(Kind::Malformed, about, message).caused_by(source))
}

/// An error body of a status and its bytes, as ruma reads it.
pub(crate) fn read_error(response: http::Response<&[u8]>) -> MatrixError {
    <MatrixError as ruma::api::EndpointError>::from_http_response(response)
}

/// The wait that the server asks for; ruma has preferred the header over the field.
pub(crate) fn retry_after(kind: Option<&ErrorKind>) -> Option<Duration> {
    match kind {
        Some(ErrorKind::LimitExceeded(data)) => match data.retry_after.as_ref()? {
            RetryAfter::Delay(delay) => Some(*delay),
            RetryAfter::DateTime(when) => Some(
                when.duration_since(std::time::SystemTime::now())
                    .unwrap_or(Duration::ZERO),
            ),
        },
        _ => None,
    }
}

/// What a server says goes into one line of a report, without what would command a terminal or forge another line.
fn shorten(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_harmful(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(200) {
        line.truncate(end);
        line.push('…');
    }
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, kind: &Kind, part: &str) -> Failure {
        let response = http::Response::builder()
            .status(status)
            .body(body.as_bytes())
            .unwrap();
        let failure = answered("#a:b", "https://hs", &read_error(response));
        assert_eq!(failure.error.kind, *kind, "{}", failure.error);
        assert!(failure.error.to_string().contains(part), "{}", failure.error);
        failure
    }

    #[test]
    fn status_first_then_errcode() {
        let html = "<html><body>Bad gateway</body></html>";
        assert!(check(502, html, &Kind::Unavailable, "web page").may_have_happened);
        check(403, html, &Kind::Malformed, "web page");
        check(404, html, &Kind::Malformed, "web page");
        check(404, "", &Kind::Malformed, "not a Matrix error");
        let no = check(
            403,
            r#"{"errcode":"M_FORBIDDEN","error":"No."}"#,
            &Kind::Refused,
            "403 M_FORBIDDEN",
        );
        assert!(!no.may_have_happened && no.is_forbidden());
        check(
            404,
            r#"{"errcode":"M_NOT_FOUND","error":"No"}"#,
            &Kind::NotFound,
            "404",
        );
        check(
            401,
            r#"{"errcode":"M_UNKNOWN_TOKEN","error":"No"}"#,
            &Kind::Unauthenticated,
            "token",
        );
        check(302, "", &Kind::Malformed, "redirects");
        let wait = check(
            429,
            r#"{"errcode":"M_LIMIT_EXCEEDED","error":"x","retry_after_ms":1500}"#,
            &Kind::RateLimited,
            "",
        );
        assert_eq!(wait.error.retry_after, Some(Duration::from_millis(1500)));
        check(429, html, &Kind::RateLimited, "");
    }

    #[test]
    fn what_a_server_says_harms_nobody() {
        const EVIL: &str =
            "\u{1b}]0;owned\u{7}\n[error] forged\r\t\u{202e}txt\u{2066}\u{200b}\u{9b}31m\u{7f}\0.";
        let harmless = |text: &str| {
            let harmful = text.chars().find(|c| is_harmful(*c));
            assert_eq!(harmful, None, "{text:?}");
            assert!(text.chars().count() < 700, "{text:?}");
        };
        let long = format!("{EVIL}{}", EVIL.repeat(10_000));
        let body = serde_json::json!({ "errcode": format!("M_{long}"), "error": long }).to_string();
        for (status, kind) in [
            (400, Kind::Refused),
            (401, Kind::Unauthenticated),
            (403, Kind::Refused),
            (404, Kind::NotFound),
            (500, Kind::Unavailable),
        ] {
            let failure = check(status, &body, &kind, "[error] forged");
            assert!(failure.error.message.contains("M_ ]0;owned"), "{}", failure.error);
            harmless(&failure.error.message);
        }
        let source = serde_json::from_str::<serde_json::Value>("{").unwrap_err();
        let evil = <serde_json::Error as serde::de::Error>::custom(EVIL);
        for source in [source, evil] {
            let failure = malformed("#a:b", "https://hs", EVIL.as_bytes(), source);
            assert!(
                failure.error.message.contains("not Matrix ("),
                "{}",
                failure.error
            );
            harmless(&failure.error.message);
        }
    }
}
