//! Questions about one person each, in a world of two directories and one room.

use std::sync::Arc;

use futures_executor::block_on;
use ruma_common::{RoomAliasId, ServerName};

use super::*;
use crate::{
    decode::MtrxDecoder,
    guard::{HoldReason, Limits},
    memory::{
        InMemoryDirectory, InMemoryHomeserver, InMemoryStore, MemoryGroup, MemoryPerson, NewRoom, UserOp,
    },
    mint::{GuestRule, Minting},
    patterns::Patterns,
    policy::SourcePolicy,
    provider::ProviderErrorKind,
    reconcile::{Reconciler, RunOptions},
    report::Outcome,
    room_rules::{FixedMember, RoomRules, RoomSpec},
    time::{Clock, Timestamp},
};

#[derive(Debug)]
struct HomeserverClock(InMemoryHomeserver);

impl Clock for HomeserverClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct World {
    homeserver: InMemoryHomeserver,
    corp: Arc<InMemoryDirectory>,
    branch: Arc<InMemoryDirectory>,
    reconciler: Reconciler,
}

const STAFF: &str = "MTRX #staff:example.org";

fn user(name: &str) -> OwnedUserId {
    let id = if name.contains(':') {
        name.to_owned()
    } else {
        format!("@{name}:example.org")
    };
    UserId::parse(id).unwrap()
}

fn alias(name: &str) -> RoomRef {
    RoomRef::Alias(RoomAliasId::parse(format!("#{name}:example.org")).unwrap())
}

impl World {
    /// Staff is jane, and jim by two groups; joe of the branch; the guest is named. They are all in the room.
    fn new() -> Self {
        let server = ServerName::parse("example.org").unwrap();
        let homeserver = InMemoryHomeserver::new(server.clone());
        let bot = homeserver.register("bot").unwrap();
        for name in ["jane", "jim", "joe", "guest", "eve", "stranger"] {
            homeserver.register(name).unwrap();
        }
        let corp = Arc::new(InMemoryDirectory::new("corp").with_people(["jane", "jim", "eve"]));
        corp.put_group(
            MemoryGroup::new(STAFF)
                .key("staff")
                .members(["jane"])
                .groups(["physics"])
                .owners(["jane"]),
        );
        corp.put_group(MemoryGroup::new("physics").groups(["theory"]));
        corp.put_group(MemoryGroup::new("theory").members(["jim"]));
        let branch = Arc::new(InMemoryDirectory::new("branch").with_people(["joe"]));
        branch.put_group(MemoryGroup::new(STAFF).key("staff").members(["joe"]));
        let mut policy = Policy::new(server.clone());
        for name in ["corp", "branch"] {
            policy.sources.push(SourcePolicy {
                provider: ProviderId::new(name),
                decoders: vec![Arc::new(MtrxDecoder::default())],
                minting: Minting {
                    server: server.clone(),
                    attribute: "uid".to_owned(),
                    before_at: false,
                    guests: GuestRule::Skip,
                    renames: std::collections::BTreeMap::new(),
                },
            });
        }
        policy.rooms.push(RoomSpec {
            room: alias("staff"),
            groups: Vec::new(),
            members: vec![FixedMember {
                user_id: user("guest"),
                level: Some(10),
            }],
            rules: RoomRules::default(),
        });
        let world = Self {
            reconciler: Reconciler {
                providers: vec![corp.clone(), branch.clone()],
                backend: Arc::new(homeserver.backend(bot)),
                store: Arc::new(InMemoryStore::default()),
                policy,
                limits: Limits::default(),
                clock: Arc::new(HomeserverClock(homeserver.clone())),
                rooms_at_once: 1,
                people_at_once: 1,
            },
            homeserver,
            corp,
            branch,
        };
        block_on(world.reconciler.sync(&RunOptions::by_person())).unwrap();
        world
    }

    fn explain(&self, name: &str) -> Explanation {
        self.explain_in(name, &alias("staff"))
    }

    fn explain_in(&self, name: &str, room: &RoomRef) -> Explanation {
        let draft = block_on(self.reconciler.plan(&RunOptions::by_person())).unwrap();
        block_on(self.reconciler.explain(&draft, &user(name), room))
    }
}

/// Each account as `directory:status: way | way`.
fn accounts(explanation: &Explanation) -> Vec<String> {
    let of = |facts: &AccountFacts| {
        let ways = facts.ways.iter().map(|(feed, way)| {
            let owns = if feed.role == FeedRole::Owners {
                "owner "
            } else {
                ""
            };
            format!("{owns}{}", way.join(" > "))
        });
        let ways: Vec<String> = ways.collect();
        format!(
            "{}:{:?}: {}",
            facts.account.provider,
            facts.account.status,
            ways.join(" | ")
        )
    };
    explanation.accounts.iter().map(of).collect()
}

