//! What an authority means that answers with anything but a token.

use std::time::{Duration, SystemTime};

use inviter_core::harmful::is_harmful;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::token::{TokenError, TokenErrorKind as Kind};

/// How much of a description is shown.
const SHOWN: usize = 240;
/// No word of a description is as long as this; an assertion or a token is.
const WORD: usize = 60;

/// Who is asked, and for whom.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// An authority, for an application.
    Authority {
        url: String,
        tenant: String,
        client_id: String,
    },
    /// The machine that this runs on, for its own identity or the one of this client ID.
    Machine { client_id: Option<String> },
}

/// An answer that is not a success.
pub(super) struct Refusal<'a> {
    pub(super) status: StatusCode,
    /// The header of that name.
    pub(super) retry_after: Option<&'a str>,
    pub(super) body: &'a [u8],
    /// What was sent and must not be shown, even where the answer repeats it.
    pub(super) secrets: &'a [String],
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    error: Option<serde_json::Value>,
    error_description: Option<String>,
    error_codes: Vec<u32>,
    message: Option<String>,
}

impl Refusal<'_> {
    pub(super) fn explain(&self, asked: &Asked, about: &str) -> TokenError {
        let said = serde_json::from_slice::<Said>(self.body).ok();
        // Machines answer in several ways; in an authority's place, JSON of another form is somebody else's.
        let known = said.as_ref().is_some_and(|said| match asked {
            Asked::Authority { .. } => said.error.as_ref().is_some_and(serde_json::Value::is_string),
            Asked::Machine { .. } => said.error.is_some() || said.message.is_some(),
        });
        let said = said.unwrap_or_default();
        let retry_after = self.retry_after.and_then(wait);
        let status = self.status;
        let busy = said
            .error
            .as_ref()
            .is_some_and(|error| error == "temporarily_unavailable");
        let (kind, message) = if status == StatusCode::TOO_MANY_REQUESTS {
            let when = retry_after.map_or_else(
                || "try again later".to_owned(),
                |wait| format!("try again in {} s", wait.as_secs()),
            );
            (Kind::Unavailable, format!("asks for fewer requests; {when}"))
        } else if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT || busy {
            (
                Kind::Unavailable,
                format!(
                    "has trouble of its own (status {}); try again later",
                    status.as_u16()
                ),
            )
        } else if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let message = "cannot be reached, since the proxy asks for a password; let the bot's machine through without one, or name \
                 another proxy";
            (Kind::Misconfigured, message.to_owned())
        } else if known {
            (Kind::Denied, self.denied(&said, asked))
        } else {
            (Kind::Malformed, self.strange(asked))
        };
        let mut error = TokenError::new(kind, about, message);
        error.retry_after = retry_after;
        error
    }

    fn denied(&self, said: &Said, asked: &Asked) -> String {
        let text = said.error_description.as_deref().or(said.message.as_deref());
        let text = text.map(|text| self.harmless(text)).unwrap_or_default();
        let (tenant, client) = match asked {
            Asked::Machine { client_id } => {
                let what = client_id.as_ref().map_or_else(
                    || "its own managed identity; assign one to it".to_owned(),
                    |id| format!("the managed identity of the client ID `{id}`; check it, and assign it to the machine"),
                );
                return format!("this machine gives no token for {what}{}", in_brackets(&text));
            }
            Asked::Authority {
                tenant, client_id, ..
            } => (tenant, client_id),
        };
        let code = said.error_codes.first().copied().or_else(|| code_in(&text));
        let Some(code) = code else {
            return format!("refuses the credentials{}", in_brackets(&text));
        };
        let advice = match code {
            7_000_215 => format!(
                "says that the client secret is wrong; write a secret of the application `{client}`, and of it the \
                 value, not the ID (the value is shown only once, when a secret is made)"
            ),
            7_000_222 => format!(
                "says that the client secret has expired; make a new one for the application `{client}` (Certificates \
                 & secrets)"
            ),
            700_016 | 7_000_229 => format!(
                "knows no application `{client}` in the tenant `{tenant}`; check both, and that an administrator \
                 has consented to the application there"
            ),
            7_000_112 => format!("says that the application `{client}` is disabled; enable it in the tenant `{tenant}`"),
            90_002 | 900_023 => format!(
                "knows no tenant `{tenant}`; write the directory ID that the Entra admin center shows, and check \
                 which `cloud` it lives in"
            ),
            700_027 | 7_000_272 => format!(
                "does not accept the certificate: it is not one of the application `{client}`, or has expired, or \
                 belongs to another key; upload it (Certificates & secrets)"
            ),
            700_024 => "says that the assertion is not valid now; set this machine's clock right, and if a file holds \
                        the token, see that it is renewed"
                .to_owned(),
            70_021 | 700_211 | 700_212 | 700_213 => format!(
                "has no federated credential of the application `{client}` that fits the token in the file; compare \
                 issuer, subject and audience (Certificates & secrets, Federated credentials)"
            ),
            500_011 | 1_002_012 | 70_011 => {
                "does not know the Graph that a token was asked for; the two belong to different clouds".to_owned()
            }
            _ => return format!("refuses the credentials (AADSTS{code}{})", after_colon(&text, code)),
        };
        format!("{advice} (AADSTS{code})")
    }

    /// Not the answer of an authority at all.
    fn strange(&self, asked: &Asked) -> String {
        let status = self.status.as_u16();
        match asked {
            Asked::Authority { .. } if self.status.is_redirection() => {
                format!(
                    "sends elsewhere (status {status}), which no authority does; check the authority's URL"
                )
            }
            Asked::Authority { .. } => {
                format!(
                    "does not answer as an authority does (status {status}); check its URL, and `proxy` if any"
                )
            }
            Asked::Machine { .. } => format!(
                "does not answer as Azure does (status {status}); a managed identity is there only on machines of Azure"
            ),
        }
    }

    /// A description on one line, without what could be a secret and without what only helps Microsoft's support.
    fn harmless(&self, text: &str) -> String {
        if self.secrets.iter().any(|secret| text.contains(secret.as_str())) {
            return String::new();
        }
        let end = text.find("Trace ID:").unwrap_or(text.len());
        let mut line = String::new();
        let words = text
            .get(..end)
            .unwrap_or_default()
            .split(|c: char| c.is_whitespace() || is_harmful(c));
        for word in words.filter(|word| !word.is_empty()) {
            if !line.is_empty() {
                line.push(' ');
            }
            if word.chars().count() > WORD {
                line.push('…');
            } else {
                line.push_str(word);
            }
        }
        if line.chars().count() > SHOWN {
            line = line.chars().take(SHOWN).chain(['…']).collect();
        }
        line.trim_end_matches('.').to_owned()
    }
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({text})")
    }
}

/// The description behind its own `AADSTS123: `.
fn after_colon(text: &str, code: u32) -> String {
    let own = format!("AADSTS{code}: ");
    match text.strip_prefix(own.as_str()).unwrap_or(text) {
        "" => String::new(),
        rest => format!(": {rest}"),
    }
}

/// The number behind `AADSTS`.
fn code_in(text: &str) -> Option<u32> {
    let rest = text.split("AADSTS").nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The value of `Retry-After`: seconds, or a date.
pub(super) fn wait(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value.trim()).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
