//! Random changes on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;

use crate::organisation::{Group, Organisation};
use crate::world::{HISTORY, Needed, Truth, World, differences};

/// A room keeps at least so many people: an empty one is held back whatever the limits.
const LEAST: usize = 3;

/// How many changes are tried before chance is taken to find none.
const TRIES: usize = 40;

/// The same thing is changed so often within [`FIGHT_WITHIN`] and not more: who goes on is fighting with the bot,
/// which leaves the room to them.
const FIGHT_BELOW: usize = 2;
/// See [`FIGHT_BELOW`].
const FIGHT_WITHIN: Duration = Duration::from_secs(11 * 60);
/// And so often in all: whoever goes on for a day is fighting, too.
const SLOW_FIGHT_BELOW: usize = 11;

/// How large everything is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rooms: usize,
    pub(crate) people: usize,
    /// People of the homeserver who are in no directory.
    pub(crate) outsiders: usize,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The directory is another one; this says in words how.
    Directory(String),
    /// Something happened in a room.
    Drift(Drift),
    /// A person left a room by their own act, where they had this level.
    Leave {
        room: String,
        person: String,
        level: i64,
    },
}

/// Something that happened in a room and that the bot has to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Drift {
    /// A member was kicked.
    Kick { room: String, person: String },
    /// Somebody's level was changed.
    Level {
        room: String,
        person: String,
        from: i64,
        to: i64,
    },
    /// The history visibility was changed.
    History { room: String, to: &'static str },
    /// Somebody who does not belong there was invited, and joins if they are of those who do.
    Stranger { room: String, person: String },
}

impl Drift {
    /// Where.
    pub(crate) fn room(&self) -> &str {
        match self {
            Self::Kick { room, .. }
            | Self::Level { room, .. }
            | Self::History { room, .. }
            | Self::Stranger { room, .. } => room,
        }
    }
}

/// Who is in a room, as the homeserver has it: person to whether they have joined.
pub(crate) type Inside = BTreeMap<String, bool>;

/// Makes changes, and knows what the rooms must be after them.
///
/// Two changes about one person, or about one room's levels, keep so far apart that the bot has dealt with the first
/// before the second comes. Otherwise nobody could say how many writes are needed, or whether the directory has
/// brought somebody anew.
pub(crate) struct Generator {
    pub(crate) world: World,
    rng: Rng,
    size: Size,
    /// How far apart.
    apart: Duration,
    /// What is not touched before a time: people, `levels of` and `history of` rooms.
    busy: BTreeMap<String, Duration>,
    /// Rooms in which there is somebody who can make changes, since the bot has made them.
    pub(crate) open: BTreeSet<String>,
    /// Rooms of groups that came later, which are being made.
    pub(crate) coming: BTreeSet<String>,
    /// Room and person: a second kick of the same person is another's will, which the bot respects.
    kicked: BTreeSet<(String, String)>,
    /// Room and person: once each.
    strangers: BTreeSet<(String, String)>,
    /// When the same thing was changed, for [`FIGHT_BELOW`].
    lately: BTreeMap<String, Vec<Duration>>,
    /// What all changes so far need.
    pub(crate) needed: Needed,
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn person(number: usize) -> String {
    format!("p{number:03}")
}

fn outsider(number: usize) -> String {
    format!("x{number:02}")
}

impl Generator {
    /// A world of this size. `apart` is how long the bot may take to deal with a change of the directory.
    pub(crate) fn new(seed: u64, size: Size, apart: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut directory = Organisation {
            people: (0..size.people).map(person).collect(),
            ..Organisation::default()
        };
        let everybody: Vec<String> = directory.people.iter().cloned().collect();
        let teams: Vec<String> = (0..size.rooms.div_ceil(6)).map(|n| format!("team-{n}")).collect();
        for name in &teams {
            let members = rng
                .choose_multiple(everybody.iter().cloned(), 4)
                .into_iter()
                .collect();
            let group = Group {
                members,
                ..Group::default()
            };
            directory.groups.insert(name.clone(), group);
        }
        for number in 0..size.rooms {
            let count = rng.usize(6..12);
            let members: Vec<String> = rng.choose_multiple(everybody.iter().cloned(), count);
            let owners = members.iter().take(rng.usize(1..4)).cloned().collect();
            let groups = rng.choice(&teams).filter(|_| rng.u8(0..3) == 0);
            let group = Group {
                is_room: true,
                members: members.iter().cloned().collect(),
                owners,
                groups: groups.into_iter().cloned().collect(),
            };
            directory.groups.insert(format!("r{number:03}"), group);
        }
        Self {
            world: World {
                directory,
                away: BTreeSet::new(),
            },
            rng,
            size,
            apart,
            busy: BTreeMap::new(),
            open: BTreeSet::new(),
            coming: BTreeSet::new(),
            kicked: BTreeSet::new(),
            strangers: BTreeSet::new(),
            lately: BTreeMap::new(),
            needed: Needed::default(),
        }
    }

    /// Everybody who has to have an account on the homeserver.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let outsiders = (0..self.size.outsiders).map(outsider);
        self.world
            .directory
            .people
            .iter()
            .cloned()
            .chain(outsiders)
            .collect()
    }

