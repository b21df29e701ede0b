//! Whatever is remembered, in whatever portions: the store holds what the plain memory does.

use std::{collections::BTreeMap, fs, time::Duration};

use inviter::{
    SqliteStore,
    core::{
        RoomAliasId, RoomId, UserId,
        desired::{Feed, FeedRole, GroupRef},
        directory::{GroupKey, ProviderId},
        guard::ReleaseCode,
        memory::InMemoryStore,
        recall::{
            Brought, Ground, Happened, Happening, KeptOut, Memory, MemoryChange, MemoryIdentity, MemoryStore,
            Past, Pause, Recalled, Refusal, RefusedOp, RememberedAlias, RememberedDirectory, RememberedHold,
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
use proptest::prelude::*;

use super::{empty, place, recalled, wait};

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
        times().prop_map(C::ForgetRefusals),
        person().prop_map(|(r, u)| C::OutBeforeForgotten(r, u)),
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

/// Asks a store for the past of everybody in every room; also the names of groups are as they were.
pub(super) fn assert_past(store: &SqliteStore, past: &Past) {
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

/// What happens to a store that loses its memory now and then.
#[derive(Debug, Clone)]
enum Step {
    /// Something is remembered.
    Commit(Vec<MemoryChange>),
    /// The file is damaged.
    Lose,
    /// A run has told of a loss: of the last one, or of one before it.
    Tell(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::collection::vec(changes(), 0..6).prop_map(Step::Commit),
        1 => Just(Step::Lose),
        2 => any::<bool>().prop_map(Step::Tell),
    ]
}

/// Takes one step; `None` for a loss, which each store has in its own way.
async fn take(store: &dyn MemoryStore, step: &Step) -> Option<()> {
    match step {
        Step::Commit(changes) => store.commit(changes).await.unwrap(),
        Step::Tell(last) => {
            let MemoryIdentity(identity) = store.recall().await.unwrap().into_memory().identity;
            let of = MemoryIdentity(if *last { identity } else { identity.wrapping_sub(1) });
            store.commit(&[MemoryChange::LossTold(of)]).await.unwrap();
        }
        Step::Lose => return None,
    }
    Some(())
}

/// Whether the memory is lost, and what there is, but for the identity, which is made up.
fn found(store: &dyn MemoryStore) -> (bool, Memory) {
    let (is_lost, memory) = match wait(store.recall()).unwrap() {
        Recalled::Memory(memory) => (false, memory),
        Recalled::Lost(lost) => (true, lost.memory),
    };
    let identity = MemoryIdentity::default();
    (is_lost, Memory { identity, ..memory })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A loss is recalled until that one is told, and no longer, by the file as by the store in memory.
    #[test]
    fn a_loss_is_recalled_until_it_is_told(steps in proptest::collection::vec(steps(), 0..8)) {
        let (_dir, path) = place();
        let plain = InMemoryStore::default();
        let mut store = SqliteStore::open(&path).unwrap();
        for step in &steps {
            let taken = (wait(take(&plain, step)), wait(take(&store, step)));
            if taken == (None, None) {
                plain.lose("damaged");
                drop(store);
                for companion in ["memory.sqlite-wal", "memory.sqlite-shm"] {
                    let _ = fs::remove_file(path.with_file_name(companion));
                }
                fs::write(&path, "this is no database").unwrap();
                store = SqliteStore::open(&path).unwrap();
            }
            prop_assert_eq!(found(&store), found(&plain));
        }
        let mut lost = false;
        for step in &steps {
            match step {
                Step::Lose => lost = true,
                Step::Tell(true) => lost = false,
                Step::Commit(_) | Step::Tell(false) => {}
            }
        }
        prop_assert_eq!(found(&store).0, lost);
    }
}
