//! [`Observer`]: is told of each request, for whoever measures.

use std::{fmt, time::Duration};

use inviter_core::server::LimitKind;

/// Is told of requests as they end and of waits as they begin, from whichever task it is: it has to return at once.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A request was answered, or not (`None`), after so long. Waits for rate limits are not part of it; long polls for
    /// news are not told.
    fn request(&self, kind: LimitKind, status: Option<u16>, took: Duration);

    /// The homeserver wants a wait of this length before the next request of this kind.
    fn limited(&self, kind: LimitKind, wait: Duration);
}
