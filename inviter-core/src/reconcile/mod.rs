//! [`Reconciler`]: the whole chain from directories to rooms, as one object for every frontend.

mod about;
mod adopting;
mod applying;
mod bindings;
mod by_hand;
mod explaining;
mod following;
mod holding;
mod losing;
mod pausing;
mod planning;
mod questions;
mod remembering;
mod restricted;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId};

use self::restricted::Restriction;
pub use self::restricted::{ReplanError, Replanned};
use crate::{
    IdentityProvider, RoomBackend,
    action::{Op, RoomTarget},
    backend::{BackendError, Identity},
    desired::Desired,
    finding::Finding,
    guard::{GuardedPlan, GuardedRoom, Limits, ReleaseCode, Trigger, Verdict},
    plan::RoomStatus,
    policy::Policy,
    provider::ReadRequest,
    recall::{Memory, MemoryChange, MemoryStore, StoreError},
    report::Report,
    resolve::{ReadOutcome, resolve},
    room::RoomRef,
    room_template::Argument,
    runs::RunCause,
    scope::{Scope, Selection},
    time::{Clock, Timestamp},
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
    /// Only these rooms, by alias or ID; all if empty.
    pub rooms: BTreeSet<RoomRef>,
    /// Only the rooms that these make of the listed ones with placeholders; all rooms if empty.
    pub arguments: BTreeSet<Argument>,
    /// Only what is in this scope and in the policy's.
    pub scope: Scope,
    /// Whether `rooms` that are none any more are passed over, instead of ending the run before it begins: of a plan that
    /// was saved the rest can still be done.
    pub names_may_be_gone: bool,
    /// What a person let go.
    pub releases: BTreeSet<ReleaseCode>,
    /// What started it, for the record. Only this depends on it: for a person, directories in
    /// [quarantine](crate::quarantine) are asked as well.
    pub cause: RunCause,
}

impl RunOptions {
    /// Whether the run is about everything that the configuration is about.
    pub fn is_whole(&self) -> bool {
        self.rooms.is_empty() && self.arguments.is_empty() && self.scope.is_everything()
    }

    /// A run on all rooms that a person has asked for: removals that nothing holds are done. The default, for timers
    /// and the like, is cautious and lists them.
    pub fn by_person() -> Self {
        Self {
            trigger: Trigger::Person,
            cause: RunCause::Person { who: None },
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
    /// What the directories answered: the evidence behind the plan.
    pub directories: Arc<[ReadOutcome]>,
    /// The rooms that the run is not about, by all their names and by ID.
    pub outside: BTreeSet<RoomRef>,
    /// How many rooms those are.
    pub rooms_outside: usize,
    memory: Memory,
    learned: Vec<MemoryChange>,
    /// Where aliases lead that are not believed to lead there.
    elsewhere: BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    /// When the run began.
    began: Timestamp,
    whole: bool,
    left_out: bool,
    /// Only what a saved plan has is done.
    restriction: Option<Restriction>,
}

impl Draft {
    /// The plan as a report, with nothing done.
    pub fn report(&self) -> Report {
        Report::of_plan(&self.plan, self.findings.clone())
    }

    /// How many operations applying it comes to, for showing progress. Rooms that are created or joined on the way are
    /// planned once more, and that may add a few.
    pub fn operations(&self) -> usize {
        let of_room = |room: &GuardedRoom| {
            let allowed = room.actions().iter().filter(|a| a.verdict == Verdict::Allowed);
            let (levels, others): (Vec<_>, Vec<_>) =
                allowed.partition(|a| matches!(a.action.op, Op::SetLevels { .. }));
            // All levels of a room are one event.
            others.len() + usize::from(!levels.is_empty())
        };
        self.plan.rooms().iter().map(of_room).sum()
    }

    /// What earlier runs saw and did.
    pub const fn memory(&self) -> &Memory {
        &self.memory
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
    /// A room was named that this run may not look at.
    #[error(
        "{0} is outside the scope; change `[scope]` in the configuration, or leave out the patterns given"
    )]
    OutOfScope(RoomRef),
    /// An argument fits no room with placeholders: a sentence saying why.
    #[error("{0}")]
    Argument(String),
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
    /// Reads all directories, at the same time, as far as the scope is about them, for a person.
    pub async fn read(&self) -> Vec<ReadOutcome> {
        self.read_groups(&self.policy.scope.groups, true).await
    }

    /// `insist`: a person waits for it.
    async fn read_groups(&self, groups: &Selection, insist: bool) -> Vec<ReadOutcome> {
        let mut request = ReadRequest::new(groups.clone());
        request.insist = insist;
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

    /// Plans a run and does what the guard allows.
    pub async fn sync(&self, options: &RunOptions) -> Result<Report, RunError> {
        let began = self.clock.now();
        match self.plan(options).await {
            Ok(draft) => Ok(self.apply(draft, options).await),
            Err(error) => {
                self.not_begun(options, began, &error).await;
                Err(error)
            }
        }
    }

    /// Puts the rooms that the options are about under management (decision 9).
    pub async fn adopt(&self, options: &RunOptions) -> Result<Vec<(RoomRef, Adopted)>, RunError> {
        let draft = self.plan(options).await?;
        let now = self.clock.now();
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        for room in draft.plan.rooms() {
            let plan = room.plan();
            if let Some(meant) = draft.meant(plan, options) {
                let outcome = match meant {
                    Ok(meant) => {
                        changes.extend(meant.changes(now));
                        Adopted::Now(meant.room)
                    }
                    Err(why) => Adopted::Not(why),
                };
                outcomes.push((plan.room.clone(), outcome));
                continue;
            }
            if let Some(meant) = self.taken_back(&draft, plan, options).await? {
                changes.extend(meant.changes(now));
                outcomes.push((plan.room.clone(), Adopted::Now(meant.room)));
                continue;
            }
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
}
