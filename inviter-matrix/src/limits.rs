//! Pauses for rate limits, one per limiter.
//!
//! A 429 does not say which limiter was hit. What was refused is paused alone at first; a room, an invitee or the
//! whole account only when several refusals have nothing else in common, and no request in between went through
//! (decision 30).

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use inviter_core::server::LimitKind;
use tokio::time::Instant;

use crate::jitter::jitter;

/// Requests that are limited together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Everything that changes nothing.
    Read,
    /// Logging in.
    LogIn,
    /// Creating rooms.
    Create,
    /// Joining rooms.
    Join,
    /// State events, removals and directory listings.
    Send,
    /// Invitations.
    Invite,
}

impl Class {
    /// Under which name the limit is told; logging in happens before anything that could tell.
    const fn kind(self) -> Option<LimitKind> {
        match self {
            Self::Read => Some(LimitKind::Reads),
            Self::LogIn => None,
            Self::Create => Some(LimitKind::Creations),
            Self::Join => Some(LimitKind::Joins),
            Self::Send => Some(LimitKind::Events),
            Self::Invite => Some(LimitKind::Invitations),
        }
    }
}

/// What a request is, for the limiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) class: Class,
    pub(crate) room: Option<String>,
    pub(crate) invitee: Option<String>,
}

impl Work {
    pub(crate) const fn of(class: Class) -> Self {
        Self {
            class,
            room: None,
            invitee: None,
        }
    }

    pub(crate) fn in_room(class: Class, room: impl Into<String>) -> Self {
        Self {
            class,
            room: Some(room.into()),
            invitee: None,
        }
    }

    pub(crate) fn invite(room: impl Into<String>, invitee: impl Into<String>) -> Self {
        Self {
            class: Class::Invite,
            room: Some(room.into()),
            invitee: Some(invitee.into()),
        }
    }

    /// Everything whose pause this has to wait for.
    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Class(self.class)];
        if let Some(room) = &self.room {
            keys.push(Key::Room(self.class, room.clone()));
            if let Some(invitee) = &self.invitee {
                keys.push(Key::Pair(room.clone(), invitee.clone()));
            }
        }
        if let Some(invitee) = &self.invitee {
            keys.push(Key::Invitee(invitee.clone()));
        }
        keys
    }

    /// The limiter that certainly is not open: exactly this.
    fn narrowest(&self) -> Key {
        match (&self.room, &self.invitee) {
            (Some(room), Some(invitee)) => Key::Pair(room.clone(), invitee.clone()),
            (Some(room), None) => Key::Room(self.class, room.clone()),
            _ => Key::Class(self.class),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The whole account, for one class of requests.
    Class(Class),
    Room(Class, String),
    Invitee(String),
    Pair(String, String),
}

#[derive(Debug)]
struct Refusal {
    class: Class,
    room: String,
    invitee: Option<String>,
    until: Instant,
    /// No request of this class has gone through since, so the account's own limiter may be what was hit.
    maybe_account: bool,
}

#[derive(Debug, Default)]
struct Inner {
    until: BTreeMap<Key, Instant>,
    /// 429s in a row, for the back-off where the server does not tell how long.
    streaks: BTreeMap<Key, u32>,
    /// Refusals that no later success has explained away.
    refusals: Vec<Refusal>,
    /// Wider limiters that have been found closed before, and for how long at most: a refusal that fits is theirs
    /// again, and it does not take a second one to find out.
    known: BTreeMap<Key, Duration>,
    /// The longest wait that was asked for, for whoever wants to know.
    met: BTreeMap<LimitKind, Duration>,
}

/// The pauses of one account.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    inner: Mutex<Inner>,
}

impl Limits {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Plain data: whatever panicked elsewhere has left it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long this has to wait, if at all.
    pub(crate) fn pause(&self, work: &Work) -> Option<Duration> {
        let inner = self.lock();
        let until = work
            .keys()
            .iter()
            .filter_map(|key| inner.until.get(key))
            .max()
            .copied()?;
        until
            .checked_duration_since(Instant::now())
            .filter(|rest| !rest.is_zero())
    }

    /// Whether the account's own limiter for this class has been met: what it lets through comes in drops.
    pub(crate) fn is_tight(&self, class: Class) -> bool {
        self.lock().known.contains_key(&Key::Class(class))
    }