fn feed_of<'e>(explanation: &'e Explanation, why: &Why) -> &'e Feed {
    let (Why::InGroup { feed } | Why::OwnerOf { feed }) = why else {
        panic!("{why:?} names no group")
    };
    &explanation.feeds[usize::from(*feed)]
}

/// Whether the next sync removes them, and what of it.
fn removal(explanation: &Explanation) -> Option<&Outcome> {
    let items = &explanation.plan.as_ref()?.items;
    let item = items
        .iter()
        .find(|item| matches!(item.action.op, Op::Remove { .. }))?;
    Some(&item.outcome)
}

#[test]
fn a_nested_member_is_explained_by_the_way_there() {
    let jim = World::new().explain("jim");
    let Answer::Wanted(why) = &jim.answer else {
        panic!("{:?}", jim.answer)
    };
    assert_eq!(feed_of(&jim, why).group.provider.as_str(), "corp");
    assert_eq!(
        accounts(&jim),
        [format!("corp:Some(Active): {STAFF} > physics > theory")]
    );
    let invited = Presence::Member {
        membership: Membership::Invited,
        level: Power::Level(0),
    };
    assert_eq!((jim.presence, jim.level, jim.marks), (invited, None, vec![]));
    assert_eq!(jim.plan.unwrap().items, []);
}

#[test]
fn an_account_is_known_by_its_key_and_shown_by_its_label() {
    let world = World::new();
    world
        .corp
        .put_person(MemoryPerson::new("jim").key("4711").label("uid=jim,o=corp"));
    let jim = world.explain("jim");
    let account = &jim.accounts[0].account;
    assert_eq!((&*account.key, account.shown()), ("4711", "uid=jim,o=corp"));
    let joe = world.explain("joe");
    assert_eq!(joe.accounts[0].account.shown(), "joe");
}

#[test]
fn an_owner_has_a_level_and_by_whom() {
    let jane = World::new().explain("jane");
    let level = jane.level.as_ref().unwrap();
    assert_eq!(level.level, 50);
    assert_eq!(
        (feed_of(&jane, &level.why).role, &level.why),
        (FeedRole::Owners, &Why::OwnerOf { feed: 2 })
    );
    assert_eq!(
        accounts(&jane),
        [format!("corp:Some(Active): {STAFF} | owner {STAFF}")]
    );
}

#[test]
fn an_account_disabled_in_one_directory_counts_in_the_other() {
    let world = World::new();
    world.corp.put_person(MemoryPerson::new("joe").disabled());
    world.corp.edit_group("theory", |group| group.members(["joe"]));
    let joe = world.explain("joe");
    let Answer::Wanted(why) = &joe.answer else {
        panic!("{:?}", joe.answer)
    };
    assert_eq!(feed_of(&joe, why).group.provider.as_str(), "branch");
    assert_eq!(
        accounts(&joe),
        [
            format!("corp:Some(Disabled): {STAFF} > physics > theory"),
            format!("branch:Some(Active): {STAFF}")
        ]
    );

    world.branch.put_person(MemoryPerson::new("joe").disabled());
    let joe = world.explain("joe");
    assert_eq!(joe.answer, Answer::NotWanted(Why::AccountDisabled));
    assert_eq!(removal(&joe), Some(&Outcome::Planned));
    assert_eq!(
        joe.evidence.word(&user("joe")),
        Some(crate::evidence::AccountWord::Disabled)
    );
}

#[test]
fn who_is_in_no_group_goes_and_who_is_held_stays() {
    let world = World::new();
    world
        .corp
        .edit_group("theory", |group| group.without_members(["jim"]));
    let jim = world.explain("jim");
    assert_eq!(jim.answer, Answer::NotWanted(Why::InNoGroup));
    assert_eq!(removal(&jim), Some(&Outcome::Planned));
    assert_eq!(accounts(&jim), ["corp:Some(Active): "]);

    let mut world = world;
    world.reconciler.limits = Limits {
        room_count: 0,
        room_percent: 0,
        ..Limits::default()
    };
    let jim = world.explain("jim");
    let Some(Outcome::Held { reasons }) = removal(&jim) else {
        panic!("{:?}", jim.plan)
    };
    assert!(
        matches!(reasons[..], [HoldReason::RoomLimit { .. }]),
        "{reasons:?}"
    );
    assert!(jim.plan.unwrap().release.is_some());
}

