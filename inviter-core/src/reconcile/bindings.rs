//! Where the aliases lead: what is asked, what is believed, and what is learnt.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use futures_util::{StreamExt, stream};
use ruma_common::{OwnedRoomAliasId, OwnedRoomId, UserId};

use super::{
    about::About,
    losing::{Concerned, Losing},
};
use crate::{
    RoomBackend,
    backend::Observe,
    desired::{Desired, DesiredRoom, PersonIx},
    directory::Gap,
    plan::{RoomPlan, is_adopted, needs_before},
    policy::Policy,
    recall::{Memory, MemoryChange, Pause, RememberedAlias, RememberedRoom},
    room::{Binding, Cause, RoomRef, RoomState},
    succession::Moved,
    time::Timestamp,
    unite::followed,
};

/// How many questions about single aliases are under way at the same time.
const QUESTIONS_AT_ONCE: usize = 8;

/// Where the aliases lead.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// By alias, what is reckoned with. Whoever reads this looks up which room has taken a room's place.
    pub(super) all: BTreeMap<OwnedRoomAliasId, Binding>,
    /// Those that were not asked: a remembered answer was good enough, or the run is not about their rooms.
    unasked: BTreeSet<OwnedRoomAliasId>,
    /// What the homeserver said in this run.
    answers: BTreeMap<OwnedRoomAliasId, Binding>,
    /// Aliases of managed rooms that lead elsewhere, and no upgrade explains it.
    moved: BTreeMap<OwnedRoomAliasId, Moved>,
    /// Where aliases lead that are not reckoned to lead there.
    elsewhere: BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    /// What was decided already: the alias, and the room that it led to.
    settled: BTreeSet<(OwnedRoomAliasId, OwnedRoomId)>,
    /// Rooms that lose nobody for now, each with an alias that may lead there.
    in_doubt: BTreeMap<OwnedRoomId, OwnedRoomAliasId>,
    /// People who lose nothing there for now, each with such an alias.
    people_in_doubt: BTreeMap<OwnedRoomId, BTreeMap<PersonIx, OwnedRoomAliasId>>,
}

/// What is to be made of an alias that leads elsewhere than it did.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Nothing was managed there: it is believed.
    Believed,
    /// The room that it led to decides what becomes of it: it is paused, or was closed in favour of another.
    ByTheOld,
    /// Nothing explains it.
    Unexplained,
}