    /// The server has answered 429. Returns how long the pause is.
    pub(crate) fn refused(&self, work: &Work, told: Option<Duration>) -> Duration {
        let now = Instant::now();
        let mut inner = self.lock();
        let streak = inner.streaks.entry(work.narrowest()).or_default();
        *streak = streak.saturating_add(1);
        let pause = match told {
            // A moment more than told: clocks tick in whole seconds on the way.
            Some(told) if !told.is_zero() => told + jitter(Duration::from_millis(250)),
            _ => {
                let own = Duration::from_secs(1) * 2_u32.pow((*streak - 1).min(5));
                own + jitter(own / 2)
            }
        };
        if let Some(kind) = work.class.kind() {
            let longest = inner.met.entry(kind).or_default();
            *longest = (*longest).max(told.unwrap_or(pause));
        }
        let until = now + pause;
        inner.until.retain(|_, until| *until > now);
        inner.refusals.retain(|refusal| refusal.until > now);
        let mut paused = vec![(work.narrowest(), until)];
        if let Some(room) = &work.room {
            inner.refusals.push(Refusal {
                class: work.class,
                room: room.clone(),
                invitee: work.invitee.clone(),
                until,
                maybe_account: true,
            });
            let wide = wider(&inner.refusals, work, room, until);
            for (key, until) in &wide {
                let longest = inner.known.entry(key.clone()).or_default();
                *longest = (*longest).max(*until - now);
            }
            let fits = |key: &Key| inner.known.get(key).is_some_and(|longest| pause <= *longest * 2);
            let known = work.keys().into_iter().filter(fits).map(|key| (key, until));
            paused.extend(known.collect::<Vec<_>>());
            paused.extend(wide);
        }
        for (key, until) in paused {
            let entry = inner.until.entry(key).or_insert(until);
            *entry = (*entry).max(until);
        }
        pause
    }

    /// The limits that were met since this was last asked.
    pub(crate) fn met(&self) -> BTreeMap<LimitKind, Duration> {
        std::mem::take(&mut self.lock().met)
    }

    /// The server has let this through: none of its limiters is closed.
    pub(crate) fn passed(&self, work: &Work) {
        let mut inner = self.lock();
        if inner.streaks.is_empty() && inner.refusals.is_empty() {
            return;
        }
        inner.streaks.remove(&work.narrowest());
        inner.refusals.retain_mut(|refusal| {
            if refusal.class != work.class {
                return true;
            }
            // Something went through, so the account is open, and this room and this invitee are.
            refusal.maybe_account = false;
            Some(&refusal.room) != work.room.as_ref()
                && (work.invitee.is_none() || refusal.invitee != work.invitee)
        });
    }
}

