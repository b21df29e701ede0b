//! Files of older versions of this program, and of newer ones.

use std::{fs, time::Duration};

use inviter::{
    SqliteStore,
    core::{
        RoomAliasId, RoomId, UserId,
        desired::{Feed, FeedRole, GroupRef},
        directory::{GroupKey, ProviderId},
        guard::ReleaseCode,
        recall::{
            Brought, Ground, Happened, Happening, KeptOut, Memory, MemoryChange, MemoryStore, Past, Pause,
            Refusal, RefusedOp, RememberedAlias, RememberedDirectory, RememberedHold, RememberedRemoval,
            RememberedRoom,
        },
        report::Tally,
        room::RoomRef,
        room_template::Argument,
        runs::{RememberedRun, RunCause},
        server::{LimitKind, MetLimit},
        succession::Successors,
        time::Timestamp,
    },
};
use rusqlite::Connection;

use super::{adopted, empty, generated::assert_past, place, recalled, remembering, wait};

/// A file of the second schema keeps what it has, and takes what came later.
#[test]
fn an_older_file_takes_what_came_later() {
    let (_dir, path) = place();
    drop(remembering(&path));
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP TABLE limit_met; ALTER TABLE room DROP COLUMN handed_over; DROP TABLE successor; DROP TABLE left_before;
         DROP TABLE kept_out; DROP TABLE run; DROP TABLE origin; DROP TABLE brought; DROP TABLE happened;
         DROP TABLE missing; DROP TABLE held; ALTER TABLE room DROP COLUMN released;
         DROP TABLE identity; DROP TABLE quarantined; DELETE FROM migration WHERE version > 2",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    let mut expected = empty(&store);
    expected.apply(&adopted());
    assert_eq!(recalled(&store), expected);
    let met = MetLimit {
        at: Timestamp(9),
        wait: Duration::from_millis(3300),
    };
    let room = RoomId::parse("!r1:x").unwrap();
    let changes = [
        MemoryChange::LimitMet(LimitKind::Invitations, met),
        MemoryChange::HandedOver(room, Timestamp(10)),
        MemoryChange::Followed {
            from: RoomId::parse("!r0:x").unwrap(),
            to: RoomId::parse("!r2:x").unwrap(),
            at: Timestamp(11),
            left: [(UserId::parse("@u:x").unwrap(), Timestamp(3))].into(),
            kept_out: [(
                UserId::parse("@v:x").unwrap(),
                KeptOut {
                    by: UserId::parse("@u:x").unwrap(),
                    at: Timestamp(4),
                    banned: true,
                },
            )]
            .into(),
        },
        MemoryChange::Ran(RememberedRun {
            at: Timestamp(12),
            took: 3,
            cause: RunCause::Start,
            whole: true,
            tally: Tally::default(),
            errors: false,
            unread: 0,
            incomplete: 1,
            not_begun: None,
        }),
    ];
    wait(store.commit(&changes)).unwrap();
    expected.apply(&changes);
    assert_eq!(recalled(&SqliteStore::open(&path).unwrap()), expected);
}

/// A file of the sixth schema, with what it has, is asked for whom we brought in and held, and remembers it.
#[test]
fn a_file_from_before_people_were_remembered_learns_to() {
    let (_dir, path) = place();
    drop(remembering(&path));
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP TABLE origin; DROP TABLE brought; DROP TABLE happened; DROP TABLE missing; DROP TABLE held;
         ALTER TABLE room DROP COLUMN released; DROP TABLE identity; ALTER TABLE run DROP COLUMN unread;
         ALTER TABLE run DROP COLUMN incomplete; DROP TABLE quarantined; DELETE FROM migration WHERE version > 6",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    let room = RoomId::parse("!r0:x").unwrap();
    let user = UserId::parse("@u0:x").unwrap();
    let (mut memory, mut past) = (empty(&store), Past::default());
    memory.apply(&adopted());
    assert_eq!(recalled(&store), memory);
    assert_past(&store, &past);
    let group = GroupRef {
        provider: ProviderId::new("corp"),
        key: GroupKey::new("1"),
        name: "MTRX r0".into(),
    };
    let hold = RememberedHold {
        since: Timestamp(8),
        code: ReleaseCode::new("0123456789"),
        removals: 4,
        demotions: 0,
        reasons: vec!["4 of 9 would go".to_owned()],
    };
    let changes = [
        MemoryChange::Missing(room.clone(), user.clone(), Some(Timestamp(9))),
        MemoryChange::Brought(
            room.clone(),
            user.clone(),
            Some(Brought {
                at: Timestamp(3),
                group: Some(group.clone()),
            }),
        ),
        MemoryChange::Held(room.clone(), Some(hold)),
        MemoryChange::Released(room.clone(), Timestamp(10)),
        MemoryChange::Happened(Happened {
            at: Timestamp(3),
            room,
            user,
            what: Happening::Invited,
            ground: Ground::MemberOf,
            group: Some(group),
        }),
    ];
    wait(store.commit(&changes)).unwrap();
    memory.apply(&changes);
    past.apply(&changes);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(recalled(&store), memory);
    assert_past(&store, &past);
    let forget = [MemoryChange::ForgetHistory(Timestamp(4))];
    wait(store.commit(&forget)).unwrap();
    past.apply(&forget);
    assert_past(&store, &past);
}

