//! What is asked of the homeserver before a plan stands.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId};

use super::about::About;
use crate::{
    RoomBackend,
    action::Op,
    backend::{AccountState, Observe},
    desired::{Desired, DesiredRoom, PersonIx},
    directory::Gap,
    guard::is_loss,
    levels::LevelSlot,
    plan::{
        PlanContext, RoomPlan, hold_back_unregistered, needs_after, needs_before, paused_room, plan_room,
    },
    policy::UnregisteredPolicy,
    recall::{Memory, MemoryChange, Pause, RememberedAlias},
    room::{Binding, Cause, RoomRef, RoomState},
    room_rules::Listing,
    time::Timestamp,
};

/// How many questions about single aliases or listings are under way at the same time.
const QUESTIONS_AT_ONCE: usize = 8;

/// Where the aliases lead.
#[derive(Debug)]
pub(super) struct Bindings {
    /// By alias.
    pub(super) all: BTreeMap<OwnedRoomAliasId, Binding>,
    /// Those that were not asked: a remembered answer was good enough, or the run is not about their rooms.
    unasked: BTreeSet<OwnedRoomAliasId>,
}

/// Where the aliases lead; what the answers teach goes into `learned`. Only aliases of rooms that the run may be about
/// are asked; of the others what is remembered has to do, however old.
pub(super) async fn bind(
    backend: &dyn RoomBackend,
    desired: &Desired,
    about: &About,
    memory: &Memory,
    now: Timestamp,
    learned: &mut Vec<MemoryChange>,
) -> Bindings {
    // A paused alias is asked as well: the room that it leads to is paused by all its names.
    let all_paused = memory.paused.contains_key(&Pause::Everything);
    let asked = |room: &&DesiredRoom| about.may_include(room) && !all_paused;
    let (asked, others): (Vec<_>, Vec<_>) = desired.rooms.iter().partition(asked);
    let needs = needs_before(asked, memory, now);
    let mut bindings = Bindings {
        unasked: needs.remembered.keys().cloned().collect(),
        all: needs.remembered,
    };
    for reference in others.iter().flat_map(|room| &room.refs) {
        if let RoomRef::Alias(alias) = reference {
            bindings.unasked.insert(alias.clone());
            if let Some(known) = memory.aliases.get(alias) {
                bindings
                    .all
                    .insert(alias.clone(), Binding::Bound(known.room.clone()));
            }
        }
    }
    bindings.ask(backend, needs.aliases, memory, now, learned).await;
    bindings
}

impl Bindings {
    /// Asks what was not asked yet of rooms in which somebody has a place, or may have one, who is about to lose
    /// something in another: the alias may lead to that other room. Answers whether anything is other than was
    /// reckoned with.
    pub(super) async fn confirm(
        &mut self,
        backend: &dyn RoomBackend,
        wanted: (&Desired, &[DesiredRoom]),
        plans: &[RoomPlan],
        memory: &Memory,
        now: Timestamp,
        learned: &mut Vec<MemoryChange>,
    ) -> bool {
        let (desired, others) = wanted;
        let losers = losers(desired, plans);
        // Somebody whom no directory knows is a loser too, and may be among the people of a room who are not known.
        if !plans.iter().flat_map(|plan| &plan.actions).any(is_loss) {
            return false;
        }
        let mut aliases = Vec::new();
        for room in desired.rooms.iter().chain(others) {
            let seated = |person: &PersonIx| {
                room.seats
                    .binary_search_by_key(person, |seat| seat.person)
                    .is_ok()
            };
            if room.members.is_complete() && !losers.iter().any(seated) {
                continue;
            }
            aliases.extend(room.refs.iter().filter_map(|r| match r {
                RoomRef::Alias(alias) if self.unasked.contains(alias) => Some(alias.clone()),
                _ => None,
            }));
        }
        for alias in &aliases {
            self.unasked.remove(alias);
        }
        self.ask(backend, aliases, memory, now, learned).await
    }

