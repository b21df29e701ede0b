//! What went wrong below `azure_identity`, in our words.

use std::sync::{Mutex, PoisonError};

use azure_core::{Error, error::ErrorKind};

use crate::token::TokenError;

/// The last failure below `azure_identity`.
///
/// Its own errors repeat what the authority answered, and forget the status of an answer that is not JSON. So
/// whatever we hand to it is noted here as well, and what comes back from it is not looked at.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Option<TokenError>>);

impl Notes {
    pub(super) fn clear(&self) {
        self.take();
    }

    pub(super) fn take(&self) -> Option<TokenError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn write(&self, error: TokenError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Notes what `azure_identity` shall not try again.
    pub(super) fn give_up(&self, error: TokenError) -> Error {
        self.end(ErrorKind::Other, error)
    }

    /// Notes what `azure_identity` shall try again after a while.
    pub(super) fn try_again(&self, error: TokenError) -> Error {
        self.end(ErrorKind::Io, error)
    }

    /// The text goes into its log.
    fn end(&self, kind: ErrorKind, error: TokenError) -> Error {
        let text = error.to_string();
        self.write(error);
        Error::with_message(kind, text)
    }
}