/// Where the aliases lead. Only aliases of rooms that the run may be about are asked; of the others what is remembered
/// has to do, however old.
pub(super) async fn bind(
    backend: &dyn RoomBackend,
    desired: &Desired,
    about: &About,
    memory: &Memory,
    now: Timestamp,
) -> Bindings {
    // A paused alias is asked as well: the room that it leads to is paused by all its names.
    let all_paused = memory.paused.contains_key(&Pause::Everything);
    let asked = |room: &&DesiredRoom| about.may_include(room, &memory.successors) && !all_paused;
    let (asked, others): (Vec<_>, Vec<_>) = desired.rooms.iter().partition(asked);
    let needs = needs_before(asked, memory, now);
    let mut bindings = Bindings {
        unasked: needs.remembered.keys().cloned().collect(),
        all: needs.remembered,
        ..Bindings::default()
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
    let mut ask = needs.aliases;
    if !all_paused && !memory.paused.is_empty() {
        // Where a paused room's alias leads by now, nothing is done either, whatever the run is about.
        let paused = others
            .iter()
            .filter(|room| memory.is_paused(&room.refs, &room.binding));
        ask.extend(paused.flat_map(|room| aliases(room)).cloned());
        ask.sort_unstable();
        ask.dedup();
    }
    for alias in &ask {
        bindings.unasked.remove(alias);
    }
    bindings.ask(backend, ask, memory).await;
    bindings
}

impl Bindings {
    /// Asks what was not asked yet of rooms in which somebody has a place, or may have one, who is about to lose
    /// something in another: the alias may lead to that other room, which loses nobody if that cannot be known.
    /// Answers whether anything is other than was reckoned with.
    pub(super) async fn confirm(
        &mut self,
        backend: &dyn RoomBackend,
        wanted: (&Desired, &[DesiredRoom]),
        plans: &[RoomPlan],
        memory: &Memory,
    ) -> bool {
        let (desired, others) = wanted;
        let losing = Losing::of(desired, plans);
        if losing.is_empty() {
            return false;
        }
        let rooms = || desired.rooms.iter().chain(others);
        let mut unasked = Vec::new();
        for room in rooms() {
            let mut open = aliases(room)
                .filter(|alias| self.unasked.contains(*alias))
                .peekable();
            if open.peek().is_some() && losing.may_have_place(room) {
                unasked.extend(open.cloned());
            }
        }
        for alias in &unasked {
            self.unasked.remove(alias);
        }
        let mut differs = self.ask(backend, unasked, memory).await;
        for room in rooms() {
            // Of any other it is known where it leads, or led.
            let is_open = |alias: &&OwnedRoomAliasId| {
                matches!(self.all.get(*alias), Some(Binding::Unknown(_))) && memory.led_to(alias).is_none()
            };
            let Some(alias) = aliases(room).find(is_open) else {
                continue;
            };
            match losing.concerned(room) {
                Concerned::All(rooms) => {
                    for room in rooms {
                        differs |= is_new(self.in_doubt.entry(room.clone()), alias);
                    }
                }
                Concerned::Seated(people) => {
                    for (room, person) in people {
                        let there = self.people_in_doubt.entry(room.clone()).or_default();
                        differs |= is_new(there.entry(person), alias);
                    }
                }
            }
        }
        differs
    }

    async fn ask(
        &mut self,
        backend: &dyn RoomBackend,
        aliases: Vec<OwnedRoomAliasId>,
        memory: &Memory,
    ) -> bool {
        let mut differs = false;
        let mut answers = stream::iter(aliases)
            .map(|alias| async move {
                let binding = backend.resolve_alias(&alias).await;
                (alias, binding)
            })
            .buffer_unordered(QUESTIONS_AT_ONCE);
        while let Some((alias, binding)) = answers.next().await {
            differs |= match self.all.get(&alias) {
                Some(known) => followed(known, &memory.successors) != followed(&binding, &memory.successors),
                // Nothing was reckoned with, and nothing comes of an alias that leads nowhere.
                None => matches!(binding, Binding::Bound(_)),
            };
            self.answer(alias, binding);
        }
        differs
    }

    /// Takes in what the homeserver says of an alias, to be settled.
    pub(super) fn answer(&mut self, alias: OwnedRoomAliasId, binding: Binding) {
        self.answers.insert(alias.clone(), binding.clone());
        self.all.insert(alias, binding);
    }

    /// Decides about aliases that lead elsewhere than they did (decision 43): whether that is believed depends on the
    /// room that they led to, which is looked at.
    pub(super) async fn settle(
        &mut self,
        backend: &dyn RoomBackend,
        memory: &Memory,
        policy: &Policy,
        bot: &UserId,
    ) {
        let mut open = Vec::new();
        for (alias, answer) in &self.answers {
            let (Binding::Bound(to), Some(from)) = (answer, memory.led_to(alias)) else {
                continue;
            };
            if memory.successors.current(to) == from {
                // An upgrade that was followed in the meantime may explain what nothing did before.
                self.moved.remove(alias);
                self.elsewhere.remove(alias);
                self.all.insert(alias.clone(), answer.clone());
            } else if self.settled.insert((alias.clone(), from.to_owned())) {
                open.push(Moved {
                    alias: alias.clone(),
                    from: from.to_owned(),
                    to: to.clone(),
                });
            }
        }
        if open.is_empty() {
            return;
        }
        let led_to: BTreeSet<OwnedRoomId> = open.iter().map(|moved| moved.from.clone()).collect();
        let changes = look_at(backend, led_to, memory, policy, bot).await;
        for moved in open {
            let paused = memory.is_paused(
                &[RoomRef::Alias(moved.alias.clone())],
                &Binding::Bound(moved.from.clone()),
            );
            let change = match changes.get(&moved.from) {
                Some(change) if !paused => *change,
                _ => Change::ByTheOld,
            };
            let Moved { alias, from, to } = &moved;
            self.moved.remove(alias);
            let (binding, believed) = match change {
                Change::Believed => (Binding::Bound(to.clone()), true),
                Change::ByTheOld => (Binding::Bound(from.clone()), false),
                Change::Unexplained => {
                    let cause = format!("{alias} led to {from}, which is managed, and now leads to {to}");
                    (Binding::Unknown(Cause::new(cause)), false)
                }
            };
            self.all.insert(alias.clone(), binding);
            if believed {
                self.elsewhere.remove(alias);
                continue;
            }
            self.elsewhere.insert(alias.clone(), to.clone());
            if matches!(change, Change::Unexplained) {
                self.moved.insert(alias.clone(), moved);
            }
        }
    }

    /// The alias among these names that leads elsewhere, and nothing explains it.
    pub(super) fn moved(&self, refs: &[RoomRef]) -> Option<&Moved> {
        refs.iter().find_map(|name| match name {
            RoomRef::Alias(alias) => self.moved.get(alias),
            RoomRef::Id(_) => None,
        })
    }

    /// The pause that holds for a room: that of one of its names, or of a paused room whose alias leads there by now.
    pub(super) fn pause_of(&self, room: &DesiredRoom, memory: &Memory) -> Option<Pause> {
        let by_name = memory.pause_of(&room.refs, &room.binding);
        let Binding::Bound(id) = &room.binding else {
            return by_name;
        };
        let leads_here = |to: &OwnedRoomId| memory.successors.current(to) == id;
        let mut led_here = self.elsewhere.iter().filter(|(_, to)| leads_here(to));
        by_name.or_else(|| {
            led_here.find_map(|(alias, _)| {
                let from = memory.led_to(alias)?.to_owned();
                memory.pause_of(&[RoomRef::Alias(alias.clone())], &Binding::Bound(from))
            })
        })
    }

    /// What the answers teach. Of an alias that is not believed, where it led stays remembered, and it is asked again
    /// by every run.
    pub(super) fn learned(&self, memory: &Memory, now: Timestamp) -> Vec<MemoryChange> {
        let mut learned = Vec::new();
        for (alias, answer) in &self.answers {
            let known = memory.aliases.get(alias);
            let change = match (answer, known) {
                (Binding::Bound(_), Some(known)) if self.elsewhere.contains_key(alias) => {
                    let again = RememberedAlias::to_be_asked(&known.room);
                    if again == *known {
                        continue;
                    }
                    MemoryChange::Alias(alias.clone(), again)
                }
                (Binding::Bound(room), _) => {
                    let remembered = RememberedAlias {
                        room: room.clone(),
                        asked: now,
                    };
                    MemoryChange::Alias(alias.clone(), remembered)
                }
                (Binding::Missing, Some(known)) => {
                    let name = [RoomRef::Alias(alias.clone())];
                    let again = RememberedAlias::to_be_asked(&known.room);
                    if !memory.is_paused(&name, answer) {
                        MemoryChange::AliasForgotten(alias.clone())
                    } else if again == *known {
                        continue;
                    } else {
                        // Were it forgotten, nothing would tell that this is the room that a person has paused by
                        // its ID, and another would be made.
                        MemoryChange::Alias(alias.clone(), again)
                    }
                }
                (Binding::Missing | Binding::Unknown(_), _) => continue,
            };
            learned.push(change);
        }
        learned
    }

    /// Where aliases lead that are not reckoned to lead there.
    pub(super) const fn elsewhere(&self) -> &BTreeMap<OwnedRoomAliasId, OwnedRoomId> {
        &self.elsewhere
    }

    /// Where aliases lead that are not reckoned to lead there.
    pub(super) fn into_elsewhere(self) -> BTreeMap<OwnedRoomAliasId, OwnedRoomId> {
        self.elsewhere
    }

    /// An alias that led to a room when it was last asked, and cannot be asked now or leads elsewhere all of a sudden,
    /// may still stand for it, or for the room where it leads now: its people are not among the seats there this time,
    /// and must not be removed for that. One that was never answered for may stand for any room.
    pub(super) fn keep_together(&self, desired: &mut Desired, memory: &Memory) {
        for (alias, binding) in &self.all {
            if let (Binding::Unknown(cause), Some(room)) = (binding, memory.led_to(alias)) {
                add_gap(
                    desired,
                    room,
                    &format!("{alias}, which led to this room"),
                    &cause.to_string(),
                );
            }
        }
        for (alias, to) in &self.elsewhere {
            let to = memory.successors.current(to);
            let why = "it led to another room, which is managed";
            add_gap(desired, to, &format!("{alias}, which leads to this room"), why);
        }
        for (room, alias) in &self.in_doubt {
            if let Some(Binding::Unknown(cause)) = self.all.get(alias) {
                let room = memory.successors.current(room);
                let what = format!("{alias}, which may lead to this room");
                add_gap(desired, room, &what, &cause.to_string());
            }
        }
        if self.people_in_doubt.is_empty() {
            return;
        }
        let bound = desired.rooms.iter_mut().filter_map(|room| match &room.binding {
            Binding::Bound(id) => Some((id.clone(), room)),
            Binding::Missing | Binding::Unknown(_) => None,
        });
        let mut bound: BTreeMap<OwnedRoomId, &mut DesiredRoom> = bound.collect();
        for (room, people) in &self.people_in_doubt {
            let Some(wanted) = bound.get_mut(memory.successors.current(room)) else {
                continue;
            };
            for (person, alias) in people {
                if let Some(Binding::Unknown(cause)) = self.all.get(alias) {
                    let why = format!("they belong to {alias}, which may lead to this room: {cause}");
                    wanted.in_doubt.insert(*person, why.into());
                }
            }
        }
    }
}

/// Puts an alias where none is yet; answers whether there was none.
fn is_new<K: Ord>(entry: Entry<'_, K, OwnedRoomAliasId>, alias: &OwnedRoomAliasId) -> bool {
    match entry {
        Entry::Vacant(entry) => {
            entry.insert(alias.clone());
            true
        }
        Entry::Occupied(_) => false,
    }
}

fn aliases(room: &DesiredRoom) -> impl Iterator<Item = &OwnedRoomAliasId> {
    room.refs.iter().filter_map(|name| match name {
        RoomRef::Alias(alias) => Some(alias),
        RoomRef::Id(_) => None,
    })
}

fn add_gap(desired: &mut Desired, room: &ruma_common::RoomId, what: &str, why: &str) {
    let bound = |wanted: &&mut DesiredRoom| matches!(&wanted.binding, Binding::Bound(id) if *id == room);
    for wanted in desired.rooms.iter_mut().filter(bound) {
        let gap = Gap {
            what: what.to_owned(),
            why: why.to_owned(),
        };
        wanted.members.add(gap.clone());
        wanted.owners.add(gap);
    }
}

/// What is to be made of aliases that led to these rooms.
async fn look_at(
    backend: &dyn RoomBackend,
    rooms: BTreeSet<OwnedRoomId>,
    memory: &Memory,
    policy: &Policy,
    bot: &UserId,
) -> BTreeMap<OwnedRoomId, Change> {
    // As far as is known without looking.
    let as_remembered = |room: &OwnedRoomId| {
        let managed = memory.rooms.get(room).is_some_and(RememberedRoom::was_managed);
        if managed {
            Change::Unexplained
        } else {
            Change::Believed
        }
    };
    // What cannot be read just now may be managed though nothing is remembered of it, such as a room of the bot's own
    // before its first good run.
    let unless_given_away = |room: &OwnedRoomId| {
        let known = memory.rooms.get(room);
        if known.is_some_and(|known| known.handed_over.is_some()) {
            Change::Believed
        } else {
            Change::Unexplained
        }
    };
    let mut changes = BTreeMap::new();
    let mut failed = false;
    let mut states = backend.observe(Observe::Rooms(rooms.iter().cloned().collect()));
    while let Some(observed) = states.next().await {
        match observed {
            Ok(observed) => {
                let remembered = memory.rooms.get(&observed.room_id);
                let change = match observed.state {
                    RoomState::Joined(snapshot) if !is_adopted(&snapshot, remembered, policy, bot) => {
                        Change::Believed
                    }
                    RoomState::Joined(snapshot) if snapshot.replaced_by.is_some() => Change::ByTheOld,
                    RoomState::Joined(_) => Change::Unexplained,
                    RoomState::Unknown(_) => unless_given_away(&observed.room_id),
                    // The bot is not there: what is remembered is all there is.
                    RoomState::NotJoined { .. } | RoomState::Missing => as_remembered(&observed.room_id),
                };
                changes.insert(observed.room_id, change);
            }
            Err(error) => {
                tracing::warn!(%error, "rooms that aliases led to could not be read");
                failed = true;
            }
        }
    }
    for room in rooms {
        changes.entry(room.clone()).or_insert_with(|| {
            if failed {
                unless_given_away(&room)
            } else {
                as_remembered(&room)
            }
        });
    }
    changes
}
