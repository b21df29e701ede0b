//! Who goes later, and who stays because others have brought them in.

use std::{collections::BTreeMap, time::Duration};

use inviter_core::{
    desired::PersonStanding,
    directory::Extent,
    finding::FindingKind,
    recall::{Brought, MemoryChange},
    room::Membership,
    room_rules::RemovePolicy,
    time::Timestamp,
};
use serde_json::json;

use crate::world::{NOW, World, room_id, user};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// A room with a week of grace, in which Mallory is with a level, and in no group.
fn graceful() -> World {
    World::new()
        .joined("mallory")
        .users(json!({ "@bot:example.org": 100, "@mallory:example.org": 50 }))
        .with(|w| w.rules.grace = WEEK)
}

fn missing_since(world: World, ago: Duration) -> World {
    let since = Timestamp(NOW.0 - u64::try_from(ago.as_millis()).unwrap());
    world.remember(|r| {
        r.missing.insert(user("mallory"), since);
    })
}

fn missing(since: Option<Timestamp>) -> MemoryChange {
    MemoryChange::Missing(room_id(), user("mallory"), since)
}

#[test]
fn the_time_begins_with_the_first_run_that_knows_it() {
    let world = graceful();
    world.gives(&[], &[FindingKind::InGrace]);
    let plan = world.plan();
    assert!(plan.learned.contains(&missing(Some(NOW))));
    assert_eq!(
        plan.findings[0].message,
        "#physics:example.org: @mallory:example.org is in none of its groups any more and is removed after 2027-01-22 \
         08:00 UTC, unless the directory brings them back"
    );
    // Nothing is known for certain: no time begins.
    let unsure = graceful().with(|w| w.members_extent = Extent::gap("physics", "no right"));
    let begins = |change: &MemoryChange| matches!(change, MemoryChange::Missing(..));
    assert!(!unsure.plan().learned.iter().any(begins));
}

#[test]
fn who_has_time_keeps_the_level_and_goes_with_it() {
    let day = Duration::from_secs(86_400);
    let waiting = missing_since(graceful(), Duration::from_millis(7 * 86_400_000 - 1));
    waiting.gives(&[], &[FindingKind::InGrace]);
    assert!(
        !waiting
            .plan()
            .learned
            .iter()
            .any(|c| matches!(c, MemoryChange::Missing(..)))
    );
    for ago in [WEEK, WEEK + day] {
        missing_since(graceful(), ago).gives(&["level mallory 50→none", "remove mallory"], &[]);
    }
}

#[test]
fn return_and_leaving_end_it() {
    let day = Duration::from_secs(86_400);
    let back = missing_since(graceful().wants_at("mallory", 50), day);
    back.gives(&[], &[]);
    assert!(back.plan().learned.contains(&missing(None)));
    let left = missing_since(graceful(), day).member("mallory", Membership::Left, "mallory");
    assert!(left.plan().learned.contains(&missing(None)));
    let off = missing_since(graceful(), day).with(|w| w.rules.grace = Duration::ZERO);
    off.gives(&["level mallory 50→none", "remove mallory"], &[]);
    assert!(off.plan().learned.contains(&missing(None)));
    // What cannot be read is not gone, and a directory that is not known has not brought anybody back.
    let unreadable = missing_since(graceful(), day).with(|w| {
        w.members.remove(&user("mallory"));
        w.unreadable = vec!["a membership cannot be read"];
    });
    assert!(!unreadable.plan().learned.contains(&missing(None)));
    let unsure =
        missing_since(graceful(), day).with(|w| w.members_extent = Extent::gap("physics", "no right"));
    assert!(!unsure.plan().learned.contains(&missing(None)));
}

#[test]
fn a_disabled_account_goes_at_once() {
    let disabled = graceful().with(|w| {
        w.standing.insert(user("mallory"), PersonStanding::Disabled);
    });
    disabled.gives(&["level mallory 50→none", "remove mallory"], &[]);
}

/// The clock was a year ahead when the time began: that must not keep anybody for a year, nor let them go early.
#[test]
fn a_clock_that_was_ahead_begins_it_anew() {
    let ahead = graceful().remember(|r| {
        r.missing.insert(user("mallory"), NOW.plus(WEEK * 52));
    });
    ahead.gives(&[], &[FindingKind::InGrace]);
    assert!(ahead.plan().learned.contains(&missing(Some(NOW))));
}

/// A room that only we may empty of whom we have brought in: Mallory and Trudy, of whom Trudy has left since.
fn ours_alone() -> World {
    let brought = |_| Brought {
        at: Timestamp(5),
        group: None,
    };
    World::new()
        .joined("alice")
        .joined("mallory")
        .with(|w| w.rules.remove = RemovePolicy::BroughtByUs)
        .remember(|_| ())
        .with(|w| {
            let people = ["mallory", "trudy"].map(|name| (user(name), brought(name)));
            w.brought = Some(BTreeMap::from(people));
        })
}