#[test]
fn a_collision_and_an_unknown_status_make_it_uncertain() {
    let world = World::new();
    world.corp.put_person(
        MemoryPerson::new("jim2")
            .without_attributes()
            .attribute("uid", "JIM"),
    );
    let jim = world.explain("jim");
    assert!(matches!(jim.answer, Answer::Uncertain(_)), "{:?}", jim.answer);
    assert_eq!(jim.marks, [Mark::Collision]);
    assert_eq!((jim.accounts.len(), removal(&jim)), (2, None));
    assert!(
        jim.findings.iter().any(|f| f.kind == FindingKind::Collision),
        "{:?}",
        jim.findings
    );
    let jane = world.explain("jane");
    assert!(
        jane.findings.is_empty(),
        "that of another person: {:?}",
        jane.findings
    );

    world.corp.put_person(MemoryPerson::new("jane").status(None));
    let jane = world.explain("jane");
    assert!(matches!(jane.answer, Answer::Uncertain(_)), "{:?}", jane.answer);
    assert_eq!(jane.marks, [Mark::StatusUnknown]);
}

#[test]
fn named_exempt_foreign_and_the_bot() {
    let mut world = World::new();
    world.reconciler.policy.exempt = Patterns::new(["@stranger:*".to_owned()]).unwrap();
    let guest = world.explain("guest");
    assert_eq!(guest.answer, Answer::Wanted(Why::Fixed));
    assert_eq!(guest.marks, [Mark::Fixed, Mark::Unknown]);
    assert_eq!(
        guest.level,
        Some(LevelWanted {
            level: 10,
            why: Why::Fixed
        })
    );
    let stranger = world.explain("stranger");
    assert_eq!(stranger.answer, Answer::NotWanted(Why::InNoGroup));
    assert_eq!(
        (stranger.presence, stranger.marks),
        (Presence::Absent, vec![Mark::Exempt, Mark::Unknown])
    );
    assert_eq!(world.explain("@eve:other.org").answer, Answer::OutOfScope);
    assert_eq!(world.explain("bot").answer, Answer::Bot);
}

#[test]
fn what_was_not_read_makes_it_uncertain() {
    let world = World::new();
    world.branch.fail(ProviderErrorKind::Unavailable, "is down");
    let joe = world.explain("joe");
    let Answer::Uncertain(because) = &joe.answer else {
        panic!("{:?}", joe.answer)
    };
    assert!(
        because.iter().any(|why| why.contains("directory branch")),
        "{because:?}"
    );
    assert_eq!(
        (removal(&joe), joe.evidence.incomplete()),
        (None, &[ProviderId::new("branch")][..])
    );
    assert!(
        joe.findings
            .iter()
            .any(|f| f.kind == FindingKind::DirectoryUnread)
    );
    // Whom the directory that was read brings is no question.
    assert!(matches!(world.explain("jim").answer, Answer::Wanted(_)));

    world.branch.recover();
    world
        .corp
        .edit_group("physics", |group| group.members_gap("size limit"));
    world
        .branch
        .edit_group(STAFF, |group| group.without_members(["joe"]));
    let joe = world.explain("joe");
    assert!(matches!(joe.answer, Answer::Uncertain(_)), "{:?}", joe.answer);
    assert!(
        joe.gaps.iter().any(|gap| gap.why.contains("size limit")),
        "{:?}",
        joe.gaps
    );
}

#[test]
fn rooms_by_id_by_another_name_and_that_nobody_wants() {
    let world = World::new();
    let id = world.explain("jim").room_id.unwrap();
    let by_id = world.explain_in("jim", &RoomRef::Id(id));
    assert!(matches!(by_id.answer, Answer::Wanted(_)), "{:?}", by_id.answer);
    assert_eq!(by_id.room, alias("staff"));

    let owner = user("stranger");
    let room = NewRoom {
        alias: Some("party".to_owned()),
        ..NewRoom::default()
    };
    world
        .homeserver
        .act(&owner, &UserOp::CreateRoom(Box::new(room)))
        .unwrap();
    let party = world.explain_in("stranger", &alias("party"));
    assert_eq!(
        (party.answer, party.presence),
        (Answer::RoomNotWanted, Presence::BotNotInRoom)
    );
    assert!(party.room_id.is_some() && party.status.is_none() && party.plan.is_none());
    let nowhere = world.explain_in("jim", &alias("nowhere"));
    assert_eq!(
        (nowhere.answer, nowhere.presence),
        (Answer::RoomNotWanted, Presence::NoRoom)
    );
}

#[test]
fn a_name_within_a_longer_one_is_not_that_name() {
    let jim = user("jim");
    assert!(names("accounts a, b lead to @jim:example.org, so nothing", &jim));
    assert!(names("of @jim:example.org", &jim));
    assert!(!names("of @jim:example.org.uk and @slim@jim:example.organ", &jim));
}
