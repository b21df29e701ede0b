//! [`Link`]: where Graph says that more is to be had.

use std::fmt;

use url::Url;

use super::{Graph, GraphError, GraphErrorKind};

/// An absolute URL that Graph gave, of Graph itself.
///
/// It holds a token for what was read so far, so neither `Debug` nor `Display` show its query.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link(pub(super) Url);

impl Graph {
    /// Takes a link for one if it leads to Graph: whoever is asked gets the access token.
    pub(crate) fn link(&self, text: &str) -> Result<Link, GraphError> {
        let wrong =
            |about: &str, message: String| Err(GraphError::new(GraphErrorKind::Malformed, about, message));
        let Ok(url) = Url::parse(text) else {
            return wrong("a link", "Graph gave a link that is not a URL".to_owned());
        };
        let about = Link(url.clone()).to_string();
        let host = url.host_str().unwrap_or("nowhere");
        if url.origin() != self.base().origin() {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            let own = self.base().origin().ascii_serialization();
            return wrong(
                &about,
                format!(
                    "Graph gave a link to {}://{host}{port} instead of {own}, which is not followed",
                    url.scheme()
                ),
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong(&about, format!("Graph gave a link to {host} with a user in it"));
        }
        Ok(Link(url))
    }
}

/// The path of a URL as it may be shown: functions may have a token between their brackets.
pub(super) fn shown_path(url: &Url) -> &str {
    let path = url.path();
    path.split_once('(').map_or(path, |(before, _)| before)
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not its userinfo either.
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.0.scheme())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(shown_path(&self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