    /// Whether a person accepts invitations; others leave them open, and are in all the same.
    pub(crate) fn joins(person: &str) -> bool {
        !person.ends_with(['3', '7', '9'])
    }

    /// Makes a change at this time, counted from any beginning, if chance finds one that is possible. `inside` tells
    /// who is in a room now.
    pub(crate) fn next(&mut self, now: Duration, inside: &dyn Fn(&str) -> Inside) -> Option<Change> {
        for _ in 0..TRIES {
            let change = match self.rng.usize(0..24) {
                0..3 => self.member_added(now),
                3..6 => self.member_removed(now),
                6..8 => self.owner_gained(now),
                8..10 => self.owner_lost(now),
                10 => self.disabled(now),
                11 => self.enabled(now),
                12 => self.group_added(now),
                13..16 => self.kick(now, inside),
                16..19 => self.level(now, inside),
                19 => self.history(now),
                20..22 => self.stranger(now, inside),
                _ => self.leave(now, inside),
            };
            if change.is_some() {
                return change;
            }
        }
        None
    }

    // ---- what is left alone for a while ----

    fn is_busy(&self, what: &str, now: Duration) -> bool {
        self.busy.get(what).is_some_and(|until| *until > now)
    }

    fn keep(&mut self, what: String, now: Duration) {
        self.busy.insert(what, now + self.apart);
    }

    /// Whether changing this once more would look like a fight; counts it if not.
    fn is_fight(&mut self, what: &str, now: Duration) -> bool {
        let times = self.lately.entry(what.to_owned()).or_default();
        let lately = times.iter().filter(|time| **time + FIGHT_WITHIN > now).count();
        if lately >= FIGHT_BELOW || times.len() >= SLOW_FIGHT_BELOW {
            return true;
        }
        times.push(now);
        false
    }

    fn pick<T: Clone>(&mut self, from: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = from.into_iter().collect();
        self.rng.choice(all)
    }

    // ---- the directory ----

    /// Takes a change of the directory, unless it comes too soon after others or goes too far.
    fn directory(
        &mut self,
        now: Duration,
        words: String,
        about: &str,
        change: impl FnOnce(&mut Organisation),
    ) -> Option<Change> {
        let before = self.world.truths();
        let mut after = self.world.clone();
        change(&mut after.directory);
        after.forget_unwanted();
        let truths = after.truths();
        let different = differences(&before, &truths);
        let mut keeping: BTreeSet<String> = BTreeSet::from([about.to_owned()]);
        for (room, difference) in &different {
            // Whoever waits for a room to be made looks for it as its group came.
            let is_being_made = self.coming.contains(room) && !self.open.contains(room);
            if is_being_made || truths[room].inside.len() < LEAST {
                return None;
            }
            keeping.extend(difference.entering.iter().chain(&difference.leaving).cloned());
            if difference.levels_change {
                keeping.insert(levels_of(room));
            }
        }
        if different.is_empty() || keeping.iter().any(|what| self.is_busy(what, now)) {
            return None;
        }
        for what in keeping {
            self.keep(what, now);
        }
        for difference in different.values() {
            self.needed.add(difference.needed());
        }
        self.world = after;
        Some(Change::Directory(words))
    }

    fn group(&mut self) -> Option<String> {
        let groups: Vec<String> = self.world.directory.groups.keys().cloned().collect();
        self.pick(groups)
    }

    fn member_added(&mut self, now: Duration) -> Option<Change> {
        let group = self.group()?;
        let person = self.pick(self.world.directory.people.clone())?;
        self.directory(
            now,
            format!("{person} comes into {group}"),
            &person,
            |directory| {
                directory
                    .groups
                    .entry(group.clone())
                    .or_default()
                    .members
                    .insert(person.clone());
            },
        )
    }

    fn member_removed(&mut self, now: Duration) -> Option<Change> {
        let group = self.group()?;
        let person = self.pick(self.world.directory.groups[&group].members.clone())?;
        self.directory(now, format!("{person} goes from {group}"), &person, |directory| {
            directory
                .groups
                .entry(group.clone())
                .or_default()
                .members
                .remove(&person);
        })
    }

    fn owner_gained(&mut self, now: Duration) -> Option<Change> {
        let group = self.group()?;
        let person = self.pick(self.world.directory.groups[&group].members.clone())?;
        self.directory(now, format!("{person} owns {group}"), &person, |directory| {
            directory
                .groups
                .entry(group.clone())
                .or_default()
                .owners
                .insert(person.clone());
        })
    }

    fn owner_lost(&mut self, now: Duration) -> Option<Change> {
        let group = self.group()?;
        let person = self.pick(self.world.directory.groups[&group].owners.clone())?;
        self.directory(
            now,
            format!("{person} owns {group} no more"),
            &person,
            |directory| {
                directory
                    .groups
                    .entry(group.clone())
                    .or_default()
                    .owners
                    .remove(&person);
            },
        )
    }

    fn disabled(&mut self, now: Duration) -> Option<Change> {
        let person = self.pick(self.world.directory.people.clone())?;
        self.directory(now, format!("{person} is disabled"), &person, |directory| {
            directory.disabled.insert(person.clone());
        })
    }

