//! What is remembered of people is forgotten once nothing goes by it any more, and no sooner.

use inviter_core::{
    desired::{FeedRole, PersonStanding},
    directory::Extent,
    recall::{KeptOut, MemoryChange},
    room::Membership,
    time::Timestamp,
};
use serde_json::json;

use crate::world::{World, feed, room_id, user};

fn forgets(world: &World, change: &MemoryChange) -> bool {
    let learned = world.plan().learned;
    let times = learned.iter().filter(|known| *known == change).count();
    assert!(times <= 1, "{change:?} is learned {times} times");
    times == 1
}

fn unreadable(world: World) -> World {
    world.with(|w| w.unreadable = vec!["a membership cannot be read"])
}

/// That somebody left and was not wanted counts as long as the room says that they left.
#[test]
fn an_absence_counts_as_long_as_the_room_tells_of_it() {
    let over = MemoryChange::Absent(room_id(), user("mallory"), false);
    let absent = || {
        World::new().remember(|r| {
            r.absent.insert(user("mallory"));
        })
    };
    for (membership, sender, is_over) in [
        (Membership::Left, "mallory", false),
        (Membership::Knocking, "mallory", false),
        (Membership::Left, "bot", true),
        (Membership::Left, "admin", true),
        (Membership::Banned, "admin", true),
        (Membership::Invited, "admin", true),
        (Membership::Joined, "mallory", true),
    ] {
        let world = absent().member("mallory", membership, sender);
        assert_eq!(forgets(&world, &over), is_over, "{membership:?} by {sender}");
        // Whether something else of the room can be read is of no account for whom it names.
        assert_eq!(forgets(&unreadable(world), &over), is_over, "{membership:?}");
    }
    assert!(forgets(&absent(), &over));
    assert!(!forgets(&unreadable(absent()), &over));
    // A room that has replaced another knows them from there.
    let left_before = |world: World| {
        world.remember(|r| {
            r.left_before.insert(user("mallory"), Timestamp(2));
        })
    };
    assert!(!forgets(&left_before(absent()), &over));
    // Who is wanted again is asked, and only the invitation ends it.
    let wanted = absent()
        .member("mallory", Membership::Left, "mallory")
        .wants("mallory");
    wanted.gives(&["invite mallory"], &[]);
    assert!(!forgets(&wanted, &over));
    assert!(forgets(&absent().joined("mallory").wants("mallory"), &over));
}

/// What others have done in the room before counts until the room itself knows of somebody.
#[test]
fn a_room_that_knows_somebody_itself_goes_by_that() {
    let over = MemoryChange::OutBeforeForgotten(room_id(), user("mallory"));
    let out = |banned| KeptOut {
        by: user("admin"),
        at: Timestamp(2),
        banned,
    };
    for kept_out in [None, Some(false), Some(true)] {
        let before = || {
            World::new().remember(|r| {
                r.left_before.insert(user("mallory"), Timestamp(2));
                if let Some(banned) = kept_out {
                    r.kept_out.insert(user("mallory"), out(banned));
                }
            })
        };
        assert!(!forgets(&before(), &over));
        assert!(!forgets(&before().wants("mallory"), &over));
        assert!(!forgets(&unreadable(before()), &over));
        for membership in [
            Membership::Joined,
            Membership::Invited,
            Membership::Left,
            Membership::Banned,
            Membership::Knocking,
        ] {
            let world = before().member("mallory", membership, "mallory");
            assert!(forgets(&world, &over), "{membership:?}");
        }
    }
}

/// One more invitation than the one would be sent for the lack of it: only who is gone, or who left and is not wanted, is
/// forgotten.
#[test]
fn the_second_invitation_is_remembered_while_they_may_come_back() {
    let over = MemoryChange::Reinvited(room_id(), user("mallory"), false);
    let reinvited = |membership, sender| {
        let world = World::new().remember(|r| {
            r.reinvited.insert(user("mallory"));
            // What feeds the room is known, so a directory that was not read leaves nothing unknown of the room itself.
            r.feeds = vec![feed("physics", FeedRole::Members)];
        });
        match membership {
            Some(membership) => world.member("mallory", membership, sender),
            None => world,
        }
    };
    let known = |world: World| {
        world.with(|w| {
            w.standing.insert(user("mallory"), PersonStanding::Active);
        })
    };
    let cases = [
        (Some(Membership::Left), "mallory", true, true),
        (Some(Membership::Left), "admin", false, true),
        (Some(Membership::Left), "bot", false, true),
        (None, "", false, true),
        (Some(Membership::Banned), "admin", false, false),
        (Some(Membership::Joined), "mallory", false, false),
        (Some(Membership::Invited), "bot", false, false),
        (Some(Membership::Knocking), "mallory", false, false),
    ];
    for (membership, sender, while_known, once_gone) in cases {
        let case = format!("{membership:?} by {sender}");
        let world = || reinvited(membership, sender);
        assert_eq!(forgets(&known(world()), &over), while_known, "{case}");
        assert_eq!(forgets(&world(), &over), once_gone, "{case}");
        // Whom a directory knows that does not tell of everybody, nobody knows.
        let unwanted = membership == Some(Membership::Left) && sender == "mallory";
        let unsure: [fn(&mut World); 4] = [
            |w| w.source = Some(Extent::gap("dir", "no right")),
            |w| w.source = None,
            |w| w.size_known = false,
            |w| w.only_grouped_accounts = true,
        ];
        for (at, unsure) in unsure.into_iter().enumerate() {
            let world = world().with(unsure);
            assert_eq!(forgets(&world, &over), unwanted, "{case}, doubt {at}");
        }
        let unsure = world().with(|w| w.members_extent = Extent::gap("physics", "no right"));
        assert!(!forgets(&unsure, &over), "{case}");
        assert!(!forgets(&unreadable(world()), &over), "{case}");
        assert!(!forgets(&world().wants("mallory"), &over), "{case}");
    }
}

/// A level that others have taken back is not ours, though they may give the same one later.
#[test]
fn a_level_that_is_gone_is_not_ours() {
    let over = MemoryChange::Given(room_id(), user("mallory"), None);
    let given = || {
        World::new().remember(|r| {
            r.given.insert(user("mallory"), 50);
        })
    };
    assert!(forgets(&given(), &over));
    assert!(forgets(&given().joined("mallory"), &over));
    // Who has a place is given it again in this very run.
    let wanted = given().joined("mallory").wants_at("mallory", 50);
    assert!(!forgets(&wanted, &over));
    for membership in [Membership::Joined, Membership::Left] {
        let world = given()
            .member("mallory", membership, "mallory")
            .users(json!({ "@bot:example.org": 100, "@mallory:example.org": 50 }));
        assert!(!forgets(&world, &over), "{membership:?}");
    }
    assert!(!forgets(&given().with(|w| w.levels = None), &over));
}
