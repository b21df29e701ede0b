//! Changes that are told in the strange ways that Microsoft allows itself.

use inviter_graph_emulator::{Fault, Match, Options, Tenant, Trouble};

use super::{By, read_once_with, upheaval};
use crate::{harness::tells, sketch::at, sound::assert_passes};

/// What happens to each page of changes. Returns what was not known at first; the next read knows.
async fn told(by: By, options: Options, quirks: &[Trouble], change: fn(&mut Tenant)) -> String {
    let about = format!("{quirks:?} by {by:?}, {options:?}");
    let world = read_once_with(by, options).await;
    world.emulator.change(change);
    let mut handles = Vec::new();
    for quirk in quirks {
        let when = Match::path("/delta");
        let fault = match quirk {
            // Without an end, there would be none.
            Trouble::EmptyPages(_) => Fault::times(5, when, quirk.clone()),
            _ => Fault::always(when, quirk.clone()),
        };
        handles.push(world.emulator.fault(fault));
    }
    let picture = world.read().await;
    for handle in handles {
        assert!(handle.hits() > 0, "{about}");
    }
    world.assert_sound(&picture, &about);
    assert_eq!(picture.remarks(), "", "{about}");
    let unknown = picture.unknown();
    world.emulator.clear_faults();
    world.assert_true(&world.read().await, &format!("{about}, after {unknown}"));
    world.assert_true(&world.read_anew().await, &about);
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, &about);
    assert_eq!(sent, 2, "{about}");
    unknown
}

fn small() -> Options {
    Options {
        delta_page_size: 2,
        delta_members: 2,
        ..Options::default()
    }
}

/// What was not known, in whichever way.
async fn every_way(quirks: &[Trouble], change: fn(&mut Tenant)) -> Vec<String> {
    let mut unknown = Vec::new();
    for by in [By::Root, By::Prefix] {
        for leaves in [true, false] {
            for options in [Options::default(), small()] {
                let options = Options {
                    deletion_leaves_groups: leaves,
                    ..options
                };
                unknown.push(told(by, options, quirks, change).await);
            }
        }
    }
    unknown
}

/// However it is told, everything is known at once.
async fn known(quirks: &[Trouble], change: fn(&mut Tenant)) {
    let unknown = every_way(quirks, change).await;
    assert!(unknown.iter().all(String::is_empty), "{quirks:?}: {unknown:#?}");
}

/// What is told is no word on anything that it is about.
async fn unknown(quirks: &[Trouble], change: fn(&mut Tenant), about: &[&str]) {
    for unknown in every_way(quirks, change).await {
        tells(&unknown, about);
        assert_passes(&unknown, "what is told");
    }
}

#[tokio::test]
async fn on_many_pages_so_that_a_group_is_told_in_parts() {
    known(&[], upheaval).await;
}

#[tokio::test]
async fn repeatedly() {
    known(&[Trouble::Repeat], upheaval).await;
}

#[tokio::test]
async fn in_any_order() {
    for _ in 0..2 {
        known(&[Trouble::Shuffle], upheaval).await;
    }
}

#[tokio::test]
async fn behind_empty_pages() {
    known(&[Trouble::EmptyPages(3)], upheaval).await;
}

#[tokio::test]
async fn with_the_opposite_of_everything() {
    unknown(&[Trouble::Contradict], upheaval, &["MTRX one", "MTRX two"]).await;
}

#[tokio::test]
async fn in_all_these_ways_at_once() {
    let all = [
        Trouble::Repeat,
        Trouble::Contradict,
        Trouble::Shuffle,
        Trouble::EmptyPages(2),
    ];
    for _ in 0..2 {
        unknown(&all, upheaval, &["MTRX one", "MTRX two"]).await;
    }
}

