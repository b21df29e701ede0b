//! [`Reconciler`]: the whole chain from directories to rooms, as one object for every frontend.

mod questions;
mod remembering;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId};

use self::{
    questions::{bind, bound, hold_back, keep_together, listings, plan_rooms},
    remembering::abandoned,
};
use crate::{
    IdentityProvider, RoomBackend,
    action::RoomTarget,
    apply::{ApplyOptions, apply},
    backend::{BackendError, Identity, ReadOnly},
    desired::{Desired, DesiredRoom},
    finding::{Finding, FindingKind, Subject},
    guard::{GuardContext, GuardedPlan, Limits, ReleaseCode, Trigger, guard},
    plan::{PlanContext, RoomStatus},
    policy::Policy,
    provider::ReadRequest,
    recall::{Memory, MemoryChange, MemoryStore, Recalled, StoreError},
    report::Report,
    resolve::{ReadOutcome, resolve},
    room::{Binding, RoomRef},
    room_rules::Listing,
    time::{Clock, Timestamp},
    unite::unite,
};

/// Reads directories and rooms, plans, guards, and applies.
#[derive(Debug, Clone)]
pub struct Reconciler {
    /// Where people and groups come from, in the order of the configuration.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// Where rooms are.
    pub backend: Arc<dyn RoomBackend>,
    /// What is remembered from run to run.
    pub store: Arc<dyn MemoryStore>,
    /// The administrator's decisions.
    pub policy: Policy,
    /// How many people may go.
    pub limits: Limits,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Rooms worked on at the same time.
    pub rooms_at_once: usize,
    /// Invitations or removals under way at the same time in one room.
    pub people_at_once: usize,
}

/// What one run is asked to do.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunOptions {
    /// What started it.
    pub trigger: Trigger,
    /// Only these rooms; all if empty.
    pub rooms: BTreeSet<RoomRef>,
    /// What a person let go.
    pub releases: BTreeSet<ReleaseCode>,
}

impl RunOptions {
    /// A run on all rooms that a person has asked for: removals that nothing holds are done. The default, for timers
    /// and the like, is cautious and lists them.
    pub fn by_person() -> Self {
        Self {
            trigger: Trigger::Person,
            ..Self::default()
        }
    }
}

/// A plan with all that it was made from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// The bot.
    pub identity: Identity,
    /// What the directories want, united by room.
    pub desired: Desired,
    /// The plan, through the guard.
    pub plan: GuardedPlan,
    /// Findings about directories, groups, accounts, and rooms that nobody wants any more.
    pub findings: Vec<Finding>,
    memory: Memory,
    learned: Vec<MemoryChange>,
    listings: BTreeMap<OwnedRoomId, Listing>,
    whole: bool,
}

impl Draft {
    /// The plan as a report, with nothing done.
    pub fn report(&self) -> Report {
        Report::of_plan(&self.plan, self.findings.clone())
    }
}

/// A run could not even begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The homeserver cannot be asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// What is remembered cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A room was named that is not among the desired ones.
    #[error("{0} is not a room of any directory or of the configuration; `inviter idp` lists them")]
    NoSuchRoom(RoomRef),
}

/// What adopting one room came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// It is managed from now on.
    Now(OwnedRoomId),
    /// It was managed already.
    Already(OwnedRoomId),
    /// It cannot be adopted: a sentence saying why.
    Not(String),
}

impl Reconciler {
    /// Reads all directories, at the same time.
    pub async fn read(&self) -> Vec<ReadOutcome> {
        let request = ReadRequest::default();
        let reads = self.providers.iter().map(|provider| async {
            let result = provider.read(&request).await;
            ReadOutcome {
                provider: provider.id(),
                result,
            }
        });
        futures_util::future::join_all(reads).await
    }

    /// Reads all directories and works out what they want, without asking the homeserver.
    pub async fn desired(&self) -> Desired {
        resolve(&self.read().await, &self.policy)
    }

