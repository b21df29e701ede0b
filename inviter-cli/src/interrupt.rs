//! Ctrl-C and TERM: a run that is stopped ends what is under way, begins nothing more, and reports.

use std::{io, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use inviter::core::backend::Stop;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::sleep,
};

use crate::output;

/// How long what is under way may take after the program was asked to stop. What waits for a rate limit could take
/// minutes, and nobody who pressed Ctrl-C wants to.
const GRACE: Duration = Duration::from_secs(10);

/// Signals as they have come so far.
#[derive(Debug, Clone, Copy, Default)]
struct Signals {
    /// How many.
    count: u32,
    /// The first one's number.
    first: u8,
}

/// Knows whether the program was asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<Signals>);

impl Interrupt {
    /// Starts listening; from here on the signals do not end the program by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(Signals::default());
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            loop {
                let number = tokio::select! {
                    _ = int.recv() => SignalKind::interrupt(),
                    _ = term.recv() => SignalKind::terminate(),
                };
                sender.send_modify(|signals| {
                    signals.count += 1;
                    if signals.first == 0 {
                        signals.first = u8::try_from(number.as_raw_value()).unwrap_or_default();
                    }
                });
            }
        });
        Ok(Self(receiver))
    }

    /// The first signal, if one has come.
    pub(crate) fn signal(&self) -> Option<u8> {
        let signals = *self.0.borrow();
        (signals.count > 0).then_some(signals.first)
    }

    /// Waits until so many signals have come, and tells the first one's number.
    pub(crate) async fn after(&self, count: u32) -> u8 {
        let mut receiver = self.0.clone();
        let waited = receiver.wait_for(|signals| signals.count >= count).await;
        let first = waited.ok().map(|signals| signals.first);
        match first {
            Some(first) => first,
            // The listener is gone: the runtime is going down, and nothing will come.
            None => std::future::pending().await,
        }
    }

    /// The first signal ends a run in order, and is told; whoever sends a second one does not want to wait for that.
    pub(crate) async fn insisted(&self) -> u8 {
        self.after(1).await;
        output::warning(
            "stopping; what is under way is ended first, within seconds; once more stops at once",
        );
        self.after(2).await
    }
}

impl Stop for Interrupt {
    fn is_stopped(&self) -> bool {
        self.signal().is_some()
    }

    fn out_of_time(&self) -> BoxFuture<'static, ()> {
        let interrupt = self.clone();
        async move {
            interrupt.after(1).await;
            sleep(GRACE).await;
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_has_its_time_after_the_first_signal() {
        let (sender, receiver) = watch::channel(Signals::default());
        let interrupt = Interrupt(receiver);
        assert!(!interrupt.is_stopped() && interrupt.signal().is_none());
        let mut over = interrupt.out_of_time();
        sleep(GRACE * 10).await;
        assert!(
            (&mut over).now_or_never().is_none(),
            "without a signal, it takes as long as it takes"
        );

        sender.send_replace(Signals { count: 1, first: 15 });
        assert!(interrupt.is_stopped());
        assert_eq!((interrupt.signal(), interrupt.after(1).await), (Some(15), 15));
        let stopped = Instant::now();
        over.await;
        assert!(stopped.elapsed() >= GRACE);
    }
}
