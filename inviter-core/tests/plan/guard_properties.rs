//! The limits against counting by hand: random rooms, directories, limits, and removals of the last two days.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::{
    OwnedRoomId, OwnedUserId,
    action::{Op, RoomTarget},
    desired::{Desired, FeedRole},
    directory::ProviderId,
    guard::{GuardContext, GuardedRoom, HoldReason, Limits, ReleaseCode, Trigger, Verdict, guard},
    plan::RoomPlan,
    recall::{Memory, RememberedRemoval},
    time::Timestamp,
};
use proptest::{collection, prelude::*};

use crate::world::{NOW, World, feed, user};

const DIRECTORIES: [&str; 2] = ["corp", "branch"];

/// People of a room, and which of the directories feed it.
#[derive(Debug, Clone)]
struct Hall {
    wanted: usize,
    unwanted: usize,
    fed_by: BTreeSet<usize>,
}

/// Somebody who was removed: whether they are still among those who are to go, and how many hours ago it was.
#[derive(Debug, Clone)]
struct Gone {
    hall: usize,
    person: usize,
    hours: u64,
}

fn hall() -> impl Strategy<Value = Hall> {
    (1usize..12, 0usize..6, collection::btree_set(0..2usize, 1..3)).prop_map(|(wanted, unwanted, fed_by)| {
        Hall {
            wanted,
            unwanted,
            fed_by,
        }
    })
}

fn gone() -> impl Strategy<Value = Gone> {
    (0usize..4, 0usize..8, 0u64..48).prop_map(|(hall, person, hours)| Gone { hall, person, hours })
}

fn limits() -> impl Strategy<Value = Limits> {
    let pair = || (0u32..9, 0u8..50);
    (pair(), pair(), pair()).prop_map(|(room, directory, total)| Limits {
        room_count: room.0,
        room_percent: room.1,
        directory_count: directory.0,
        directory_percent: directory.1,
        total_count: total.0,
        total_percent: total.1,
        ..Limits::default()
    })
}

fn id(hall: usize) -> OwnedRoomId {
    OwnedRoomId::try_from(format!("!r{hall}:example.org")).unwrap()
}

fn plan(number: usize, hall: &Hall) -> RoomPlan {
    let mut world = World::new();
    for i in 0..hall.wanted {
        world = world.wants(&format!("w{i}")).joined(&format!("w{i}"));
    }
    for i in 0..hall.unwanted {
        world = world.joined(&format!("u{i}"));
    }
    let mut plan = world.plan();
    let feeds = hall.fed_by.iter().map(|directory| {
        let mut feed = feed("physics", FeedRole::Members);
        feed.group.provider = ProviderId::new(DIRECTORIES[*directory]);
        feed
    });
    plan.feeds = feeds.collect();
    plan.target = Some(RoomTarget::Existing(id(number)));
    plan
}

/// How many go from some rooms and out of how many, by hand.
fn count(halls: &[Hall], gone: &[Gone], is_in: impl Fn(usize) -> bool) -> (usize, usize) {
    let here = || halls.iter().enumerate().filter(|(number, _)| is_in(*number));
    let mut going: BTreeSet<(usize, usize)> = here()
        .flat_map(|(number, hall)| (0..hall.unwanted).map(move |person| (number, person)))
        .collect();
    let staying: usize = here().map(|(_, hall)| hall.wanted).sum();
    let recent = gone.iter().filter(|gone| gone.hours < 24);
    let recent = recent.filter(|gone| gone.hall < halls.len() && is_in(gone.hall));
    going.extend(recent.map(|gone| (gone.hall, gone.person)));
    (going.len(), going.len() + staying)
}

fn is_beyond((going, of): (usize, usize), count: u32, percent: u8) -> bool {
    going > 0
        && (count == 0 || percent == 0 || going > count as usize && going * 100 > of * usize::from(percent))
}

fn removals(room: &GuardedRoom) -> Vec<(OwnedUserId, Verdict)> {
    let removal = |op: &Op| match op {
        Op::Remove { user, .. } => Some(user.clone()),
        _ => None,
    };
    let actions = room.actions().iter();
    actions
        .filter_map(|a| Some((removal(&a.action.op)?, a.verdict.clone())))
        .collect()
}

