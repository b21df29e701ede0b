//! The guard: what is allowed, held and pending, and how it is let go.

mod demotions;
mod directories;
mod releases;

use std::collections::BTreeSet;

use inviter_core::{
    OwnedRoomId,
    desired::Role,
    guard::{
        GuardContext, GuardedPlan, GuardedRoom, HoldReason, Limits, ReleaseCode, Trigger, Verdict, guard,
    },
    plan::RoomPlan,
    recall::RememberedRemoval,
    time::Timestamp,
};
use serde_json::json;

use crate::world::{BOT, NOW, World, room_id, user};

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
fn rooms_that_are_left_alone_do_not_raise_the_limit() {
    let world = room(20, 3);
    let mut plans: Vec<RoomPlan> = (0..4).map(|_| world.plan()).collect();
    let found = room(400, 0).with(|w| w.creator = user("carol"));
    plans.push(found.plan());
    let held = judge_all(&world, plans, &[], Trigger::Person, Limits::default());
    assert_eq!(counts(&held), (0, 12, 0));
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
