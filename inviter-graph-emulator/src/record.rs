//! What the emulator has been asked.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A request, and what became of it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its place in the order of arrival, from 0; counts on after the list was cleared.
    pub index: usize,
    /// Such as `GET`.
    pub method: String,
    /// As it was sent, percent-encoded. For an item of a batch as if it had been sent alone (`/v1.0/…`).
    pub path_and_query: String,
    /// The status of the answer; nothing if the connection was cut, or there is no answer yet.
    pub status: Option<u16>,
    /// The request's headers, by their names in small letters. `authorization` is there as it was sent.
    pub headers: Vec<(String, String)>,
    /// The request's body; empty for items of batches.
    pub body: Bytes,
    /// Whether it was an item of a batch.
    pub in_batch: bool,
    /// When it had arrived, since the emulator was started.
    pub at: Duration,
}

impl Recorded {
    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Path and query in plain characters.
    pub fn decoded(&self) -> String {
        decoded(&self.path_and_query)
    }

    /// Whether it asked for an access token, in any of the ways.
    pub fn is_for_token(&self) -> bool {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        !self.in_batch && (path.ends_with("/token") && !path.starts_with("/v1.0/"))
    }

    /// Whether it went to Graph, alone, as a batch or in one.
    pub fn is_for_graph(&self) -> bool {
        self.path_and_query.starts_with("/v1.0/")
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string());
        let batch = if self.in_batch { " (in a batch)" } else { "" };
        write!(f, "{} {} -> {status}{batch}", self.method, self.decoded())
    }
}

pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}
