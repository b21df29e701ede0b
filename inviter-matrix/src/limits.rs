//! Pauses for rate limits, one per limiter.
//!
//! A 429 does not say which limiter was hit. What was refused is paused alone at first; a room, an invitee or the
//! whole account only when several refusals have nothing else in common, name about the same time, and no request in
//! between went through (decision 30). Short waits are waited for, and from then on the limiter's pace is kept. Long
//! ones may be several people's own, so the others are tried, ever less often, before they are put off.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use inviter_core::server::LimitKind;
use tokio::time::Instant;

use crate::{
    jitter::jitter,
    work::{Class, Key, Pause, Scope, Work},
};

/// From so many refusals on that have only a room or the account in common, what waits for it is put off.
const ENOUGH: usize = 7;
/// How often a limiter that is closed for long is tried again all the same.
const PROBE: Duration = Duration::from_secs(60);
/// A limiter that has not refused or let anything through for so long is met anew.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);
/// The slowest pace that is kept without a refusal for each step.
const SLOWEST: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Refusal {
    class: Class,
    room: String,
    invitee: Option<String>,
    until: Instant,
    /// No request of this class has gone through since, so the account's own limiter may be what was hit.
    maybe_account: bool,
}

/// A wider limiter that has been met, with waits that can be waited for.
#[derive(Debug)]
struct Known {
    /// The longest wait that was told.
    wait: Duration,
    at: Instant,
}

/// A room or an account that seems closed for longer than a request waits. It may as well be several people whose
/// own limits were met, so it is tried again, ever less often.
#[derive(Debug)]
struct Closed {
    until: Instant,
    next: Instant,
    gap: Duration,
    /// Tried often enough: what is not the next trial is put off.
    certain: bool,
}

#[derive(Debug, Default)]
struct Inner {
    until: BTreeMap<Key, Instant>,
    /// 429s in a row, for the back-off where the server does not tell how long.
    streaks: BTreeMap<Key, u32>,
    /// Refusals that no later success has explained away.
    refusals: Vec<Refusal>,
    /// Wider limiters that have been met: a refusal that fits is theirs again, and it does not take a second one to
    /// find out.
    known: BTreeMap<Key, Known>,
    closed: BTreeMap<Key, Closed>,
    /// When a request of a class was last sent: limiters count from about then, not from its answer.
    sent: BTreeMap<Class, Instant>,
    /// The longest wait that was asked for, for whoever wants to know.
    met: BTreeMap<LimitKind, Duration>,
}

impl Inner {
    fn pause(&self, work: &Work, now: Instant) -> Option<Pause> {
        let narrowest = work.narrowest();
        let pauses = work.keys().into_iter().filter_map(|key| {
            let shut = self.until.get(&key).copied();
            let closed = self.closed.get(&key).filter(|closed| closed.next > now);
            let closed = closed.map(|closed| if closed.certain { closed.until } else { closed.next });
            let rest = shut.max(closed)?.checked_duration_since(now)?;
            let scope = match &key {
                key if *key == narrowest => Scope::This,
                Key::Class(_) => Scope::Account,
                Key::Room(..) => Scope::Room,
                Key::Invitee(_) => Scope::Invitee,
                Key::Pair(..) => Scope::This,
            };
            let class = work.class;
            (!rest.is_zero()).then_some(Pause { rest, scope, class })
        });
        pauses.max_by_key(|pause| pause.rest)
    }

    fn known(&self, key: &Key, now: Instant) -> Option<&Known> {
        self.known.get(key).filter(|known| now - known.at < FORGOTTEN)
    }

    fn shut(&mut self, key: Key, until: Instant) {
        let entry = self.until.entry(key).or_insert(until);
        *entry = (*entry).max(until);
    }
}

/// The pauses of one account.
#[derive(Debug)]
pub(crate) struct Limits {
    inner: Mutex<Inner>,
    /// Longer waits are not waited for.
    ceiling: Duration,
}

