//! What the simulation shares with the decorators around the program: the truth, what was told, and what goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId,
    backend::BackendErrorKind,
    guard::Limits,
    memory::InMemoryHomeserver,
    provider::ProviderErrorKind,
    room_rules::RoomRules,
    time::{Clock, Timestamp},
};

use super::{
    organisation::{Organisation, Source},
    orphans::Fed,
    tally::Tally,
    upgrades::Closed,
    words::Words,
};

/// Who has made a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// The program itself.
    Bot,
    /// Somebody whose rooms the configuration adopts.
    Lead,
    /// Somebody whose rooms are none of the program's business.
    Squatter,
}

/// A room that a group stands for.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) alias: OwnedRoomAliasId,
    /// Another name and alias of the same room, for which groups of its own may stand.
    pub(super) other: Option<(String, OwnedRoomAliasId)>,
    pub(super) maker: Maker,
    pub(super) version: &'static str,
    pub(super) rules: RoomRules,
    /// People whom the configuration names, with their levels.
    pub(super) fixed: Vec<(OwnedUserId, Option<i64>)>,
    /// The configuration names the room.
    pub(super) explicit: bool,
    /// A person has paused it.
    pub(super) paused: bool,
    /// Nothing goes wrong in it: somebody has to go from there.
    pub(super) unharmed: bool,
}

impl Place {
    /// All aliases.
    pub(super) fn aliases(&self) -> impl Iterator<Item = &OwnedRoomAliasId> {
        [&self.alias]
            .into_iter()
            .chain(self.other.as_ref().map(|(_, alias)| alias))
    }

    /// All names.
    pub(super) fn names(&self) -> Vec<&str> {
        let other = self.other.as_ref().map(|(name, _)| name.as_str());
        [self.name.as_str()].into_iter().chain(other).collect()
    }
}

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    Whoami,
    Alias,
    Observe,
    Accounts,
    Write,
    Recall,
    Commit,
}

/// What others do just before a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The person whom the request is about leaves.
    Leaves,
    /// They are banned.
    Banned,
    /// They come in.
    Joins,
    /// Somebody takes the bot's power away.
    BotLowered,
    /// The alias leads elsewhere.
    AliasMoved,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Fail(BackendErrorKind),
    /// Too many requests, with a wait in seconds.
    Wait(u64),
    /// It is done, and the answer is lost.
    Lose(BackendErrorKind),
    /// It is delivered twice.
    Twice,
    First(Event),
}

/// How a single room is not to be read while the others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// Nothing of it can be known.
    Whole,
    /// Some of its members' events cannot be understood.
    Partly,
}

/// A fault that waits for its request.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) at: Spot,
    /// So many requests of the kind go well before.
    pub(super) skip: u32,
    /// So many are met.
    pub(super) times: u32,
    pub(super) what: What,
}

/// What goes wrong with one reading of a directory.
#[derive(Debug, Clone)]
pub(super) enum Misreading {
    Fails(ProviderErrorKind),
    /// It answers this, and says itself what is missing.
    Partly(Source),
}

/// What one directory has told in a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) failed: bool,
    pub(super) said: Source,
}

/// What holds for one run.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// No whole run has been clean so far, as far as is remembered.
    pub(super) unsure: bool,
    /// How many removals there were before it.
    pub(super) removed_before: usize,
    /// How many people the limits are about, before the run.
    pub(super) population: BTreeMap<OwnedRoomId, usize>,
    /// What each directory has told.
    pub(super) told: BTreeMap<usize, Told>,
}

/// The truth, and what is done to it.
pub(super) struct Site {
    pub(super) homeserver: InMemoryHomeserver,
    pub(super) bot: OwnedUserId,
    /// The directories as they are.
    pub(super) real: Organisation,
    /// The directories as they show themselves: the same, but for lies.
    pub(super) shown: Organisation,
    pub(super) places: Vec<Place>,
    /// Every room that is or was a place's.
    pub(super) rooms: BTreeMap<OwnedRoomId, usize>,
    /// Rooms that were closed in favour of others.
    pub(super) closed: BTreeMap<OwnedRoomId, Closed>,
    /// By place: the room that its alias leads to, but for faults.
    pub(super) leads: BTreeMap<usize, OwnedRoomId>,
    /// What the program remembered was lost at some time.
    pub(super) was_lost: bool,
    pub(super) decoy: Option<OwnedRoomId>,
    pub(super) limits: Limits,
    /// By the configuration, a group that is gone is one without members.
    pub(super) vanished_is_empty: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) misreadings: BTreeMap<usize, Misreading>,
    /// Single rooms that cannot be read.
    pub(super) unread: BTreeMap<OwnedRoomId, Unread>,
    /// The process is dropped at this call.
    pub(super) kill_at: Option<u64>,
    pub(super) calls: u64,
    pub(super) killed: bool,
    pub(super) run: Run,
    pub(super) removed: Vec<(Timestamp, OwnedRoomId, OwnedUserId)>,
    /// Groups of rooms that the program cannot but know: directory and name. One that is new is nobody's fault while its
    /// directory does not answer.
    pub(super) known: BTreeSet<(usize, String)>,
    /// By directory: rooms that it feeds or has fed; the program may still count them as its own.
    pub(super) fed_ever: BTreeSet<(usize, usize)>,
    /// People of groups that fed rooms and are gone: they must not go before a person says so.
    pub(super) orphans: BTreeMap<Fed, BTreeSet<OwnedUserId>>,
    /// By room and person: since when they are in it and in none of its groups.
    pub(super) absent: BTreeMap<(OwnedRoomId, OwnedUserId), Timestamp>,
    /// By room and person: whom the bot's account has ever brought in.
    pub(super) brought: BTreeSet<(OwnedRoomId, OwnedUserId)>,
    /// What people have let go.
    pub(super) words: Words,
    pub(super) tally: Tally,
    pub(super) trace: Option<Vec<String>>,
    /// What no run may do, and one did.
    pub(super) wrong: Vec<String>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

