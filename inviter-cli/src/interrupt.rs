//! Ctrl-C and TERM: a run that is stopped ends what is under way, begins nothing more, and reports.

use std::{io, sync::Arc};

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
};

const STOPPED: &str = "not sent, because the run was stopped; the next run does it";

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
        match waited {
            Ok(signals) => signals.first,
            // The listener is gone: the runtime is going down, and nothing will come.
            Err(_) => std::future::pending().await,
        }
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
    fn check(&self, about: impl FnOnce() -> String) -> Result<(), BackendError> {
        match self.interrupt.signal() {
            None => Ok(()),
            // A kind that nothing remembers as a refusal.
            Some(_) => Err(BackendError::new(BackendErrorKind::Unavailable, about(), STOPPED)),
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
        self.backend.execute(room, op).await
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
}
