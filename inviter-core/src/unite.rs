//! Uniting rooms: where several references lead to one room, it is one room (decision 7).

#[cfg(test)]
mod tests;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma_common::{OwnedRoomAliasId, OwnedRoomId};

use crate::{
    desired::{Desired, DesiredRoom, Feed, Seat},
    finding::{Finding, FindingKind, Subject},
    room::{Binding, Cause, RoomRef},
    succession::Successors,
};

/// Binds each room by what the homeserver said of its aliases, and unites those that are one room.
///
/// An alias that is not among `bindings` is unknown. Rooms that are missing or unknown stay apart. Where settings
/// differ, those of the lowest [`DesiredRoom::precedence`] win, with a finding if both are explicit.
#[must_use]
pub fn unite(desired: Desired, bindings: &BTreeMap<OwnedRoomAliasId, Binding>) -> Desired {
    unite_followed(desired, bindings, &Successors::default())
}

/// [`unite`], where rooms that were replaced and followed are the ones that have replaced them.
#[must_use]
pub fn unite_followed(
    mut desired: Desired,
    bindings: &BTreeMap<OwnedRoomAliasId, Binding>,
    successors: &Successors,
) -> Desired {
    for room in &mut desired.rooms {
        room.binding = binding(&room.refs, bindings, successors);
        room.refs.sort_unstable();
        room.refs.dedup();
    }
    let mut apart = desired.rooms;
    let shared = shared(&apart);
    if !shared.is_empty() {
        let mut together: BTreeMap<OwnedRoomId, Vec<DesiredRoom>> = BTreeMap::new();
        for room in std::mem::take(&mut apart) {
            match &room.binding {
                Binding::Bound(id) if shared.contains(id) => {
                    together.entry(id.clone()).or_default().push(room);
                }
                _ => apart.push(room),
            }
        }
        for (id, rooms) in together {
            apart.extend(merge_all(&id, rooms, &mut desired.findings));
        }
    }
    apart.sort_by(|a, b| a.refs.cmp(&b.refs));
    desired.rooms = apart;
    desired.findings.sort_unstable();
    desired.findings.dedup();
    desired
}

/// The rooms to which more than one of these are bound: mostly none.
fn shared(rooms: &[DesiredRoom]) -> BTreeSet<OwnedRoomId> {
    let bound = rooms.iter().filter_map(|room| match &room.binding {
        Binding::Bound(id) => Some(id),
        _ => None,
    });
    let mut bound: Vec<&OwnedRoomId> = bound.collect();
    bound.sort_unstable();
    let twice = bound.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| pair[0].clone()).collect()
}

/// Where all references of a room lead together.
fn binding(
    refs: &[RoomRef],
    bindings: &BTreeMap<OwnedRoomAliasId, Binding>,
    successors: &Successors,
) -> Binding {
    let mut each = refs.iter().map(|room| match room {
        RoomRef::Id(id) => Binding::Bound(successors.current(id).to_owned()),
        RoomRef::Alias(alias) => match bindings.get(alias) {
            Some(known) => followed(known, successors),
            None => Binding::Unknown(Cause::new(format!(
                "the homeserver was not asked where {alias} leads"
            ))),
        },
    });
    let Some(first) = each.next() else {
        return Binding::Unknown(Cause::new("the room has neither an alias nor an ID"));
    };
    match each.find(|other| *other != first) {
        None => first,
        // They were one room when they were united, and what was united cannot be told apart again.
        Some(_) => Binding::Unknown(Cause::new("its references no longer lead to one room")),
    }
}

/// Where an answer about an alias leads by now.
pub(crate) fn followed(binding: &Binding, successors: &Successors) -> Binding {
    match binding {
        Binding::Bound(id) => Binding::Bound(successors.current(id).to_owned()),
        Binding::Missing | Binding::Unknown(_) => binding.clone(),
    }
}

