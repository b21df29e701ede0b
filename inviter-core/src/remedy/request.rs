//! A request that an administrator can send by hand.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// A request with an administrator's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AdminRequest {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with its parts percent-encoded.
    pub path: String,
    /// The body, if there is one.
    pub body: Option<Value>,
}

impl AdminRequest {
    /// A request of `parts`, each of which is one segment of the path below `root`.
    pub(super) fn new(method: &'static str, root: &str, parts: &[&str], body: Option<Value>) -> Self {
        let mut path = root.to_owned();
        for part in parts {
            path.push('/');
            encode(&mut path, part);
        }
        Self { method, path, body }
    }

    /// The request as one command line of a POSIX shell, for a homeserver at `base`. The token is taken from the
    /// variable `ADMIN_TOKEN`, so that it does not get into the shell's history.
    pub fn curl(&self, base: &str) -> String {
        let mut line = format!(
            "curl -X {} -H \"Authorization: Bearer $ADMIN_TOKEN\"",
            self.method
        );
        if let Some(body) = &self.body {
            line.push_str(" -d ");
            line.push_str(&quoted(&body.to_string()));
        }
        line.push(' ');
        line.push_str(&quoted(&format!("{}{}", base.trim_end_matches('/'), self.path)));
        line
    }
}

/// Percent-encodes everything that RFC 3986 does not leave alone everywhere.
fn encode(path: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
}

/// In single quotes, as a shell takes it for itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
