//! What is asked of the homeserver before a plan stands, beside the aliases.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use ruma_common::{OwnedRoomId, OwnedUserId};

use super::bindings::Bindings;
use crate::{
    RoomBackend,
    backend::{AccountState, Observe},
    desired::{Desired, DesiredRoom},
    plan::{PlanContext, RoomPlan, hold_back_unregistered, moved_room, needs_after, paused_room, plan_room},
    policy::UnregisteredPolicy,
    recall::{Brought, Memory, MemoryStore, StoreError},
    room::{Binding, Cause, RoomState},
    room_rules::{Listing, RemovePolicy},
    time::Timestamp,
};

/// How many questions about single listings are under way at the same time.
const QUESTIONS_AT_ONCE: usize = 8;

/// Listings that have to be known and are not remembered well enough.
pub(super) async fn listings(
    backend: &dyn RoomBackend,
    desired: &Desired,
    memory: &Memory,
    now: Timestamp,
) -> BTreeMap<OwnedRoomId, Listing> {
    stream::iter(needs_after(desired, &[], memory, now).listings)
        .map(|room| async move {
            let listing = backend.listing(&room).await;
            (room, listing)
        })
        .buffer_unordered(QUESTIONS_AT_ONCE)
        .filter_map(|(room, listing)| async move { Some((room, listing.ok()?)) })
        .collect()
        .await
}

/// Which rooms to look at: all that the bot is in, in one go, unless the run is about few of those that are wanted, or
/// each has to be `fresh`.
pub(super) fn observed(desired: &Desired, others: &[DesiredRoom], memory: &Memory, fresh: bool) -> Observe {
    let paused = |room: &&DesiredRoom| memory.is_paused(&room.refs, &room.binding);
    let wanted = bound(desired.rooms.iter().filter(|room| !paused(room)));
    let rest = others.iter().chain(desired.rooms.iter().filter(paused));
    // What was not asked may be there.
    let rest = rest.filter(|room| room.binding != Binding::Missing).count();
    if fresh || rest > wanted.len() {
        Observe::Rooms(wanted)
    } else {
        Observe::Joined
    }
}

/// Whom we have brought into a room, if its rules ask for it: there may be thousands in each room, so that they are
/// read for one at a time and not kept. A run that follows an upgrade has not written yet that it holds for the new
/// room.
async fn brought(
    store: &dyn MemoryStore,
    room: &DesiredRoom,
    memory: &Memory,
) -> Result<Option<BTreeMap<OwnedUserId, Brought>>, StoreError> {
    let Binding::Bound(id) = &room.binding else {
        return Ok(None);
    };
    // Nothing is remembered of any other.
    if room.rules.remove != RemovePolicy::BroughtByUs || !memory.rooms.contains_key(id) {
        return Ok(None);
    }
    let mut brought = store.brought(id).await?;
    for before in memory.successors.before(id) {
        for (user, earlier) in store.brought(&before).await? {
            brought.entry(user).or_insert(earlier);
        }
    }
    Ok(Some(brought))
}

/// Plans every desired room, one at a time as its state comes in: no two snapshots are held at once.
pub(super) async fn plan_rooms(
    backend: &dyn RoomBackend,
    store: &dyn MemoryStore,
    cx: &PlanContext<'_>,
    bindings: &Bindings,
    what: Observe,
) -> Result<Vec<RoomPlan>, StoreError> {
    let rooms = &cx.desired.rooms;
    let mut plans: Vec<Option<RoomPlan>> = rooms
        .iter()
        .map(|room| {
            if let Some(pause) = bindings.pause_of(room, cx.memory) {
                return Some(paused_room(room, &pause, cx));
            }
            let moved = bindings.moved(&room.refs)?;
            Some(moved_room(room, moved, cx))
        })
        .collect();
    let by_id: BTreeMap<&OwnedRoomId, usize> = rooms
        .iter()
        .enumerate()
        .filter_map(|(index, room)| match &room.binding {
            Binding::Bound(id) if plans[index].is_none() => Some((id, index)),
            _ => None,
        })
        .collect();
    let mut absent = RoomState::NotJoined { invited_by: None };
    if !by_id.is_empty() {
        let mut states = backend.observe(what);
        while let Some(observed) = states.next().await {
            match observed {
                Ok(observed) => {
                    if let Some(&index) = by_id.get(&observed.room_id) {
                        let room = &rooms[index];
                        let brought = brought(store, room, cx.memory).await?;
                        let cx = &PlanContext {
                            brought: brought.as_ref(),
                            ..*cx
                        };
                        plans[index] = Some(plan_room(room, &observed.state, cx));
                    }
                }
                Err(error) => absent = RoomState::Unknown(Cause::new(error.to_string())),
            }
        }
    }
    let planned = plans.into_iter().zip(rooms).map(|(plan, room)| {
        plan.unwrap_or_else(|| {
            let state = if room.binding == Binding::Missing {
                &RoomState::Missing
            } else {
                &absent
            };
            plan_room(room, state, cx)
        })
    });
    Ok(planned.collect())
}

/// Asks for the accounts of the people about to be invited, and takes back what they cannot use.
pub(super) async fn hold_back(backend: &dyn RoomBackend, cx: &PlanContext<'_>, plans: &mut [RoomPlan]) {
    let users = needs_after(cx.desired, plans, cx.memory, cx.now).accounts;
    let users: Vec<OwnedUserId> = users
        .into_iter()
        .filter(|user| user.server_name() == cx.policy.homeserver)
        .collect();
    if users.is_empty() {
        return;
    }
    match backend.accounts(&users).await {
        Ok(states) => {
            let invite_missing = cx.policy.unregistered == UnregisteredPolicy::Invite;
            let held = |state: &AccountState| !(invite_missing && *state == AccountState::Missing);
            let states = users
                .into_iter()
                .zip(states)
                .filter(|(_, state)| held(state))
                .collect();
            for plan in plans {
                hold_back_unregistered(plan, &states);
            }
        }
        // Unknown is invited; the invitation itself will say what is wrong.
        Err(error) => tracing::warn!(%error, "accounts could not be looked up"),
    }
}

pub(super) fn bound<'r>(rooms: impl IntoIterator<Item = &'r DesiredRoom>) -> Vec<OwnedRoomId> {
    let bound = rooms.into_iter().filter_map(|room| match &room.binding {
        Binding::Bound(id) => Some(id.clone()),
        _ => None,
    });
    bound.collect()
}