    fn enabled(&mut self, now: Duration) -> Option<Change> {
        let person = self.pick(self.world.directory.disabled.clone())?;
        self.directory(now, format!("{person} is enabled"), &person, |directory| {
            directory.disabled.remove(&person);
        })
    }

    fn group_added(&mut self, now: Duration) -> Option<Change> {
        let number = self.world.directory.rooms().count();
        if number >= self.size.rooms + self.size.rooms.div_ceil(4) {
            return None;
        }
        let name = format!("r{number:03}");
        let idle =
            |person: &&String| !self.is_busy(person, now) && !self.world.directory.disabled.contains(*person);
        let idle: Vec<String> = self.world.directory.people.iter().filter(idle).cloned().collect();
        let count = self.rng.usize(LEAST..8);
        let members = self.rng.choose_multiple(idle, count);
        let words = format!("the group {name} comes");
        self.directory(now, words, &name.clone(), |directory| {
            let group = Group {
                is_room: true,
                owners: members.iter().take(1).cloned().collect(),
                members: members.into_iter().collect(),
                ..Group::default()
            };
            directory.groups.insert(name, group);
        })
    }

    // ---- rooms ----

    fn room(&mut self) -> Option<(String, Truth)> {
        let room = self.pick(self.open.clone())?;
        let truth = self.world.truth(&room);
        Some((room, truth))
    }

    /// Somebody who belongs in a room and is in it, and who is left alone by everything else.
    fn someone(&mut self, now: Duration, truth: &Truth, inside: &Inside) -> Option<(String, bool)> {
        let people = inside.iter().filter(|(person, _)| truth.inside.contains(*person));
        let idle = people.filter(|(person, _)| !self.is_busy(person, now));
        let idle: Vec<(String, bool)> = idle.map(|(person, joined)| (person.clone(), *joined)).collect();
        self.pick(idle)
    }

    fn kick(&mut self, now: Duration, inside: &dyn Fn(&str) -> Inside) -> Option<Change> {
        let (room, truth) = self.room()?;
        let (person, _) = self.someone(now, &truth, &inside(&room))?;
        if !self.kicked.insert((room.clone(), person.clone())) {
            return None;
        }
        self.keep(person.clone(), now);
        self.needed.invitations += 1;
        Some(Change::Drift(Drift::Kick { room, person }))
    }

    fn level(&mut self, now: Duration, inside: &dyn Fn(&str) -> Inside) -> Option<Change> {
        let (room, truth) = self.room()?;
        let (person, _) = self.someone(now, &truth, &inside(&room))?;
        let from = truth.levels.get(&person).copied().unwrap_or(0);
        let to = self.rng.choice([0, 10, 50, 75, 99])?;
        if from == to || self.is_busy(&levels_of(&room), now) {
            return None;
        }
        if self.is_fight(&format!("level of {person} in {room}"), now) {
            return None;
        }
        self.keep(person.clone(), now);
        self.keep(levels_of(&room), now);
        self.needed.levels += 1;
        Some(Change::Drift(Drift::Level {
            room,
            person,
            from,
            to,
        }))
    }

    fn history(&mut self, now: Duration) -> Option<Change> {
        let (room, _) = self.room()?;
        let key = format!("history of {room}");
        let to = self.rng.choice(["invited", "joined", "world_readable"])?;
        if to == HISTORY || self.is_busy(&key, now) || self.is_fight(&key, now) {
            return None;
        }
        self.keep(key, now);
        self.needed.histories += 1;
        Some(Change::Drift(Drift::History { room, to }))
    }

    fn stranger(&mut self, now: Duration, inside: &dyn Fn(&str) -> Inside) -> Option<Change> {
        let (room, _) = self.room()?;
        let person = self.pick(self.accounts())?;
        let pair = (room.clone(), person.clone());
        let belongs = self.world.directory.wanted(&room).contains_key(&person);
        if belongs || inside(&room).contains_key(&person) || self.is_busy(&person, now) {
            return None;
        }
        if !self.strangers.insert(pair) {
            return None;
        }
        self.keep(person.clone(), now);
        self.needed.removals += 1;
        Some(Change::Drift(Drift::Stranger { room, person }))
    }

    fn leave(&mut self, now: Duration, inside: &dyn Fn(&str) -> Inside) -> Option<Change> {
        let (room, truth) = self.room()?;
        let (person, joined) = self.someone(now, &truth, &inside(&room))?;
        let level = truth.levels.get(&person).copied().unwrap_or(0);
        let levels_are_busy = level != 0 && self.is_busy(&levels_of(&room), now);
        if !joined || levels_are_busy || truth.inside.len() <= LEAST {
            return None;
        }
        self.keep(person.clone(), now);
        if level != 0 {
            // The entry of somebody who is gone is cleared.
            self.keep(levels_of(&room), now);
            self.needed.levels += 1;
        }
        self.world.away.insert((room.clone(), person.clone()));
        Some(Change::Leave { room, person, level })
    }
}

fn levels_of(room: &str) -> String {
    format!("levels of {room}")
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
