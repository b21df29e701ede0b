//! The SQLite store and the lock: what is remembered, and what survives what.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use inviter::{
    SqliteStore,
    core::{
        RoomAliasId, RoomId, UserId,
        desired::{Feed, FeedRole, GroupRef},
        directory::{GroupKey, ProviderId},
        guard::ReleaseCode,
        recall::{
            Brought, Ground, Happened, Happening, KeptOut, Lost, Memory, MemoryChange, MemoryStore, Past,
            Pause, Recalled, Refusal, RefusedOp, RememberedAlias, RememberedDirectory, RememberedHold,
            RememberedQuarantine, RememberedRemoval,
        },
        report::Tally,
        room::RoomRef,
        room_template::Argument,
        runs::{RememberedRun, RunCause},
        server::{LimitKind, MetLimit},
        time::Timestamp,
    },
    run_lock::{LockError, RunLock},
};
use proptest::prelude::*;
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

fn times() -> impl Strategy<Value = Timestamp> {
    prop_oneof![0_u64..50, Just(1_790_000_000_000), Just(i64::MAX as u64)].prop_map(Timestamp)
}

fn rooms() -> impl Strategy<Value = inviter::core::OwnedRoomId> {
    // Both forms: with a server, and of version 12 on without.
    (0..4_u8).prop_map(|n| match n {
        3 => RoomId::parse("!abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap(),
        n => RoomId::parse(format!("!r{n}:x")).unwrap(),
    })
}

fn users() -> impl Strategy<Value = inviter::core::OwnedUserId> {
    (0..5_u8).prop_map(|n| UserId::parse(format!("@u{n}:x")).unwrap())
}

fn refusals() -> impl Strategy<Value = Refusal> {
    let of = prop_oneof![
        Just(RefusedOp::Invite),
        Just(RefusedOp::Remove),
        Just(RefusedOp::Join)
    ];
    (times(), of, ".{0,20}").prop_map(|(at, of, cause)| Refusal { at, of, cause })
}

fn groups() -> impl Strategy<Value = GroupRef> {
    ("[a-c]", ".{1,8}", ".{1,8}").prop_map(|(provider, key, name)| GroupRef {
        provider: ProviderId::new(provider),
        key: GroupKey::new(key),
        name: name.into(),
    })
}

fn brought() -> impl Strategy<Value = Brought> {
    (times(), proptest::option::of(groups())).prop_map(|(at, group)| Brought { at, group })
}

fn holds() -> impl Strategy<Value = RememberedHold> {
    let reasons = proptest::collection::vec(".{0,9}", 0..3);
    (times(), "[0-9a-f]{10}", any::<[u32; 2]>(), reasons).prop_map(
        |(since, code, [removals, demotions], reasons)| RememberedHold {
            since,
            code: ReleaseCode::new(code),
            removals,
            demotions,
            reasons,
        },
    )
}

fn happenings() -> impl Strategy<Value = Happened> {
    let what = prop_oneof![
        Just(Happening::Invited),
        Just(Happening::PutIn),
        Just(Happening::Removed),
        Just(Happening::InvitationWithdrawn),
        proptest::option::of(any::<i64>()).prop_map(Happening::Level),
    ];
    let why = (0..Ground::ALL.len(), proptest::option::of(groups()));
    (times(), rooms(), users(), what, why).prop_map(|(at, room, user, what, (ground, group))| Happened {
        at,
        room,
        user,
        what,
        ground: Ground::ALL[ground],
        group,
    })
}

fn feeds() -> impl Strategy<Value = Vec<Feed>> {
    let feed = (groups(), any::<bool>()).prop_map(|(group, owners)| Feed {
        group,
        role: if owners {
            FeedRole::Owners
        } else {
            FeedRole::Members
        },
    });
    proptest::collection::vec(feed, 0..4)
}

fn left() -> impl Strategy<Value = BTreeMap<inviter::core::OwnedUserId, Timestamp>> {
    proptest::collection::btree_map(users(), times(), 0..3)
}

fn kept_out() -> impl Strategy<Value = BTreeMap<inviter::core::OwnedUserId, KeptOut>> {
    let out = (users(), times(), any::<bool>()).prop_map(|(by, at, banned)| KeptOut { by, at, banned });
    proptest::collection::btree_map(users(), out, 0..3)
}

fn runs() -> impl Strategy<Value = RememberedRun> {
    let causes = prop_oneof![
        Just(RunCause::Start),
        Just(RunCause::Schedule),
        Just(RunCause::Directory),
        Just(RunCause::Drift),
        proptest::option::of(users()).prop_map(|who| RunCause::Person { who }),
    ];
    let not_begun = proptest::option::of(".{0,9}");
    (times(), causes, any::<[u32; 10]>(), any::<[bool; 2]>(), not_begun).prop_map(
        |(at, cause, counts, [whole, errors], not_begun)| {
            let mut tally = Tally::default();
            let (unread, incomplete);
            [
                tally.rooms_created,
                tally.invited,
                tally.removed,
                tally.changed,
                tally.held,
                tally.pending,
                tally.failed,
                tally.parked,
                unread,
                incomplete,
            ] = counts;
            RememberedRun {
                at,
                took: at.0 / 2,
                cause,
                whole,
                tally,
                errors,
                unread,
                incomplete,
                not_begun,
            }
        },
    )
}

fn pauses() -> impl Strategy<Value = Pause> {
    prop_oneof![
        Just(Pause::Everything),
        rooms().prop_map(|id| Pause::Room(RoomRef::Id(id))),
        Just(Pause::Room(RoomRef::Alias(RoomAliasId::parse("#a:x").unwrap()))),
    ]
}

fn changes() -> impl Strategy<Value = MemoryChange> {
    use MemoryChange as C;

    let alias = || (0..3_u8).prop_map(|n| RoomAliasId::parse(format!("#a{n}:x")).unwrap());
    let person = || (rooms(), users());
    prop_oneof![
        times().prop_map(C::CleanRun),
        (alias(), rooms(), times())
            .prop_map(|(alias, room, asked)| C::Alias(alias, RememberedAlias { room, asked })),
        alias().prop_map(C::AliasForgotten),
        (rooms(), times()).prop_map(|(room, at)| C::Adopted(room, at)),
        (rooms(), times()).prop_map(|(room, at)| C::HandedOver(room, at)),
        (rooms(), feeds()).prop_map(|(room, feeds)| C::Feeds(room, feeds)),
        (person(), proptest::option::of(any::<i64>())).prop_map(|((r, u), level)| C::Given(r, u, level)),
        (person(), any::<bool>()).prop_map(|((r, u), is)| C::Absent(r, u, is)),
        (person(), any::<bool>()).prop_map(|((r, u), is)| C::Reinvited(r, u, is)),
        (person(), proptest::option::of(refusals())).prop_map(|((r, u), refusal)| C::Refused(r, u, refusal)),
        (rooms(), times()).prop_map(|(room, at)| C::ListingChecked(room, at)),
        ("[a-c]", times(), 0..1_000_000_u64).prop_map(|(provider, at, active_accounts)| {
            C::Directory(
                ProviderId::new(provider),
                RememberedDirectory { at, active_accounts },
            )
        }),
        (person(), times()).prop_map(|((room, user), at)| C::Removal(RememberedRemoval { at, room, user })),
        ("[a-c]", proptest::option::of((times(), times(), any::<u32>()))).prop_map(|(provider, known)| {
            let known = known.map(|(failing_since, since, failures)| RememberedQuarantine {
                failing_since,
                since,
                failures,
            });
            C::Quarantined(ProviderId::new(provider), known)
        }),
        times().prop_map(C::ForgetRemovals),
        (pauses(), proptest::option::of(times())).prop_map(|(what, at)| C::Paused(what, at)),
        "[a-c]{1,2}(,[0-9])?".prop_map(|text| C::Argument(Argument::parse(&text).unwrap())),
        rooms().prop_map(C::Forgotten),
        (rooms(), rooms(), times(), left(), kept_out())
            .prop_filter("no room replaces itself", |(from, to, ..)| from != to)
            .prop_map(|(from, to, at, left, kept_out)| C::Followed {
                from,
                to,
                at,
                left,
                kept_out,
            }),
        runs().prop_map(C::Ran),
        (person(), proptest::option::of(times())).prop_map(|((r, u), since)| C::Missing(r, u, since)),
        (person(), proptest::option::of(brought())).prop_map(|((r, u), brought)| C::Brought(r, u, brought)),
        (rooms(), proptest::option::of(holds())).prop_map(|(room, hold)| C::Held(room, hold)),
        (rooms(), times()).prop_map(|(room, at)| C::Released(room, at)),
        happenings().prop_map(C::Happened),
        times().prop_map(C::ForgetHistory),
        (0..LimitKind::ALL.len(), times(), 0..1_000_000_u64).prop_map(|(kind, at, wait)| {
            let wait = Duration::from_millis(wait);
            C::LimitMet(LimitKind::ALL[kind], MetLimit { at, wait })
        }),
    ]
}

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

/// Asks a store for the past of everybody in every room; also the names of groups are as they were.
fn assert_past(store: &SqliteStore, past: &Past) {
    let rooms = [
        "!r0:x",
        "!r1:x",
        "!r2:x",
        "!abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    ];
    let rooms = rooms.map(|room| RoomId::parse(room).unwrap());
    for room in &rooms {
        let brought = wait(store.brought(room)).unwrap();
        assert_eq!(format!("{brought:?}"), format!("{:?}", past.brought(room)));
    }
    for user in (0..5).map(|n| UserId::parse(format!("@u{n}:x")).unwrap()) {
        for room in rooms.iter().map(|room| Some(&**room)).chain([None]) {
            let history = wait(store.history(&user, room)).unwrap();
            assert_eq!(format!("{history:?}"), format!("{:?}", past.history(&user, room)));
        }
    }
}

/// A file of the sixth schema, with what it has, is asked for whom we brought in and held, and remembers it.
#[test]
fn a_file_from_before_people_were_remembered_learns_to() {
    let (_dir, path) = place();
    drop(remembering(&path));
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP TABLE origin; DROP TABLE brought; DROP TABLE happened; DROP TABLE missing; DROP TABLE held;
         ALTER TABLE room DROP COLUMN released; DROP TABLE identity;
         DELETE FROM migration WHERE version > 6",
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is committed, in whatever portions and over however many starts, is what the plain memory holds.
    #[test]
    fn remembers_what_the_plain_memory_does(
        commits in proptest::collection::vec(proptest::collection::vec(changes(), 0..12), 0..6),
        reopen in any::<bool>(),
    ) {
        let (_dir, path) = place();
        let mut past = Past::default();
        let mut store = SqliteStore::open(&path).unwrap();
        let mut memory = empty(&store);
        for commit in &commits {
            memory.apply(commit);
            past.apply(commit);
            wait(store.commit(commit)).unwrap();
            if reopen {
                drop(store);
                store = SqliteStore::open(&path).unwrap();
            }
        }
        let found = recalled(&store);
        prop_assert_eq!(&found, &memory);
        // The names of groups are not part of their equality.
        let names = |memory: &Memory| -> Vec<_> {
            memory.rooms.values().flat_map(|r| r.feeds.iter().map(|f| f.group.name.clone())).collect()
        };
        prop_assert_eq!(names(&found), names(&memory));
        assert_past(&store, &past);
    }
}

/// Hundreds of runs leave as many records behind as the plain memory keeps, whatever came in between.
#[test]
fn runs_do_not_pile_up() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let mut memory = empty(&store);
    for at in 0..200 {
        let ran = MemoryChange::Ran(RememberedRun {
            at: Timestamp(at),
            took: 1,
            cause: RunCause::Drift,
            whole: at < 100,
            tally: Tally::default(),
            errors: false,
            unread: 0,
            incomplete: 0,
            not_begun: (at == 50).then(|| "down".to_owned()),
        });
        let ran = [ran];
        memory.apply(&ran);
        wait(store.commit(&ran)).unwrap();
    }
    assert_eq!(recalled(&store), memory);
    let times: Vec<u64> = memory.runs.iter().map(|run| run.at.0).collect();
    assert_eq!((times.len(), times[0], times[1], times[2]), (22, 50, 99, 180));
}

#[test]
fn a_new_store_is_an_empty_memory() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(recalled(&store), empty(&store));
    assert_eq!(store.path(), path);
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
        let anew = loss(&store).anew;
        assert_eq!(loss(&SqliteStore::open(&path).unwrap()).anew, anew);
        wait(store.commit(&adopted())).unwrap();
        assert_eq!(recalled(&store).identity, anew);
        identities.push(anew);
    }
    let different: BTreeSet<_> = identities.iter().collect();
    assert_eq!(different.len(), identities.len(), "{identities:?}");
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

