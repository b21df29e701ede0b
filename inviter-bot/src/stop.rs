//! [`Stopping`]: ends what is under way in order, within seconds.

use std::time::Duration;

use futures_util::{FutureExt as _, future::BoxFuture};
use inviter::core::backend::Stop;
use tokio::{sync::watch, time::sleep};

/// How long what is under way may take after the bot was asked to stop: a request that has been sent is answered, and
/// what waits for a rate limit is given up.
const GRACE: Duration = Duration::from_secs(5);

/// Says whether the bot, or one connection of it, is to stop. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Sender<Option<Reason>>);

/// Why something is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The bot ends.
    End,
    /// The configuration was read anew, and another connection takes the place of this one.
    Reload,
}

impl Reason {
    /// Why something that was asked for is not done, and what to do: the end of a sentence.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::End => "because the bot stops; type it again when it is back",
            Self::Reload => "because the configuration was read anew; type it again",
        }
    }
}

impl Stopping {
    /// Not yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// From now on, for good.
    pub(crate) fn stop(&self) {
        self.stop_for(Reason::End);
    }

    /// From now on, for this reason; the first one stays.
    pub(crate) fn stop_for(&self, reason: Reason) {
        self.0.send_if_modified(|why| {
            let first = why.is_none();
            if first {
                *why = Some(reason);
            }
            first
        });
    }

    /// Why it is to stop; nothing as long as it is not.
    pub(crate) fn reason(&self) -> Option<Reason> {
        *self.0.borrow()
    }

    /// Ends when it is to stop.
    pub(crate) async fn stopped(&self) {
        // Not an error: this holds a sender itself.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

impl Stop for Stopping {
    fn is_stopped(&self) -> bool {
        self.reason().is_some()
    }

    fn out_of_time(&self) -> BoxFuture<'static, ()> {
        let stopping = self.clone();
        async move {
            stopping.stopped().await;
            sleep(GRACE).await;
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn there_is_some_time_after_the_word() {
        let stopping = Stopping::new();
        let mut over = stopping.out_of_time();
        sleep(GRACE * 10).await;
        assert!((&mut over).now_or_never().is_none());
        stopping.clone().stop();
        assert!(stopping.is_stopped());
        let before = tokio::time::Instant::now();
        over.await;
        assert_eq!(before.elapsed(), GRACE);
    }

    #[test]
    fn the_first_reason_stays() {
        let stopping = Stopping::new();
        assert_eq!(stopping.reason(), None);
        stopping.stop_for(Reason::Reload);
        stopping.stop();
        assert_eq!(stopping.reason(), Some(Reason::Reload));
        assert!(stopping.is_stopped());
    }
}
