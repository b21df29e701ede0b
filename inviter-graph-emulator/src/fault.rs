//! What goes wrong, and when.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lock;
use crate::record::decoded;

/// Something that goes wrong with some requests.
#[derive(Debug, Clone)]
pub struct Fault {
    /// With which.
    pub when: Match,
    /// What.
    pub what: Trouble,
    /// How often; nothing is always.
    pub times: Option<u32>,
}

impl Fault {
    /// Goes wrong with every matching request.
    pub fn always(when: Match, what: Trouble) -> Self {
        Self {
            when,
            what,
            times: None,
        }
    }

    /// Goes wrong with the next matching request only.
    pub fn once(when: Match, what: Trouble) -> Self {
        Self::times(1, when, what)
    }

    /// Goes wrong with the next `times` matching requests.
    pub fn times(times: u32, when: Match, what: Trouble) -> Self {
        Self {
            when,
            what,
            times: Some(times),
        }
    }
}

/// Which requests a fault is about. Items of batches are requests too, with the path they would have alone.
#[derive(Debug, Clone, Default)]
pub struct Match {
    /// Path and query in plain characters have this in them.
    path: Option<String>,
    method: Option<String>,
    in_batch: Option<bool>,
    first: usize,
    last: Option<usize>,
}

impl Match {
    /// Every request, to whatever.
    pub fn every() -> Self {
        Self::default()
    }

    /// Requests with this text in their path and query, percent-decoded, in any case.
    pub fn path(part: &str) -> Self {
        Self {
            path: Some(part.to_lowercase()),
            ..Self::default()
        }
    }

    /// Everything that goes to Graph.
    pub fn graph() -> Self {
        Self::path("/v1.0/")
    }

    /// Requests for tokens at the token endpoint.
    pub fn token() -> Self {
        Self::path("/oauth2/v2.0/token")
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// Only the `number`th of the matching requests from now on, counted from 1.
    #[must_use]
    pub fn nth(mut self, number: usize) -> Self {
        self.first = number;
        self.last = Some(number);
        self
    }

    /// Only from the `number`th of the matching requests on, counted from 1.
    #[must_use]
    pub fn from_nth(mut self, number: usize) -> Self {
        self.first = number;
        self.last = None;
        self
    }

    /// Only items of batches.
    #[must_use]
    pub fn in_batch(mut self) -> Self {
        self.in_batch = Some(true);
        self
    }

    /// Only what comes as a request of its own.
    #[must_use]
    pub fn outside_batch(mut self) -> Self {
        self.in_batch = Some(false);
        self
    }

    fn fits(&self, method: &str, path: &str, in_batch: bool) -> bool {
        self.in_batch.is_none_or(|wanted| wanted == in_batch)
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_deref().is_none_or(|part| path.contains(part))
    }
}

/// What goes wrong with a request.
///
/// Inside a batch, troubles with the connection befall the whole answer to the batch, others only the item.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// This status with an error in Graph's form; at the token endpoint, in its form.
    Status(u16),
    /// This status with a page of HTML.
    HtmlStatus(u16),
    /// Exactly this.
    Answer {
        /// The status.
        status: u16,
        /// Headers; with `content-type`.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// This status with an error that repeats the request: its address, its authorization and its body.
    Echo(u16),
    /// 429.
    Throttle {
        /// The seconds in `Retry-After`; without it if there are none.
        retry_after: Option<u64>,
    },
    /// 403 `Authorization_RequestDenied`.
    Denied,
    /// 404 `Request_ResourceNotFound`.
    NotFound,
    /// 410 `syncStateNotFound`.
    Gone,
    /// The connection ends before the answer.
    Cut,
    /// The connection ends in the middle of the body.
    CutBody,
    /// No answer ever comes; the connection stays.
    Silence,
    /// The answer comes only after this time.
    Slow(Duration),
    /// The body comes in pieces of 64 bytes, with this time between them.
    Trickle(Duration),
    /// Half of the JSON, as a complete body.
    Truncated,
    /// 200 with a body that is not JSON.
    NotJson,
    /// 200 without `value`.
    EmptyValueMissing,
    /// `value` is an empty list, and nothing follows.
    EmptyValue,
    /// The item is missing in the answer to a batch. Elsewhere nothing happens.
    DropBatchItem,
    /// The item comes twice in the answer to a batch. Elsewhere nothing happens.
    DoubleBatchItem,
    /// The item comes under an id that nobody asked for. Elsewhere nothing happens.
    RenameBatchItem,
    /// Members that are users, and users, come with null in every property.
    LimitedInfo,
    /// The next link (one is added if there is none) leads to this base, such as `http://127.0.0.1:1`.
    NextLinkElsewhere(String),
    /// The next link (one is added if there is none) leads to the same page again.
    NextLinkLoop,
    /// 302 to the same path below this base.
    Redirect(String),
    /// The answer, followed by so many blanks.
    Huge(usize),
    /// Every item comes twice, those of `members@delta` and `owners@delta` too.
    Repeat,
    /// Items come in a random order, those of `members@delta` and `owners@delta` too.
    Shuffle,
    /// So many empty pages come before this one, each with a next link.
    EmptyPages(usize),
    /// Of a delta: each item comes once more, and says the opposite: what is there as removed, what is removed
    /// as there; and so with those of `members@delta` and `owners@delta`.
    Contradict,
    /// Of a delta: what was told so many pages before comes once more, behind what is to be told, as it was told then
    /// (1 is the page before this one; those of the first round do not count). Microsoft calls these replays.
    Replay(usize),
    /// The answer is of the directory as it was when [`Emulator::remember`](crate::Emulator::remember) was called: of a
    /// copy that lags behind. Delta queries tell what has changed all the same.
    Stale,
    /// The items lack this property.
    WithoutProperty(String),
}

/// A fault that was set.
#[derive(Debug, Clone)]
pub struct FaultHandle(Arc<Set>);

#[derive(Debug)]
struct Set {
    fault: Fault,
    seen: AtomicUsize,
    hits: AtomicUsize,
    over: AtomicBool,
}

impl FaultHandle {
    /// How often it happened.
    pub fn hits(&self) -> usize {
        self.0.hits.load(Ordering::SeqCst)
    }

    /// How many matching requests there were, whether it happened to them or not.
    pub fn seen(&self) -> usize {
        self.0.seen.load(Ordering::SeqCst)
    }

    /// Happens no more.
    pub fn clear(&self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Arc<Set>>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> FaultHandle {
        let set = Arc::new(Set {
            fault,
            seen: AtomicUsize::new(0),
            hits: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        lock(&self.0).push(set.clone());
        FaultHandle(set)
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// What goes wrong with this request. Counts it.
    pub(crate) fn of(&self, method: &str, path_and_query: &str, in_batch: bool) -> Vec<Trouble> {
        let mut faults = lock(&self.0);
        if faults.is_empty() {
            return Vec::new();
        }
        faults.retain(|set| !set.over.load(Ordering::SeqCst));
        let path = decoded(path_and_query).to_lowercase();
        let mut troubles = Vec::new();
        for set in faults.iter() {
            let Fault { when, what, times } = &set.fault;
            if !when.fits(method, &path, in_batch) {
                continue;
            }
            let number = set.seen.fetch_add(1, Ordering::SeqCst) + 1;
            if number < when.first || when.last.is_some_and(|last| number > last) {
                continue;
            }
            let hits = set.hits.load(Ordering::SeqCst);
            if times.is_some_and(|times| hits >= times as usize) {
                continue;
            }
            set.hits.fetch_add(1, Ordering::SeqCst);
            troubles.push(what.clone());
        }
        troubles
    }
}