/// The file is told as lost once, kept with its content, and the new one remembers again.
fn assert_set_aside(path: &Path, store: &SqliteStore, why: &str) {
    let kept = path.with_file_name("memory.sqlite.damaged-1");
    let expected = format!(
        "{}: {why}; it is kept as {}, and a new memory has begun",
        path.display(),
        kept.display()
    );
    assert_eq!(lost(store), expected);
    assert_eq!(lost(store), expected, "until something new is remembered");
    assert_eq!(
        lost(&SqliteStore::open(path).unwrap()),
        expected,
        "at a later start too"
    );
    assert!(kept.exists());
    wait(store.commit(&adopted())).unwrap();
    assert_eq!(recalled(store).rooms.len(), 1);
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

/// A file that was damaged anywhere is read as it is, or told as lost and kept, or refused as another program's; never
/// does the program end on it. Once lost, it remembers no clean run, so that nobody is removed.
#[test]
fn a_file_that_is_damaged_anywhere_is_survived() {
    const CASES: u64 = 100;

    let (_dir, sound) = place();
    let store = SqliteStore::open(&sound).unwrap();
    let mut changes = vec![MemoryChange::CleanRun(Timestamp(7))];
    for number in 0..300_u64 {
        let room = RoomId::parse(format!("!r{}:x", number % 20)).unwrap();
        let user = UserId::parse(format!("@u{number}:x")).unwrap();
        changes.push(MemoryChange::Missing(
            room.clone(),
            user.clone(),
            Some(Timestamp(number)),
        ));
        changes.push(MemoryChange::Given(room, user, Some(50)));
    }
    wait(store.commit(&changes)).unwrap();
    drop(store);
    let sound = fs::read(&sound).unwrap();
    let (mut read, mut set_aside, mut refused) = (0, 0, 0);
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
        match wait(store.recall()).unwrap() {
            Recalled::Memory(_) => read += 1,
            Recalled::Lost(Lost { why, .. }) => {
                set_aside += 1;
                let kept = path.with_file_name("memory.sqlite.damaged-1");
                assert!(why.contains(&kept.display().to_string()), "seed {seed}: {why}");
                wait(store.commit(&adopted())).unwrap();
                let memory = recalled(&SqliteStore::open(&path).unwrap());
                assert_eq!((memory.clean_run, memory.rooms.len()), (None, 1), "seed {seed}");
            }
        }
    }
    assert_eq!(read + set_aside + refused, CASES);
    assert!(
        set_aside > CASES / 2,
        "{read} read, {set_aside} set aside, {refused} refused"
    );
}

