//! Files of older versions of this program, and of newer ones.

use std::fs;

use inviter::{
    SqliteStore,
    core::{
        RoomId, UserId,
        desired::GroupRef,
        directory::{GroupKey, ProviderId},
        guard::ReleaseCode,
        recall::{Brought, Ground, Happened, Happening, MemoryChange, MemoryStore, Past, RememberedHold},
        time::Timestamp,
    },
};
use rusqlite::Connection;

use super::{adopted, empty, generated::assert_past, place, recalled, remembering, wait};

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
