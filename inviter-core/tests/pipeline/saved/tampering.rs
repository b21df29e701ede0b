//! What somebody does to a file, and what must hold all the same of what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::{
    RoomId, UserId,
    action::Op,
    guard::Verdict,
    reconcile::Draft,
    room::Membership,
    saved_plan::{SavedAction, SavedPlan},
};
use proptest::{collection, prelude::*};

use crate::model::{ROOMS, alias, user};

/// What would be done in each room, of all that the guard allows.
pub(super) fn allowed(draft: &Draft) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut rooms = BTreeMap::new();
    for room in draft.plan.rooms() {
        let plan = room.plan();
        let target = plan.target.as_ref().map(ToString::to_string).unwrap_or_default();
        let actions: &mut BTreeMap<String, usize> = rooms.entry(target).or_default();
        for guarded in room
            .actions()
            .iter()
            .filter(|guarded| guarded.verdict == Verdict::Allowed)
        {
            let action = serde_json::to_string(&guarded.action).unwrap();
            *actions.entry(action).or_default() += 1;
        }
    }
    rooms.retain(|_, actions| !actions.is_empty());
    rooms
}

/// Of each room all or nothing, and nothing else.
pub(super) fn is_part(part: &Draft, whole: &Draft) -> Result<(), TestCaseError> {
    let whole = allowed(whole);
    for (room, actions) in allowed(part) {
        prop_assert_eq!(Some(&actions), whole.get(&room), "in {}", room);
    }
    Ok(())
}

/// Each room that is left has in the file all that is to be done there, as often, in whatever order.
pub(super) fn is_in(part: &Draft, plan: &SavedPlan) -> Result<(), TestCaseError> {
    let text = |op: &Op| serde_json::to_string(op).unwrap();
    for room in part.plan.rooms() {
        let name = room.plan().refs.iter().chain([&room.plan().room]);
        let names: BTreeSet<_> = name.collect();
        let saved = plan.rooms.iter().filter(|saved| {
            names.contains(&saved.room) || saved.refs.iter().any(|name| names.contains(name))
        });
        let mut saved: Vec<String> = saved
            .flat_map(|saved| &saved.actions)
            .map(|action| text(&action.op))
            .collect();
        let mut now: Vec<String> = room
            .actions()
            .iter()
            .map(|guarded| text(&guarded.action.op))
            .collect();
        now.retain(|op| {
            let found = saved.iter().position(|saved| saved == op);
            found.map(|at| saved.swap_remove(at)).is_none()
        });
        prop_assert_eq!(now, [""; 0], "in {}", room.plan().room);
    }
    Ok(())
}

/// What somebody does to a file.
#[derive(Debug, Clone)]
pub(super) enum Tamper {
    Drop(usize),
    Repeat(usize),
    Swap(usize, usize),
    Person(usize, usize),
    Removal(usize),
    Unhold,
    Rename(usize),
}

pub(super) fn tampers() -> impl Strategy<Value = Vec<Tamper>> {
    let one = prop_oneof![
        any::<usize>().prop_map(Tamper::Drop),
        any::<usize>().prop_map(Tamper::Repeat),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Tamper::Swap(a, b)),
        (any::<usize>(), 0..8usize).prop_map(|(a, b)| Tamper::Person(a, b)),
        (0..8usize).prop_map(Tamper::Removal),
        Just(Tamper::Unhold),
        (0..ROOMS).prop_map(Tamper::Rename),
    ];
    collection::vec(one, 0..4)
}

pub(super) fn tamper(plan: &mut SavedPlan, how: &Tamper) {
    let count = plan.rooms.len();
    let Some(room) = plan.rooms.get_mut(match how {
        Tamper::Drop(at) | Tamper::Repeat(at) | Tamper::Person(at, _) | Tamper::Swap(at, _) => {
            at % count.max(1)
        }
        _ => 0,
    }) else {
        return;
    };
    let actions = room.actions.len();
    match how {
        Tamper::Drop(at) if actions > 0 => drop(room.actions.remove(at % actions)),
        Tamper::Repeat(at) if actions > 0 => {
            let again = room.actions[at % actions].clone();
            room.actions.push(again);
        }
        Tamper::Swap(_, with) => {
            let with = with % count;
            let other = plan.rooms[with].actions.clone();
            let mine = std::mem::replace(&mut plan.rooms[0].actions, other);
            plan.rooms[with].actions = mine;
        }
        Tamper::Person(at, who) if actions > 0 => {
            if let Op::Invite { user: of, .. } | Op::Remove { user: of, .. } =
                &mut room.actions[at % actions].op
            {
                *of = user(*who);
            }
        }
        Tamper::Removal(who) => {
            let json = serde_json::json!({
                "op": {"remove": {"user": user(*who), "invitation": false, "reason": null}},
                "why": {"rule": "in_no_group"},
            });
            let removal: SavedAction = serde_json::from_value(json).unwrap();
            room.actions.push(removal);
        }
        Tamper::Unhold => room.actions.iter_mut().for_each(|action| action.held.clear()),
        Tamper::Rename(to) => room.room = inviter_core::room::RoomRef::Alias(alias(*to)),
        _ => {}
    }
}

pub(super) type Memberships = BTreeMap<(inviter_core::OwnedRoomId, inviter_core::OwnedUserId), Membership>;

pub(super) fn gone(before: &Memberships, after: &Memberships) -> BTreeSet<String> {
    let was_in = before.iter().filter(|(_, membership)| membership.is_in());
    let is_gone = |key: &(inviter_core::OwnedRoomId, inviter_core::OwnedUserId)| {
        !after.get(key).is_some_and(|membership| membership.is_in())
    };
    let name = |room: &RoomId, user: &UserId| format!("{room} {user}");
    was_in
        .filter(|(key, _)| is_gone(key))
        .map(|((room, user), _)| name(room, user))
        .collect()
}
