//! Of a person who is gone from everywhere nothing is left once its time is over, in the tables or in the file. The tables
//! are those of the file itself: one that is new fails here until it is said of each text in it whether it is about
//! people, and for how long.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use inviter::{
    SqliteStore,
    core::{
        OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, UserId,
        decode::MtrxDecoder,
        directory::ProviderId,
        guard::Limits,
        memory::{InMemoryDirectory, InMemoryHomeserver, MemoryGroup, UserOp},
        mint::{GuestRule, Minting},
        policy::{Policy, SourcePolicy},
        recall::{
            Brought, Ground, Happened, Happening, KeptOut, MemoryChange, MemoryStore, Refusal, RefusedOp,
            RememberedRemoval,
        },
        reconcile::{Reconciler, RunOptions},
        report::Tally,
        runs::{RememberedRun, RunCause},
        time::{Clock, Timestamp},
    },
};
use rusqlite::Connection;

use super::{place, wait};

/// How the people begin who are gone.
const GONE: &str = "@gone-";

/// Texts about people.
const OF_PEOPLE: [&str; 15] = [
    "absent.user",
    "brought.user",
    "given.user",
    "happened.user",
    "kept_out.by",
    "kept_out.user",
    "left_before.user",
    "missing.user",
    "refused.cause",
    "refused.user",
    "reinvited.user",
    "removal.user",
    "run.not_begun",
    "run.person",
    "held.reasons",
];

/// Texts about something else: rooms, groups, directories, words of this program, and what the administrator has typed.
const OF_OTHERS: [&str; 25] = [
    "alias.alias",
    "alias.room",
    "argument.vals",
    "directory.provider",
    "fact.name",
    "feed.key",
    "feed.name",
    "feed.provider",
    "feed.role",
    "happened.ground",
    "happened.what",
    "held.code",
    "limit_met.kind",
    "lost.why",
    "origin.key",
    "origin.name",
    "origin.provider",
    "pause.what",
    "quarantined.provider",
    "refused.operation",
    "removal.room",
    "room.room_id",
    "run.cause",
    "successor.room",
    "successor.successor",
];

/// What stays of people who left a room that was replaced since, or were removed or banned there, and whom the new room
/// does not know itself: it is all that keeps them from being invited there, or put in, against their own act or that
/// of others (decisions 21 and 42).
const UNTIL_THE_ROOM_KNOWS_THEM: [&str; 3] = ["kept_out.by", "kept_out.user", "left_before.user"];

/// What stays of people of whom the room itself says that they left: without it they would not be invited when a directory
/// brings them anew (decision 21). The room tells the same for ever.
const WHILE_THE_ROOM_SAYS_THAT_THEY_LEFT: [&str; 1] = ["absent.user"];

fn texts(connection: &Connection) -> Vec<String> {
    let sql = "SELECT tables.name || '.' || columns.name
               FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
               WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND columns.type <> 'INTEGER'
               ORDER BY 1";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Where somebody is named in the file.
fn named(path: &Path, who: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let is_named = |place: &String| {
        let (table, column) = place.split_once('.').unwrap();
        let sql = format!("SELECT count(*) FROM {table} WHERE instr({column}, ?1) > 0");
        connection
            .query_row(&sql, [who], |row| row.get::<_, i64>(0))
            .unwrap()
            > 0
    };
    texts(&connection).into_iter().filter(is_named).collect()
}

/// Bytes of the file, and of its companions where there are any.
fn is_in_the_bytes(path: &Path, who: &str) -> bool {
    let files = fs::read_dir(path.parent().unwrap()).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(who.len()).any(|window| window == who.as_bytes()))
}

#[derive(Debug)]
struct HomeserverClock(InMemoryHomeserver);

impl Clock for HomeserverClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct World {
    homeserver: InMemoryHomeserver,
    room: OwnedRoomId,
    reconciler: Reconciler,
}

