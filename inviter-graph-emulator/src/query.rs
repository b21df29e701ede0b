//! The query part of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::Refusal;
use crate::record::decoded;

/// What stays as it is in the value of a parameter.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'$')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b'\'');

/// Parameters, decoded. Graph takes their names in any case, and those of `OData` without the dollar too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

const ODATA: &[&str] = &[
    "select",
    "filter",
    "top",
    "expand",
    "orderby",
    "count",
    "search",
    "skip",
    "skiptoken",
    "deltatoken",
    "format",
];

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).to_lowercase();
            let plain = name.strip_prefix('$').unwrap_or(&name);
            let name = if ODATA.contains(&plain) {
                format!("${plain}")
            } else {
                name
            };
            (name, decoded(value))
        });
        Self(pairs.collect())
    }

    /// A parameter's value, by its name in small letters.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Refuses parameters of `OData` other than these.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            if !name.starts_with('$') {
                continue;
            }
            if !names.contains(&name.as_str()) {
                return Err(Refusal::unsupported(format!(
                    "The query parameter '{name}' is not supported here."
                )));
            }
            if self.0[..index].iter().any(|(other, _)| other == name) {
                return Err(Refusal::bad_request(format!(
                    "Query option '{name}' was specified more than once, but it must be specified at most once."
                )));
            }
        }
        Ok(())
    }

    /// The same parameters with another skip token, as text.
    pub(crate) fn with_skiptoken(&self, token: &str) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| name != "$skiptoken") {
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, VALUE));
            text.push('&');
        }
        text.push_str("$skiptoken=");
        text.push_str(token);
        text
    }
}
