//! The guard: what is allowed, held and pending, and how it is let go.

use std::collections::BTreeSet;

use inviter_core::{
    OwnedRoomId,
    action::RoomTarget,
    desired::{FeedRole, Role},
    directory::ProviderId,
    finding::FindingKind,
    guard::{
        GuardContext, GuardedPlan, GuardedRoom, HoldReason, Limits, ReleaseCode, Trigger, Verdict, guard,
    },
    plan::RoomPlan,
    recall::{RememberedDirectory, RememberedRemoval},
    room::Membership,
    time::Timestamp,
};
use serde_json::{Map, json};

use crate::world::{BOT, NOW, World, feed, room_id, user};

/// A room of `wanted` + `unwanted` people after a clean run.
fn room(wanted: usize, unwanted: usize) -> World {
    let mut world = World::new().with(|w| w.memory.clean_run = Some(Timestamp(NOW.0 - 1)));
    for i in 0..wanted {
        world = world.wants(&format!("w{i}")).joined(&format!("w{i}"));
    }
    for i in 0..unwanted {
        world = world.joined(&format!("u{i}"));
    }
    world
}

fn judge(world: &World, releases: &[ReleaseCode], trigger: Trigger, limits: Limits) -> GuardedPlan {
    judge_all(world, vec![world.plan()], releases, trigger, limits)
}

fn judge_all(
    world: &World,
    plans: Vec<RoomPlan>,
    releases: &[ReleaseCode],
    trigger: Trigger,
    limits: Limits,
) -> GuardedPlan {
    let desired = world.desired();
    let cx = GuardContext {
        limits: &limits,
        trigger,
        desired: &desired,
        memory: &world.memory,
        releases: &releases.iter().cloned().collect::<BTreeSet<_>>(),
        now: NOW,
    };
    guard(plans, &cx)
}

fn default(world: &World) -> GuardedPlan {
    judge(world, &[], Trigger::Person, Limits::default())
}

/// Allowed, held, pending.
fn counts(plan: &GuardedPlan) -> (usize, usize, usize) {
    let verdicts = || {
        plan.rooms()
            .iter()
            .flat_map(GuardedRoom::actions)
            .map(|a| &a.verdict)
    };
    (
        verdicts().filter(|v| **v == Verdict::Allowed).count(),
        verdicts().filter(|v| matches!(v, Verdict::Held { .. })).count(),
        verdicts().filter(|v| **v == Verdict::Pending).count(),
    )
}