/// The steps up to the sixth schema, as they were released.
const SIX: [&str; 6] = [
    include_str!("../../src/sqlite_store/schema/0001_memory.sql"),
    include_str!("../../src/sqlite_store/schema/0002_pauses_and_arguments.sql"),
    include_str!("../../src/sqlite_store/schema/0003_limit_met.sql"),
    include_str!("../../src/sqlite_store/schema/0004_handed_over.sql"),
    include_str!("../../src/sqlite_store/schema/0005_upgrades_and_runs.sql"),
    include_str!("../../src/sqlite_store/schema/0006_kept_out.sql"),
];

/// What a program of the sixth schema has written, a row in each table.
const WRITTEN_UNDER_SIX: &str = "
    INSERT INTO fact VALUES ('clean_run', 6);
    INSERT INTO alias VALUES ('#r0:x', '!r0:x', 4);
    INSERT INTO room VALUES (1, '!r0:x', 7, 8, NULL), (2, '!r1:x', NULL, NULL, 9);
    INSERT INTO feed VALUES (1, 0, 'corp', '1', 'MTRX r0', 'members'), (1, 1, 'corp', '2', 'chiefs', 'owners');
    INSERT INTO given VALUES (1, '@u0:x', 50);
    INSERT INTO absent VALUES (1, '@u1:x');
    INSERT INTO reinvited VALUES (1, '@u2:x');
    INSERT INTO refused VALUES (1, '@u3:x', 5, 'not allowed', 'remove');
    INSERT INTO directory VALUES ('corp', 3, 100);
    INSERT INTO removal VALUES (1, 5, '!r0:x', '@u4:x'), (2, 6, '!r1:x', '@u4:x');
    INSERT INTO pause VALUES ('#r1:x', 10);
    INSERT INTO argument VALUES ('2024,x');
    INSERT INTO limit_met VALUES ('invitations', 9, 3300);
    INSERT INTO successor VALUES ('!old:x', '!r0:x');
    INSERT INTO left_before VALUES (1, '@u1:x', 2);
    INSERT INTO run VALUES (1, 12, 3, 'person', '@u0:x', 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, NULL);
    INSERT INTO kept_out VALUES (1, '@u2:x', '@u0:x', 4, 1);";

