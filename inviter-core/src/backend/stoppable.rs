//! [`Stoppable`]: ends a run in order.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    future::{BoxFuture, Either, select},
    pin_mut, stream,
    stream::BoxStream,
};
use ruma_common::{OwnedRoomId, OwnedUserId, RoomAliasId, RoomId};

use super::{AccountState, BackendError, BackendErrorKind, Effect, Identity, Observe, Observed, RoomBackend};
use crate::{
    action::{Op, RoomTarget},
    room::{Binding, Cause},
    room_rules::Listing,
    server::{LimitKind, RateOverride, ServerFacts},
};

/// What is said of what was not sent. What to do about it depends on what was run.
const STOPPED: &str = "not sent, because the run was stopped";
const CUT_OFF: &str = "cut off, because the run was stopped; the next run sees whether it was done";

/// Says when a run is to stop. The frontend knows (a signal, a service going down), and has the clock.
pub trait Stop: Debug + Send + Sync + 'static {
    /// Whether nothing new may begin.
    fn is_stopped(&self) -> bool;

    /// Ends once the run was stopped and the time is over that what is under way is given; never, if it is not stopped.
    fn out_of_time(&self) -> BoxFuture<'static, ()>;
}

/// Passes everything on until the run is stopped, and nothing from then on. What is under way then is given up when its
/// time is over: whatever waits for a rate limit could take minutes.
///
/// What was not sent fails with an error of a kind of its own ([`BackendErrorKind::Stopped`]), which nothing remembers as
/// a refusal, and what was not read is unknown.
#[derive(Debug, Clone)]
pub struct Stoppable<B> {
    backend: B,
    stop: Arc<dyn Stop>,
}

impl<B: RoomBackend> Stoppable<B> {
    /// A backend that obeys.
    pub const fn new(backend: B, stop: Arc<dyn Stop>) -> Self {
        Self { backend, stop }
    }

    fn check(&self, about: impl FnOnce() -> String) -> Result<(), BackendError> {
        if self.stop.is_stopped() {
            Err(BackendError::new(BackendErrorKind::Stopped, about(), STOPPED))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl<B: RoomBackend> RoomBackend for Stoppable<B> {
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
        let work = self.backend.execute(room, op);
        let over = self.stop.out_of_time();
        pin_mut!(work);
        match select(work, over).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(BackendError::new(
                BackendErrorKind::Unavailable,
                room.to_string(),
                CUT_OFF,
            )),
        }
    }

    async fn inspect(&self) -> ServerFacts {
        self.backend.inspect().await
    }

    async fn lift_limits(&self) -> Result<RateOverride, BackendError> {
        self.check(|| "the rate limits".to_owned())?;
        self.backend.lift_limits().await
    }

    fn limits_met(&self) -> BTreeMap<LimitKind, Duration> {
        self.backend.limits_met()
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    fn changes(&self) -> BoxStream<'static, OwnedRoomId> {
        self.backend.changes()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        task::Poll,
    };

    use futures_executor::block_on;
    use futures_util::{FutureExt, future::poll_fn};
    use ruma_common::room_alias_id;

    use super::*;
    use crate::{backend::MockRoomBackend, memory::InMemoryHomeserver, room_rules::HistoryVisibility};

    #[derive(Debug, Default)]
    struct Switch {
        stopped: AtomicBool,
        out_of_time: Arc<AtomicBool>,
    }

    impl Stop for Switch {
        fn is_stopped(&self) -> bool {
            self.stopped.load(Ordering::Relaxed)
        }

        fn out_of_time(&self) -> BoxFuture<'static, ()> {
            let over = Arc::clone(&self.out_of_time);
            // Nobody is woken: the tests poll again themselves.
            poll_fn(move |_| {
                if over.load(Ordering::Relaxed) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .boxed()
        }
    }

    fn op() -> (RoomTarget, Op) {
        let room = RoomTarget::Existing("!none:example.com".try_into().unwrap());
        let op = Op::SetHistoryVisibility {
            from: None,
            to: HistoryVisibility::Shared,
        };
        (room, op)
    }

    #[test]
    fn nothing_is_sent_any_more() {
        let homeserver = InMemoryHomeserver::new("example.com".try_into().unwrap());
        let bot = homeserver.register("bot").unwrap();
        let switch = Arc::new(Switch::default());
        let stoppable = Stoppable::new(homeserver.backend(bot), switch.clone());
        let (room, op) = op();
        let error = block_on(stoppable.execute(&room, &op)).unwrap_err();
        assert!(!error.message.contains(STOPPED), "{error}");

        switch.stopped.store(true, Ordering::Relaxed);
        let writes = homeserver.writes();
        let error = block_on(stoppable.execute(&room, &op)).unwrap_err();
        assert!(
            error.is_temporary() && error.kind == BackendErrorKind::Stopped,
            "{error}"
        );
        assert!(stoppable.is_stopped());
        assert_eq!(homeserver.writes(), writes);
        let states: Vec<_> = block_on(stoppable.observe(Observe::Joined).collect());
        assert!(matches!(states.as_slice(), [Err(_)]), "unknown, and not empty");
        let binding = block_on(stoppable.resolve_alias(room_alias_id!("#a:example.com")));
        assert!(matches!(binding, Binding::Unknown(_)), "{binding:?}");
    }

    #[test]
    fn what_is_under_way_is_given_up_when_its_time_is_over() {
        #[derive(Debug)]
        struct Slow;

        #[async_trait]
        impl RoomBackend for Slow {
            async fn whoami(&self) -> Result<Identity, BackendError> {
                futures_util::future::pending().await
            }
            async fn resolve_alias(&self, _: &RoomAliasId) -> Binding {
                Binding::Missing
            }
            fn observe(&self, _: Observe) -> BoxStream<'static, Result<Observed, BackendError>> {
                stream::empty().boxed()
            }
            async fn accounts(&self, _: &[OwnedUserId]) -> Result<Vec<AccountState>, BackendError> {
                Ok(Vec::new())
            }
            async fn listing(&self, _: &RoomId) -> Result<Listing, BackendError> {
                Ok(Listing::Private)
            }
            async fn execute(&self, _: &RoomTarget, _: &Op) -> Result<Effect, BackendError> {
                futures_util::future::pending().await
            }
        }

        let (room, op) = op();
        let switch = Arc::new(Switch::default());
        let stoppable = Stoppable::new(Slow, switch.clone());
        let mut work = stoppable.execute(&room, &op);
        assert!(
            (&mut work).now_or_never().is_none(),
            "it takes as long as it takes"
        );
        switch.out_of_time.store(true, Ordering::Relaxed);
        let error = block_on(work).unwrap_err();
        assert!(error.is_temporary() && error.message.contains(CUT_OFF), "{error}");
        assert_ne!(error.kind, BackendErrorKind::Stopped, "it may have been done");

        // What ends in time is taken as it ends.
        let mut quick = MockRoomBackend::new();
        quick.expect_execute().returning(|_, _| Ok(Effect::Done));
        let stoppable = Stoppable::new(quick, switch);
        assert_eq!(block_on(stoppable.execute(&room, &op)).unwrap(), Effect::Done);
    }
}