impl World {
    /// A room of three people, in which the person who is gone never was.
    fn new(store: &SqliteStore) -> Self {
        let homeserver = InMemoryHomeserver::new("example.org".try_into().unwrap());
        homeserver.set_default_version("11".try_into().unwrap());
        let bot = homeserver.register("bot").unwrap();
        let names = ["alice", "bob", "carol"];
        let users = names.map(|name| homeserver.register(name).unwrap());
        let directory = Arc::new(InMemoryDirectory::new("corp").with_people(names));
        directory.put_group(MemoryGroup::new("MTRX #r0:example.org").members(names));
        let mut policy = Policy::new("example.org".try_into().unwrap());
        policy.sources.push(SourcePolicy {
            provider: ProviderId::new("corp"),
            decoders: vec![Arc::new(MtrxDecoder::default())],
            minting: Minting {
                server: "example.org".try_into().unwrap(),
                attribute: "uid".to_owned(),
                before_at: false,
                guests: GuestRule::Skip,
                renames: BTreeMap::new(),
            },
        });
        let reconciler = Reconciler {
            providers: vec![directory],
            backend: Arc::new(homeserver.backend(bot)),
            store: Arc::new(store.clone()),
            policy,
            limits: Limits::default(),
            clock: Arc::new(HomeserverClock(homeserver.clone())),
            rooms_at_once: 2,
            people_at_once: 2,
        };
        let alias = RoomAliasId::parse("#r0:example.org").unwrap();
        wait(reconciler.sync(&RunOptions::by_person())).unwrap();
        let room = homeserver.alias(&alias).unwrap();
        for user in &users {
            let room = room.clone();
            homeserver.act(user, &UserOp::Join { room }).unwrap();
        }
        Self {
            homeserver,
            room,
            reconciler,
        }
    }

    fn sync(&self) {
        let report = wait(self.reconciler.sync(&RunOptions::by_person())).unwrap();
        assert_eq!(report.errors, [""; 0], "{report:#?}");
    }

    /// Everything that can be remembered of people: of one who left the room before, and of one whom an admin removed
    /// from it.
    fn everything_of(&self, [left, removed, admin]: &[OwnedUserId; 3]) -> Vec<MemoryChange> {
        let (now, room, user, who) = (self.homeserver.now(), self.room.clone(), removed, removed.clone());
        let refusal = Refusal {
            at: now,
            of: RefusedOp::Invite,
            cause: format!("{user} takes no invitations"),
        };
        let out = KeptOut {
            by: admin.clone(),
            at: now,
            banned: false,
        };
        let (at, group) = (now, None);
        let ran = RememberedRun {
            at,
            took: 1,
            cause: RunCause::Person {
                who: Some(user.clone()),
            },
            whole: true,
            tally: Tally::default(),
            errors: false,
            unread: 0,
            incomplete: 0,
            not_begun: None,
        };
        let not_begun = RememberedRun {
            not_begun: Some(format!("{user} holds the lock")),
            ..ran.clone()
        };
        vec![
            MemoryChange::Followed {
                from: RoomId::parse("!old:example.org").unwrap(),
                to: room.clone(),
                at,
                left: [(left.clone(), now)].into(),
                kept_out: [(who.clone(), out)].into(),
            },
            MemoryChange::Given(room.clone(), who.clone(), Some(50)),
            MemoryChange::Absent(room.clone(), left.clone(), true),
            MemoryChange::Reinvited(room.clone(), who.clone(), true),
            MemoryChange::Refused(room.clone(), who.clone(), Some(refusal)),
            MemoryChange::Missing(room.clone(), who.clone(), Some(now)),
            MemoryChange::Brought(room.clone(), who.clone(), Some(Brought { at, group: None })),
            MemoryChange::Happened(Happened {
                at,
                room: room.clone(),
                user: who.clone(),
                what: Happening::Invited,
                ground: Ground::ByHand,
                group,
            }),
            MemoryChange::Removal(RememberedRemoval { at, room, user: who }),
            MemoryChange::Ran(ran),
            MemoryChange::Ran(not_begun),
        ]
    }
}

/// Sentences of a hold are about counts, groups and directories only, so that nobody is in one to begin with.
fn can_be_named(place: &str) -> bool {
    place != "held.reasons"
}

