//! Files of every earlier schema, with rows in all that it had: nothing is lost when they are opened, and what came later
//! is learnt.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use inviter::{
    SqliteStore,
    core::{
        OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId,
        desired::{Feed, FeedRole, GroupRef},
        directory::{GroupKey, ProviderId},
        guard::ReleaseCode,
        recall::{
            Brought, Ground, Happened, Happening, KeptOut, Memory, MemoryChange, MemoryStore as _, Past,
            Pause, Refusal, RefusedOp, RememberedAlias, RememberedDirectory, RememberedHold,
            RememberedQuarantine, RememberedRemoval,
        },
        report::Tally,
        room::RoomRef,
        room_template::Argument,
        runs::{RememberedRun, RunCause},
        server::{LimitKind, MetLimit},
        time::Timestamp,
    },
};
use rusqlite::Connection;

use super::{generated::assert_past, place, recalled, wait};

/// A version: its step, as it was released; what a program of it adds to a file; and which changes that is.
struct Version {
    step: &'static str,
    rows: &'static str,
    changes: fn() -> Vec<MemoryChange>,
}

macro_rules! step {
    ($name:literal) => {
        include_str!(concat!("../../src/sqlite_store/schema/", $name, ".sql"))
    };
}

/// All of them, from the first on.
const VERSIONS: [Version; 10] = [
    Version {
        step: step!("0001_memory"),
        rows: "
            INSERT INTO fact VALUES ('clean_run', 6);
            INSERT INTO alias VALUES ('#r0:x', '!r0:x', 4);
            INSERT INTO room (number, room_id, adopted, listing_checked) VALUES (1, '!r0:x', 7, 8), (2, '!r1:x', NULL, 9);
            INSERT INTO feed VALUES (1, 0, 'corp', '1', 'MTRX r0', 'members'), (1, 1, 'corp', '2', 'chiefs', 'owners');
            INSERT INTO given VALUES (1, '@u0:x', 50);
            INSERT INTO absent VALUES (1, '@u1:x');
            INSERT INTO reinvited VALUES (1, '@u2:x');
            INSERT INTO refused VALUES (1, '@u3:x', 5, 'not allowed', 'remove');
            INSERT INTO directory VALUES ('corp', 3, 100);
            INSERT INTO removal VALUES (1, 5, '!r0:x', '@u4:x'), (2, 6, '!r1:x', '@u4:x');",
        changes: memory,
    },
    Version {
        step: step!("0002_pauses_and_arguments"),
        rows: "INSERT INTO pause VALUES ('#r1:x', 10); INSERT INTO argument VALUES ('2024,x');",
        changes: pauses_and_arguments,
    },
    Version {
        step: step!("0003_limit_met"),
        rows: "INSERT INTO limit_met VALUES ('invitations', 9, 3300);",
        changes: limit_met,
    },
    Version {
        step: step!("0004_handed_over"),
        rows: "INSERT INTO room (number, room_id, handed_over) VALUES (3, '!r2:x', 11);",
        changes: handed_over,
    },
    Version {
        step: step!("0005_upgrades_and_runs"),
        rows: "
            INSERT INTO successor VALUES ('!old:x', '!r0:x');
            INSERT INTO left_before VALUES (1, '@u1:x', 2);
            INSERT INTO run (number, at, took, cause, person, whole, rooms_created, invited, removed, changed, held,
                             pending, failed, parked, errors, not_begun)
            VALUES (1, 12, 3, 'person', '@u0:x', 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, NULL),
                   (2, 13, 1, 'schedule', NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'no homeserver');",
        changes: upgrades_and_runs,
    },
    Version {
        step: step!("0006_kept_out"),
        rows: "INSERT INTO kept_out VALUES (1, '@u2:x', '@u0:x', 4, 1);",
        changes: kept_out,
    },
    Version {
        step: step!("0007_people_and_holds"),
        rows: "
            INSERT INTO origin VALUES (1, 'corp', '1', 'MTRX r0');
            INSERT INTO brought VALUES (1, '@u0:x', 3, 1), (1, '@u1:x', 4, NULL);
            INSERT INTO happened VALUES (1, 3, 1, '@u0:x', 'invited', NULL, 'member_of', 1),
                                        (2, 4, 1, '@u1:x', 'level', 50, 'configured', NULL);
            INSERT INTO missing VALUES (1, '@u4:x', 14);
            INSERT INTO held VALUES (1, 15, '0123456789', 4, 1, '[\"4 of 9 would go\"]');
            UPDATE room SET released = 16 WHERE number = 2;",
        changes: people_and_holds,
    },
    Version {
        step: step!("0008_identity"),
        rows: "",
        changes: Vec::new,
    },
    Version {
        step: step!("0009_directories_of_runs"),
        rows: "
            INSERT INTO run (number, at, took, cause, person, whole, rooms_created, invited, removed, changed, held,
                             pending, failed, parked, errors, not_begun, unread, incomplete)
            VALUES (3, 17, 2, 'start', NULL, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 2, 1);",
        changes: directories_of_runs,
    },
    Version {
        step: step!("0010_quarantined"),
        rows: "INSERT INTO quarantined VALUES ('corp', 18, 19, 3);",
        changes: quarantined,
    },
];

