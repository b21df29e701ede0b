//! Limits over what one directory feeds, and directories and groups of which something is missing.

use inviter_core::{
    OwnedRoomId,
    action::RoomTarget,
    desired::FeedRole,
    directory::ProviderId,
    finding::FindingKind,
    guard::{HoldReason, Limits, Trigger},
    plan::RoomPlan,
    recall::{RememberedDirectory, RememberedRemoval},
    time::Timestamp,
};
use serde_json::json;

use super::{counts, default, judge, judge_all, reasons, room};
use crate::world::{NOW, World, feed, room_id, user};

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
pub(super) fn fed(wanted: usize, unwanted: usize, number: usize, providers: &[&str]) -> RoomPlan {
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

pub(super) fn numbered(room: usize) -> OwnedRoomId {
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
