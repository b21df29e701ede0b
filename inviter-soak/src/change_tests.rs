use super::*;

const SIZE: Size = Size {
    rooms: 12,
    people: 80,
    outsiders: 6,
};
const APART: Duration = Duration::from_secs(60);

/// Rooms with a bot that puts everything right at once, and counts what it writes.
#[derive(Debug, Default)]
struct Ideal {
    rooms: BTreeMap<String, Truth>,
    writes: Needed,
}

impl Ideal {
    fn new(world: &World) -> Self {
        Self {
            rooms: world.truths(),
            writes: Needed::default(),
        }
    }

    fn inside(&self, room: &str) -> Inside {
        let people = self.rooms[room].inside.iter();
        people
            .map(|person| (person.clone(), Generator::joins(person)))
            .collect()
    }

    /// Lets a change happen to the rooms, and then puts them right.
    fn after(&mut self, change: &Change, world: &World) {
        match change {
            Change::Directory(_) => {}
            Change::Drift(drift) => {
                let room = self.rooms.get_mut(drift.room()).unwrap();
                match drift {
                    Drift::Kick { person, .. } => assert!(room.inside.remove(person)),
                    Drift::Level { person, from, to, .. } => {
                        assert_eq!(room.levels.get(person).copied().unwrap_or(0), *from);
                        room.levels.insert(person.clone(), *to);
                        room.levels.retain(|_, level| *level != 0);
                    }
                    Drift::History { to, .. } => {
                        assert_ne!(*to, HISTORY);
                        self.writes.histories += 1;
                    }
                    Drift::Stranger { person, .. } => assert!(room.inside.insert(person.clone())),
                }
            }
            Change::Leave { room, person, level } => {
                let room = self.rooms.get_mut(room).unwrap();
                assert!(Generator::joins(person) && room.inside.remove(person));
                assert_eq!(room.levels.get(person).copied().unwrap_or(0), *level);
            }
        }
        let truths = world.truths();
        for difference in differences(&self.rooms, &truths).values() {
            // Whoever is kicked keeps their entry, and needs no other.
            self.writes.add(difference.needed());
        }
        self.rooms = truths;
    }
}

struct Walk {
    changes: Vec<(Duration, Change)>,
    generator: Generator,
    ideal: Ideal,
}

fn walk(seed: u64, steps: usize) -> Walk {
    let mut generator = Generator::new(seed, SIZE, APART);
    generator.open = generator.world.directory.rooms().cloned().collect();
    let mut ideal = Ideal::new(&generator.world);
    let mut changes = Vec::new();
    for step in 0..steps {
        let now = Duration::from_secs(step as u64 * 2);
        let next = generator.next(now, &|room| ideal.inside(room));
        if let Some(change) = next {
            ideal.after(&change, &generator.world);
            changes.push((now, change));
        }
        generator.open = generator.world.directory.rooms().cloned().collect();
    }
    Walk {
        changes,
        generator,
        ideal,
    }
}

#[test]
fn what_is_needed_is_what_an_ideal_bot_writes() {
    for seed in 0..4 {
        let walk = walk(seed, 600);
        assert_eq!(walk.generator.needed, walk.ideal.writes, "seed {seed}");
        assert!(walk.generator.needed.total() > 300, "seed {seed}");
    }
}

#[test]
fn no_room_runs_empty_and_none_begins_so() {
    for seed in 0..4 {
        let size = Size { people: 30, ..SIZE };
        let generator = Generator::new(seed, size, APART);
        let begin = generator.world.truths();
        assert_eq!(begin.len(), SIZE.rooms);
        assert!(
            begin.values().all(|truth| truth.inside.len() > LEAST),
            "seed {seed}"
        );
        let end = walk(seed, 600).generator.world.truths();
        assert!(end.len() > SIZE.rooms, "seed {seed}");
        for (room, truth) in end {
            assert!(truth.inside.len() >= LEAST, "seed {seed}: {room} has {truth:?}");
        }
    }
}

#[test]
fn every_kind_of_change_comes_soon() {
    let changes = walk(7, 300).changes;
    let mut kinds = BTreeMap::new();
    for (_, change) in &changes {
        let kind = match change {
            Change::Directory(words) => {
                let marks = [
                    "comes into",
                    "goes from",
                    "no more",
                    "owns",
                    "disabled",
                    "enabled",
                    "the group",
                ];
                marks.into_iter().find(|mark| words.contains(mark)).unwrap()
            }
            Change::Drift(Drift::Kick { .. }) => "kick",
            Change::Drift(Drift::Level { .. }) => "level",
            Change::Drift(Drift::History { .. }) => "history",
            Change::Drift(Drift::Stranger { .. }) => "stranger",
            Change::Leave { .. } => "leave",
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    assert!(changes.len() > 200, "{kinds:?}");
}

#[test]
fn the_same_seed_makes_the_same_changes() {
    assert_eq!(walk(3, 200).changes, walk(3, 200).changes);
    assert_ne!(walk(3, 200).changes, walk(4, 200).changes);
}

#[test]
fn what_is_about_one_person_keeps_apart() {
    for seed in 0..3 {
        let mut last = BTreeMap::new();
        for (now, change) in walk(seed, 600).changes {
            let person = match &change {
                Change::Directory(words) => words.split(' ').next().unwrap().to_owned(),
                Change::Drift(
                    Drift::Kick { person, .. } | Drift::Level { person, .. } | Drift::Stranger { person, .. },
                )
                | Change::Leave { person, .. } => person.clone(),
                Change::Drift(Drift::History { .. }) => continue,
            };
            if !person.starts_with(['p', 'x']) {
                continue;
            }
            if let Some(before) = last.insert(person, now) {
                assert!(now >= before + APART, "seed {seed}: {change:?} after {before:?}");
            }
        }
    }
}

#[test]
fn a_room_that_is_being_made_is_left_alone() {
    let mut came = 0;
    for seed in 0..8 {
        let mut generator = Generator::new(seed, SIZE, APART);
        generator.open = generator.world.directory.rooms().cloned().collect();
        let ideal = Ideal::new(&generator.world);
        let mut begun: BTreeMap<String, Truth> = BTreeMap::new();
        for step in 0..300 {
            // Nobody ever opens the rooms that come.
            generator.next(Duration::from_secs(step * 2), &|room| ideal.inside(room));
            for (room, truth) in generator.world.truths() {
                if !generator.open.contains(&room) {
                    generator.coming.insert(room.clone());
                    let first = begun.entry(room.clone()).or_insert_with(|| truth.clone());
                    assert_eq!(*first, truth, "seed {seed}: {room}");
                }
            }
        }
        came += begun.len();
    }
    assert!(came >= 8, "only {came} rooms came");
}