/// A handle to the site.
pub(super) type Shared = Arc<Mutex<Site>>;

/// Looks at the site. Nobody holds it across a wait.
pub(super) fn look(site: &Shared) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the homeserver's time.
#[derive(Debug)]
pub(super) struct HomeserverClock(pub(super) InMemoryHomeserver);

impl Clock for HomeserverClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Site {
    /// Tells what happens, if somebody listens.
    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    /// Something that no run may do.
    pub(super) fn blame(&mut self, what: String) {
        self.tell(|| format!("    WRONG: {what}"));
        self.wrong.push(what);
    }

    /// Counts a call; answers whether the process is gone.
    pub(super) fn tick(&mut self) -> bool {
        self.calls += 1;
        if !self.killed && self.kill_at.is_some_and(|at| self.calls >= at) {
            self.killed = true;
            self.tally.fault("killed");
            let calls = self.calls;
            self.tell(|| format!("    killed at call {calls}"));
        }
        self.killed
    }

    /// What goes wrong with a request here.
    pub(super) fn meet(&mut self, at: Spot) -> Option<What> {
        let index = self
            .faults
            .iter()
            .position(|fault| fault.at == at && fault.times > 0)?;
        let fault = &mut self.faults[index];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        let what = fault.what.clone();
        let kind = match (&what, at) {
            (What::Fail(_), Spot::Whoami) => "whoami failed",
            (What::Fail(_), Spot::Alias) => "alias unknown",
            (What::Fail(_), Spot::Observe) => "rooms not read",
            (What::Fail(_), Spot::Accounts) => "accounts not read",
            (What::Fail(_), Spot::Recall) => "store not read",
            (What::Fail(_), Spot::Commit) => "store not written",
            (What::Fail(_), Spot::Write) => "request failed",
            (What::Wait(_), _) => "rate limited",
            (What::Lose(_), _) => "answer lost",
            (What::Twice, _) => "delivered twice",
            (What::First(_), _) => "somebody was faster",
        };
        self.tally.fault(kind);
        self.tell(|| format!("    {at:?}: {what:?}"));
        Some(what)
    }

    /// The place that a room is, or was.
    pub(super) fn place_of(&self, room: &RoomId) -> Option<(usize, &Place)> {
        let at = *self.rooms.get(room)?;
        Some((at, self.places.get(at)?))
    }

    /// The time within which removals count together.
    pub(super) const fn window(&self) -> Duration {
        self.limits.window
    }

    /// What the directories have said in this run, as an organisation.
    pub(super) fn said(&self) -> Organisation {
        let said = |at: usize| {
            self.run
                .told
                .get(&at)
                .map(|told| told.said.clone())
                .unwrap_or_default()
        };
        Organisation {
            sources: (0..self.shown.sources.len()).map(said).collect(),
        }
    }

    /// The truth as far as the program can know it: without groups of rooms that no directory has told of so far.
    pub(super) fn knowable(&self) -> Organisation {
        let mut knowable = self.real.clone();
        for (at, source) in knowable.sources.iter_mut().enumerate() {
            let told = self.run.told.get(&at);
            for (name, group) in &mut source.groups {
                let is_told = told.is_some_and(|told| told.said.groups.contains_key(name));
                if !is_told && !self.known.contains(&(at, name.clone())) {
                    group.room = None;
                }
            }
        }
        knowable
    }

    /// Takes in which groups a run that came to its end has seen, for the rooms at these places.
    pub(super) fn learn(&mut self, managed: &BTreeSet<usize>) {
        let whole = self.misreadings.is_empty();
        let mut learned = BTreeSet::new();
        for (at, told) in &self.run.told {
            for (name, group) in &told.said.groups {
                let Some(place) = group.room.filter(|place| managed.contains(place)) else {
                    continue;
                };
                let is_known_place = || {
                    self.known.iter().any(|(source, name)| {
                        let groups = &self.shown.sources[*source].groups;
                        groups.get(name).is_some_and(|group| group.room == Some(place))
                    })
                };
                if whole || is_known_place() {
                    learned.insert((*at, name.clone()));
                }
            }
        }
        self.known.extend(learned);
    }

    /// Groups that are gone may be forgotten.
    pub(super) fn forget_gone(&mut self) {
        let shown = &self.shown;
        self.known
            .retain(|(source, name)| shown.sources[*source].groups.contains_key(name));
    }
}
