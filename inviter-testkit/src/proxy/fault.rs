//! What goes wrong with a request to a homeserver.

use std::time::Duration;

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status with these headers and body; the homeserver is not asked.
    Status(u16, Vec<(String, String)>, String),
    /// What a reverse proxy says when its homeserver is down: 502, and HTML where JSON was expected.
    Html502,
    /// The connection ends without an answer; the homeserver is not asked.
    Cut,
    /// The connection ends in the middle of the homeserver's answer.
    TruncatedBody,
    /// Half of the homeserver's answer, as if it were all of it.
    HalfJson,
    /// The homeserver is asked only after this time.
    Delay(Duration),
    /// The homeserver does what it was asked to, but the connection ends without an answer.
    LoseAnswer,
    /// The homeserver is asked twice, one after the other, as by something on the way that did not get the first answer;
    /// the client gets the second one.
    Twice,
}

impl Fault {
    /// A [`Fault::Status`] with a Matrix error for a body.
    pub fn matrix(status: u16, errcode: &str) -> Self {
        let body = serde_json::json!({ "errcode": errcode, "error": "a fault of the test proxy" });
        Self::Status(
            status,
            vec![("content-type".to_owned(), "application/json".to_owned())],
            body.to_string(),
        )
    }

    /// 500 as Synapse answers when something of its own goes wrong.
    pub fn internal() -> Self {
        Self::matrix(500, "M_UNKNOWN")
    }

    /// 429 as Synapse answers it, with the header and the older field in the body.
    pub fn limited(retry_after: Duration) -> Self {
        let body = serde_json::json!({
            "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests",
            "retry_after_ms": u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
        });
        let seconds = retry_after.as_millis().div_ceil(1000).to_string();
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("retry-after".to_owned(), seconds),
        ];
        Self::Status(429, headers, body.to_string())
    }
}
