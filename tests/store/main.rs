//! The SQLite store and the lock: what is remembered, and what survives what.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod damage;
mod every_version;
mod forgotten;
mod generated;
#[cfg(unix)]
mod killed;
mod lock;
mod migrations;
mod runs;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use inviter::{
    SqliteStore,
    core::{
        RoomAliasId, RoomId, UserId,
        guard::ReleaseCode,
        recall::{Lost, Memory, MemoryChange, MemoryStore, Pause, Recalled, RememberedAlias, RememberedHold},
        room::RoomRef,
        time::Timestamp,
    },
};
use rusqlite::Connection;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/memory.sqlite");
    (dir, path)
}

/// The store needs no runtime.
fn wait<T>(future: impl Future<Output = T>) -> T {
    futures_executor::block_on(future)
}

fn recalled(store: &SqliteStore) -> Memory {
    match wait(store.recall()).unwrap() {
        Recalled::Memory(memory) => memory,
        Recalled::Lost(lost) => panic!("{}", lost.why),
    }
}

/// The memory of a store in which there is nothing yet.
fn empty(store: &SqliteStore) -> Memory {
    Memory {
        identity: recalled(store).identity,
        ..Memory::default()
    }
}

fn loss(store: &SqliteStore) -> Lost {
    match wait(store.recall()).unwrap() {
        Recalled::Lost(lost) => lost,
        Recalled::Memory(memory) => panic!("not lost: {memory:?}"),
    }
}

fn lost(store: &SqliteStore) -> String {
    loss(store).why
}

/// Writes down that a run has told of the loss, as the next one does.
fn tell(store: &SqliteStore) {
    let told = MemoryChange::LossTold(loss(store).memory.identity);
    wait(store.commit(&[told])).unwrap();
}

fn adopted() -> [MemoryChange; 1] {
    [MemoryChange::Adopted(
        RoomId::parse("!r0:x").unwrap(),
        Timestamp(7),
    )]
}

fn remembering(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    wait(store.commit(&adopted())).unwrap();
    store
}

#[test]
fn a_new_store_is_an_empty_memory() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(recalled(&store), empty(&store));
    assert_eq!(store.path(), path);
}

#[tokio::test]
async fn works_under_a_runtime() {
    let (_dir, path) = place();
    let store = SqliteStore::open_in_background(&path).await.unwrap();
    store.commit(&adopted()).await.unwrap();
    let memory = store.recall().await.unwrap().into_memory();
    assert_eq!(memory.rooms.len(), 1);
}

#[test]
fn a_commit_is_all_or_nothing() {
    let (_dir, path) = place();
    let store = remembering(&path);
    let before = recalled(&store);
    let too_large = MemoryChange::CleanRun(Timestamp(u64::MAX));
    let forget = MemoryChange::Given(
        RoomId::parse("!r9:x").unwrap(),
        UserId::parse("@u:x").unwrap(),
        Some(50),
    );
    let error = wait(store.commit(&[forget, too_large])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: 18446744073709551615 is too large to be kept", path.display())
    );
    assert_eq!(recalled(&store), before);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (_dir, path) = place();
    let _store = remembering(&path);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_file_name("memory.sqlite-wal")), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _again = SqliteStore::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

/// Nobody looked at a room while it was paused or others', so that no time has passed there, and what was held there is
/// not any more.
#[test]
fn a_grace_begins_anew_after_a_pause() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let rooms = ["!r0:x", "!r1:x", "!r2:x", "!r3:x"].map(|id| RoomId::parse(id).unwrap());
    let missing = |room: &RoomId| {
        MemoryChange::Missing(
            room.to_owned(),
            UserId::parse("@u:x").unwrap(),
            Some(Timestamp(3)),
        )
    };
    let alias = RoomAliasId::parse("#r1:x").unwrap();
    let asked = RememberedAlias {
        room: rooms[3].clone(),
        asked: Timestamp(2),
    };
    let mut expected = empty(&store);
    let mut take = |changes: &[MemoryChange]| {
        wait(store.commit(changes)).unwrap();
        expected.apply(changes);
        let now = recalled(&store);
        assert_eq!(now, expected);
        let with_time = rooms
            .iter()
            .map(|id| now.rooms.get(id).map_or(0, |room| room.missing.len()));
        with_time.collect::<Vec<_>>()
    };
    let mut first: Vec<MemoryChange> = rooms.iter().map(|room| missing(room)).collect();
    first.push(MemoryChange::Alias(alias.clone(), asked));
    // The alias leads to the fourth room, which the second has replaced.
    first.push(MemoryChange::Followed {
        from: rooms[3].clone(),
        to: rooms[1].clone(),
        at: Timestamp(4),
        left: BTreeMap::new(),
        kept_out: BTreeMap::new(),
    });
    assert_eq!(take(&first), [1, 1, 1, 0]);
    let resumed = |what| MemoryChange::Paused(what, None);
    let by_alias = Pause::Room(RoomRef::Alias(alias));
    assert_eq!(take(&[resumed(by_alias)]), [1, 0, 1, 0]);
    let by_id = Pause::Room(RoomRef::Id(rooms[0].clone()));
    assert_eq!(take(&[resumed(by_id)]), [0, 0, 1, 0]);
    let hold = RememberedHold {
        since: Timestamp(3),
        code: ReleaseCode::new("0123456789"),
        removals: 1,
        demotions: 0,
        reasons: vec!["too many".to_owned()],
    };
    let change = MemoryChange::Held(rooms[2].clone(), Some(hold));
    assert_eq!(take(&[change]), [0, 0, 1, 0]);
    assert_eq!(
        take(&[MemoryChange::HandedOver(rooms[2].clone(), Timestamp(5))]),
        [0; 4]
    );
    assert_eq!(recalled(&store).rooms[&rooms[2]].held, None);
    assert_eq!(take(&[missing(&rooms[0]), missing(&rooms[1])]), [1, 1, 0, 0]);
    assert_eq!(take(&[resumed(Pause::Everything)]), [0; 4]);
}

#[test]
fn another_programs_database_is_left_alone() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    drop(other);
    let error = SqliteStore::open(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: is a database of another program and is left alone; set another `dir` in [state]",
            path.display()
        )
    );
    let other = Connection::open(&path).unwrap();
    assert_eq!(
        other
            .query_row("SELECT x FROM theirs", [], |row| row.get::<_, i64>(0))
            .unwrap(),
        1
    );
}

#[test]
fn a_place_that_cannot_be_used() {
    let (dir, _) = place();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = SqliteStore::open(dir.path().join("file/memory.sqlite")).unwrap_err();
    assert!(error.message.contains("set another `dir` in [state]"), "{error}");
    assert!(error.source.is_some());
}

/// A commit of one row stays cheap, however much is remembered.
#[test]
fn a_small_commit_to_a_large_memory_is_small() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let given = |room: u32, user: u32| {
        let room = RoomId::parse(format!("!room{room}:example.com")).unwrap();
        let user = UserId::parse(format!("@person{user}:example.com")).unwrap();
        MemoryChange::Given(room, user, Some(50))
    };
    let many: Vec<_> = (0..50_000).map(|n| given(n % 500, n)).collect();
    wait(store.commit(&many)).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&[given(3, 1_000_000)])).unwrap();
    let wal = fs::metadata(path.with_file_name("memory.sqlite-wal"))
        .unwrap()
        .len();
    assert!(wal < 64 * 1024, "{wal} bytes were written for one row");
    assert_eq!(
        recalled(&store)
            .rooms
            .values()
            .map(|room| room.given.len())
            .sum::<usize>(),
        50_001
    );
}
