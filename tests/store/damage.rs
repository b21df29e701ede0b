//! What becomes of a file that cannot be understood, as a whole or in part.

mod anywhere;

use std::{
    collections::BTreeSet,
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use inviter::{
    SqliteStore,
    core::{
        RoomId, UserId,
        desired::GroupRef,
        directory::{GroupKey, ProviderId},
        recall::{
            Brought, Ground, Happened, Happening, MemoryChange, MemoryIdentity, MemoryStore, StoreError,
        },
        time::Timestamp,
    },
};
use rusqlite::Connection;

use super::{adopted, loss, lost, place, recalled, remembering, tell, wait};

/// Nobody is removed for the lack of an entry of the past, so that one of them is not worth all the rest.
#[test]
fn an_entry_of_the_past_that_cannot_be_read_is_left_out() {
    let (_dir, path) = place();
    let store = remembering(&path);
    let room = RoomId::parse("!r0:x").unwrap();
    let user = |n: u8| UserId::parse(format!("@u{n}:x")).unwrap();
    let brought = |n| {
        let brought = Brought {
            at: Timestamp(3),
            group: None,
        };
        MemoryChange::Brought(room.clone(), user(n), Some(brought))
    };
    let happened = |at| {
        MemoryChange::Happened(Happened {
            at: Timestamp(at),
            room: room.clone(),
            user: user(0),
            what: Happening::Removed,
            ground: Ground::InNoGroup,
            group: None,
        })
    };
    wait(store.commit(&[brought(0), brought(1), happened(1), happened(2), happened(3)])).unwrap();
    let other = Connection::open(&path).unwrap();
    for broken in [
        "UPDATE brought SET user = 'nobody' WHERE user = '@u1:x'",
        "UPDATE happened SET what = 'whim' WHERE at = 1",
        "UPDATE happened SET ground = 'whim' WHERE at = 2",
    ] {
        assert_eq!(other.execute(broken, []).unwrap(), 1, "{broken}");
    }
    drop(other);
    assert_eq!(
        wait(store.brought(&room))
            .unwrap()
            .into_keys()
            .collect::<Vec<_>>(),
        [user(0)]
    );
    let history = wait(store.history(&user(0), Some(&room))).unwrap();
    assert_eq!(
        history.iter().map(|happened| happened.at.0).collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(recalled(&store).rooms.len(), 1);
}

/// A memory is told from every other for as long as it lasts, and one that begins where it was lost is another.
#[test]
fn a_memory_keeps_its_identity_until_it_is_lost() {
    let mut identities = Vec::new();
    for _ in 0..3 {
        let (_dir, path) = place();
        let store = remembering(&path);
        let identity = recalled(&store).identity;
        wait(store.commit(&[MemoryChange::CleanRun(Timestamp(3))])).unwrap();
        drop(store);
        assert_eq!(recalled(&SqliteStore::open(&path).unwrap()).identity, identity);
        identities.push(identity);
        // A file that was begun before memories had one gets one, once.
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "DROP TABLE identity; ALTER TABLE run DROP COLUMN unread; ALTER TABLE run DROP COLUMN incomplete;
             DROP TABLE quarantined; DELETE FROM migration WHERE version > 7",
        )
        .unwrap();
        drop(old);
        let store = SqliteStore::open(&path).unwrap();
        let given = recalled(&store).identity;
        identities.push(given);
        drop(store);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(recalled(&store).identity, given);
        // Without one nothing can be said of what a person has said before.
        let other = Connection::open(&path).unwrap();
        other.execute("DELETE FROM identity", []).unwrap();
        drop(other);
        let anew = loss(&store).memory.identity;
        assert_eq!(loss(&SqliteStore::open(&path).unwrap()).memory.identity, anew);
        wait(store.commit(&adopted())).unwrap();
        tell(&store);
        assert_eq!(recalled(&store).identity, anew);
        identities.push(anew);
    }
    let different: BTreeSet<_> = identities.iter().collect();
    assert_eq!(different.len(), identities.len(), "{identities:?}");
}

/// The file is recalled as lost until that is told, kept with its content, and the new one remembers again.
pub(super) fn assert_set_aside(path: &Path, store: &SqliteStore, why: &str) {
    let kept = path.with_file_name("memory.sqlite.damaged-1");
    let expected = format!(
        "{}: {why}; it is kept as {}, and a new memory has begun",
        path.display(),
        kept.display()
    );
    assert_eq!(lost(store), expected);
    assert_eq!(lost(store), expected, "until it is told");
    assert_eq!(
        lost(&SqliteStore::open(path).unwrap()),
        expected,
        "at a later start too"
    );
    assert!(kept.exists());
    // A person's word, or a run that knew the old file only, may come before a run that tells.
    let clean = MemoryChange::CleanRun(Timestamp(8));
    wait(store.commit(&[adopted()[0].clone(), clean])).unwrap();
    for store in [store, &SqliteStore::open(path).unwrap()] {
        let lost = loss(store);
        assert_eq!(lost.why, expected, "whatever is remembered meanwhile");
        let memory = lost.begin();
        assert_eq!((memory.rooms.len(), memory.clean_run), (1, None));
    }
    let other = MemoryIdentity(loss(store).memory.identity.0.wrapping_add(1));
    wait(store.commit(&[MemoryChange::LossTold(other)])).unwrap();
    assert_eq!(lost(store), expected, "another loss was told");
    tell(store);
    assert_eq!(recalled(store).rooms.len(), 1);
    assert_eq!(recalled(store).clean_run, None);
    assert_eq!(recalled(&SqliteStore::open(path).unwrap()).rooms.len(), 1);
}

#[test]
fn a_file_that_is_no_database_is_kept_aside() {
    let (_dir, path) = place();
    let garbage = "this is not a database, whatever its name says. ".repeat(100);
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, &garbage).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_set_aside(&path, &store, "the memory of earlier runs is not a database");
    assert_eq!(
        fs::read_to_string(path.with_file_name("memory.sqlite.damaged-1")).unwrap(),
        garbage
    );
    // A second one does not overwrite the first.
    drop(store);
    for companion in ["memory.sqlite-wal", "memory.sqlite-shm"] {
        let _ = fs::remove_file(path.with_file_name(companion));
    }
    fs::write(&path, &garbage).unwrap();
    assert!(lost(&SqliteStore::open(&path).unwrap()).contains("memory.sqlite.damaged-2"));
}