fn room(n: u8) -> OwnedRoomId {
    RoomId::parse(format!("!r{n}:x")).unwrap()
}

fn user(n: u8) -> OwnedUserId {
    UserId::parse(format!("@u{n}:x")).unwrap()
}

fn group(key: &str, name: &str) -> GroupRef {
    GroupRef {
        provider: ProviderId::new("corp"),
        key: GroupKey::new(key),
        name: name.into(),
    }
}

fn memory() -> Vec<MemoryChange> {
    let feed = |key, name, role| Feed {
        group: group(key, name),
        role,
    };
    let removal = |at, n| RememberedRemoval {
        at: Timestamp(at),
        room: room(n),
        user: user(4),
    };
    let refusal = Refusal {
        at: Timestamp(5),
        of: RefusedOp::Remove,
        cause: "not allowed".to_owned(),
    };
    let alias = RememberedAlias {
        room: room(0),
        asked: Timestamp(4),
    };
    let directory = RememberedDirectory {
        at: Timestamp(3),
        active_accounts: 100,
    };
    vec![
        MemoryChange::CleanRun(Timestamp(6)),
        MemoryChange::Alias(RoomAliasId::parse("#r0:x").unwrap(), alias),
        MemoryChange::Adopted(room(0), Timestamp(7)),
        MemoryChange::ListingChecked(room(0), Timestamp(8)),
        MemoryChange::ListingChecked(room(1), Timestamp(9)),
        MemoryChange::Feeds(
            room(0),
            vec![
                feed("1", "MTRX r0", FeedRole::Members),
                feed("2", "chiefs", FeedRole::Owners),
            ],
        ),
        MemoryChange::Given(room(0), user(0), Some(50)),
        MemoryChange::Absent(room(0), user(1), true),
        MemoryChange::Reinvited(room(0), user(2), true),
        MemoryChange::Refused(room(0), user(3), Some(refusal)),
        MemoryChange::Directory(ProviderId::new("corp"), directory),
        MemoryChange::Removal(removal(5, 0)),
        MemoryChange::Removal(removal(6, 1)),
    ]
}

fn pauses_and_arguments() -> Vec<MemoryChange> {
    let alias = RoomAliasId::parse("#r1:x").unwrap();
    vec![
        MemoryChange::Paused(Pause::Room(RoomRef::Alias(alias)), Some(Timestamp(10))),
        MemoryChange::Argument(Argument::parse("2024,x").unwrap()),
    ]
}

fn limit_met() -> Vec<MemoryChange> {
    let met = MetLimit {
        at: Timestamp(9),
        wait: Duration::from_millis(3300),
    };
    vec![MemoryChange::LimitMet(LimitKind::Invitations, met)]
}

fn handed_over() -> Vec<MemoryChange> {
    vec![MemoryChange::HandedOver(room(2), Timestamp(11))]
}

/// A run, by what the rest of it does not say.
fn run(at: u64, took: u64, cause: RunCause) -> RememberedRun {
    RememberedRun {
        at: Timestamp(at),
        took,
        cause,
        whole: true,
        tally: Tally::default(),
        errors: false,
        unread: 0,
        incomplete: 0,
        not_begun: None,
    }
}

fn followed(kept_out: BTreeMap<OwnedUserId, KeptOut>) -> MemoryChange {
    MemoryChange::Followed {
        from: RoomId::parse("!old:x").unwrap(),
        to: room(0),
        at: Timestamp(7),
        left: [(user(1), Timestamp(2))].into(),
        kept_out,
    }
}

fn upgrades_and_runs() -> Vec<MemoryChange> {
    let mut first = run(12, 3, RunCause::Person { who: Some(user(0)) });
    let tally = &mut first.tally;
    tally.rooms_created = 1;
    tally.invited = 2;
    tally.removed = 3;
    tally.changed = 4;
    tally.held = 5;
    tally.pending = 6;
    tally.failed = 7;
    tally.parked = 8;
    let second = RememberedRun {
        whole: false,
        errors: true,
        not_begun: Some("no homeserver".to_owned()),
        ..run(13, 1, RunCause::Schedule)
    };
    vec![
        followed(BTreeMap::new()),
        MemoryChange::Ran(first),
        MemoryChange::Ran(second),
    ]
}

fn kept_out() -> Vec<MemoryChange> {
    let out = KeptOut {
        by: user(0),
        at: Timestamp(4),
        banned: true,
    };
    vec![followed([(user(2), out)].into())]
}

