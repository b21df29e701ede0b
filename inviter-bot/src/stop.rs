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
pub(crate) struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Not yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Ends when it is to stop.
    pub(crate) async fn stopped(&self) {
        // Not an error: this holds a sender itself.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

impl Stop for Stopping {
    fn is_stopped(&self) -> bool {
        *self.0.borrow()
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
}
