//! [`Kept`]: an error that can be answered more than once.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use crate::provider::{ProviderError, ProviderErrorKind};

/// An error that can be answered more than once.
#[derive(Debug)]
pub(super) struct Kept {
    /// What the caller can do about it.
    pub(super) kind: ProviderErrorKind,
    about: String,
    message: String,
    cause: Option<Cause>,
}

/// The cause of an error, shared by everybody who is answered with it.
#[derive(Debug, Clone)]
struct Cause(Arc<dyn StdError + Send + Sync>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl Kept {
    /// Keeps an error.
    pub(super) fn of(error: ProviderError) -> Self {
        Self {
            kind: error.kind,
            about: error.about,
            message: error.message,
            cause: error.source.map(|cause| Cause(cause.into())),
        }
    }

    /// The error as it was, to be asked about again after this time.
    pub(super) fn again(&self, after: Duration) -> ProviderError {
        let mut error = ProviderError::new(self.kind, self.about.clone(), self.message.clone());
        error.retry_after = Some(after);
        match &self.cause {
            Some(cause) => error.caused_by(cause.clone()),
            None => error,
        }
    }

    /// The error in words.
    pub(super) fn text(&self) -> String {
        format!("{}: {}", self.about, self.message)
    }
}