#[tokio::test]
async fn with_the_opposite_of_single_things() {
    type Case = (fn(&mut Tenant), &'static [&'static str]);
    let changes: [Case; 12] = [
        (
            |t| assert!(t.disable(at(t, "ada"))),
            &["members of `MTRX one`", "owners of `MTRX two`"],
        ),
        (
            |t| assert!(t.rename(at(t, "cy"), "cyd@example.org")),
            &["owners of `MTRX one`", "members of `MTRX two`"],
        ),
        (|t| assert!(t.delete_user(at(t, "dan"))), &["members of `inner`"]),
        (|t| assert!(t.purge_user(at(t, "dan"))), &["members of `inner`"]),
        (
            |t| assert!(t.add_member(at(t, "MTRX one"), at(t, "flo"))),
            &["members of `MTRX one`"],
        ),
        (
            |t| assert!(t.remove_member(at(t, "MTRX one"), at(t, "ada"))),
            &["members of `MTRX one`"],
        ),
        (
            |t| assert!(t.remove_owner(at(t, "MTRX one"), at(t, "cy"))),
            &["owners of `MTRX one`"],
        ),
        // Its lists may not be what they were.
        (
            |t| assert!(t.rename_group(at(t, "MTRX one"), "MTRX 1")),
            &["members of `MTRX 1`", "owners of `MTRX 1`"],
        ),
        (|t| assert!(t.rename_group(at(t, "loose"), "MTRX loose")), &[]),
        (|t| assert!(t.purge_group(at(t, "MTRX two"))), &[]),
        (|t| assert!(t.delete_group(at(t, "inner"))), &[]),
        (
            |t| assert!(t.add_member(at(t, "deep"), at(t, "loose"))),
            &["members of `deep`"],
        ),
    ];
    for (change, about) in changes {
        unknown(&[Trouble::Contradict], change, about).await;
    }
}

#[tokio::test]
async fn of_groups_that_are_made_and_deleted_again() {
    fn going(tenant: &mut Tenant) {
        let group = tenant.add_group("MTRX going");
        tenant.add_member(at(tenant, "Rooms"), group);
        tenant.add_member(at(tenant, "inner"), group);
        tenant.add_member(group, at(tenant, "ada"));
        tenant.delete_group(group);
    }
    known(&[], going).await;
    unknown(&[Trouble::Contradict], going, &[]).await;
}

/// A group is told in a way that says nothing, and Graph does not show the group itself: that it may stand for a room must
/// not be lost.
#[tokio::test]
async fn a_group_in_doubt_that_cannot_be_asked_for_is_not_lost() {
    let changes: [fn(&mut Tenant); 3] = [
        |t| {
            let group = t.add_group("MTRX new");
            t.add_member(group, at(t, "ada"));
        },
        |t| _ = t.rename_group(at(t, "inner"), "MTRX new"),
        |t| _ = t.rename_group(at(t, "loose"), "MTRX new"),
    ];
    for change in changes {
        for times in [1, u32::MAX] {
            let world = read_once_with(By::Prefix, Options::default()).await;
            world.emulator.change(change);
            let new = world.emulator.tenant(|tenant| at(tenant, "MTRX new"));
            let contradict = Fault::once(Match::path("/groups/delta"), Trouble::Contradict);
            world.emulator.fault(contradict);
            let head = Match::path(&format!("/groups/{new}?")).in_batch();
            let refused = world
                .emulator
                .fault(Fault::times(times, head, Trouble::Status(400)));
            let picture = world.read().await;
            assert!(refused.hits() > 0);
            tells(&picture.listing(), &[&format!("group {new}")]);
            world.emulator.clear_faults();
            let picture = world.read().await;
            world.assert_true(&picture, "it can be asked for again");
            assert!(picture.rooms().contains("MTRX new"));
        }
    }
}

/// Graph may be late: a person is told as new and as a member before all of its servers say who that is.
#[tokio::test]
async fn a_person_who_cannot_be_asked_for_makes_the_room_incomplete_until_then() {
    let world = read_once_with(By::Prefix, Options::default()).await;
    let new = world.emulator.change(|tenant| {
        let new = tenant.add_user("new@example.org");
        tenant.add_member(at(tenant, "MTRX one"), new);
        new
    });
    let path = Match::path(&format!("/users/{new}?")).in_batch();
    world.emulator.fault(Fault::always(path, Trouble::NotFound));
    let picture = world.read().await;
    world.assert_sound(&picture, "a person who is not known everywhere");
    let incomplete = picture.incomplete();
    assert_eq!(incomplete.keys().copied().collect::<Vec<_>>(), ["MTRX one"]);
    tells(&incomplete["MTRX one"], &[&new.to_string(), "run again later"]);
    // Nothing is told of her any more, so the list counts, which shows her.
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "shown in the list");
    assert_eq!(sent, 3);
    assert_eq!(world.counted().await.1, 2);
}
