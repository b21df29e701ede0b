//! People whom nothing wants any more, and who have time yet before they go.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    time::Duration,
};

use inviter::core::{
    OwnedRoomId, OwnedUserId, RoomId,
    action::RoomTarget,
    finding::{FindingKind, Subject},
    policy::Policy,
    recall::Memory,
    room::{Binding, RoomRef},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{Picture, Status};
use crate::render::{counted, duration, time};

/// How many people are in their grace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grace {
    /// People, each once.
    pub people: usize,
    /// The rooms that they are to leave.
    pub rooms: usize,
    /// When the first of them may go.
    pub first: Timestamp,
    /// When the last may.
    pub last: Timestamp,
}

impl Grace {
    /// By a plan, or else by what the last runs have written down. `None` if there is nobody.
    pub(super) fn of(
        memory: &Memory,
        policy: &Policy,
        picture: Option<&Picture>,
        now: Timestamp,
    ) -> Option<Self> {
        let spans = Spans::of(policy);
        let waiting = match picture.filter(|picture| !picture.is_run) {
            Some(plan) => planned(plan, memory, &spans),
            None => remembered(memory, &spans),
        };
        let waiting = || waiting.iter().filter(|((_, _), until)| **until > now);
        let people: BTreeSet<&OwnedUserId> = waiting().map(|((_, user), _)| user).collect();
        let rooms: BTreeSet<&OwnedRoomId> = waiting().map(|((room, _), _)| room).collect();
        let until = || waiting().map(|(_, until)| *until);
        Some(Self {
            people: people.len(),
            rooms: rooms.len(),
            first: until().min()?,
            last: until().max()?,
        })
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "people": self.people,
            "rooms": self.rooms,
            "first": time(self.first),
            "last": time(self.last),
        })
    }
}

impl Status {
    pub(super) fn write_grace(&self, out: &mut String) -> fmt::Result {
        let Some(grace) = &self.grace else {
            return Ok(());
        };
        let Grace {
            people,
            rooms,
            first,
            last,
        } = grace;
        let goes = if *people == 1 { "goes" } else { "go" };
        writeln!(
            out,
            "grace: {} {goes} from {} within {}, unless the directory brings them back; the first at {}",
            counted(*people, "person", "people"),
            counted(*rooms, "room", "rooms"),
            duration(last.since(self.now)),
            self.when(*first)
        )
    }
}

/// Until when whom has time where.
type Waiting = BTreeMap<(OwnedRoomId, OwnedUserId), Timestamp>;

/// How long the grace of each room is.
struct Spans {
    listed: Vec<(RoomRef, Duration)>,
    others: Duration,
}

impl Spans {
    fn of(policy: &Policy) -> Self {
        let listed = policy.listed_rooms().into_iter();
        Self {
            listed: listed.map(|spec| (spec.room, spec.rules.grace)).collect(),
            others: policy.defaults.grace,
        }
    }

    fn of_room(&self, names: &[RoomRef]) -> Duration {
        let mut listed = self.listed.iter();
        let known = listed.find(|(room, _)| names.contains(room));
        known.map_or(self.others, |(_, span)| *span)
    }
}

/// The room's ID and the aliases that lead there.
fn names(memory: &Memory, room: &RoomId) -> Vec<RoomRef> {
    let aliases = memory.aliases.keys();
    let aliases = aliases.filter(|alias| memory.led_to(alias) == Some(room));
    let id = RoomRef::Id(room.to_owned());
    aliases.cloned().map(RoomRef::Alias).chain([id]).collect()
}

fn remembered(memory: &Memory, spans: &Spans) -> Waiting {
    let mut waiting = Waiting::new();
    for (id, room) in memory.rooms.iter().filter(|(_, room)| !room.missing.is_empty()) {
        let names = names(memory, id);
        // Their time begins anew when the room is resumed.
        if memory.is_paused(&names, &Binding::Bound(id.clone())) {
            continue;
        }
        let span = spans.of_room(&names);
        let missing = room.missing.iter();
        waiting.extend(missing.map(|(user, since)| ((id.clone(), user.clone()), since.plus(span))));
    }
    waiting
}

/// What no run has written down yet begins with the next.
fn planned(plan: &Picture, memory: &Memory, spans: &Spans) -> Waiting {
    let mut waiting = Waiting::new();
    for room in &plan.report.rooms {
        let Some(RoomTarget::Existing(id)) = &room.target else {
            continue;
        };
        let mut names = names(memory, id);
        names.insert(0, room.room.clone());
        let span = spans.of_room(&names);
        let findings = room.findings.iter();
        for finding in findings.filter(|finding| finding.kind == FindingKind::InGrace) {
            let Subject::Person(_, user) = &finding.about else {
                continue;
            };
            let missing = memory.rooms.get(id).and_then(|known| known.missing.get(user));
            let since = missing
                .copied()
                .filter(|since| *since <= plan.at)
                .unwrap_or(plan.at);
            waiting.insert((id.clone(), user.clone()), since.plus(span));
        }
    }
    waiting
}