    async fn ask(
        &mut self,
        backend: &dyn RoomBackend,
        aliases: Vec<OwnedRoomAliasId>,
        memory: &Memory,
        now: Timestamp,
        learned: &mut Vec<MemoryChange>,
    ) -> bool {
        let mut differs = false;
        let mut answers = stream::iter(aliases)
            .map(|alias| async move {
                let binding = backend.resolve_alias(&alias).await;
                (alias, binding)
            })
            .buffer_unordered(QUESTIONS_AT_ONCE);
        while let Some((alias, binding)) = answers.next().await {
            match &binding {
                Binding::Bound(room) => {
                    let remembered = RememberedAlias {
                        room: room.clone(),
                        asked: now,
                    };
                    learned.push(MemoryChange::Alias(alias.clone(), remembered));
                }
                Binding::Missing if memory.aliases.contains_key(&alias) => {
                    learned.push(MemoryChange::AliasForgotten(alias.clone()));
                }
                Binding::Missing | Binding::Unknown(_) => {}
            }
            differs |= match self.all.get(&alias) {
                Some(known) => *known != binding,
                // Nothing was reckoned with, and nothing comes of an alias that leads nowhere.
                None => matches!(binding, Binding::Bound(_)),
            };
            self.all.insert(alias, binding);
        }
        differs
    }
}

/// Everyone who is to be removed or lowered anywhere.
fn losers(desired: &Desired, plans: &[RoomPlan]) -> BTreeSet<PersonIx> {
    let losses = plans
        .iter()
        .flat_map(|plan| &plan.actions)
        .filter(|action| is_loss(action));
    let users = losses.flat_map(|action| match &action.op {
        Op::Remove { user, .. } => vec![user],
        Op::SetLevels { changes } => changes
            .iter()
            .filter_map(|change| match &change.slot {
                LevelSlot::User(user) => Some(user),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    });
    let index = |user: &OwnedUserId| {
        let found = desired.people.binary_search_by(|person| person.user_id.cmp(user));
        found.ok().and_then(|at| u32::try_from(at).ok()).map(PersonIx)
    };
    users.filter_map(index).collect()
}

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

/// Plans every desired room, one at a time as its state comes in: no two snapshots are held at once.
pub(super) async fn plan_rooms(
    backend: &dyn RoomBackend,
    cx: &PlanContext<'_>,
    what: Observe,
) -> Vec<RoomPlan> {
    let rooms = &cx.desired.rooms;
    let paused = |room: &DesiredRoom| cx.memory.is_paused(&room.refs, &room.binding);
    let mut plans: Vec<Option<RoomPlan>> = rooms
        .iter()
        .map(|room| paused(room).then(|| paused_room(room, cx)))
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
                        plans[index] = Some(plan_room(&rooms[index], &observed.state, cx));
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
    planned.collect()
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

/// An alias that led to a room when it was last asked, and cannot be asked now, may still lead there: its people are
/// not among the seats this time, and must not be removed for that.
pub(super) fn keep_together(
    desired: &mut Desired,
    bindings: &BTreeMap<OwnedRoomAliasId, Binding>,
    memory: &Memory,
) {
    for (alias, binding) in bindings {
        let (Binding::Unknown(cause), Some(known)) = (binding, memory.aliases.get(alias)) else {
            continue;
        };
        let bound =
            |room: &&mut DesiredRoom| matches!(&room.binding, Binding::Bound(id) if *id == known.room);
        for room in desired.rooms.iter_mut().filter(bound) {
            let gap = Gap {
                what: format!("{alias}, which led to this room"),
                why: cause.to_string(),
            };
            room.members.add(gap.clone());
            room.owners.add(gap);
        }
    }
}

pub(super) fn bound<'r>(rooms: impl IntoIterator<Item = &'r DesiredRoom>) -> Vec<OwnedRoomId> {
    let bound = rooms.into_iter().filter_map(|room| match &room.binding {
        Binding::Bound(id) => Some(id.clone()),
        _ => None,
    });
    bound.collect()
}
