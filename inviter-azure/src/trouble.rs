//! What went wrong with Graph, in words that say what to do.

use inviter_core::provider::{ProviderError, ProviderErrorKind};

use crate::{
    graph::{GraphError, GraphErrorKind},
    token::TokenErrorKind,
};

/// Why the members of a group with hidden membership are not known.
pub(crate) const HIDDEN: &str = "its membership is hidden, and Graph shows nobody; grant the application the permission \
                                 Member.Read.Hidden, with an administrator's consent";

/// Why a list is not known: a clause without a full stop.
pub(crate) fn of_list(error: &GraphError) -> String {
    let GraphError { about, message, .. } = error;
    match error.kind {
        GraphErrorKind::Denied => format!(
            "Graph refuses to show it; grant the application the permission GroupMember.Read.All, with an \
             administrator's consent ({about}: {message})"
        ),
        GraphErrorKind::NotFound => format!(
            "Graph does not have it any more; if it was deleted, take it out of the configuration or of the group that \
             it was in ({about}: {message})"
        ),
        GraphErrorKind::Throttled => format!(
            "Graph's rate limit did not let it through in time; run again later, or lower `concurrency` ({about}: \
             {message})"
        ),
        _ => format!("{message} ({about})"),
    }
}

/// Why nothing could be read.
pub(crate) fn of_read(error: GraphError) -> ProviderError {
    let kind = match error.kind {
        GraphErrorKind::Denied
        | GraphErrorKind::Unauthorized
        | GraphErrorKind::Token(TokenErrorKind::Denied) => ProviderErrorKind::Denied,
        GraphErrorKind::NotFound
        | GraphErrorKind::Refused
        | GraphErrorKind::Token(TokenErrorKind::Misconfigured) => ProviderErrorKind::Misconfigured,
        GraphErrorKind::Malformed
        | GraphErrorKind::Expired
        | GraphErrorKind::Token(TokenErrorKind::Malformed) => ProviderErrorKind::Malformed,
        GraphErrorKind::Throttled | GraphErrorKind::Unavailable | GraphErrorKind::Token(_) => {
            ProviderErrorKind::Unavailable
        }
    };
    let message = match error.kind {
        GraphErrorKind::Denied | GraphErrorKind::NotFound | GraphErrorKind::Throttled => of_list(&error),
        _ => error.message.clone(),
    };
    let mut told = ProviderError::new(kind, error.about.clone(), message);
    told.retry_after = error.retry_after;
    told.caused_by(error)
}