fn people_and_holds() -> Vec<MemoryChange> {
    let brought = |at, group| {
        Some(Brought {
            at: Timestamp(at),
            group,
        })
    };
    let happened = |at, n, what, ground, group| {
        MemoryChange::Happened(Happened {
            at: Timestamp(at),
            room: room(0),
            user: user(n),
            what,
            ground,
            group,
        })
    };
    let first = || Some(group("1", "MTRX r0"));
    let hold = RememberedHold {
        since: Timestamp(15),
        code: ReleaseCode::new("0123456789"),
        removals: 4,
        demotions: 1,
        reasons: vec!["4 of 9 would go".to_owned()],
    };
    vec![
        MemoryChange::Brought(room(0), user(0), brought(3, first())),
        MemoryChange::Brought(room(0), user(1), brought(4, None)),
        happened(3, 0, Happening::Invited, Ground::MemberOf, first()),
        happened(4, 1, Happening::Level(Some(50)), Ground::Configured, None),
        MemoryChange::Missing(room(0), user(4), Some(Timestamp(14))),
        MemoryChange::Held(room(0), Some(hold)),
        MemoryChange::Released(room(1), Timestamp(16)),
    ]
}

fn directories_of_runs() -> Vec<MemoryChange> {
    vec![MemoryChange::Ran(RememberedRun {
        unread: 2,
        incomplete: 1,
        ..run(17, 2, RunCause::Start)
    })]
}

fn quarantined() -> Vec<MemoryChange> {
    let known = RememberedQuarantine {
        failing_since: Timestamp(18),
        since: Timestamp(19),
        failures: 3,
    };
    vec![MemoryChange::Quarantined(ProviderId::new("corp"), Some(known))]
}

/// Makes the file of a program of the version that has these, and answers its identity, if it had one.
fn write(path: &Path, versions: &[Version]) -> Option<i64> {
    fs::create_dir(path.parent().unwrap()).unwrap();
    let old = Connection::open(path).unwrap();
    old.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA application_id = 0x696e7674;
         CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT;",
    )
    .unwrap();
    for (number, version) in (1_i64..).zip(versions) {
        old.execute_batch(version.step).unwrap();
        old.execute("INSERT INTO migration (version) VALUES (?1)", [number])
            .unwrap();
    }
    for version in versions {
        old.execute_batch(version.rows).unwrap();
    }
    assert_eq!(without_a_value(&old), [""; 0], "version {}", versions.len());
    old.query_row("SELECT number FROM identity", [], |row| row.get(0))
        .ok()
}

/// Columns in which no row has anything, so that nothing would be missed there.
fn without_a_value(file: &Connection) -> Vec<String> {
    let columns = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> 'lost'";
    let mut columns = file.prepare(columns).unwrap();
    let columns = columns
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .unwrap();
    let is_empty = |(table, column): &(String, String)| {
        let values = format!("SELECT count({column}) FROM {table}");
        file.query_row(&values, [], |row| row.get::<_, i64>(0)).unwrap() == 0
    };
    columns
        .map(Result::unwrap)
        .filter(is_empty)
        .map(|(table, column)| format!("{table}.{column}"))
        .collect()
}

#[test]
fn what_was_written_under_any_schema_is_kept_and_what_came_later_is_learnt() {
    for known in 1..=VERSIONS.len() {
        let (_dir, path) = place();
        let identity = write(&path, &VERSIONS[..known]);
        assert_eq!(identity.is_some(), known >= 8);
        let store = SqliteStore::open(&path).unwrap();
        let found = recalled(&store);
        if let Some(identity) = identity {
            assert_eq!(found.identity.0, identity.cast_unsigned(), "version {known}");
        }
        let mut memory = Memory {
            identity: found.identity,
            ..Memory::default()
        };
        let mut past = Past::default();
        for version in &VERSIONS[..known] {
            memory.apply(&(version.changes)());
            past.apply(&(version.changes)());
        }
        assert_eq!(found, memory, "version {known}");
        assert_past(&store, &past);
        let later = VERSIONS[known..].iter();
        let later: Vec<MemoryChange> = later.flat_map(|version| (version.changes)()).collect();
        wait(store.commit(&later)).unwrap();
        memory.apply(&later);
        past.apply(&later);
        drop(store);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(recalled(&store), memory, "version {known}");
        assert_past(&store, &past);
        drop(store);
        // No version is left out here, and none of its columns is without a value.
        let file = Connection::open(&path).unwrap();
        let newest = "SELECT max(version) FROM migration";
        let newest: i64 = file.query_row(newest, [], |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(newest).unwrap(), VERSIONS.len());
        assert_eq!(without_a_value(&file), [""; 0], "version {known}");
    }
}