#[test]
fn each_text_in_the_file_is_thought_of() {
    let (_dir, path) = place();
    let _store = SqliteStore::open(&path).unwrap();
    let mut thought_of: Vec<&str> = OF_PEOPLE.into_iter().chain(OF_OTHERS).collect();
    thought_of.sort_unstable();
    assert_eq!(
        texts(&Connection::open(&path).unwrap()),
        thought_of,
        "say of each new text whether it is about people, have it forgotten in time, and say so in SECURITY.md"
    );
}

#[test]
fn of_who_is_gone_nothing_is_left() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let world = World::new(&store);
    let people = ["gone-left", "gone-removed", "gone-admin"];
    let people = people.map(|name| world.homeserver.register(name).unwrap());
    wait(store.commit(&world.everything_of(&people))).unwrap();
    let mut all: Vec<&str> = OF_PEOPLE.into_iter().filter(|p| can_be_named(p)).collect();
    all.sort_unstable();
    assert_eq!(named(&path, GONE), all, "there is nothing to forget");

    // What nothing goes by is gone with the first run, what a day counts with that day, and the past in its time.
    world.sync();
    let for_a_time = [
        "happened.user",
        "refused.cause",
        "refused.user",
        "removal.user",
        "run.not_begun",
        "run.person",
    ];
    let mut still: Vec<&str> = UNTIL_THE_ROOM_KNOWS_THEM
        .into_iter()
        .chain(for_a_time)
        .chain(["absent.user"])
        .collect();
    still.sort_unstable();
    assert_eq!(named(&path, GONE), still);
    world.homeserver.advance(Duration::from_secs(24 * 60 * 60 + 1));
    world.sync();
    still.retain(|place| !place.starts_with("refused.") && !place.starts_with("removal."));
    assert_eq!(named(&path, GONE), still);
    let history = world.reconciler.policy.history;
    world.homeserver.advance(history);
    for _ in 0..=RememberedRun::KEPT {
        world.sync();
    }
    // The last run that could not begin is told until another could not.
    let not_begun = MemoryChange::Ran(RememberedRun {
        not_begun: Some("the directory is down".to_owned()),
        ..last_run(&store)
    });
    wait(store.commit(&[not_begun])).unwrap();
    let absent_and_out = |place: &&str| UNTIL_THE_ROOM_KNOWS_THEM.contains(place) || *place == "absent.user";
    still.retain(absent_and_out);
    assert_eq!(named(&path, GONE), still);

    // The new room knows them.
    for user in &people[..2] {
        let left = serde_json::json!({ "membership": "leave" });
        let server = &world.homeserver;
        server.force_state(&world.room, user, "m.room.member", user.as_str(), left);
    }
    world.sync();
    world.sync();
    assert_eq!(named(&path, GONE), WHILE_THE_ROOM_SAYS_THAT_THEY_LEFT);

    // The room is taken out of management.
    wait(store.commit(&[MemoryChange::Forgotten(world.room.clone())])).unwrap();
    assert_eq!(named(&path, GONE), [""; 0]);
    drop((store, world));
    assert!(!is_in_the_bytes(&path, GONE));
}

fn last_run(store: &SqliteStore) -> RememberedRun {
    super::recalled(store).runs.pop().unwrap()
}

/// What is forgotten is overwritten, in pages that are still in use and in those that are not.
#[test]
fn what_is_forgotten_is_not_in_the_file() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let room = RoomId::parse("!r0:x").unwrap();
    let user = |n: u32| UserId::parse(format!("@person{n}:x")).unwrap();
    let absent = |n, is| MemoryChange::Absent(room.clone(), user(n), is);
    let all = |is| (0..5_000).map(|n| absent(n, is)).collect::<Vec<_>>();
    wait(store.commit(&all(true))).unwrap();
    drop(store);
    assert!(is_in_the_bytes(&path, "@person4321:x"));
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&all(false)[1..])).unwrap();
    drop(store);
    assert!(is_in_the_bytes(&path, "@person0:x"));
    for n in 1..5_000 {
        // Rows stay in order of the names, and one in each page would be enough.
        if n % 97 == 0 {
            assert!(!is_in_the_bytes(&path, user(n).as_str()), "{n}");
        }
    }
}
