//! From a reading of everything to a plan that has been through the guard.

use std::{collections::BTreeMap, sync::Arc};

use ruma_common::OwnedRoomId;

use super::{
    Draft, Reconciler, RunError, RunOptions,
    about::About,
    bindings::bind,
    following::Following,
    questions::{hold_back, listings, observed, plan_rooms},
    remembering::abandoned,
};
use crate::{
    RoomBackend,
    backend::{Identity, ReadOnly},
    desired::{Desired, DesiredRoom},
    finding::{Finding, FindingKind, Subject},
    guard::{GuardContext, guard},
    plan::{PlanContext, RoomPlan, RoomStatus, Roster},
    recall::{Memory, MemoryChange, Pause, Recalled},
    resolve::{ReadOutcome, resolve},
    room::{Binding, RoomRef},
    room_rules::Listing,
    runs::RunCause,
    time::Timestamp,
    unite::unite_followed,
};

/// What a plan is made from, beside the rooms.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) identity: Identity,
    pub(super) memory: Memory,
    pub(super) directories: Arc<[ReadOutcome]>,
    /// The rooms have changed just now, so each is to be read by itself.
    pub(super) fresh: bool,
}

impl Reconciler {
    /// Plans a run. Sends no writing request, and remembers nothing.
    pub async fn plan(&self, options: &RunOptions) -> Result<Draft, RunError> {
        self.plan_from(None, options).await
    }

    /// Plans a run from what the directories have answered before, such as [`Draft::directories`] of an earlier plan:
    /// for finding out whether a change in a room matters at all. A plan that is to be applied should rest on what the
    /// directories say now.
    pub async fn plan_with(
        &self,
        directories: Arc<[ReadOutcome]>,
        options: &RunOptions,
    ) -> Result<Draft, RunError> {
        self.plan_from(Some(directories), options).await
    }

    async fn plan_from(
        &self,
        directories: Option<Arc<[ReadOutcome]>>,
        options: &RunOptions,
    ) -> Result<Draft, RunError> {
        let began = self.clock.now();
        let identity = ReadOnly(Arc::clone(&self.backend)).whoami().await?;
        let mut findings = Vec::new();
        let memory = self.recall(&mut findings).await?;
        let about = About::new(&self.policy, options, &memory)?;
        let directories = if let Some(known) = directories {
            known
        } else {
            let by_person = matches!(options.cause, RunCause::Person { .. });
            let groups = &about.policy.scope.groups;
            self.read_groups(groups, by_person).await.into()
        };
        let known = Known {
            identity,
            memory,
            directories,
            fresh: false,
        };
        let mut draft = self.draft(known, &about, options).await?;
        draft.began = began;
        draft.findings.append(&mut findings);
        draft.findings.sort();
        Ok(draft)
    }