    /// Plans a run. Sends no writing request, and remembers nothing.
    pub async fn plan(&self, options: &RunOptions) -> Result<Draft, RunError> {
        let backend = ReadOnly(Arc::clone(&self.backend));
        let identity = backend.whoami().await?;
        let now = self.clock.now();
        let mut findings = Vec::new();
        let memory = self.recall(&mut findings).await?;
        let mut desired = self.desired().await;
        findings.append(&mut desired.findings);
        for wanted in &options.rooms {
            if !desired.rooms.iter().any(|room| room.refs.contains(wanted)) {
                return Err(RunError::NoSuchRoom(wanted.clone()));
            }
        }
        let mut learned = Vec::new();
        // All of them, even for a run on some: an alias that leads to the same room unites its people (decision 7).
        let resolved = desired;
        let mut bindings = bind(&backend, &resolved, &memory, now, &mut learned).await;
        let (mut desired, listings, mut plans) = loop {
            let mut desired = unite(resolved.clone(), &bindings.all);
            keep_together(&mut desired, &bindings.all, &memory);
            let chosen = |room: &DesiredRoom| {
                options.rooms.is_empty() || room.refs.iter().any(|r| options.rooms.contains(r))
            };
            let others;
            (desired.rooms, others) = std::mem::take(&mut desired.rooms).into_iter().partition(chosen);
            let listings = listings(&backend, &desired, &memory, now).await;
            let cx = self.context(&desired, &identity, &memory, &listings, now);
            let only = (!options.rooms.is_empty()).then(|| bound(&desired.rooms));
            let plans = plan_rooms(&backend, &cx, only).await;
            let wanted = (&desired, &*others);
            // Ends: each round asks what is only remembered, and nothing is asked twice.
            if !bindings
                .confirm(&backend, wanted, &plans, &memory, now, &mut learned)
                .await
            {
                break (desired, listings, plans);
            }
        };
        findings.append(&mut desired.findings);
        let cx = self.context(&desired, &identity, &memory, &listings, now);
        hold_back(&backend, &cx, &mut plans).await;
        if options.rooms.is_empty() {
            findings.extend(abandoned(&desired, &memory));
        }
        findings.sort();
        findings.dedup();
        let whole = options.rooms.is_empty();
        let cx = GuardContext {
            limits: &self.limits,
            trigger: options.trigger,
            desired: &desired,
            memory: &memory,
            releases: &options.releases,
            now,
        };
        let plan = guard(plans, &cx);
        Ok(Draft {
            identity,
            desired,
            plan,
            findings,
            memory,
            learned,
            listings,
            whole,
        })
    }