impl Limits {
    pub(crate) fn new(ceiling: Duration) -> Self {
        Self {
            inner: Mutex::default(),
            ceiling,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Plain data: whatever panicked elsewhere has left it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long this has to wait, if at all.
    pub(crate) fn pause(&self, work: &Work) -> Option<Pause> {
        self.lock().pause(work, Instant::now())
    }

    /// Whether this may be sent now; if so, it is the one that tries what seems closed.
    pub(crate) fn enter(&self, work: &Work) -> bool {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.pause(work, now).is_some() {
            return false;
        }
        inner.sent.insert(work.class, now);
        for key in work.keys() {
            if let Some(closed) = inner.closed.get_mut(&key) {
                closed.next = now + closed.gap;
            }
        }
        true
    }

    /// Whether the account's own limiter for this class has been met: what it lets through comes in drops.
    pub(crate) fn is_tight(&self, class: Class) -> bool {
        self.lock().known(&Key::Class(class), Instant::now()).is_some()
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
        // One that says otherwise shows that it was not the room's or the account's.
        inner.closed.retain(|key, closed| {
            closed.until > now
                && !(work.keys().contains(key) && until < closed.until && !similar(until, closed.until, now))
        });
        inner.shut(work.narrowest(), until);
        if let Some(room) = &work.room {
            inner.refusals.retain(|refusal| {
                refusal.class != work.class || refusal.room != *room || refusal.invitee != work.invitee
            });
            inner.refusals.push(Refusal {
                class: work.class,
                room: room.clone(),
                invitee: work.invitee.clone(),
                until,
                maybe_account: true,
            });
            self.widen(&mut inner, work, until, now);
        }
        pause
    }

    /// Pauses what a refusal, with those before, shows to be closed besides the refused itself.
    fn widen(&self, inner: &mut Inner, work: &Work, until: Instant, now: Instant) {
        let pause = until - now;
        // What is too long to be waited for is never taken for a wider limiter's on the word of one answer.
        let keys = if pause <= self.ceiling {
            work.keys()
        } else {
            Vec::new()
        };
        for key in keys {
            let known = inner.known(&key, now).map(|known| known.wait);
            let Some(wait) = known.filter(|wait| pause <= *wait * 2) else {
                continue;
            };
            inner.known.insert(key.clone(), Known { wait, at: now });
            inner.shut(key, until);
        }
        for found in wider(&inner.refusals, work, until, now) {
            let wait = found.until - now;
            if wait <= self.ceiling {
                let before = inner
                    .known(&found.key, now)
                    .map_or(Duration::ZERO, |known| known.wait);
                let wait = wait.max(before);
                inner.known.insert(found.key.clone(), Known { wait, at: now });
                inner.shut(found.key, found.until);
            } else if let Key::Invitee(_) = found.key {
                inner.shut(found.key, found.until);
            } else {
                let certain = found.refused >= ENOUGH;
                let doublings = u32::try_from(found.refused - 2).unwrap_or(u32::MAX);
                let gap = if certain {
                    PROBE
                } else {
                    Duration::from_secs(1) * 2_u32.pow(doublings.min(5))
                };
                let closed = Closed {
                    until: found.until,
                    next: now + gap,
                    gap,
                    certain,
                };
                inner.closed.insert(found.key, closed);
            }
        }
    }

    /// The limits that were met since this was last asked.
    pub(crate) fn met(&self) -> BTreeMap<LimitKind, Duration> {
        std::mem::take(&mut self.lock().met)
    }

    /// The server has let this through: none of its limiters is closed.
    pub(crate) fn passed(&self, work: &Work) {
        let now = Instant::now();
        let mut inner = self.lock();
        let sent = inner.sent.get(&work.class).copied().unwrap_or(now);
        for key in work.keys() {
            inner.closed.remove(&key);
            // The next one would be refused until the limiter has room for one more, and Synapse counts a refused
            // invitation against its invitee.
            if let Some(wait) = inner.known(&key, now).map(|known| known.wait)
                && !matches!(key, Key::Invitee(_))
                && wait <= SLOWEST
            {
                inner.known.insert(key.clone(), Known { wait, at: now });
                inner.shut(key, sent + wait);
            }
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

/// A wider limiter that refusals point at.
struct Found {
    key: Key,
    /// Closed until then at least.
    until: Instant,
    /// How many refusals have nothing else in common, two or more.
    refused: usize,
}

/// Whether two refusals may be one limiter's, which opens for everybody at about the same time.
fn similar(one: Instant, other: Instant, now: Instant) -> bool {
    let first = one.min(other);
    let tolerance = Duration::from_secs(5).max((first - now) / 10);
    one.max(other) - first <= tolerance
}

/// Which wider limiters the refusals so far point at. This one, until `until`, is among the refusals.
fn wider(refusals: &[Refusal], work: &Work, until: Instant, now: Instant) -> Vec<Found> {
    let find = |key: Key, fits: &dyn Fn(&Refusal) -> bool| {
        let fitting = || {
            refusals.iter().filter(|refusal| {
                refusal.class == work.class && similar(refusal.until, until, now) && fits(refusal)
            })
        };
        let rooms = fitting()
            .map(|refusal| &refusal.room)
            .collect::<BTreeSet<_>>()
            .len();
        let invitees = fitting()
            .map(|refusal| &refusal.invitee)
            .collect::<BTreeSet<_>>()
            .len();
        let refused = match key {
            Key::Class(_) if work.invitee.is_some() => rooms.min(invitees),
            Key::Class(_) | Key::Invitee(_) => rooms,
            Key::Room(..) | Key::Pair(..) => invitees,
        };
        let until = fitting().map(|refusal| refusal.until).min()?;
        (refused >= 2).then_some(Found { key, until, refused })
    };
    let found = work.keys().into_iter().filter_map(|key| {
        let fits: &dyn Fn(&Refusal) -> bool = match &key {
            Key::Class(_) => &|refusal| refusal.maybe_account,
            Key::Room(..) => &|refusal| Some(&refusal.room) == work.room.as_ref(),
            Key::Invitee(_) => &|refusal| refusal.invitee == work.invitee,
            Key::Pair(..) => return None,
        };
        find(key.clone(), fits)
    });
    found.collect()
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