fn merge_all(
    id: &OwnedRoomId,
    mut rooms: Vec<DesiredRoom>,
    findings: &mut Vec<Finding>,
) -> Option<DesiredRoom> {
    // The room whose settings count comes first; among equals the order is that of the references already.
    rooms.sort_by_key(|room| room.precedence);
    let mut rooms = rooms.into_iter();
    let mut united = rooms.next()?;
    let mut differ = false;
    for room in rooms {
        differ |= room.precedence != DesiredRoom::BY_DEFAULT && room.rules != united.rules;
        merge(&mut united, room);
    }
    united.refs.sort_unstable();
    united.refs.dedup();
    if differ && let Some(first) = united.refs.first() {
        let refs: Vec<String> = united.refs.iter().map(ToString::to_string).collect();
        findings.push(Finding::new(
            Subject::Room(first.clone()),
            FindingKind::ConflictingSettings,
            format!(
                "{} are one room ({id}) with different settings; those that come first in the configuration count",
                refs.join(" and ")
            ),
        ));
    }
    Some(united)
}

fn merge(into: &mut DesiredRoom, other: DesiredRoom) {
    let feeds = merge_feeds(&into.feeds, &other.feeds);
    let ours = renumber(&into.seats, &into.feeds, &feeds);
    let theirs = renumber(&other.seats, &other.feeds, &feeds);
    into.seats = merge_seats(ours, theirs);
    into.feeds = feeds;
    into.refs.extend(other.refs);
    into.members.absorb(&other.members);
    into.owners.absorb(&other.owners);
    into.in_doubt.extend(other.in_doubt);
    into.in_scope |= other.in_scope;
}

/// Both lists are in order, and so is the outcome.
fn merge_feeds(a: &[Feed], b: &[Feed]) -> Arc<[Feed]> {
    let mut feeds: Vec<Feed> = a.iter().chain(b).cloned().collect();
    feeds.sort();
    feeds.dedup();
    feeds.into()
}

fn renumber(seats: &[Seat], old: &[Feed], new: &[Feed]) -> Vec<Seat> {
    let places: Vec<u16> = old
        .iter()
        .map(|feed| new.partition_point(|other| other < feed))
        .map(|at| u16::try_from(at).unwrap_or(u16::MAX))
        .collect();
    let place = |feed: u16| places.get(usize::from(feed)).copied().unwrap_or(feed);
    seats
        .iter()
        .map(|seat| Seat {
            feed: seat.feed.map(place),
            ..*seat
        })
        .collect()
}

fn merge_seats(ours: Vec<Seat>, theirs: Vec<Seat>) -> Vec<Seat> {
    let mut seats = Vec::with_capacity(ours.len().max(theirs.len()));
    let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    while let (Some(a), Some(b)) = (ours.peek().copied(), theirs.peek().copied()) {
        let order = a.person.cmp(&b.person);
        seats.push(match order {
            Ordering::Less => a,
            Ordering::Greater => b,
            Ordering::Equal => better(a, b),
        });
        if order.is_le() {
            ours.next();
        }
        if order.is_ge() {
            theirs.next();
        }
    }
    seats.extend(ours);
    seats.extend(theirs);
    seats
}

/// A fixed seat counts, with the other's level if that is higher and its own is not fixed; then the higher role, then
/// the earlier feed.
fn better(a: Seat, b: Seat) -> Seat {
    let filled = |fixed: Seat, other: Seat| Seat {
        role: if fixed.level_fixed {
            fixed.role
        } else {
            fixed.role.max(other.role)
        },
        ..fixed
    };
    match (a.feed, b.feed) {
        (None, Some(_)) => filled(a, b),
        (Some(_), None) => filled(b, a),
        (None, None) if a.level_fixed != b.level_fixed => {
            if a.level_fixed {
                a
            } else {
                b
            }
        }
        _ if b.role.exceeds(a.role) => b,
        _ if a.role.exceeds(b.role) || a.feed <= b.feed => a,
        _ => b,
    }
}
