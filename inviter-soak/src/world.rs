//! What the rooms must be: the directory, and what people did in rooms that the bot has to respect.

use std::collections::{BTreeMap, BTreeSet};

use crate::organisation::Organisation;

/// The history visibility of all rooms.
pub(crate) const HISTORY: &str = "shared";

/// Who has to be in a room, and with which level entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Joined or invited.
    pub(crate) inside: BTreeSet<String>,
    /// Levels other than 0.
    pub(crate) levels: BTreeMap<String, i64>,
}

/// The truth about all rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) directory: Organisation,
    /// Room and person: who left by their own act, and is not to be invited before the directory brings them anew.
    pub(crate) away: BTreeSet<(String, String)>,
}

impl World {
    /// What a room must be.
    pub(crate) fn truth(&self, room: &str) -> Truth {
        let mut wanted = self.directory.wanted(room);
        wanted.retain(|person, _| !self.away.contains(&(room.to_owned(), person.clone())));
        let levels = wanted.iter().filter(|(_, level)| **level != 0);
        Truth {
            levels: levels.map(|(person, level)| (person.clone(), *level)).collect(),
            inside: wanted.into_keys().collect(),
        }
    }

    /// What all rooms must be.
    pub(crate) fn truths(&self) -> BTreeMap<String, Truth> {
        let rooms = self.directory.rooms();
        rooms.map(|room| (room.clone(), self.truth(room))).collect()
    }

    /// Forgets the leaving of people whom the directory does not want any more: when it does again, that is news.
    pub(crate) fn forget_unwanted(&mut self) {
        let directory = &self.directory;
        self.away
            .retain(|(room, person)| directory.wanted(room).contains_key(person));
    }
}

/// The writes that lead from one truth to another, each effect counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needed {
    /// Rooms to be created.
    pub(crate) rooms: usize,
    /// Invitations.
    pub(crate) invitations: usize,
    /// Removals.
    pub(crate) removals: usize,
    /// Changes of a room's levels: one event, however many people it is about.
    pub(crate) levels: usize,
    /// Changes of history visibility.
    pub(crate) histories: usize,
}

impl Needed {
    /// All of them.
    pub(crate) const fn total(self) -> usize {
        self.rooms + self.invitations + self.removals + self.levels + self.histories
    }

    /// Adds up.
    pub(crate) const fn add(&mut self, other: Self) {
        self.rooms += other.rooms;
        self.invitations += other.invitations;
        self.removals += other.removals;
        self.levels += other.levels;
        self.histories += other.histories;
    }
}

/// How one room's truth differs from an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The room is new.
    pub(crate) is_new: bool,
    pub(crate) entering: BTreeSet<String>,
    pub(crate) leaving: BTreeSet<String>,
    pub(crate) levels_change: bool,
}

impl Difference {
    /// What it takes to bring it about.
    pub(crate) fn needed(&self) -> Needed {
        Needed {
            rooms: usize::from(self.is_new),
            invitations: self.entering.len(),
            removals: self.leaving.len(),
            // A room is created with the levels of its people.
            levels: usize::from(self.levels_change && !self.is_new),
            histories: 0,
        }
    }
}

/// The rooms that differ, and how.
pub(crate) fn differences(
    before: &BTreeMap<String, Truth>,
    after: &BTreeMap<String, Truth>,
) -> BTreeMap<String, Difference> {
    let none = Truth::default();
    let rooms = after.iter().map(|(room, new)| {
        let old = before.get(room).unwrap_or(&none);
        let difference = Difference {
            is_new: !before.contains_key(room),
            entering: new.inside.difference(&old.inside).cloned().collect(),
            leaving: old.inside.difference(&new.inside).cloned().collect(),
            levels_change: new.levels != old.levels,
        };
        (room.clone(), difference)
    });
    rooms
        .filter(|(_, difference)| *difference != Difference::default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisation::Group;

    #[test]
    fn who_left_stays_away_until_the_directory_brings_them_anew() {
        let group = Group {
            is_room: true,
            members: ["ann", "ben"].map(str::to_owned).into(),
            owners: ["ben".to_owned()].into(),
            ..Group::default()
        };
        let mut world = World::default();
        world.directory.groups.insert("lab".to_owned(), group);
        let first = world.truths();
        assert_eq!(first["lab"].inside.len(), 2);
        world.away.insert(("lab".to_owned(), "ben".to_owned()));
        world.forget_unwanted();
        let second = world.truths();
        assert_eq!(Vec::from_iter(&second["lab"].inside), ["ann"]);
        assert!(second["lab"].levels.is_empty());
        let change = &differences(&first, &second)["lab"];
        assert_eq!((change.leaving.len(), change.levels_change), (1, true));

        let members = |world: &mut World, is_in: bool| {
            let group = world.directory.groups.get_mut("lab").unwrap();
            if is_in {
                group.members.insert("ben".to_owned());
            } else {
                group.members.remove("ben");
            }
            world.forget_unwanted();
        };
        members(&mut world, false);
        assert!(differences(&second, &world.truths()).is_empty());
        members(&mut world, true);
        assert_eq!(world.truths(), first);
    }

    #[test]
    fn a_new_room_needs_itself_and_its_people() {
        let mut world = World::default();
        let before = world.truths();
        let group = Group {
            is_room: true,
            members: ["ann", "ben"].map(str::to_owned).into(),
            owners: ["ben".to_owned()].into(),
            ..Group::default()
        };
        world.directory.groups.insert("lab".to_owned(), group);
        let needed = differences(&before, &world.truths())["lab"].needed();
        assert_eq!(
            (needed.rooms, needed.invitations, needed.levels, needed.total()),
            (1, 2, 0, 3)
        );
    }
}