fn reasons(room: &GuardedRoom) -> Vec<HoldReason> {
    let verdicts = removals(room).into_iter().map(|(_, verdict)| verdict);
    let reasons = verdicts.flat_map(|verdict| match verdict {
        Verdict::Held { reasons } => reasons,
        _ => Vec::new(),
    });
    reasons.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A limit that is exceeded holds every removal in its scope, and nothing else holds any.
    #[test]
    fn a_limit_that_is_exceeded_holds_all_in_its_scope_and_no_more(
        halls in collection::vec(hall(), 1..4), gone in collection::vec(gone(), 0..10), limits in limits(),
    ) {
        let memory = Memory {
            clean_run: Some(Timestamp(1)),
            removals: gone.iter().map(|gone| RememberedRemoval {
                at: Timestamp(NOW.0 - gone.hours * 3_600_000),
                room: id(gone.hall),
                user: user(&format!("u{}", gone.person)),
            }).collect(),
            ..Memory::default()
        };
        let gone: Vec<Gone> = gone.into_iter().filter(|gone| gone.hall < halls.len()).collect();
        let mut memory = memory;
        memory.removals.retain(|removal| (0..halls.len()).any(|hall| removal.room == id(hall)));
        let desired = Desired::default();
        let none = BTreeSet::new();
        let cx = GuardContext {
            limits: &limits, trigger: Trigger::Person, desired: &desired, memory: &memory, releases: &none, now: NOW,
        };
        let plans: Vec<RoomPlan> = halls.iter().enumerate().map(|(number, hall)| plan(number, hall)).collect();
        let judged = guard(plans.clone(), &cx);

        let total = is_beyond(count(&halls, &gone, |_| true), limits.total_count, limits.total_percent);
        let directories: Vec<bool> = (0..DIRECTORIES.len()).map(|directory| {
            let counted = count(&halls, &gone, |hall| halls[hall].fed_by.contains(&directory));
            is_beyond(counted, limits.directory_count, limits.directory_percent)
        }).collect();
        let mut codes: BTreeMap<ReleaseCode, usize> = BTreeMap::new();
        for (number, (room, hall)) in judged.rooms().iter().zip(&halls).enumerate() {
            let of_room = is_beyond(count(&halls, &gone, |other| other == number), limits.room_count, limits.room_percent);
            let of_directory = hall.fed_by.iter().any(|directory| directories[*directory]);
            let expected = of_room || of_directory || total;
            let removals = removals(room);
            prop_assert_eq!(removals.len(), hall.unwanted);
            for (user, verdict) in &removals {
                let held = matches!(verdict, Verdict::Held { .. });
                prop_assert_eq!(held, expected, "{} in room {}", user, number);
            }
            let told = reasons(room);
            let tells = |is_it: fn(&HoldReason) -> bool| told.iter().any(is_it);
            if !removals.is_empty() {
                prop_assert_eq!(tells(|r| matches!(r, HoldReason::RoomLimit { .. })), of_room);
                prop_assert_eq!(tells(|r| matches!(r, HoldReason::TotalLimit { .. })), total);
                // Where it says the same as the limit over all rooms, it is not said twice.
                let told_of_directory = tells(|r| matches!(r, HoldReason::DirectoryLimit { .. }));
                prop_assert!(!told_of_directory || of_directory);
                prop_assert!(told_of_directory || total || !of_directory);
            }
            if let Some(code) = room.release() {
                prop_assert_eq!(codes.insert(code.clone(), number), None, "each room has its own code");
            }
        }

        // The code of a room lets go all of that room and nothing else; that of everything lets go all.
        for (code, number) in codes {
            let releases = BTreeSet::from([code]);
            let judged = guard(plans.clone(), &GuardContext { releases: &releases, ..cx });
            for (other, (now, before)) in judged.rooms().iter().zip(guard(plans.clone(), &cx).rooms()).enumerate() {
                if other == number {
                    prop_assert!(reasons(now).is_empty());
                } else {
                    prop_assert_eq!(removals(now), removals(before));
                }
            }
        }
        if let Some(code) = judged.release() {
            let releases = BTreeSet::from([code.clone()]);
            let judged = guard(plans, &GuardContext { releases: &releases, ..cx });
            prop_assert!(judged.rooms().iter().all(|room| reasons(room).is_empty()));
        }
    }
}
