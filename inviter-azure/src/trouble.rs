//! What went wrong with Graph, in words that say what to do.

use inviter_core::provider::{ProviderError, ProviderErrorKind};

use crate::{
    graph::{GraphError, GraphErrorKind},
    token::TokenErrorKind,
};

/// Why something is not known that was told and shown differently.
pub(crate) const DIFFERS: &str = "Graph told of a change and does not show it yet, or shows what it told to be no more; the \
                                  next run asks again";

/// Why the members of a group with hidden membership are not known.
pub(crate) const HIDDEN: &str = "its membership is hidden, and Graph shows nobody; grant the application the permission \
                                 Member.Read.Hidden, with an administrator's consent";

/// Why a group or a list of it is not known: a clause without a full stop.
pub(crate) fn of_list(error: &GraphError) -> String {
    of(error, "GroupMember.Read.All", &format!("{}: ", error.about))
}

/// Why a person who is in a list is not known: a clause without a full stop.
pub(crate) fn of_person(error: &GraphError) -> String {
    match error.kind {
        GraphErrorKind::NotFound => format!(
            "Graph has no such user, as some of its servers say for a while of people who have just been made; run again \
             later ({}: {})",
            error.about, error.message
        ),
        _ => of(error, "User.Read.All", &format!("{}: ", error.about)),
    }
}

/// `place` says which request it is about, unless that is said anyway.
fn of(error: &GraphError, permission: &str, place: &str) -> String {
    let GraphError { about, message, .. } = error;
    match error.kind {
        GraphErrorKind::Denied => format!(
            "Graph refuses to show it; grant the application the permission {permission}, with an administrator's \
             consent ({place}{message})"
        ),
        GraphErrorKind::NotFound => format!(
            "Graph does not have it any more; if it was deleted, take it out of the configuration or of the group that \
             it was in ({place}{message})"
        ),
        GraphErrorKind::Throttled => format!(
            "Graph's rate limit did not let it through in time; run again later, or lower `concurrency` ({place}{message})"
        ),
        _ => format!("{} ({about})", with_remedy(error)),
    }
}

/// What went wrong, and what to do.
fn with_remedy(error: &GraphError) -> String {
    let message = &error.message;
    // What is not of Graph says it already, as do redirections.
    if error.status.is_none_or(|status| status < 400) && message.contains("; ") {
        return message.clone();
    }
    let remedy = match error.kind {
        GraphErrorKind::Unavailable | GraphErrorKind::Token(TokenErrorKind::Unavailable) => "run again later",
        GraphErrorKind::Expired => "run again",
        GraphErrorKind::Unauthorized => {
            "check that `cloud` is the tenant's, and that this machine's clock is right"
        }
        GraphErrorKind::Refused => "check the URL of Graph, and the names of the properties to read",
        GraphErrorKind::Malformed => "check the URL of Graph and any proxy, or run again later",
        GraphErrorKind::Denied
        | GraphErrorKind::NotFound
        | GraphErrorKind::Throttled
        | GraphErrorKind::Outgrown
        | GraphErrorKind::Token(_) => return message.clone(),
    };
    format!("{message}; {remedy}")
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
        | GraphErrorKind::Outgrown
        | GraphErrorKind::Expired
        | GraphErrorKind::Token(TokenErrorKind::Malformed) => ProviderErrorKind::Malformed,
        GraphErrorKind::Throttled | GraphErrorKind::Unavailable | GraphErrorKind::Token(_) => {
            ProviderErrorKind::Unavailable
        }
    };
    let message = match error.kind {
        GraphErrorKind::Denied | GraphErrorKind::NotFound | GraphErrorKind::Throttled => {
            of(&error, "GroupMember.Read.All", "")
        }
        _ => with_remedy(&error),
    };
    let mut told = ProviderError::new(kind, error.about.clone(), message);
    told.retry_after = error.retry_after;
    told.caused_by(error)
}
