//! From a reading of everything to a plan that has been through the guard.

use std::{collections::BTreeMap, sync::Arc};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId};

use super::{
    Draft, Reconciler, RunError, RunOptions,
    about::About,
    questions::{bind, bound, hold_back, keep_together, listings, observed, plan_rooms},
    remembering::abandoned,
};
use crate::{
    RoomBackend,
    backend::{Identity, Observe, ReadOnly},
    desired::{Desired, DesiredRoom},
    finding::{Finding, FindingKind, Subject},
    guard::{GuardContext, GuardedPlan, guard},
    plan::{PlanContext, RoomStatus},
    recall::{Memory, MemoryChange, Pause, Recalled},
    resolve::{ReadOutcome, resolve},
    room::{Binding, RoomRef},
    room_rules::Listing,
    time::Timestamp,
    unite::unite,
};

impl Reconciler {
    /// Plans a run. Sends no writing request, and remembers nothing.
    pub async fn plan(&self, options: &RunOptions) -> Result<Draft, RunError> {
        let backend = ReadOnly(Arc::clone(&self.backend));
        let identity = backend.whoami().await?;
        let now = self.clock.now();
        let mut findings = Vec::new();
        let memory = self.recall(&mut findings).await?;
        let about = About::new(&self.policy, options, &memory)?;
        let directories: Arc<[ReadOutcome]> = self.read_groups(&about.policy.scope.groups).await.into();
        let mut resolved = resolve(&directories, &about.policy);
        findings.append(&mut resolved.findings);
        let mut learned: Vec<MemoryChange> = options
            .arguments
            .iter()
            .filter(|argument| !memory.arguments.contains(argument))
            .map(|argument| MemoryChange::Argument(argument.clone()))
            .collect();
        let mut bindings = bind(&backend, &resolved, &about, &memory, now, &mut learned).await;
        let (mut desired, others, listings, mut plans) = loop {
            let mut desired = resolved.clone();
            about.keep_apart(&mut desired, &bindings.all);
            let mut desired = unite(desired, &bindings.all);
            keep_together(&mut desired, &bindings.all, &memory);
            about.check_names(&desired)?;
            let others;
            (desired.rooms, others) = std::mem::take(&mut desired.rooms)
                .into_iter()
                .partition(|room| about.includes(room));
            let listings = listings(&backend, &desired, &memory, now).await;
            let cx = self.context(&desired, &identity, &memory, &listings, now);
            let plans = plan_rooms(&backend, &cx, observed(&desired, &others, &memory)).await;
            // Ends: each round asks what is only remembered, and nothing is asked twice.
            if !bindings
                .confirm(&backend, (&desired, &others), &plans, &memory, now, &mut learned)
                .await
            {
                break (desired, others, listings, plans);
            }
        };
        findings.append(&mut desired.findings);
        // What is said of rooms that nobody asked about only hides what is said of the others.
        findings.retain(|finding| {
            !matches!(&finding.about, Subject::Room(name) if others.iter().any(|room| room.refs.contains(name)))
        });
        let cx = self.context(&desired, &identity, &memory, &listings, now);
        hold_back(&backend, &cx, &mut plans).await;
        if options.is_whole() {
            findings.extend(abandoned(&desired, &others, &self.policy.scope, &memory));
        }
        if memory.paused.contains_key(&Pause::Everything) {
            let message = "everything is paused, so nothing is done; `inviter resume --all` goes on";
            findings.push(Finding::new(Subject::Run, FindingKind::Paused, message));
        }
        findings.sort();
        findings.dedup();
        let left_out = !others.is_empty() || plans.iter().any(|plan| plan.status == RoomStatus::Paused);
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
            listings,
            whole: options.is_whole(),
            left_out,
        })
    }

    pub(super) fn context<'a>(
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

    pub(super) async fn revisit(
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
        let mut plans = plan_rooms(&self.backend, &cx, Observe::Rooms(wanted)).await;
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

/// Every name of a room, and its ID if that is known.
fn names(room: &DesiredRoom) -> impl Iterator<Item = RoomRef> {
    let id = match &room.binding {
        Binding::Bound(id) => Some(RoomRef::Id(id.clone())),
        Binding::Missing | Binding::Unknown(_) => None,
    };
    room.refs.iter().cloned().chain(id)
}
