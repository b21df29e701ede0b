//! A program that is killed while it commits: each commit is there wholly or not at all, and whatever it was told to be
//! kept is there.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use inviter::{
    SqliteStore,
    core::{
        OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId,
        desired::{Feed, FeedRole, GroupRef},
        directory::{GroupKey, ProviderId},
        recall::{
            Brought, Ground, Happened, Happening, Memory, MemoryChange, MemoryStore as _, Past,
            RememberedAlias, RememberedDirectory, RememberedRemoval,
        },
        time::Timestamp,
    },
};

use super::{place, recalled, wait};

/// Makes the test binary the program that commits: the file, the first commit's number, and whether each change is a
/// commit of its own.
const FILE: &str = "INVITER_TEST_COMMITS_TO";
const FROM: &str = "INVITER_TEST_COMMITS_FROM";
const APART: &str = "INVITER_TEST_COMMITS_APART";
const KILLS: u64 = 25;
/// Rows of a commit in each of some tables, so that writing them takes its time.
const PEOPLE: u64 = 40;

fn room(number: u64) -> OwnedRoomId {
    RoomId::parse(format!("!r{}:x", number % 3)).unwrap()
}

fn person(number: u64) -> OwnedUserId {
    UserId::parse(format!("@p{number}:x")).unwrap()
}

fn group(number: u64) -> GroupRef {
    GroupRef {
        provider: ProviderId::new("corp"),
        key: GroupKey::new(format!("key {number}")),
        name: format!("MTRX {number}").into(),
    }
}

/// The commit of a number: in every table something of it, and each differs from every other in each table.
fn commit(number: u64) -> Vec<MemoryChange> {
    let at = Timestamp(1_000 + number);
    let room = room(number);
    let asked = RememberedAlias {
        room: room.clone(),
        asked: at,
    };
    let feed = Feed {
        group: group(number),
        role: FeedRole::Members,
    };
    let mut changes = vec![
        MemoryChange::Alias(RoomAliasId::parse("#a:x").unwrap(), asked),
        MemoryChange::Adopted(room.clone(), at),
        MemoryChange::Feeds(room.clone(), vec![feed]),
    ];
    for user in (0..PEOPLE).map(person) {
        let level = i64::try_from(number).unwrap();
        let brought = Brought {
            at,
            group: Some(group(number)),
        };
        changes.extend([
            MemoryChange::Given(room.clone(), user.clone(), Some(level)),
            MemoryChange::Missing(room.clone(), user.clone(), Some(at)),
            MemoryChange::Brought(room.clone(), user, Some(brought)),
        ]);
    }
    let user = person(number % PEOPLE);
    let removal = RememberedRemoval {
        at,
        room: room.clone(),
        user: user.clone(),
    };
    let directory = RememberedDirectory {
        at,
        active_accounts: number,
    };
    changes.extend([
        MemoryChange::Happened(Happened {
            at,
            room,
            user,
            what: Happening::Invited,
            ground: Ground::MemberOf,
            group: Some(group(number)),
        }),
        MemoryChange::Removal(removal),
        MemoryChange::Directory(ProviderId::new("corp"), directory),
        MemoryChange::CleanRun(at),
    ]);
    changes
}

/// Commits until it is killed, and says of each commit that it was told to be kept.
fn commits(path: &Path) {
    let first: u64 = env::var(FROM).unwrap().parse().unwrap();
    let store = SqliteStore::open(path).unwrap();
    let mut told = std::io::stdout();
    for number in first.. {
        let changes = commit(number);
        let at_once = if env::var_os(APART).is_some() {
            1
        } else {
            changes.len()
        };
        for changes in changes.chunks(at_once) {
            wait(store.commit(changes)).unwrap();
        }
        writeln!(told, "kept {number}").unwrap();
        told.flush().unwrap();
    }
}

