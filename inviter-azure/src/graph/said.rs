//! What Graph says of a failure, made fit for a message.

use std::{borrow::Cow, fmt};

use http::HeaderMap;
use inviter_core::harmful::is_harmful;
use serde_json::Value;
use url::Url;

/// How much of a text from outside is shown.
const MOST: usize = 200;
/// What is shorter is no secret, and may be in any text.
const LEAST: usize = 4;
/// How much of a code or an identifier is shown.
const MOST_CODE: usize = 100;

/// What must not be shown: Graph's messages may repeat what a request held.
#[derive(Default)]
pub(super) struct Hidden(Vec<String>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({})", self.0.len())
    }
}

impl Hidden {
    /// The access token, and the tokens in a link.
    pub(super) fn new(token: &str, url: &Url) -> Self {
        Self(vec![token.to_owned()]).and_those_of(url)
    }

    /// The tokens in another link as well.
    pub(super) fn and_those_of(&self, url: &Url) -> Self {
        let raw = url.query().unwrap_or_default().split('&');
        let raw = raw.filter_map(|pair| pair.split_once('='));
        let raw = raw.map(|(key, value)| (Cow::Borrowed(key), Cow::Borrowed(value)));
        let pairs = raw.chain(url.query_pairs());
        let tokens = pairs.filter(|(key, _)| key.to_ascii_lowercase().ends_with("token"));
        let tokens = tokens.map(|(_, value)| value.into_owned());
        let all = self.0.iter().cloned().chain(tokens);
        Self(all.filter(|token| token.len() >= LEAST).collect())
    }
}

/// An error as Graph tells it, `{"error": {"code", "message", "innerError": {"request-id"}}}`, or what there is
/// instead.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<String>,
    /// More exact codes within the first one.
    inner_code: Option<String>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl Said {
    pub(super) fn read(headers: &HeaderMap, body: &[u8], hidden: &Hidden) -> Self {
        let body_json: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body_json["error"];
        let inner = error.get("innerError").or_else(|| error.get("innererror"));
        let inner = inner.unwrap_or(&Value::Null);
        let code = error["code"].as_str().and_then(identifier);
        let message = match error["message"].as_str() {
            Some(message) if !message.trim().is_empty() => cleaned(message, hidden),
            _ if code.is_some() => "no reason is given".to_owned(),
            _ if is_web_page(body) => "the answer is a web page".to_owned(),
            _ => "the answer is no error of Graph".to_owned(),
        };
        let header = headers.get("request-id").and_then(|value| value.to_str().ok());
        Self {
            code,
            inner_code: inner["code"].as_str().and_then(identifier),
            message,
            request_id: inner["request-id"].as_str().or(header).and_then(identifier),
        }
    }

    /// Whether a code says that a link is too old. Microsoft's documents name several, and the status is not always
    /// 410: <https://learn.microsoft.com/graph/delta-query-overview>.
    pub(super) fn is_expired(&self) -> bool {
        let mut codes = [&self.code, &self.inner_code].into_iter().flatten();
        codes.any(|code| {
            let code = code.to_ascii_lowercase();
            ["syncstate", "resync", "expiredpagetoken"]
                .iter()
                .any(|part| code.contains(part))
        })
    }
}

/// Whether something in between has answered for people.
pub(super) fn is_web_page(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// A code or an identifier, of which nothing is kept that could be anything else.
fn identifier(text: &str) -> Option<String> {
    let fitting = |c: &char| c.is_ascii_alphanumeric() || "_-.".contains(*c);
    let kept: String = text.chars().filter(fitting).take(MOST_CODE).collect();
    (!kept.is_empty()).then_some(kept)
}

/// A text from outside in one line, shortened, without what would harm a terminal or must not be shown.
pub(super) fn cleaned(text: &str, hidden: &Hidden) -> String {
    let mut text = Cow::Borrowed(text);
    for secret in &hidden.0 {
        if text.contains(secret.as_str()) {
            text = Cow::Owned(text.replace(secret.as_str(), "…"));
        }
    }
    let text = without_tokens(&text);
    let plain: String = text
        .chars()
        .map(|c| if is_harmful(c) { ' ' } else { c })
        .collect();
    let mut line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MOST) {
        line.truncate(end);
        line.push('…');
    }
    line.trim_end_matches(['.', ' ']).to_owned()
}

/// Cuts what follows `token=`, as in links of others.
fn without_tokens(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // Once and not for each: a body may be full of them. The bytes stand at the same places.
    let lowered = text.to_ascii_lowercase();
    let mut done = 0;
    while let Some(at) = lowered[done..].find("token=") {
        let begin = done + at + "token=".len();
        kept.push_str(&text[done..begin]);
        kept.push('…');
        let end = text[begin..].find(|c: char| c.is_whitespace() || "&\"<>".contains(c));
        done = end.map_or(text.len(), |end| begin + end);
    }
    kept.push_str(&text[done..]);
    kept
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