#[test]
fn a_damaged_database_is_kept_aside() {
    let (_dir, path) = place();
    drop(remembering(&path));
    let mut bytes = fs::read(&path).unwrap();
    // Everything but the header, so that it still looks like a database.
    let end = bytes.len();
    bytes[200..end].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let why = lost(&store);
    assert!(why.contains("the memory of earlier runs is damaged ("), "{why}");
    assert_eq!(
        fs::read(path.with_file_name("memory.sqlite.damaged-1")).unwrap(),
        bytes
    );
}

/// Writes nonsense over the first page of a table, as a bad disk would, while the store is open.
fn spoil(path: &Path, table: &str) {
    let other = Connection::open(path).unwrap();
    let number = |sql: &str| other.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let page = number(&format!(
        "SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"
    ));
    let size = number("PRAGMA page_size");
    // What is in the write-ahead log is read from there.
    other
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(u64::from((page - 1) * size))).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(size).unwrap()])
        .unwrap();
    // What others have changed is not read from the cache any more.
    other
        .execute("INSERT INTO room (room_id) VALUES ('!new:x')", [])
        .unwrap();
}

/// How many entries somebody finds who looks, or changes something.
type Look = fn(&SqliteStore) -> Result<usize, StoreError>;

/// Most of what is remembered is never read as a whole while the store is open. Damage that is met there is an error at
/// first, as what the run knows would be in no new file; the next run begins one.
#[test]
fn damage_that_is_met_in_the_past_is_kept_aside_by_the_next_run() {
    let room = RoomId::parse("!r0:x").unwrap();
    let user = |n: u64| UserId::parse(format!("@u{n}:x")).unwrap();
    let looks: [(&str, Look); 4] = [
        ("brought", |store| {
            wait(store.brought(&RoomId::parse("!r0:x").unwrap())).map(|brought| brought.len())
        }),
        ("origin", |store| {
            wait(store.brought(&RoomId::parse("!r0:x").unwrap())).map(|brought| brought.len())
        }),
        ("happened", |store| {
            wait(store.history(&UserId::parse("@u1:x").unwrap(), None)).map(|history| history.len())
        }),
        ("brought", |store| {
            let room = RoomId::parse("!r0:x").unwrap();
            let user = UserId::parse("@u1:x").unwrap();
            wait(store.commit(&[MemoryChange::Brought(room, user, None)])).map(|()| 1)
        }),
    ];
    for (table, look) in looks {
        let (_dir, path) = place();
        let store = remembering(&path);
        let past = (0..40).flat_map(|n| past_of(&room, &user(n), n));
        wait(store.commit(&past.collect::<Vec<_>>())).unwrap();
        assert!(look(&store).unwrap() > 0);
        spoil(&path, table);
        // What a run reads at once is sound.
        assert_eq!(recalled(&store).rooms.len(), 2, "{table}");
        let error = look(&store).unwrap_err().to_string();
        assert!(
            error.contains("the memory of earlier runs is damaged (")
                && error.ends_with("; the next run sets it aside and begins anew"),
            "{table}: {error}"
        );
        look(&store).unwrap_err();
        let why = "the memory of earlier runs is damaged (database disk image is malformed)";
        assert_set_aside(&path, &store, why);
        assert_eq!(wait(store.brought(&room)).unwrap().len(), 0, "{table}");
        wait(store.commit(&past_of(&room, &user(1), 1))).unwrap();
        assert!(look(&store).unwrap() > 0);
    }
}

/// That we have brought somebody in, and invited them.
fn past_of(room: &RoomId, user: &UserId, at: u64) -> [MemoryChange; 2] {
    let group = GroupRef {
        provider: ProviderId::new("corp"),
        key: GroupKey::new(format!("{}", at % 7)),
        name: "MTRX r0".into(),
    };
    let brought = Brought {
        at: Timestamp(at),
        group: Some(group.clone()),
    };
    [
        MemoryChange::Brought(room.to_owned(), user.to_owned(), Some(brought)),
        MemoryChange::Happened(Happened {
            at: Timestamp(at),
            room: room.to_owned(),
            user: user.to_owned(),
            what: Happening::Invited,
            ground: Ground::MemberOf,
            group: Some(group),
        }),
    ]
}

#[test]
fn a_value_that_cannot_be_is_damage_too() {
    let (_dir, path) = place();
    let store = remembering(&path);
    // Another hand, while the store is open; the change is in the write-ahead log only.
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE room SET room_id = 'no room'", []).unwrap();
    drop(other);
    assert_set_aside(
        &path,
        &store,
        "the memory of earlier runs has a value that cannot be (`no room`)",
    );
}