    /// Plans from what the directories have answered already.
    pub(super) async fn draft(
        &self,
        known: Known,
        about: &About,
        options: &RunOptions,
    ) -> Result<Draft, RunError> {
        let Known {
            identity,
            mut memory,
            directories,
            fresh,
        } = known;
        let backend = ReadOnly(Arc::clone(&self.backend));
        let now = self.clock.now();
        let mut resolved = resolve(&directories, &about.policy);
        let mut findings = std::mem::take(&mut resolved.findings);
        let mut learned: Vec<MemoryChange> = options
            .arguments
            .iter()
            .filter(|argument| !memory.arguments.contains(argument))
            .map(|argument| MemoryChange::Argument(argument.clone()))
            .collect();
        let mut bindings = bind(&backend, &resolved, about, &memory, now).await;
        let mut following = Following::default();
        // Uniting moves rooms, not people.
        let roster = Roster::new(&resolved, &self.policy, &identity.user_id);
        let (mut desired, others, listings, mut plans) = loop {
            let mut desired = resolved.clone();
            bindings
                .settle(&backend, &memory, &self.policy, &identity.user_id)
                .await;
            let successors = &memory.successors;
            let apart = about.keep_apart(&mut desired, &bindings.all, successors);
            let mut desired = unite_followed(desired, &bindings.all, successors);
            bindings.keep_together(&mut desired, &memory);
            about.check_names(&desired, successors, bindings.elsewhere())?;
            let mut others: Vec<DesiredRoom>;
            (desired.rooms, others) = std::mem::take(&mut desired.rooms)
                .into_iter()
                .partition(|room| about.includes(room, successors));
            others.extend(apart);
            let listings = listings(&backend, &desired, &memory, now).await;
            let cx = self.context(&desired, &roster, &identity, &memory, &listings, now);
            let what = observed(&desired, &others, &memory, fresh);
            let plans = plan_rooms(&backend, &*self.store, &cx, &bindings, what).await?;
            // Ends: each round asks what is only remembered, or follows an upgrade, and nothing is asked or followed
            // twice.
            let again = bindings
                .confirm(&backend, (&desired, &others), &plans, &memory)
                .await
                || following
                    .look(&backend, &plans, &mut memory, now, &mut learned)
                    .await;
            if !again {
                break (desired, others, listings, plans);
            }
        };
        findings.append(&mut desired.findings);
        // What is said of rooms that nobody asked about only hides what is said of the others.
        findings.retain(|finding| {
            !matches!(&finding.about, Subject::Room(name) if others.iter().any(|room| room.refs.contains(name)))
        });
        let cx = self.context(&desired, &roster, &identity, &memory, &listings, now);
        following.tell(&mut plans, bindings.elsewhere(), &cx);
        hold_back(&backend, &cx, &mut plans).await;
        learned.extend(bindings.learned(&memory, now));
        if options.is_whole() {
            findings.extend(abandoned(&desired, &others, &self.policy.scope, &memory));
        }
        findings.extend(why_nothing(&desired, others.len(), about, &memory));
        findings.sort();
        findings.dedup();
        // What becomes of a closed room that was not followed is not in the plan either.
        let is_left_out = |plan: &RoomPlan| {
            matches!(plan.status, RoomStatus::Paused | RoomStatus::Moved)
                || plan.lineage.upgrade.is_some() && plan.status != RoomStatus::Managed
        };
        let left_out = !others.is_empty() || plans.iter().any(is_left_out);
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
            directories,
            rooms_outside: others.len(),
            outside: others.iter().flat_map(names).collect(),
            memory,
            learned,
            elsewhere: bindings.into_elsewhere(),
            began: now,
            whole: options.is_whole(),
            left_out,
            restriction: None,
        })
    }

    pub(super) fn context<'a>(
        &'a self,
        desired: &'a Desired,
        roster: &'a Roster<'a>,
        identity: &'a Identity,
        memory: &'a Memory,
        listings: &'a BTreeMap<OwnedRoomId, Listing>,
        now: Timestamp,
    ) -> PlanContext<'a> {
        PlanContext {
            desired,
            policy: &self.policy,
            bot: &identity.user_id,
            roster,
            memory,
            listings,
            brought: None,
            now,
        }
    }

    async fn recall(&self, findings: &mut Vec<Finding>) -> Result<Memory, RunError> {
        match self.store.recall().await? {
            Recalled::Memory(memory) => Ok(memory),
            Recalled::Lost(lost) => {
                let message = format!(
                    "{}; nobody is removed before one full run has gone through cleanly, and what was paused is \
                     not any more: pause it again",
                    lost.why
                );
                findings.push(Finding::new(Subject::Run, FindingKind::MemoryLost, message));
                Ok(lost.begin())
            }
        }
    }
}

/// Why a run is about nothing, if it is.
fn why_nothing(desired: &Desired, outside: usize, about: &About, memory: &Memory) -> Vec<Finding> {
    let mut findings = Vec::new();
    if desired.rooms.is_empty() && outside > 0 && !about.policy.scope.is_everything() {
        let message = format!(
            "none of the {outside} rooms that are wanted is within the scope, so nothing is done; check the patterns of \
             `[scope]` and of the command line"
        );
        findings.push(Finding::new(Subject::Run, FindingKind::NothingWanted, message));
    }
    if memory.paused.contains_key(&Pause::Everything) {
        let message = "everything is paused, so nothing is done; `inviter resume --all` goes on";
        findings.push(Finding::new(Subject::Run, FindingKind::Paused, message));
    }
    findings
}

/// Every name of a room, and its ID if that is known.
fn names(room: &DesiredRoom) -> impl Iterator<Item = RoomRef> {
    let id = match &room.binding {
        Binding::Bound(id) => Some(RoomRef::Id(id.clone())),
        Binding::Missing | Binding::Unknown(_) => None,
    };
    room.refs.iter().cloned().chain(id)
}