#[test]
fn only_whom_we_have_brought_in_goes() {
    let world = ours_alone();
    world.gives(&["remove mallory"], &[FindingKind::NotBroughtIn]);
    let plan = world.plan();
    assert_eq!(
        plan.findings[0].message,
        "#physics:example.org: 1 person who is in none of its groups and whom we have not brought in may stay, as \
         `remove` says; remove them by hand if they should go"
    );
    let forgotten = MemoryChange::Brought(room_id(), user("trudy"), None);
    assert!(plan.learned.contains(&forgotten));
    let unreadable = ours_alone().with(|w| w.unreadable = vec!["a membership cannot be read"]);
    assert!(!unreadable.plan().learned.contains(&forgotten));
}

#[test]
fn what_was_not_looked_up_lets_nobody_go() {
    let unknown = ours_alone().with(|w| w.brought = None);
    unknown.gives(&[], &[FindingKind::NotBroughtIn]);
}

/// A run that was killed after the invitation has not written it down; the room has.
#[test]
fn an_invitation_of_ours_is_known_by_its_sender() {
    let world = ours_alone()
        .member("alice", Membership::Invited, "bot")
        .member("bob", Membership::Invited, "mallory")
        .wants("mallory")
        .wants("carol")
        .member("carol", Membership::Invited, "bot");
    world.gives(&["withdraw alice"], &[FindingKind::NotBroughtIn]);
    let brought = |name| {
        let brought = Brought {
            at: Timestamp(1),
            group: None,
        };
        MemoryChange::Brought(room_id(), user(name), Some(brought))
    };
    let learned = world.plan().learned;
    assert!(learned.contains(&brought("alice")) && learned.contains(&brought("carol")));
    assert!(!learned.contains(&brought("bob")));
}

/// Where anyone may go it is not looked up whom we have brought in; who has gone lately is forgotten all the same.
#[test]
fn who_has_gone_lately_is_forgotten_unseen() {
    let world = World::new()
        .wants("alice")
        .member("alice", Membership::Left, "bob")
        .member("mallory", Membership::Left, "bob")
        .member("trudy", Membership::Banned, "bob")
        .joined("carol")
        .remember(|r| r.feeds.clear());
    let forgotten = |name| MemoryChange::Brought(room_id(), user(name), None);
    let learned = world.plan().learned;
    assert!(learned.contains(&forgotten("mallory")) && learned.contains(&forgotten("trudy")));
    assert!(!learned.contains(&forgotten("alice")) && !learned.contains(&forgotten("carol")));
}

/// It is written down before they are invited that we do, which must not be taken back after that.
#[test]
fn who_is_invited_again_stays_ours() {
    let again = ours_alone()
        .member("trudy", Membership::Left, "alice")
        .wants("trudy");
    again.gives(&["invite trudy", "remove mallory"], &[FindingKind::NotBroughtIn]);
    let forgotten = MemoryChange::Brought(room_id(), user("trudy"), None);
    assert!(!again.plan().learned.contains(&forgotten));
}

/// Others than ours never go, so that they must not raise how many of ours may go at once.
#[test]
fn the_limits_are_about_those_who_may_go() {
    let population = |world: World| world.plan().census.population;
    let world = || {
        let wanted = ours_alone().joined("carol").wants("carol");
        (0..20).fold(wanted, |world, n| world.joined(&format!("guest{n}")))
    };
    // Mallory, whom we have brought in, and Carol, who belongs there.
    assert_eq!(population(world()), 2);
    let levels = json!({ "@bot:example.org": 100, "@alice:example.org": 50, "@mallory:example.org": 50 });
    assert_eq!(population(world().users(levels)), 2);
    let levels = json!({ "@bot:example.org": 100, "@alice:example.org": 100, "@mallory:example.org": 100 });
    assert_eq!(population(world().users(levels)), 1);
    assert_eq!(
        population(world().with(|w| w.rules.remove = RemovePolicy::Anyone)),
        23
    );
}

/// Who may stay keeps what others gave them, and not what we gave for a group that has them no more.
#[test]
fn a_level_of_ours_is_taken_back_from_who_may_stay() {
    let levels = json!({ "@bot:example.org": 100, "@alice:example.org": 50, "@mallory:example.org": 50 });
    let world = |given| {
        ours_alone()
            .wants_at("mallory", 50)
            .users(levels.clone())
            .remember(|r| {
                r.given.insert(user("alice"), given);
            })
    };
    world(50).gives(&["level alice 50→none"], &[FindingKind::NotBroughtIn]);
    world(25).gives(&[], &[FindingKind::NotBroughtIn]);
}