/// Which wider limiters the refusals so far point at, and until when each is closed at least. This one, until
/// `until`, is among the refusals.
///
/// A limiter that has refused two requests has told both of them about the same time. Where the times differ, only
/// the shorter one can be its; the longer one is somebody's own.
fn wider(refusals: &[Refusal], work: &Work, room: &str, until: Instant) -> Vec<(Key, Instant)> {
    let in_common = |fits: &dyn Fn(&Refusal) -> bool| {
        let same_class = refusals.iter().filter(|refusal| refusal.class == work.class);
        let times = same_class.filter(|refusal| fits(refusal));
        times.map(|refusal| refusal.until.min(until)).max()
    };
    let elsewhere = |refusal: &Refusal| refusal.room != room;
    let Some(invitee) = &work.invitee else {
        // Sends of one account share a limiter on some servers: two rooms show it.
        let account = in_common(&|refusal| elsewhere(refusal) && refusal.maybe_account);
        return account
            .map(|until| (Key::Class(work.class), until))
            .into_iter()
            .collect();
    };
    let same_person = |refusal: &Refusal| refusal.invitee.as_ref() == Some(invitee);
    let candidates = [
        (
            Key::Room(work.class, room.to_owned()),
            in_common(&|refusal| !elsewhere(refusal) && !same_person(refusal)),
        ),
        (
            Key::Invitee(invitee.clone()),
            in_common(&|refusal| elsewhere(refusal) && same_person(refusal)),
        ),
        (
            Key::Class(work.class),
            in_common(&|refusal| elsewhere(refusal) && !same_person(refusal) && refusal.maybe_account),
        ),
    ];
    let closed = candidates.into_iter();
    closed.filter_map(|(key, until)| Some((key, until?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn invite(room: &str, who: &str) -> Work {
        Work::invite(room, who)
    }

    #[tokio::test(start_paused = true)]
    async fn one_refusal_pauses_only_itself() {
        let limits = Limits::default();
        limits.refused(&invite("!a", "@x"), Some(MINUTE));
        assert!(limits.pause(&invite("!a", "@x")).unwrap() >= MINUTE);
        assert_eq!(limits.pause(&invite("!a", "@y")), None);
        assert_eq!(limits.pause(&invite("!b", "@x")), None);
        assert_eq!(limits.pause(&Work::in_room(Class::Send, "!a")), None);
        tokio::time::advance(MINUTE + Duration::from_secs(1)).await;
        assert_eq!(limits.pause(&invite("!a", "@x")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn two_invitees_of_one_room_pause_the_room() {
        let limits = Limits::default();
        limits.refused(&invite("!a", "@x"), Some(MINUTE));
        limits.refused(&invite("!a", "@y"), Some(MINUTE));
        assert!(limits.pause(&invite("!a", "@z")).is_some());
        assert_eq!(limits.pause(&invite("!b", "@z")), None);
        assert_eq!(limits.pause(&invite("!b", "@x")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn two_rooms_of_one_invitee_pause_the_invitee() {
        let limits = Limits::default();
        limits.refused(&invite("!a", "@x"), Some(MINUTE));
        limits.refused(&invite("!b", "@x"), Some(MINUTE));
        assert!(limits.pause(&invite("!c", "@x")).is_some());
        assert_eq!(limits.pause(&invite("!a", "@z")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn different_rooms_and_invitees_pause_the_account() {
        let limits = Limits::default();
        limits.refused(&invite("!a", "@x"), Some(MINUTE));
        limits.refused(&invite("!b", "@y"), Some(MINUTE));
        assert!(limits.pause(&invite("!c", "@z")).is_some());
        // Other work goes on.
        assert_eq!(limits.pause(&Work::in_room(Class::Send, "!c")), None);
        assert_eq!(limits.pause(&Work::of(Class::Read)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_account_pauses_no_longer_than_both_were_told() {
        let short = Duration::from_secs(3);
        // One person may not be invited for minutes, and the account not for seconds; in either order.
        for times in [[short, MINUTE], [MINUTE, short]] {
            let limits = Limits::default();
            limits.refused(&invite("!a", "@x"), Some(times[0]));
            limits.refused(&invite("!b", "@y"), Some(times[1]));
            let pause = limits.pause(&invite("!c", "@z")).unwrap();
            assert!(pause >= short && pause < MINUTE, "{times:?}: {pause:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_takes_the_suspicion_away() {
        let limits = Limits::default();
        limits.refused(&invite("!a", "@x"), Some(MINUTE));
        limits.passed(&invite("!a", "@y"));
        limits.refused(&invite("!a", "@z"), Some(MINUTE));
        assert_eq!(
            limits.pause(&invite("!a", "@w")),
            None,
            "the room let @y through in between"
        );
        assert!(limits.pause(&invite("!a", "@x")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_elsewhere_clears_the_account() {
        let limits = Limits::default();
        limits.refused(&invite("!a", "@x"), Some(MINUTE));
        limits.passed(&invite("!b", "@y"));
        limits.refused(&invite("!c", "@z"), Some(MINUTE));
        assert_eq!(limits.pause(&invite("!d", "@w")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_that_was_met_before_is_known() {
        let limits = Limits::default();
        let short = Duration::from_secs(3);
        limits.refused(&invite("!a", "@x"), Some(short));
        limits.refused(&invite("!a", "@y"), Some(short));
        tokio::time::advance(MINUTE).await;
        limits.passed(&invite("!a", "@x"));
        limits.refused(&invite("!a", "@y"), Some(short));
        assert!(limits.pause(&invite("!a", "@z")).is_some());
        tokio::time::advance(MINUTE).await;
        // Much longer than the room's: the invitee's.
        limits.refused(&invite("!a", "@y"), Some(10 * MINUTE));
        assert_eq!(limits.pause(&invite("!a", "@z")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn sends_of_two_rooms_pause_all_sends() {
        let limits = Limits::default();
        limits.refused(&Work::in_room(Class::Send, "!a"), Some(MINUTE));
        assert_eq!(limits.pause(&Work::in_room(Class::Send, "!b")), None);
        limits.refused(&Work::in_room(Class::Send, "!b"), Some(MINUTE));
        assert!(limits.pause(&Work::in_room(Class::Send, "!c")).is_some());
        assert_eq!(limits.pause(&Work::of(Class::Create)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_of_each_kind_is_known() {
        let limits = Limits::default();
        assert!(limits.met().is_empty());
        for wait in [MINUTE, Duration::from_secs(3)] {
            limits.refused(&invite("!a", "@x"), Some(wait));
        }
        limits.refused(&Work::of(Class::Create), Some(Duration::from_millis(3300)));
        limits.refused(&Work::of(Class::LogIn), Some(MINUTE));
        limits.passed(&invite("!a", "@x"));
        let expected = [
            (LimitKind::Creations, Duration::from_millis(3300)),
            (LimitKind::Invitations, MINUTE),
        ];
        assert_eq!(limits.met().into_iter().collect::<Vec<_>>(), expected);
        assert!(limits.met().is_empty(), "told once");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_word_from_the_server_the_pause_doubles() {
        let limits = Limits::default();
        let work = Work::of(Class::Create);
        let pauses: Vec<_> = (0..3).map(|_| limits.refused(&work, None).as_secs()).collect();
        assert!(pauses[0] >= 1 && pauses[1] >= 2 && pauses[2] >= 4, "{pauses:?}");
        limits.passed(&work);
        assert!(limits.refused(&work, Some(Duration::ZERO)).as_secs() < 2);
    }
}