#[test]
fn an_older_file_is_brought_up_to_date() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../src/sqlite_store/schema/0001_memory.sql"))
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

/// One run, as it is remembered if it could not begin.
fn not_begun(at: u64) -> MemoryChange {
    MemoryChange::Ran(RememberedRun {
        at: Timestamp(at),
        took: 1,
        cause: RunCause::Schedule,
        whole: true,
        tally: Tally::default(),
        errors: false,
        unread: 0,
        incomplete: 0,
        not_begun: Some("there is no such room".to_owned()),
    })
}

#[test]
fn a_run_that_could_not_begin_does_not_hide_that_the_memory_was_lost() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "this is not a database").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let why = lost(&store);
    // Nor does a directory that is left alone.
    let quarantine = RememberedQuarantine {
        failing_since: Timestamp(1),
        since: Timestamp(2),
        failures: 3,
    };
    let quarantined = MemoryChange::Quarantined(ProviderId::new("staff"), Some(quarantine));
    wait(store.commit(&[not_begun(1), quarantined])).unwrap();
    assert_eq!(lost(&store), why);
    wait(store.commit(&[not_begun(2), adopted()[0].clone()])).unwrap();
    let memory = recalled(&store);
    assert_eq!((memory.rooms.len(), memory.runs.len()), (1, 2));
    assert_eq!(memory.quarantined, [(ProviderId::new("staff"), quarantine)].into());
}

