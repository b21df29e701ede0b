//! Ctrl-C and TERM: a run that is stopped ends what is under way, begins nothing more, and reports.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use inviter::core::{
    OwnedUserId, RoomAliasId, RoomBackend, RoomId,
    action::{Op, RoomTarget},
    backend::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed},
    room::{Binding, Cause},
    room_rules::Listing,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::sleep,
};

use crate::output;

const STOPPED: &str = "not sent, because the run was stopped; the next run does it";
const CUT_OFF: &str = "cut off, because the run was stopped; the next run sees whether it was done";

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

/// Passes everything on until the program is asked to stop, and nothing from then on.
#[derive(Debug)]
pub(crate) struct Stoppable {
    /// The real backend.
    pub(crate) backend: Arc<dyn RoomBackend>,
    /// Says when to stop.
    pub(crate) interrupt: Interrupt,
}

impl Stoppable {
    /// Nothing new begins after a signal.
    fn check(&self, about: impl FnOnce() -> String) -> Result<(), BackendError> {
        match self.interrupt.signal() {
            None => Ok(()),
            // A kind that nothing remembers as a refusal.
            Some(_) => Err(BackendError::new(BackendErrorKind::Unavailable, about(), STOPPED)),
        }
    }
}

impl Stoppable {
    /// What is under way is given up when the time that is left for it after a signal is over.
    async fn cut_off<T>(
        &self,
        about: impl FnOnce() -> String + Send,
        work: impl Future<Output = Result<T, BackendError>> + Send,
    ) -> Result<T, BackendError> {
        let over = async {
            self.interrupt.after(1).await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            result = work => result,
            () = over => Err(BackendError::new(BackendErrorKind::Unavailable, about(), CUT_OFF)),
        }
    }
}

#[async_trait]
impl RoomBackend for Stoppable {
    async fn whoami(&self) -> Result<Identity, BackendError> {
        self.backend.whoami().await
    }

    async fn resolve_alias(&self, alias: &RoomAliasId) -> Binding {
        match self.check(|| alias.to_string()) {
            Ok(()) => self.backend.resolve_alias(alias).await,
            Err(error) => Binding::Unknown(Cause::new(error.message)),
        }
    }

    fn observe(&self, what: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
        match self.check(|| "the rooms".to_owned()) {
            Ok(()) => self.backend.observe(what),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn accounts(&self, users: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
        self.check(|| "the accounts".to_owned())?;
        self.backend.accounts(users).await
    }

    async fn listing(&self, room: &RoomId) -> Result<Listing, BackendError> {
        self.check(|| room.to_string())?;
        self.backend.listing(room).await
    }

    async fn execute(&self, room: &RoomTarget, op: &Op) -> Result<Effect, BackendError> {
        self.check(|| room.to_string())?;
        let effect = self.backend.execute(room, op);
        self.cut_off(|| room.to_string(), effect).await
    }
}

#[cfg(test)]
mod tests {
    use inviter::core::{memory::InMemoryHomeserver, room_rules::HistoryVisibility};

    use super::*;

    #[tokio::test]
    async fn nothing_is_sent_any_more() {
        let homeserver = InMemoryHomeserver::new("example.com".try_into().unwrap());
        let bot = homeserver.register("bot").unwrap();
        let (sender, receiver) = watch::channel(Signals::default());
        let stoppable = Stoppable {
            backend: Arc::new(homeserver.backend(bot)),
            interrupt: Interrupt(receiver),
        };
        let room = RoomTarget::Existing("!none:example.com".try_into().unwrap());
        let op = Op::SetHistoryVisibility {
            from: None,
            to: HistoryVisibility::Shared,
        };

        let error = stoppable.execute(&room, &op).await.unwrap_err();
        assert!(!error.message.contains(STOPPED), "{error}");
        assert_eq!(stoppable.interrupt.signal(), None);

        sender.send_replace(Signals { count: 1, first: 15 });
        let writes = homeserver.writes();
        let error = stoppable.execute(&room, &op).await.unwrap_err();
        assert!(error.is_temporary() && error.message.contains(STOPPED), "{error}");
        assert_eq!(homeserver.writes(), writes);
        let states: Vec<_> = stoppable.observe(Observe::Joined).collect().await;
        assert!(matches!(states.as_slice(), [Err(_)]), "unknown, and not empty");
        assert_eq!(stoppable.interrupt.signal(), Some(15));
        assert_eq!(stoppable.interrupt.after(1).await, 15);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_given_up_after_a_while() {
        let homeserver = InMemoryHomeserver::new("example.com".try_into().unwrap());
        let bot = homeserver.register("bot").unwrap();
        let (sender, receiver) = watch::channel(Signals { count: 1, first: 2 });
        let stoppable = Stoppable {
            backend: Arc::new(homeserver.backend(bot)),
            interrupt: Interrupt(receiver),
        };
        let about = || "!room:example.com".to_owned();

        // What ends in time is taken as it ends.
        let quick = async {
            sleep(GRACE / 2).await;
            Ok(1)
        };
        assert_eq!(stoppable.cut_off(about, quick).await.unwrap(), 1);
        let slow = std::future::pending::<Result<(), _>>();
        let error = stoppable.cut_off(about, slow).await.unwrap_err();
        assert!(error.is_temporary() && error.message.contains(CUT_OFF), "{error}");

        // Without a signal, it may take as long as it takes.
        sender.send_replace(Signals::default());
        let long = async {
            sleep(GRACE * 10).await;
            Ok(2)
        };
        assert_eq!(stoppable.cut_off(about, long).await.unwrap(), 2);
    }
}