fn reasons(plan: &GuardedPlan) -> Vec<HoldReason> {
    let mut all: Vec<HoldReason> = plan
        .rooms()
        .iter()
        .flat_map(GuardedRoom::actions)
        .flat_map(|a| match &a.verdict {
            Verdict::Held { reasons } => reasons.clone(),
            _ => Vec::new(),
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn a_few_removals_are_allowed_and_too_many_hold_all_of_the_room() {
    // Three may go whatever the percentage; a quarter may go whatever the count.
    assert_eq!(counts(&default(&room(1, 3))), (3, 0, 0));
    assert_eq!(
        counts(&judge(
            &room(12, 4),
            &[],
            Trigger::Person,
            Limits {
                total_percent: 100,
                ..Limits::default()
            }
        )),
        (4, 0, 0)
    );
    let held = judge(
        &room(11, 4),
        &[],
        Trigger::Person,
        Limits {
            total_percent: 100,
            ..Limits::default()
        },
    );
    assert_eq!(counts(&held), (0, 4, 0), "held means all");
    assert_eq!(
        reasons(&held),
        [HoldReason::RoomLimit {
            going: 4,
            of: 15,
            count: 3,
            percent: 25
        }]
    );
    assert!(held.is_empty(), "nothing is left to do");
}

#[test]
fn additions_are_never_held() {
    let world = room(1, 10).wants("new");
    assert_eq!(counts(&default(&world)), (1, 10, 0));
}

#[test]
fn nobody_goes_before_a_clean_run() {
    let world = room(5, 1).with(|w| w.memory.clean_run = None);
    assert_eq!(reasons(&default(&world)), [HoldReason::NoCleanRun]);
}

#[test]
fn a_group_without_anyone_is_held_in_tiny_rooms_too() {
    assert_eq!(reasons(&default(&room(0, 1))), [HoldReason::NobodyWanted]);
    // A person named in the configuration does not make an emptied group full.
    let fixed = room(0, 1).fixed("warden", Role::Member);
    assert_eq!(reasons(&default(&fixed)), [HoldReason::NobodyWanted]);
}

#[test]
fn a_zero_in_either_number_of_a_pair_lets_nobody_go() {
    let changes: [fn(&mut Limits); 8] = [
        |l| l.room_count = 0,
        |l| l.room_percent = 0,
        |l| l.directory_count = 0,
        |l| l.directory_percent = 0,
        |l| l.total_count = 0,
        |l| l.total_percent = 0,
        |l| (l.room_count, l.room_percent) = (0, 100),
        |l| (l.total_count, l.total_percent) = (u32::MAX, 0),
    ];
    let lowered = room(100, 0).users(json!({ BOT: 100, "@w0:example.org": 50 }));
    for (index, change) in changes.into_iter().enumerate() {
        let mut limits = Limits::default();
        change(&mut limits);
        let held = judge(&room(100, 1), &[], Trigger::Person, limits);
        assert_eq!(counts(&held), (0, 1, 0), "{index}");
        assert_eq!(reasons(&held).len(), 1, "{index}");
        let told = reasons(&held)[0].to_string();
        assert!(
            told.ends_with(" would go, and a limit of 0 lets nobody go without a person's word"),
            "{told}"
        );
        // Nobody is lowered either, and a person's word counts.
        let of_level = judge(&lowered, &[], Trigger::Person, limits);
        assert_eq!(counts(&of_level), (0, 1, 0), "{index}");
        let code = held.release().cloned().unwrap();
        assert_eq!(
            counts(&judge(&room(100, 1), &[code], Trigger::Person, limits)),
            (1, 0, 0)
        );
        // Nobody goes: nothing is said.
        let quiet = judge(&room(100, 0).wants("new"), &[], Trigger::Person, limits);
        assert_eq!(counts(&quiet), (1, 0, 0), "{index}");
    }
}

#[test]
fn a_directory_that_lost_one_account_is_held_where_it_may_lose_none() {
    let shrunk = |accounts: u64| {
        room(30, 1).with(|w| {
            let then = RememberedDirectory {
                at: Timestamp(0),
                active_accounts: accounts,
            };
            w.memory.directories.insert(ProviderId::new("dir"), then);
        })
    };
    for (shrink_count, shrink_percent) in [(0, 5), (10, 0)] {
        let never = Limits {
            shrink_count,
            shrink_percent,
            ..Limits::default()
        };
        let judged = |accounts| judge(&shrunk(accounts), &[], Trigger::Person, never);
        assert!(matches!(
            reasons(&judged(31))[..],
            [HoldReason::DirectoryShrank { from: 31, to: 30, .. }]
        ));
        assert_eq!(counts(&judged(30)), (1, 0, 0));
    }
    // Its own pair decides, and not that of all rooms.
    let other = Limits {
        shrink_count: 40,
        ..Limits::default()
    };
    assert_eq!(
        counts(&judge(&shrunk(60), &[], Trigger::Person, other)),
        (1, 0, 0)
    );
}

/// One of many rooms, which these directories feed.
fn fed(wanted: usize, unwanted: usize, number: usize, providers: &[&str]) -> RoomPlan {
    let mut plan = room(wanted, unwanted).plan();
    let feed = |provider: &&str| {
        let mut feed = feed("physics", FeedRole::Members);
        feed.group.provider = ProviderId::new(*provider);
        feed
    };
    plan.feeds = providers.iter().map(feed).collect();
    plan.target = Some(RoomTarget::Existing(numbered(number)));
    plan
}

fn numbered(room: usize) -> OwnedRoomId {
    OwnedRoomId::try_from(format!("!r{room}:example.org")).unwrap()
}

#[test]
fn the_limit_of_a_directory_holds_its_rooms_and_no_others() {
    let world = room(1, 0);
    // Of the branch 4 × 3 of 4 × 23 would go, of all together 13 of 393.
    let mut plans: Vec<RoomPlan> = (0..4).map(|n| fed(20, 3, n, &["branch"])).collect();
    plans[3].feeds = fed(1, 0, 3, &["branch", "corp"]).feeds;
    plans.push(fed(299, 1, 4, &["corp"]));
    plans.push(fed(1, 0, 5, &["idle"]));
    let judged = judge_all(&world, plans.clone(), &[], Trigger::Person, Limits::default());
    assert_eq!(counts(&judged), (1, 12, 0), "that of the other directory goes");
    assert_eq!(
        reasons(&judged),
        [HoldReason::DirectoryLimit {
            directory: ProviderId::new("branch"),
            going: 12,
            of: 92,
            count: 10,
            percent: 5
        }]
    );
    assert_eq!(
        reasons(&judged)[0].to_string(),
        "12 of 92 people of the rooms of directory branch would go, the limit is 10 and 5 %"
    );
    // As soon as one less goes, all do.
    plans[0] = fed(20, 1, 0, &["branch"]);
    let judged = judge_all(&world, plans, &[], Trigger::Person, Limits::default());
    assert_eq!(counts(&judged), (11, 0, 0));
}

#[test]
fn a_room_belongs_to_the_directory_that_fed_it_last_and_to_its_last_removals() {
    let limits = Limits {
        directory_count: 3,
        directory_percent: 1,
        room_count: 100,
        ..Limits::default()
    };
    let remembered = |room: usize, world: &mut World| {
        let mut feed = feed("physics", FeedRole::Members);
        feed.group.provider = ProviderId::new("branch");
        world.memory.rooms.entry(numbered(room)).or_default().feeds = vec![feed];
    };
    let held = |world: &World| {
        let plans = vec![fed(50, 3, 0, &["corp"])];
        counts(&judge_all(world, plans, &[], Trigger::Person, limits)).1
    };
    let mut world = room(1, 0);
    remembered(0, &mut world);
    assert_eq!(held(&world), 0);
    // A fourth went today from a room of the branch that is not in this run, or from one that another has replaced.
    let removal = |room: usize| RememberedRemoval {
        at: Timestamp(NOW.0 - 1),
        room: numbered(room),
        user: user("gone"),
    };
    world.memory.removals = vec![removal(7)];
    assert_eq!(held(&world), 0, "of a room of which nothing is known");
    remembered(7, &mut world);
    assert_eq!(held(&world), 3);
    world.memory.rooms.remove(&numbered(7));
    world.memory.successors.0.insert(numbered(7), numbered(0));
    assert_eq!(held(&world), 3);
    world.memory.removals[0].at = Timestamp(NOW.0 - 24 * 3_600_000);
    assert_eq!(held(&world), 0, "a day ago to the millisecond");
}

#[test]
fn what_left_the_room_that_this_one_replaced_counts_here() {
    let mut world = room(5, 2);
    let old = numbered(7);
    let removal = |name: &str| RememberedRemoval {
        at: Timestamp(NOW.0 - 1),
        room: old.clone(),
        user: user(name),
    };
    world.memory.removals = vec![removal("x1"), removal("x2")];
    assert_eq!(counts(&default(&world)), (2, 0, 0));
    world.memory.successors.0.insert(old.clone(), room_id());
    assert_eq!(
        reasons(&default(&world)),
        [HoldReason::RoomLimit {
            going: 4,
            of: 9,
            count: 3,
            percent: 25
        }]
    );
}

#[test]
fn a_vanished_group_is_an_empty_one_where_that_is_configured() {
    let world = room(5, 1).remember(|r| {
        r.feeds = vec![
            feed("physics", FeedRole::Members),
            feed("gone", FeedRole::Members),
        ];
    });
    assert!(matches!(
        reasons(&default(&world))[..],
        [HoldReason::GroupVanished { .. }]
    ));
    let world = world.with(|w| w.policy.danger_vanished_groups_are_empty = true);
    assert_eq!(counts(&default(&world)), (1, 0, 0));
    let told = &world.plan().findings;
    assert!(
        told.iter()
            .any(|finding| finding.kind == FindingKind::GroupVanished),
        "it is told all the same: {told:?}"
    );
    // A group without anyone is held in any case.
    let nobody = room(0, 1)
        .remember(|r| r.feeds = vec![feed("gone", FeedRole::Members)])
        .with(|w| w.policy.danger_vanished_groups_are_empty = true);
    assert_eq!(reasons(&default(&nobody)), [HoldReason::NobodyWanted]);
}

#[test]
fn a_code_is_another_once_something_was_let_go_in_the_room() {
    let world = room(1, 8);
    let code = |world: &World| default(world).rooms()[0].release().cloned().unwrap();
    let first = code(&world);
    let mut known = vec![first.clone()];
    for at in [0, 1, NOW.0] {
        let world = room(1, 8).remember(|r| r.released = Some(Timestamp(at)));
        let judged = judge(
            &world,
            std::slice::from_ref(&first),
            Trigger::Person,
            Limits::default(),
        );
        assert_eq!(counts(&judged), (0, 8, 0));
        assert!(judged.released().is_empty());
        let next = code(&world);
        assert!(!known.contains(&next));
        let judged = judge(
            &world,
            std::slice::from_ref(&next),
            Trigger::Person,
            Limits::default(),
        );
        assert_eq!(counts(&judged), (8, 0, 0));
        known.push(next);
    }
    // That of everything is about the same rooms.
    let elsewhere = room(1, 0).with(|w| {
        w.memory.rooms.entry(numbered(0)).or_default().released = Some(Timestamp(5));
    });
    let plans = || vec![fed(1, 8, 0, &["dir"]), fed(1, 8, 1, &["dir"])];
    let of = |world: &World| {
        let judged = judge_all(world, plans(), &[], Trigger::Person, Limits::default());
        judged.release().cloned().unwrap()
    };
    assert_ne!(of(&elsewhere), of(&room(1, 0)));
}

#[test]
fn a_code_that_is_shown_with_the_same_people_is_the_same() {
    let codes: BTreeSet<String> = (0..3)
        .map(|_| default(&room(1, 8)).release().unwrap().to_string())
        .collect();
    assert_eq!(codes.len(), 1);
    assert_eq!(codes.first().unwrap().len(), 10);
}

#[test]
fn the_limit_over_all_rooms_holds_all_rooms() {
    let world = room(20, 3);
    let plans = |n: usize| (0..n).map(|_| world.plan()).collect::<Vec<_>>();
    let judged = |n| judge_all(&world, plans(n), &[], Trigger::Person, Limits::default());
    assert_eq!(counts(&judged(3)), (9, 0, 0));
    let held = judged(4);
    assert_eq!(counts(&held), (0, 12, 0));
    assert_eq!(
        reasons(&held),
        [HoldReason::TotalLimit {
            going: 12,
            of: 92,
            count: 10,
            percent: 5
        }]
    );
}

#[test]
fn removals_of_the_last_day_count() {
    let hour = 3_600_000;
    let earlier = |ago: u64, who: &'static [&'static str]| {
        room(5, 2).with(|w| {
            for name in who {
                let removal = RememberedRemoval {
                    at: Timestamp(NOW.0 - ago),
                    room: room_id(),
                    user: user(name),
                };
                w.memory.removals.push(removal);
            }
        })
    };
    let held = default(&earlier(hour, &["x1", "x2"]));
    assert_eq!(
        reasons(&held),
        [HoldReason::RoomLimit {
            going: 4,
            of: 9,
            count: 3,
            percent: 25
        }]
    );
    assert_eq!(counts(&default(&earlier(25 * hour, &["x1", "x2"]))), (2, 0, 0));
    // One that was written down and did not come about counts once.
    assert_eq!(counts(&default(&earlier(hour, &["u0", "u1"]))), (2, 0, 0));
}

#[test]
fn removals_of_the_last_day_count_over_all_rooms() {
    let elsewhere = OwnedRoomId::try_from("!other:example.org").unwrap();
    let hours_ago = |hours: u64| {
        room(20, 3).with(|w| {
            let removal = |i: usize| RememberedRemoval {
                at: Timestamp(NOW.0 - hours * 3_600_000),
                room: elsewhere.clone(),
                user: user(&format!("x{i}")),
            };
            w.memory.removals = (0..8).map(removal).collect();
        })
    };
    let limit = HoldReason::TotalLimit {
        going: 11,
        of: 31,
        count: 10,
        percent: 5,
    };
    assert_eq!(reasons(&default(&hours_ago(23))), [limit]);
    assert_eq!(counts(&default(&hours_ago(25))), (3, 0, 0));
}

#[test]
fn a_directory_that_shrank_holds_the_rooms_it_feeds() {
    let world = room(30, 1).with(|w| {
        let then = RememberedDirectory {
            at: Timestamp(0),
            active_accounts: 60,
        };
        w.memory.directories.insert(ProviderId::new("dir"), then);
    });
    let HoldReason::DirectoryShrank { from, to, .. } = &reasons(&default(&world))[0] else {
        panic!("held")
    };
    assert_eq!((*from, *to), (60, 30));
    // Where a group is not known completely, that room tells what is missing.
    let world = world.with(|w| w.size_known = false);
    assert!(
        !reasons(&default(&world))
            .iter()
            .any(|reason| matches!(reason, HoldReason::DirectoryShrank { .. }))
    );
}

#[test]
fn a_vanished_group_holds_removals_and_demotions() {
    let world = room(5, 1)
        .wants("former")
        .joined("former")
        .users(json!({ "@bot:example.org": 100, "@former:example.org": 50 }))
        .remember(|r| {
            r.feeds = vec![
                feed("physics", FeedRole::Members),
                feed("physics_owners", FeedRole::Owners),
            ];
        });
    let held = default(&world);
    assert_eq!(counts(&held), (0, 2, 0));
    assert!(matches!(reasons(&held)[..], [HoldReason::GroupVanished { .. }]));
}

#[test]
fn a_held_removal_holds_its_demotion() {
    let world = room(0, 1).users(json!({ "@bot:example.org": 100, "@u0:example.org": 50 }));
    assert_eq!(counts(&default(&world)), (0, 2, 0));
}

#[test]
fn too_many_demotions_are_held_and_tidying_is_not() {
    let users = |people: &[String]| {
        let entries = people.iter().map(|u| (format!("@{u}:example.org"), json!(50)));
        let mut users: Map<String, serde_json::Value> = entries.collect();
        users.insert("@bot:example.org".to_owned(), json!(100));
        json!(users)
    };
    let four: Vec<String> = (0..4).map(|i| format!("w{i}")).collect();
    assert_eq!(counts(&default(&room(20, 0).users(users(&four)))), (0, 4, 0));
    assert_eq!(counts(&default(&room(20, 0).users(users(&four[..3])))), (3, 0, 0));
    let gone: Vec<String> = (0..9).map(|i| format!("gone{i}")).collect();
    let tidy = room(20, 0)
        .users(users(&gone))
        .member("gone0", Membership::Left, "gone0");
    assert_eq!(counts(&default(&tidy)), (9, 0, 0));
}

#[test]
fn a_group_without_anyone_lowers_nobody_either() {
    // Anyone may join, so nobody is removed; the level would go all the same.
    let world = room(0, 1)
        .users(json!({ "@bot:example.org": 100, "@u0:example.org": 50 }))
        .with(|w| w.join_rule = inviter_core::room::JoinRule::Public);
    let held = default(&world);
    assert_eq!(counts(&held), (0, 1, 0));
    assert_eq!(reasons(&held), [HoldReason::NobodyWanted]);
}

#[test]
fn the_limit_over_all_rooms_holds_demotions_too() {
    let world = room(20, 0).users(json!({
        "@bot:example.org": 100, "@w0:example.org": 50, "@w1:example.org": 50, "@w2:example.org": 50,
    }));
    let judged = |n: usize| {
        let plans = (0..n).map(|_| world.plan()).collect();
        judge_all(&world, plans, &[], Trigger::Person, Limits::default())
    };
    assert_eq!(counts(&judged(3)), (9, 0, 0));
    let held = judged(4);
    assert_eq!(counts(&held), (0, 12, 0));
    assert!(held.release().is_some());
}

#[test]
fn rooms_that_are_left_alone_do_not_raise_the_limit() {
    let world = room(20, 3);
    let mut plans: Vec<RoomPlan> = (0..4).map(|_| world.plan()).collect();
    let found = room(400, 0).with(|w| w.creator = user("carol"));
    plans.push(found.plan());
    let held = judge_all(&world, plans, &[], Trigger::Person, Limits::default());
    assert_eq!(counts(&held), (0, 12, 0));
}

#[test]
fn admins_over_whom_the_directory_rules_count_like_everybody() {
    let entries = |count: usize| {
        let users = (0..count).map(|i| (format!("@u{i}:example.org"), json!(100)));
        serde_json::Value::Object(users.collect())
    };
    // Four of five: more than 3, and more than 25 %.
    let mut world = room(1, 4).version_12();
    world.levels.as_mut().unwrap()["users"] = entries(4);
    assert_eq!(world.plan().census.population, 1);
    assert_eq!(world.plan().census.raised, 0);
    assert_eq!(counts(&default(&world)), (0, 0, 0));
    world.policy.danger_manage_admins = true;
    assert_eq!(world.plan().census.population, 5);
    assert_eq!(world.plan().census.raised, 4);
    assert_eq!(counts(&default(&world)), (0, 8, 0));
    // Three are few enough; with them their levels go.
    let mut few = room(9, 3).version_12();
    few.levels.as_mut().unwrap()["users"] = entries(3);
    few.policy.danger_manage_admins = true;
    assert_eq!(counts(&default(&few)), (6, 0, 0));
    // Whoever is not below the bot cannot be removed, and makes no room for others to be.
    let mut equals = room(1, 4).users(json!({ "@bot:example.org": 100 }));
    equals.levels = Some(equals.template(&{
        let mut users = entries(4);
        users["@bot:example.org"] = json!(100);
        users
    }));
    equals.policy.danger_manage_admins = true;
    assert_eq!(equals.plan().census.population, 1);
}

#[test]
fn a_level_below_zero_is_a_demotion_too() {
    let world = room(0, 0)
        .fixed("w", Role::Level(-10))
        .joined("w")
        .with(|w| w.memory.clean_run = None);
    assert_eq!(counts(&default(&world)), (0, 1, 0));
}

/// A room where everybody has 50, and the directory wants somebody at 20.
fn below_what_everybody_has() -> World {
    let mut world = room(5, 0).users(json!({ BOT: 100 })).wants_at("w0", 20);
    world.rules.template = None;
    world.levels.as_mut().unwrap()["users_default"] = json!(50);
    world
}

#[test]
fn an_entry_below_what_everybody_has_is_a_demotion_too() {
    let world = below_what_everybody_has();
    assert_eq!(counts(&default(&world)), (1, 0, 0));
    assert_eq!(
        counts(&judge(&world, &[], Trigger::Cautious, Limits::default())),
        (0, 0, 1)
    );
    let first = below_what_everybody_has().with(|w| w.memory.clean_run = None);
    assert_eq!(reasons(&default(&first)), [HoldReason::NoCleanRun]);
    // Who comes loses nothing, whatever everybody has.
    let coming = below_what_everybody_has().wants_at("new", 20);
    assert_eq!(
        counts(&judge(&coming, &[], Trigger::Cautious, Limits::default())),
        (2, 0, 1),
        "the invitation and the level of the one, but not that of the other"
    );
}

#[test]
fn a_cautious_run_lists_removals_as_pending() {
    let world = room(5, 1).wants("new");
    assert_eq!(
        counts(&judge(&world, &[], Trigger::Cautious, Limits::default())),
        (1, 0, 1)
    );
}

#[test]
fn what_is_held_is_held_in_a_cautious_run_too() {
    assert_eq!(
        counts(&judge(&room(1, 8), &[], Trigger::Cautious, Limits::default())),
        (0, 8, 0)
    );
}

#[test]
fn a_release_lets_exactly_its_removals_go() {
    let world = room(1, 8);
    let held = default(&world);
    let room_code = held.rooms()[0].release().cloned().expect("a code for the room");
    let all_code = held.release().cloned().expect("a code for everything");
    for code in [room_code.clone(), all_code] {
        let let_go = judge(&world, &[code], Trigger::Person, Limits::default());
        assert_eq!(counts(&let_go), (8, 0, 0));
        assert_eq!((let_go.release(), let_go.rooms()[0].release()), (None, None));
    }
    // One more, and it is another set.
    let more = room(1, 9);
    assert_eq!(
        counts(&judge(
            &more,
            std::slice::from_ref(&room_code),
            Trigger::Person,
            Limits::default()
        )),
        (0, 9, 0)
    );
    assert_eq!(
        counts(&judge(
            &world,
            &[ReleaseCode::new("0000000000")],
            Trigger::Person,
            Limits::default()
        )),
        (0, 8, 0)
    );
    assert_eq!(
        ReleaseCode::new(format!(" {} ", room_code.as_str().to_uppercase())),
        room_code
    );
}