/// Nothing is decided by runs, so that one of them is not worth all the rest.
#[test]
fn a_run_that_cannot_be_read_is_left_out() {
    let (_dir, path) = place();
    let store = remembering(&path);
    for at in 1..=4 {
        wait(store.commit(&[not_begun(at)])).unwrap();
    }
    let other = Connection::open(&path).unwrap();
    for broken in [
        "UPDATE run SET cause = 'whim' WHERE at = 1",
        "UPDATE run SET cause = 'person', person = 'nobody' WHERE at = 2",
        "UPDATE run SET took = -1 WHERE at = 3",
    ] {
        assert_eq!(other.execute(broken, []).unwrap(), 1, "{broken}");
    }
    drop(other);
    let memory = recalled(&store);
    assert_eq!(memory.rooms.len(), 1);
    let times: Vec<u64> = memory.runs.iter().map(|run| run.at.0).collect();
    assert_eq!(times, [4]);
    assert!(!path.with_file_name("memory.sqlite.damaged-1").exists());
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

#[test]
fn one_run_at_a_time_for_each_account() {
    let dir = tempfile::tempdir().unwrap();
    let bot = UserId::parse("@bot:example.com").unwrap();
    let lock = RunLock::acquire(dir.path(), &bot).unwrap();
    let LockError::Held(held) = RunLock::acquire(dir.path(), &bot).unwrap_err() else {
        panic!("not held")
    };
    assert_eq!(held.account, bot);
    assert_eq!(held.pid, Some(std::process::id()));
    assert_eq!(
        held.to_string(),
        format!(
            "another run for @bot:example.com is under way (process {}); wait until it has ended, or stop it ({})",
            std::process::id(),
            lock.path().display()
        )
    );
    let other = UserId::parse("@bot:example.org").unwrap();
    let _other = RunLock::acquire(dir.path(), &other).unwrap();
    drop(lock);
    RunLock::acquire(dir.path(), &bot).unwrap();
}

#[test]
fn a_lock_file_left_behind_locks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bot = UserId::parse("@bot:example.com").unwrap();
    let path = RunLock::acquire(dir.path(), &bot).unwrap().path().to_owned();
    fs::write(&path, "4242\n").unwrap();
    RunLock::acquire(dir.path(), &bot).unwrap();
}

#[test]
fn a_lock_in_a_place_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let bot = UserId::parse("@bot:example.com").unwrap();
    let error = RunLock::acquire(&dir.path().join("file"), &bot).unwrap_err();
    assert!(
        error.to_string().contains("set another `dir` in [state]"),
        "{error}"
    );
}
