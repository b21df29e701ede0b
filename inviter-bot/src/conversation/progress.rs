//! [`Progress`]: one message that tells how far a long command is.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use inviter::core::{
    OwnedEventId,
    backend::{Counts, Event, Watched, Watcher},
    reconcile::Reconciler,
};
use inviter_operations::render::{counted, duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::place::{Delivered, Place};
use crate::answer::Told;

/// What is over sooner than this needs no progress.
const FIRST_AFTER: Duration = Duration::from_secs(2);
/// How often it is told.
const EVERY: Duration = Duration::from_secs(3);
/// And after a minute: each telling counts towards the homeserver's rate limits, as the work itself does.
const EVERY_LATER: Duration = Duration::from_secs(15);
const LATER: Duration = Duration::from_secs(60);
/// How long a telling that is under way is waited for before the result is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells how far a command is, until it is ended.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: Arc<Shown>,
    ending: watch::Sender<bool>,
    teller: Teller,
}

/// Ends with its progress.
#[derive(Debug)]
struct Teller(Option<JoinHandle<Option<OwnedEventId>>>);

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

#[derive(Debug, Default)]
struct Shown {
    state: Mutex<State>,
    /// Something that is told at once.
    news: Notify,
}

#[derive(Debug, Clone, Default)]
struct State {
    counts: Counts,
    waits: Option<String>,
    /// Operations that are expected in all, since when.
    expected: Option<(u64, Option<Instant>)>,
}

impl Progress {
    /// Begins.
    pub(crate) fn begin(place: &Place) -> Self {
        let shown = Arc::new(Shown::default());
        let (ending, ended) = watch::channel(false);
        let teller = tokio::spawn(tell(place.clone(), Arc::clone(&shown), ended));
        Self {
            shown,
            ending,
            teller: Teller(Some(teller)),
        }
    }

    /// The same reconciler, watched.
    pub(crate) fn watch(&self, reconciler: &Reconciler) -> Reconciler {
        let mut reconciler = reconciler.clone();
        let shown: Arc<dyn Watcher> = Arc::clone(&self.shown) as Arc<dyn Watcher>;
        reconciler.backend = Arc::new(Watched::new(reconciler.backend, shown));
        reconciler
    }

    /// It waits for something: a sentence, which is told at once.
    pub(crate) fn waits(&self, why: String) {
        self.shown.change(|state| state.waits = Some(why));
        self.shown.news.notify_one();
    }

    /// It does not wait any more.
    pub(crate) fn goes_on(&self) {
        self.shown.change(|state| state.waits = None);
    }

    /// So many operations are sent from here on, as far as is known.
    pub(crate) fn expect(&self, operations: usize) {
        let expected = u64::try_from(operations).unwrap_or(u64::MAX);
        self.shown
            .change(|state| state.expected = Some((expected, Some(Instant::now()))));
    }

    /// Ends; the message, if there is one, is for the result.
    pub(crate) async fn end(mut self) -> Option<OwnedEventId> {
        self.ending.send_replace(true);
        let task = self.teller.0.as_mut()?;
        let told = timeout(PATIENCE, task).await;
        told.ok()?.ok()?
    }

    /// Ends and tells the result.
    pub(crate) async fn conclude(self, place: &Place, told: Told) -> Delivered {
        let message = self.end().await;
        place.conclude(message, told).await
    }
}

/// Tells until it is ended. An edit that has been begun is ended first: it must not come after the result.
async fn tell(place: Place, shown: Arc<Shown>, mut ended: watch::Receiver<bool>) -> Option<OwnedEventId> {
    let begun = Instant::now();
    let mut message: Option<OwnedEventId> = None;
    let mut last = String::new();
    let mut pause = FIRST_AFTER;
    loop {
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => return message,
            () = sleep(pause) => {}
            () = shown.news.notified() => {}
        }
        let text = shown.text();
        if text != last {
            match &message {
                Some(event) => place.correct(event, &text).await,
                None => message = place.say(&text).await,
            }
            last = text;
        }
        pause = if begun.elapsed() > LATER {
            EVERY_LATER
        } else {
            EVERY
        };
    }
}

impl Shown {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn text(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.text()
    }
}

impl Watcher for Shown {
    fn notice(&self, event: &Event<'_>) {
        self.change(|state| state.counts.add(event));
    }
}

impl State {
    fn text(&self) -> String {
        let counts = self.counts;
        if let Some(why) = &self.waits {
            return format!("… {why}");
        }
        let Some((expected, since)) = self.expected else {
            let number = |n: u64, one, many| counted(usize::try_from(n).unwrap_or(usize::MAX), one, many);
            return format!(
                "… reading: {} asked, {} read",
                number(counts.aliases, "alias", "aliases"),
                number(counts.rooms, "room", "rooms"),
            );
        };
        let ended = counts.ended();
        // Rooms that were created are planned once more, which can bring more than was expected.
        let all = expected.max(ended + counts.under_way);
        let mut text = format!("… {ended} of {all} actions done");
        for (count, what) in [(counts.failed, "failed"), (counts.put_off, "put off")] {
            if count > 0 {
                text = format!("{text}, {count} {what}");
            }
        }
        match since {
            Some(since) if ended > 0 => {
                let left = left(since.elapsed(), ended, all);
                format!("{text}, about {} left", duration(left))
            }
            _ => text,
        }
    }
}

/// How long the rest takes if it goes on as it did.
fn left(elapsed: Duration, ended: u64, all: u64) -> Duration {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let rest = all.saturating_sub(ended);
    Duration::from_millis(millis.saturating_mul(rest) / ended.max(1))
}

#[cfg(test)]
mod tests {
    use inviter::core::{
        RoomAliasId,
        action::{Op, RoomTarget},
        backend::Effect,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_tells_what_is_read_and_what_is_done() {
        let mut state = State::default();
        let alias = RoomAliasId::parse("#a:b").unwrap();
        state.counts.add(&Event::AliasAsked(&alias));
        assert_eq!(state.text(), "… reading: 1 alias asked, 0 rooms read");
        state.waits = Some("another run is under way".to_owned());
        assert_eq!(state.text(), "… another run is under way");
        state.waits = None;
        state.expected = Some((400, Some(Instant::now())));
        assert_eq!(state.text(), "… 0 of 400 actions done");
        tokio::time::advance(Duration::from_secs(50)).await;
        let room = RoomTarget::New(alias);
        for _ in 0..100 {
            state.counts.add(&Event::Began(&room, &Op::Leave));
            state
                .counts
                .add(&Event::Ended(&room, &Op::Leave, Ok(&Effect::Done)));
        }
        assert_eq!(state.text(), "… 100 of 400 actions done, about 3 min left");
        state.expected = Some((50, None));
        assert_eq!(state.text(), "… 100 of 100 actions done");
    }
}
