//! [`TokenSource`]: who hands out access tokens for Graph.

use std::{error::Error as StdError, fmt, fmt::Debug, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

/// Hands out access tokens for Microsoft Graph.
///
/// The crate's own implementation wraps Microsoft's `azure_identity` (feature of that name); an embedding program that
/// has tokens already implements this instead.
#[async_trait]
pub trait TokenSource: Debug + Send + Sync + 'static {
    /// A token that is good now: kept from earlier while it lasts, asked for otherwise.
    ///
    /// `refused` is a token that Graph has just answered with 401, if any: that one must not come back, even if it
    /// looks good still.
    ///
    /// # Errors
    /// [`TokenError`]. Trying again within one read is the source's own business.
    async fn token(&self, refused: Option<&Token>) -> Result<Token, TokenError>;
}

/// An access token.
#[derive(Clone)]
pub struct Token {
    /// What stands after `Bearer` in a request.
    pub secret: SecretString,
}

impl Token {
    /// Wraps an access token.
    pub fn new(secret: impl Into<SecretString>) -> Self {
        Self {
            secret: secret.into(),
        }
    }
}

impl Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([REDACTED])")
    }
}

/// No token could be had.
#[derive(Debug, thiserror::Error)]
#[error("{about}: {message}")]
pub struct TokenError {
    /// What the caller can do about it.
    pub kind: TokenErrorKind,
    /// What it is about: the authority's URL, a file.
    pub about: String,
    /// What went wrong and what to do, as one sentence without a full stop.
    pub message: String,
    /// When asking again may help, if it was told.
    pub retry_after: Option<Duration>,
    /// The cause, without any secret.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TokenError {
    /// An error without a cause of its own.
    pub fn new(kind: TokenErrorKind, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            about: about.into(),
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }
}

/// What can be done about a token that could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The authority could not be reached, or is busy: later may be better.
    Unavailable,
    /// The credentials were refused.
    Denied,
    /// The answer cannot be understood.
    Malformed,
    /// The credentials cannot be used as they are: a file that is missing, a key of another kind.
    Misconfigured,
}