/// Numbers that look like chance, and are the same every time.
fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Runs the program that commits from a number on, kills it at some moment, and answers the last commit that it was told
/// to be kept, if there is one.
fn killed(path: &Path, test: &str, from: u64, apart: bool, seed: &mut u64) -> Option<u64> {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(FILE, path).env(FROM, from.to_string());
    if apart {
        command.env(APART, "yes");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = None;
    let mut take = |line: std::io::Result<String>| {
        // The harness writes lines of its own, and the first word after one of them.
        if let Some((_, number)) = line.unwrap().split_once("kept ") {
            last = Some(number.parse().unwrap());
        }
    };
    // One in five is killed while it starts or opens the file, and the others after some commits.
    if !next(seed).is_multiple_of(5) {
        lines.by_ref().take(4).for_each(&mut take);
    }
    thread::sleep(Duration::from_micros(next(seed) % 12_000));
    // SIGKILL.
    child.kill().unwrap();
    lines.for_each(&mut take);
    assert_eq!(child.wait().unwrap().code(), None, "it ended by itself");
    last
}

/// Memory and past of every commit up to a number.
struct Told {
    memory: Memory,
    past: Past,
    commits: u64,
}

impl Told {
    fn up_to(&mut self, number: u64) {
        while self.commits < number {
            self.commits += 1;
            self.memory.apply(&commit(self.commits));
            self.past.apply(&commit(self.commits));
        }
    }

    /// Whether the store has exactly these commits.
    fn is(&self, store: &SqliteStore) -> bool {
        let rooms = (0..3).map(room);
        recalled(store) == self.memory
            && rooms
                .clone()
                .all(|room| wait(store.brought(&room)).unwrap() == self.past.brought(&room))
            && (0..PEOPLE)
                .map(person)
                .all(|user| wait(store.history(&user, None)).unwrap() == self.past.history(&user, None))
    }
}

/// Kills the program over and over, and goes on from what is there; answers how often that was more than it was told,
/// and what was neither all nor nothing of a commit.
fn kill_over_and_over(test: &str, apart: bool) -> (u64, Result<u64, String>) {
    let (_dir, path) = place();
    let mut told = Told {
        memory: Memory::default(),
        past: Past::default(),
        commits: 0,
    };
    let (mut seed, mut more) = (7, 0);
    for turn in 0..KILLS {
        let last = killed(&path, test, told.commits + 1, apart, &mut seed);
        told.up_to(last.unwrap_or(0));
        let store = SqliteStore::open(&path).unwrap();
        if turn == 0 {
            // The first one may have been killed before there was a file.
            told.memory.identity = recalled(&store).identity;
        }
        if !told.is(&store) {
            // It was killed after the commit, and before it could say so.
            told.up_to(told.commits + 1);
            more += 1;
            if !told.is(&store) {
                return (more, Err(format!("turn {turn}, commit {}", told.commits)));
            }
        }
        drop(store);
        let files = fs::read_dir(path.parent().unwrap()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        let is_aside = |name: &std::ffi::OsString| name.to_string_lossy().contains("damaged");
        assert!(!names.iter().any(is_aside), "{names:?}");
    }
    (more, Ok(told.commits))
}

#[test]
fn a_program_that_is_killed_in_a_commit_leaves_all_or_nothing_of_it() {
    if let Some(path) = env::var_os(FILE) {
        return commits(Path::new(&path));
    }
    let test = "killed::a_program_that_is_killed_in_a_commit_leaves_all_or_nothing_of_it";
    let (more, whole) = kill_over_and_over(test, false);
    let commits = whole.unwrap();
    eprintln!("killed {KILLS} times in {commits} commits, {more} times before it could say what was kept");
    assert!(commits >= KILLS, "{commits}");
}

/// That a part of a commit would be seen: where each change is a commit of its own, one soon is.
#[test]
fn a_part_of_a_commit_would_be_seen() {
    if let Some(path) = env::var_os(FILE) {
        return commits(Path::new(&path));
    }
    let (_, whole) = kill_over_and_over("killed::a_part_of_a_commit_would_be_seen", true);
    assert!(whole.is_err(), "{whole:?}");
}
