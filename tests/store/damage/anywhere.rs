//! Files that were damaged at places by chance.

use std::{collections::BTreeSet, fs};

use inviter::{
    SqliteStore,
    core::{
        OwnedRoomId, OwnedUserId, RoomId, UserId,
        recall::{Lost, Memory, MemoryChange, MemoryStore, Recalled, StoreError},
        time::Timestamp,
    },
};

use super::{
    super::{adopted, place, recalled, tell, wait},
    past_of,
};

/// Numbers that look like chance and are the same each time (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// Flips bytes, blanks blocks or cuts the end off, at places by chance.
fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) {
    match chance.below(3) {
        0 => {
            for _ in 0..=chance.below(8) {
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(8);
            }
        }
        1 => {
            let (at, length) = (chance.below(bytes.len()), 1 + chance.below(4096));
            let end = bytes.len().min(at + length);
            bytes[at..end].fill(0);
        }
        _ => bytes.truncate(chance.below(bytes.len())),
    }
}

const ROOMS: u64 = 20;
const PEOPLE: u64 = 300;

fn room_of(number: u64) -> OwnedRoomId {
    RoomId::parse(format!("!r{}:x", number % ROOMS)).unwrap()
}

fn person(number: u64) -> OwnedUserId {
    UserId::parse(format!("@u{number}:x")).unwrap()
}

/// All that a store tells, with the past of so many people, a line for each thing.
fn told(store: &SqliteStore, memory: &Memory, people: u64) -> Result<BTreeSet<String>, StoreError> {
    let mut lines = BTreeSet::from([format!("{:?}", memory.clean_run)]);
    for (id, room) in &memory.rooms {
        let missing = room.missing.iter();
        lines.extend(missing.map(|(user, at)| format!("{id} {user} missing {at:?}")));
        let given = room.given.iter();
        lines.extend(given.map(|(user, level)| format!("{id} {user} given {level}")));
    }
    for number in 0..ROOMS {
        let id = room_of(number);
        let brought = wait(store.brought(&id))?;
        lines.extend(
            brought
                .iter()
                .map(|(user, brought)| format!("{id} {user} {brought:?}")),
        );
    }
    for number in 0..people {
        let history = wait(store.history(&person(number), None))?;
        lines.extend(history.iter().map(|happened| format!("{happened:?}")));
    }
    Ok(lines)
}

/// A file that was damaged anywhere is read as it is, but for the very bytes that were changed in it; or told as lost and
/// kept, or refused as another program's. Never does the program end on it. Once lost, it remembers no clean run, so that
/// nobody is removed, and nobody whom we have brought in.
#[test]
fn a_file_that_is_damaged_anywhere_is_survived() {
    const CASES: u64 = 100;

    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let mut changes = vec![MemoryChange::CleanRun(Timestamp(7))];
    for number in 0..PEOPLE {
        let (room, user) = (room_of(number), person(number));
        changes.push(MemoryChange::Missing(
            room.clone(),
            user.clone(),
            Some(Timestamp(number)),
        ));
        changes.extend(past_of(&room, &user, number));
        changes.push(MemoryChange::Given(room, user, Some(50)));
    }
    wait(store.commit(&changes)).unwrap();
    let whole = told(&store, &recalled(&store), PEOPLE).unwrap();
    assert_eq!(whole.len(), 1 + 4 * usize::try_from(PEOPLE).unwrap());
    drop(store);
    let sound = fs::read(&path).unwrap();
    let (mut read, mut same, mut set_aside, mut refused) = (0, 0, 0, 0);
    for seed in 0..CASES {
        let mut chance = Chance(seed);
        let (_dir, path) = place();
        let mut bytes = sound.clone();
        damage(&mut bytes, &mut chance);
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, &bytes).unwrap();
        let store = match SqliteStore::open(&path) {
            Ok(store) => store,
            Err(error) => {
                refused += 1;
                assert!(error.message.contains("is left alone"), "seed {seed}: {error}");
                assert_eq!(fs::read(&path).unwrap(), bytes, "seed {seed}");
                continue;
            }
        };
        let mut recalled_first = wait(store.recall()).unwrap();
        if let Recalled::Memory(memory) = &recalled_first {
            match told(&store, memory, PEOPLE) {
                Ok(lines) => {
                    read += 1;
                    same += u64::from(lines == whole);
                    // A byte within a name or a number is noticed by nobody. That changes what holds that name, and
                    // nothing is lost or made up by it.
                    let altered = sound.iter().zip(&bytes).filter(|(a, b)| a != b).count();
                    let wrong = lines.difference(&whole).count();
                    let gone = whole.difference(&lines).count();
                    let in_a_room = usize::try_from(4 * PEOPLE / ROOMS).unwrap();
                    assert!(
                        wrong == gone && wrong <= altered.min(9) * in_a_room,
                        "seed {seed}: {wrong} wrong, {gone} gone, by {altered} bytes"
                    );
                    continue;
                }
                // What is not read at once was met only now.
                Err(error) => {
                    assert!(error.message.contains("begins anew"), "seed {seed}: {error}");
                    recalled_first = wait(store.recall()).unwrap();
                }
            }
        }
        let Recalled::Lost(Lost { why, .. }) = recalled_first else {
            panic!("seed {seed}: met, and not set aside")
        };
        set_aside += 1;
        let kept = path.with_file_name("memory.sqlite.damaged-1");
        assert!(why.contains(&kept.display().to_string()), "seed {seed}: {why}");
        assert!(kept.exists(), "seed {seed}");
        wait(store.commit(&adopted())).unwrap();
        tell(&store);
        let store = SqliteStore::open(&path).unwrap();
        let memory = recalled(&store);
        assert_eq!((memory.clean_run, memory.rooms.len()), (None, 1), "seed {seed}");
        let lines = told(&store, &memory, 5).unwrap();
        assert_eq!(lines, BTreeSet::from(["None".to_owned()]), "seed {seed}");
    }
    assert_eq!(read + set_aside + refused, CASES);
    assert!(
        set_aside > CASES / 2 && same > 0,
        "{read} read, {same} of them unharmed, {set_aside} set aside, {refused} refused"
    );
}
