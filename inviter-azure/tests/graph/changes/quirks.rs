//! Changes that are told in the strange ways that Microsoft allows itself.

use inviter_graph_emulator::{Fault, Match, Options, Tenant, Trouble};

use super::{By, read_once_with, upheaval};
use crate::{harness::tells, sketch::at};

/// What happens to each page of changes.
async fn told(by: By, options: Options, quirks: &[Trouble], change: fn(&mut Tenant)) {
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
    world.assert_true(&picture, &about);
    assert_eq!(picture.remarks(), "", "{about}");
    // Nothing changes by it either.
    world.assert_true(&world.read().await, &about);
    world.emulator.clear_faults();
    world.assert_true(&world.read_anew().await, &about);
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, &about);
    assert_eq!(sent, 2, "{about}");
}

fn small() -> Options {
    Options {
        delta_page_size: 2,
        delta_members: 2,
        ..Options::default()
    }
}

async fn every_way(quirks: &[Trouble], change: fn(&mut Tenant)) {
    for by in [By::Root, By::Prefix] {
        for options in [Options::default(), small()] {
            told(by, options, quirks, change).await;
        }
    }
}

#[tokio::test]
async fn on_many_pages_so_that_a_group_is_told_in_parts() {
    every_way(&[], upheaval).await;
}

#[tokio::test]
async fn repeatedly() {
    every_way(&[Trouble::Repeat], upheaval).await;
}

#[tokio::test]
async fn in_any_order() {
    for _ in 0..5 {
        every_way(&[Trouble::Shuffle], upheaval).await;
    }
}

#[tokio::test]
async fn behind_empty_pages() {
    every_way(&[Trouble::EmptyPages(3)], upheaval).await;
}

#[tokio::test]
async fn with_the_opposite_of_everything() {
    every_way(&[Trouble::Contradict], upheaval).await;
}

#[tokio::test]
async fn in_all_these_ways_at_once() {
    let all = [
        Trouble::Repeat,
        Trouble::Contradict,
        Trouble::Shuffle,
        Trouble::EmptyPages(2),
    ];
    for _ in 0..5 {
        every_way(&all, upheaval).await;
    }
}

#[tokio::test]
async fn with_the_opposite_of_single_things() {
    let changes: [fn(&mut Tenant); 12] = [
        |t| assert!(t.disable(at(t, "ada"))),
        |t| assert!(t.rename(at(t, "cy"), "cyd@example.org")),
        |t| assert!(t.delete_user(at(t, "dan"))),
        |t| assert!(t.purge_user(at(t, "dan"))),
        |t| assert!(t.add_member(at(t, "MTRX one"), at(t, "flo"))),
        |t| assert!(t.remove_member(at(t, "MTRX one"), at(t, "ada"))),
        |t| assert!(t.remove_owner(at(t, "MTRX one"), at(t, "cy"))),
        |t| assert!(t.rename_group(at(t, "MTRX one"), "MTRX 1")),
        |t| assert!(t.rename_group(at(t, "loose"), "MTRX loose")),
        |t| assert!(t.purge_group(at(t, "MTRX two"))),
        |t| assert!(t.delete_group(at(t, "inner"))),
        |t| assert!(t.add_member(at(t, "deep"), at(t, "loose"))),
    ];
    for change in changes {
        every_way(&[Trouble::Contradict], change).await;
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
    every_way(&[], going).await;
    every_way(&[Trouble::Contradict], going).await;
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

/// Graph may be late: a person is told as a member before any of its servers says who that is.
#[tokio::test]
async fn a_person_in_doubt_who_cannot_be_asked_for_makes_the_room_incomplete_until_then() {
    let world = read_once_with(By::Prefix, Options::default()).await;
    let flo = world.emulator.change(|tenant| {
        let flo = at(tenant, "flo");
        tenant.add_member(at(tenant, "MTRX one"), flo);
        flo
    });
    let path = Match::path(&format!("/users/{flo}?")).in_batch();
    world.emulator.fault(Fault::always(path, Trouble::NotFound));
    let picture = world.read().await;
    let incomplete = picture.incomplete();
    assert_eq!(incomplete.keys().copied().collect::<Vec<_>>(), ["MTRX one"]);
    tells(&incomplete["MTRX one"], &[&flo.to_string()]);
    world.emulator.clear_faults();
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "it is known everywhere");
    assert_eq!(sent, 3);
}