/// Everything that an older program has written is there afterwards, and what it did not know is empty.
#[test]
fn what_was_written_under_the_sixth_schema_is_kept() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "PRAGMA application_id = 0x696e7674; CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT;",
    )
    .unwrap();
    for (version, step) in (1_i64..).zip(SIX) {
        old.execute_batch(step).unwrap();
        old.execute("INSERT INTO migration (version) VALUES (?1)", [version])
            .unwrap();
    }
    old.execute_batch(WRITTEN_UNDER_SIX).unwrap();
    let tables: i64 = old
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    // All but those of the versions and of a loss.
    assert_eq!(
        tables - 2,
        i64::try_from(WRITTEN_UNDER_SIX.matches("INTO").count()).unwrap()
    );
    drop(old);
    let user = |n: u8| UserId::parse(format!("@u{n}:x")).unwrap();
    let room = |name: &str| RoomId::parse(format!("!{name}:x")).unwrap();
    let feed = |key: &str, name: &str, role| Feed {
        group: GroupRef {
            provider: ProviderId::new("corp"),
            key: GroupKey::new(key),
            name: name.into(),
        },
        role,
    };
    let mut tally = Tally::default();
    tally.rooms_created = 1;
    tally.invited = 2;
    tally.removed = 3;
    tally.changed = 4;
    tally.held = 5;
    tally.pending = 6;
    tally.failed = 7;
    tally.parked = 8;
    let refusal = Refusal {
        at: Timestamp(5),
        of: RefusedOp::Remove,
        cause: "not allowed".to_owned(),
    };
    let kept_out = KeptOut {
        by: user(0),
        at: Timestamp(4),
        banned: true,
    };
    let alias = RoomAliasId::parse("#r0:x").unwrap();
    let removal = |at, name: &str| RememberedRemoval {
        at: Timestamp(at),
        room: room(name),
        user: user(4),
    };
    let first = RememberedRoom {
        adopted: Some(Timestamp(7)),
        listing_checked: Some(Timestamp(8)),
        feeds: vec![
            feed("1", "MTRX r0", FeedRole::Members),
            feed("2", "chiefs", FeedRole::Owners),
        ],
        given: [(user(0), 50)].into(),
        absent: [user(1)].into(),
        reinvited: [user(2)].into(),
        refused: [(user(3), refusal)].into(),
        left_before: [(user(1), Timestamp(2))].into(),
        kept_out: [(user(2), kept_out)].into(),
        ..RememberedRoom::default()
    };
    let second = RememberedRoom {
        handed_over: Some(Timestamp(9)),
        ..RememberedRoom::default()
    };
    let limit = MetLimit {
        at: Timestamp(9),
        wait: Duration::from_millis(3300),
    };
    let store = SqliteStore::open(&path).unwrap();
    let expected = Memory {
        identity: recalled(&store).identity,
        clean_run: Some(Timestamp(6)),
        aliases: [(
            alias,
            RememberedAlias {
                room: room("r0"),
                asked: Timestamp(4),
            },
        )]
        .into(),
        rooms: [(room("r0"), first), (room("r1"), second)].into(),
        directories: [(
            ProviderId::new("corp"),
            RememberedDirectory {
                at: Timestamp(3),
                active_accounts: 100,
            },
        )]
        .into(),
        removals: vec![removal(5, "r0"), removal(6, "r1")],
        paused: [(
            Pause::Room(RoomRef::Alias(RoomAliasId::parse("#r1:x").unwrap())),
            Timestamp(10),
        )]
        .into(),
        arguments: [Argument::parse("2024,x").unwrap()].into(),
        limits: [(LimitKind::Invitations, limit)].into(),
        successors: Successors([(room("old"), room("r0"))].into()),
        runs: vec![RememberedRun {
            at: Timestamp(12),
            took: 3,
            cause: RunCause::Person { who: Some(user(0)) },
            whole: true,
            tally,
            errors: false,
            unread: 0,
            incomplete: 0,
            not_begun: None,
        }],
        ..Memory::default()
    };
    assert_eq!(recalled(&store), expected);
    assert_past(&store, &Past::default());
    drop(store);
    assert_eq!(recalled(&SqliteStore::open(&path).unwrap()), expected);
}

#[test]
fn an_older_file_is_brought_up_to_date() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../src/sqlite_store/schema/0001_memory.sql"))
        .unwrap();
    old.execute_batch(
        "PRAGMA application_id = 0x696e7674;
         CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT;
         INSERT INTO migration (version) VALUES (1);
         INSERT INTO room (room_id, adopted) VALUES ('!r0:x', 7);",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    let pause = MemoryChange::Paused(Pause::Everything, Some(Timestamp(8)));
    wait(store.commit(&[pause])).unwrap();
    let memory = recalled(&store);
    assert_eq!(
        memory.rooms[&RoomId::parse("!r0:x").unwrap()].adopted,
        Some(Timestamp(7))
    );
    assert_eq!(memory.paused[&Pause::Everything], Timestamp(8));
}

#[test]
fn what_a_newer_version_has_written_is_left_alone() {
    let (_dir, path) = place();
    let store = remembering(&path);
    let whole = recalled(&store);
    let set_version = |sql| Connection::open(&path).unwrap().execute(sql, []).unwrap();
    set_version("INSERT INTO migration (version) VALUES (99)");
    let refused = |error: &inviter_core::recall::StoreError| {
        let text = error.to_string();
        assert!(
            text.contains("was written by a newer version of this program (schema 99, "),
            "{text}"
        );
        assert!(text.contains("update this program too"), "{text}");
    };
    refused(&SqliteStore::open(&path).unwrap_err());
    // One that is open already, as a bot's is while a newer command line comes along.
    refused(&wait(store.recall()).unwrap_err());
    refused(&wait(store.commit(&adopted())).unwrap_err());
    drop(store);
    let files = fs::read_dir(path.parent().unwrap()).unwrap();
    let aside = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("damaged")
    });
    assert_eq!(aside.count(), 0);
    set_version("DELETE FROM migration WHERE version = 99");
    assert_eq!(recalled(&SqliteStore::open(&path).unwrap()), whole);
}