    fn context<'a>(
        &'a self,
        desired: &'a Desired,
        identity: &'a Identity,
        memory: &'a Memory,
        listings: &'a BTreeMap<OwnedRoomId, Listing>,
        now: Timestamp,
    ) -> PlanContext<'a> {
        PlanContext {
            desired,
            policy: &self.policy,
            bot: &identity.user_id,
            memory,
            listings,
            now,
        }
    }

    /// Plans a run and does what the guard allows.
    pub async fn sync(&self, options: &RunOptions) -> Result<Report, RunError> {
        let draft = self.plan(options).await?;
        Ok(self.apply(draft, options).await)
    }

    /// Does what the guard allowed in a draft. Rooms that are created or joined on the way are read and planned
    /// once more under the same guard.
    pub async fn apply(&self, draft: Draft, options: &RunOptions) -> Report {
        let Draft {
            identity,
            desired,
            plan,
            findings,
            mut memory,
            learned,
            listings,
            whole,
        } = draft;
        let apply_options = ApplyOptions {
            clock: &*self.clock,
            store: &self.store,
            rooms_at_once: self.rooms_at_once,
            people_at_once: self.people_at_once,
        };
        let release = plan.release().cloned();
        // Before anything is done: what is found out while applying is the newer knowledge.
        let known = if learned.is_empty() {
            Ok(())
        } else {
            self.store.commit(&learned).await
        };
        let first = apply(plan, &self.backend, &apply_options).await;
        let mut report = Report {
            rooms: first.rooms,
            findings,
            release,
            errors: first.errors,
        };
        report.errors.extend(known.err().map(|error| error.to_string()));

        if !first.revisit.is_empty() {
            // The first round's removals count towards the limits of the second.
            match self.store.recall().await {
                Ok(recalled) => memory = recalled.into_memory(),
                Err(error) => {
                    // Nobody goes where it is not known how many have gone.
                    memory.clean_run = None;
                    report.errors.push(error.to_string());
                }
            }
            let ids: BTreeMap<OwnedRoomId, usize> =
                first.revisit.into_iter().map(|(ix, id)| (id, ix)).collect();
            let again = self
                .revisit(&identity, &desired, &memory, &listings, &ids, options)
                .await;
            let second = apply(again, &self.backend, &apply_options).await;
            report.errors.extend(second.errors);
            for mut room in second.rooms {
                let index = report.rooms.iter().position(|r| r.room == room.room);
                if let Some(first) = index.map(|ix| &mut report.rooms[ix]) {
                    let mut items = std::mem::take(&mut first.items);
                    items.append(&mut room.items);
                    room.items = items;
                    *first = room;
                }
            }
        }
        let now = self.clock.now();
        let run = remembering::Run {
            whole,
            released: !options.releases.is_empty(),
            now,
        };
        let learned = remembering::learned(&desired, &report, &memory, &self.limits, run);
        if let Err(error) = self.store.commit(&learned).await {
            report.errors.push(error.to_string());
        }
        report
    }

    /// Puts rooms under management (decision 9).
    pub async fn adopt(&self, rooms: &[RoomRef]) -> Result<Vec<(RoomRef, Adopted)>, RunError> {
        let draft = self
            .plan(&RunOptions {
                rooms: rooms.iter().cloned().collect(),
                ..RunOptions::default()
            })
            .await?;
        let now = self.clock.now();
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        for room in draft.plan.rooms() {
            let plan = room.plan();
            let outcome = match (&plan.status, &plan.target) {
                (RoomStatus::Found, Some(RoomTarget::Existing(id))) => {
                    changes.push(MemoryChange::Adopted(id.clone(), now));
                    Adopted::Now(id.clone())
                }
                (RoomStatus::Managed, Some(RoomTarget::Existing(id))) => Adopted::Already(id.clone()),
                (RoomStatus::ToCreate, _) => Adopted::Not(format!(
                    "{} does not exist yet; the next sync creates it",
                    plan.room
                )),
                _ => {
                    let why = plan.findings.first().map(ToString::to_string);
                    Adopted::Not(why.unwrap_or_else(|| format!("{} cannot be managed", plan.room)))
                }
            };
            outcomes.push((plan.room.clone(), outcome));
        }
        self.store.commit(&changes).await?;
        Ok(outcomes)
    }

    async fn recall(&self, findings: &mut Vec<Finding>) -> Result<Memory, RunError> {
        match self.store.recall().await? {
            Recalled::Memory(memory) => Ok(memory),
            Recalled::Lost(why) => {
                let message =
                    format!("{why}; nobody is removed before one full run has gone through cleanly");
                findings.push(Finding::new(Subject::Run, FindingKind::MemoryLost, message));
                Ok(Memory::default())
            }
        }
    }

    async fn revisit(
        &self,
        identity: &Identity,
        desired: &Desired,
        memory: &Memory,
        listings: &BTreeMap<OwnedRoomId, Listing>,
        ids: &BTreeMap<OwnedRoomId, usize>,
        options: &RunOptions,
    ) -> GuardedPlan {
        let now = self.clock.now();
        let alias_of: BTreeMap<&OwnedRoomAliasId, &OwnedRoomId> = memory
            .aliases
            .iter()
            .filter(|(_, a)| ids.contains_key(&a.room))
            .map(|(alias, a)| (alias, &a.room))
            .collect();
        let rooms: Vec<DesiredRoom> = desired
            .rooms
            .iter()
            .filter_map(|room| {
                let id = match &room.binding {
                    Binding::Bound(id) => ids.contains_key(id).then_some(id),
                    _ => room.refs.iter().find_map(|r| match r {
                        RoomRef::Alias(alias) => alias_of.get(alias).copied(),
                        RoomRef::Id(_) => None,
                    }),
                }?;
                Some(DesiredRoom {
                    binding: Binding::Bound(id.clone()),
                    ..room.clone()
                })
            })
            .collect();
        let wanted = bound(&rooms);
        let desired = Desired {
            rooms,
            ..desired.clone()
        };
        let cx = self.context(&desired, identity, memory, listings, now);
        let mut plans = plan_rooms(&self.backend, &cx, Some(wanted)).await;
        hold_back(&self.backend, &cx, &mut plans).await;
        let cx = GuardContext {
            limits: &self.limits,
            trigger: options.trigger,
            desired: &desired,
            memory,
            releases: &options.releases,
            now,
        };
        guard(plans, &cx)
    }
}
