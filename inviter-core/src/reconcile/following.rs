//! Following rooms that were closed to the rooms that take their place (decision 41).

use std::collections::BTreeMap;

use futures_util::StreamExt;
use ruma_common::{OwnedRoomAliasId, OwnedRoomId};

use crate::{
    RoomBackend,
    action::RoomTarget,
    backend::Observe,
    finding::{Finding, FindingKind, Subject},
    plan::{PlanContext, RoomPlan, closed_room},
    recall::{Memory, MemoryChange},
    room::{Cause, RoomState},
    succession::Prospect,
    time::Timestamp,
};

/// The upgrades that one run has met.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// By the room that was closed.
    prospects: BTreeMap<OwnedRoomId, Prospect>,
    /// Followed in this run, from one to the other, in this order.
    followed: Vec<(OwnedRoomId, OwnedRoomId)>,
}

impl Following {
    /// Looks at the rooms that are to take the place of closed ones. Those that agree are remembered in `memory`, and
    /// what that changes is added to `learned`; then all has to be planned again, which is the answer.
    ///
    /// Comes to an end: each closed room is looked at once.
    pub(super) async fn look(
        &mut self,
        backend: &dyn RoomBackend,
        plans: &[RoomPlan],
        memory: &mut Memory,
        now: Timestamp,
        learned: &mut Vec<MemoryChange>,
    ) -> bool {
        let upgrades = plans.iter().filter_map(|plan| plan.lineage.upgrade.as_deref());
        let upgrades: Vec<_> = upgrades
            .filter(|upgrade| !self.prospects.contains_key(&upgrade.from))
            .collect();
        if upgrades.is_empty() {
            return false;
        }
        let named = upgrades
            .iter()
            .filter_map(|upgrade| upgrade.replacement.room.clone());
        let states = states(backend, named.collect()).await;
        let mut followed = false;
        for upgrade in upgrades {
            let not_told = RoomState::NotJoined { invited_by: None };
            let to = upgrade.replacement.room.as_ref();
            let state = to.and_then(|room| states.get(room)).unwrap_or(&not_told);
            let prospect = upgrade.prospect(state, memory);
            if let (Prospect::Agreed, Some(to)) = (&prospect, to) {
                let change = MemoryChange::Followed {
                    from: upgrade.from.clone(),
                    to: to.clone(),
                    at: now,
                    left: upgrade.left.clone(),
                    kept_out: upgrade.kept_out.clone(),
                };
                memory.apply(std::slice::from_ref(&change));
                learned.push(change);
                self.followed.push((upgrade.from.clone(), to.clone()));
                followed = true;
            }
            self.prospects.insert(upgrade.from.clone(), prospect);
        }
        followed
    }

    /// Says in the plans what was followed, and what becomes of the rooms that were not.
    ///
    /// `elsewhere` is where aliases lead that are not reckoned to lead there.
    pub(super) fn tell(
        &self,
        plans: &mut [RoomPlan],
        elsewhere: &BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
        cx: &PlanContext<'_>,
    ) {
        let successors = &cx.memory.successors;
        for plan in plans {
            if let Some(upgrade) = &plan.lineage.upgrade
                && let Some(prospect) = self.prospects.get(&upgrade.from)
            {
                closed_room(plan, prospect, elsewhere, cx);
                continue;
            }
            let Some(RoomTarget::Existing(id)) = &plan.target else {
                continue;
            };
            if successors.0.is_empty() {
                continue;
            }
            plan.lineage.before = successors.before(id);
            let here = self
                .followed
                .iter()
                .filter(|(_, to)| successors.current(to) == id);
            for (from, to) in here {
                let room = &plan.room;
                let message =
                    format!("{room}: {from} was replaced by {to}, which takes its place from now on");
                let about = Subject::Room(room.clone());
                plan.findings
                    .push(Finding::new(about, FindingKind::Followed, message));
            }
            plan.findings.sort();
        }
    }
}

/// The states of rooms, without their members.
async fn states(backend: &dyn RoomBackend, rooms: Vec<OwnedRoomId>) -> BTreeMap<OwnedRoomId, RoomState> {
    let mut states = BTreeMap::new();
    if rooms.is_empty() {
        return states;
    }
    let mut failed = None;
    let mut observed = backend.observe(Observe::Rooms(rooms.clone()));
    while let Some(observed) = observed.next().await {
        match observed {
            Ok(mut observed) => {
                if let RoomState::Joined(snapshot) = &mut observed.state {
                    snapshot.members = Vec::new();
                }
                states.insert(observed.room_id, observed.state);
            }
            Err(error) => failed = Some(Cause::new(error.to_string())),
        }
    }
    if let Some(cause) = failed {
        for room in rooms {
            states
                .entry(room)
                .or_insert_with(|| RoomState::Unknown(cause.clone()));
        }
    }
    states
}
