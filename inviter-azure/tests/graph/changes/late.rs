//! Changes that are told again in later rounds, and answers of copies of the directory that lag behind what was told.

use inviter_graph_emulator::{Fault, Match, Options, Tenant, Trouble};

use super::{By, kinds::id, read_once_with};
use crate::{harness::World, sketch::at, sound::assert_passes};

type Change = fn(&mut Tenant);

/// How often a list is read to see somebody who was told to have been added.
const PATIENCE: usize = 3;

fn options(leaves: bool) -> Options {
    Options {
        deletion_leaves_groups: leaves,
        ..Options::default()
    }
}

/// Tells again what was told so many rounds before.
fn replay(world: &World, path: &str, rounds: usize) {
    let fault = Fault::once(Match::path(path), Trouble::Replay(rounds));
    world.emulator.fault(fault);
}

/// Reads what is told wrongly, and so often again until it is known.
async fn settled(world: &World, unknown_for: usize, about: &str) {
    for number in 0..unknown_for {
        let picture = world.read().await;
        let about = format!("{about}, read {number}");
        world.assert_sound(&picture, &about);
        assert!(!picture.is_complete(), "{about}: everything is known");
        assert_eq!(picture.remarks(), "", "{about}");
        assert_passes(&picture.unknown(), &about);
    }
    // Whatever lagged behind has caught up.
    world.emulator.clear_faults();
    let picture = world.read().await;
    world.assert_true(&picture, about);
    assert_eq!(picture.remarks(), "", "{about}");
    world.assert_true(&world.read_anew().await, about);
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, about);
    assert_eq!(sent, 2, "{about}");
}

/// One thing happens, and then another; and then the first is told again.
async fn told_again(about: &str, first: Change, second: Change, unknown_for: usize) {
    for by in [By::Root, By::Prefix] {
        for leaves in [true, false] {
            for paths in [
                &["/users/delta", "/groups/delta"][..],
                &["/users/delta"],
                &["/groups/delta"],
            ] {
                let about = format!("{about} by {by:?}, leaves groups: {leaves}, {paths:?}");
                let world = read_once_with(by, options(leaves)).await;
                for change in [first, second] {
                    world.emulator.change(change);
                    world.assert_true(&world.read().await, &about);
                }
                for path in paths {
                    replay(&world, path, 2);
                }
                let picture = world.read().await;
                world.assert_sound(&picture, &about);
                if picture.is_complete() {
                    // It was of the other kind.
                    assert!(paths.len() == 1 || !leaves, "{about}");
                    settled(&world, 0, &about).await;
                } else {
                    settled(&world, unknown_for - 1, &about).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_removal_is_told_again_after_the_addition() {
    let changes: [(Change, Change); 4] = [
        (
            |t| _ = t.remove_member(at(t, "MTRX one"), at(t, "ada")),
            |t| _ = t.add_member(at(t, "MTRX one"), at(t, "ada")),
        ),
        (
            |t| _ = t.remove_owner(at(t, "MTRX one"), at(t, "cy")),
            |t| _ = t.add_owner(at(t, "MTRX one"), at(t, "cy")),
        ),
        (
            |t| _ = t.remove_member(at(t, "MTRX one"), at(t, "inner")),
            |t| _ = t.add_member(at(t, "MTRX one"), at(t, "inner")),
        ),
        (
            |t| _ = t.remove_member(at(t, "deep"), at(t, "eve")),
            |t| _ = t.add_member(at(t, "deep"), at(t, "eve")),
        ),
    ];
    for (number, (first, second)) in changes.into_iter().enumerate() {
        told_again(&format!("removal {number}"), first, second, 1).await;
    }
}

#[tokio::test]
async fn an_addition_is_told_again_after_the_removal() {
    let changes: [(Change, Change); 3] = [
        (
            |t| _ = t.add_member(at(t, "MTRX one"), at(t, "flo")),
            |t| _ = t.remove_member(at(t, "MTRX one"), at(t, "flo")),
        ),
        (
            |t| _ = t.add_owner(at(t, "MTRX two"), at(t, "bob")),
            |t| _ = t.remove_owner(at(t, "MTRX two"), at(t, "bob")),
        ),
        (
            |t| _ = t.add_member(at(t, "inner"), at(t, "loose")),
            |t| _ = t.remove_member(at(t, "inner"), at(t, "loose")),
        ),
    ];
    for (number, (first, second)) in changes.into_iter().enumerate() {
        told_again(&format!("addition {number}"), first, second, PATIENCE).await;
    }
}

#[tokio::test]
async fn a_deletion_is_told_again_after_the_restoration() {
    let changes: [(Change, Change); 4] = [
        (
            |t| _ = t.delete_user(id("ada")),
            |t| _ = t.restore_user(id("ada")),
        ),
        (
            |t| _ = t.delete_user(id("eve")),
            |t| _ = t.restore_user(id("eve")),
        ),
        (
            |t| _ = t.delete_group(id("inner")),
            |t| _ = t.restore_group(id("inner")),
        ),
        (
            |t| _ = t.delete_group(id("MTRX one")),
            |t| _ = t.restore_group(id("MTRX one")),
        ),
    ];
    for (number, (first, second)) in changes.into_iter().enumerate() {
        told_again(&format!("deletion {number}"), first, second, 1).await;
    }
}

#[tokio::test]
async fn a_restoration_is_told_again_after_the_deletion() {
    for (by, leaves) in [By::Root, By::Prefix]
        .into_iter()
        .flat_map(|by| [(by, true), (by, false)])
    {
        let about = format!("by {by:?}, leaves groups: {leaves}");
        let world = read_once_with(by, options(leaves)).await;
        let changes: [Change; 3] = [
            |t| _ = t.delete_user(id("ada")) || t.delete_group(id("inner")),
            |t| _ = t.restore_user(id("ada")),
            |t| _ = t.delete_user(id("ada")),
        ];
        for change in changes {
            world.emulator.change(change);
            world.assert_true(&world.read().await, &about);
        }
        for path in ["/users/delta", "/groups/delta"] {
            replay(&world, path, 2);
        }
        let mut reads = 0;
        loop {
            let picture = world.read().await;
            world.assert_sound(&picture, &about);
            reads += 1;
            if picture.is_complete() {
                break;
            }
        }
        assert!((1..=1 + PATIENCE).contains(&reads), "{about}: {reads}");
        settled(&world, 0, &about).await;
    }
}

#[tokio::test]
async fn what_somebody_was_called_is_told_again() {
    let changes: [(Change, Change); 5] = [
        (
            |t| _ = t.rename(id("bob"), "robert@example.org"),
            |t| _ = t.rename(id("bob"), "bob@example.org"),
        ),
        (|t| _ = t.disable(id("ada")), |t| _ = t.enable(id("ada"))),
        (
            |t| _ = t.rename_group(id("MTRX one"), "MTRX 1"),
            |t| _ = t.rename_group(id("MTRX one"), "MTRX one"),
        ),
        (
            |t| _ = t.rename_group(id("inner"), "inmost"),
            |t| _ = t.rename_group(id("inner"), "inner"),
        ),
        (
            |t| _ = t.rename_group(id("MTRX two"), "two"),
            |t| _ = t.rename_group(id("MTRX two"), "MTRX two"),
        ),
    ];
    for (number, (first, second)) in changes.into_iter().enumerate() {
        told_again(&format!("name {number}"), first, second, 1).await;
    }
}

/// The copies lag behind at these addresses, for so many requests each.
async fn lagging(
    about: &str,
    before: Change,
    change: Change,
    of: &[String],
    requests: u32,
    unknown_for: usize,
) {
    for by in [By::Root, By::Prefix] {
        for leaves in [true, false] {
            let about = format!("{about} by {by:?}, leaves groups: {leaves}, {requests} times");
            let world = read_once_with(by, options(leaves)).await;
            world.emulator.change(before);
            world.assert_true(&world.read().await, &about);
            world.emulator.remember();
            world.emulator.change(change);
            for path in of {
                let stale = Fault::times(requests, Match::path(path), Trouble::Stale);
                world.emulator.fault(stale);
            }
            settled(&world, unknown_for, &about).await;
        }
    }
}

fn nothing(_: &mut Tenant) {}

fn members(group: &str) -> String {
    format!("/groups/{}/members", id(group))
}

fn person(name: &str) -> String {
    format!("/users/{}?", id(name))
}

fn head(name: &str) -> String {
    format!("/groups/{}?", id(name))
}

#[tokio::test]
async fn lists_that_do_not_show_an_addition_yet() {
    for (requests, unknown_for) in [(1, 1), (2, 2), (3, PATIENCE)] {
        let add: Change = |t| _ = t.add_member(at(t, "MTRX one"), at(t, "flo"));
        lagging(
            "a member",
            nothing,
            add,
            &[members("MTRX one")],
            requests,
            unknown_for,
        )
        .await;
        let owner: Change = |t| _ = t.add_owner(at(t, "MTRX two"), at(t, "hal"));
        let of = [format!("/groups/{}/owners", id("MTRX two"))];
        lagging("an owner", nothing, owner, &of, requests, unknown_for).await;
        let nest: Change = |t| _ = t.add_member(at(t, "deep"), at(t, "loose"));
        lagging(
            "a group",
            nothing,
            nest,
            &[members("deep")],
            requests,
            unknown_for,
        )
        .await;
    }
}

#[tokio::test]
async fn lists_that_show_still_who_was_removed() {
    let remove: Change = |t| _ = t.remove_member(at(t, "MTRX one"), at(t, "ada"));
    lagging("a member", nothing, remove, &[members("MTRX one")], 1, 1).await;
    let nested: Change = |t| _ = t.remove_member(at(t, "MTRX two"), at(t, "inner"));
    lagging("a group", nothing, nested, &[members("MTRX two")], 1, 1).await;
}

/// What a list has shown before, and was not told to have lost, it has still.
#[tokio::test]
async fn lists_that_lag_behind_what_they_have_shown() {
    for by in [By::Root, By::Prefix] {
        let about = format!("by {by:?}");
        let world = read_once_with(by, options(true)).await;
        world.emulator.remember();
        world
            .emulator
            .change(|t| t.add_member(at(t, "MTRX one"), at(t, "flo")));
        world.assert_true(&world.read().await, &about);
        world
            .emulator
            .change(|t| t.remove_member(at(t, "MTRX one"), at(t, "ada")));
        let stale = Match::path(&members("MTRX one"));
        world.emulator.fault(Fault::once(stale, Trouble::Stale));
        settled(&world, 1, &about).await;
    }
}

#[tokio::test]
async fn people_who_are_shown_as_they_were() {
    let of = || [person("ada"), members("MTRX one")];
    lagging(
        "enabled",
        |t| _ = t.disable(id("ada")),
        |t| _ = t.enable(id("ada")),
        &of(),
        1,
        1,
    )
    .await;
    lagging("disabled", nothing, |t| _ = t.disable(id("ada")), &of(), 1, 1).await;
    let rename: Change = |t| _ = t.rename(id("ada"), "countess@example.org");
    lagging("renamed", nothing, rename, &of(), 1, 1).await;
    // The list is read too, and shows her as she was; it is not what counts.
    let both: Change = |t| {
        t.rename(id("ada"), "countess@example.org");
        t.add_member(id("MTRX one"), at(t, "flo"));
    };
    lagging("renamed, beside another", nothing, both, &of(), 1, 1).await;
    let restored = |t: &mut Tenant| _ = t.restore_user(id("ada"));
    lagging(
        "restored",
        |t| _ = t.delete_user(id("ada")),
        restored,
        &of(),
        1,
        1,
    )
    .await;
    let deleted: Change = |t| _ = t.delete_user(id("ada"));
    lagging("deleted", nothing, deleted, &of(), 1, 1).await;
}

#[tokio::test]
async fn groups_that_are_shown_as_they_were() {
    for room in ["MTRX one", "inner"] {
        let of = [head(room)];
        let rename: Change = if room == "inner" {
            |t| _ = t.rename_group(id("inner"), "inmost")
        } else {
            |t| _ = t.rename_group(id("MTRX one"), "MTRX 1")
        };
        lagging("renamed", nothing, rename, &of, 1, 1).await;
    }
    let away: Change = |t| _ = t.rename_group(id("MTRX two"), "two");
    lagging("renamed away", nothing, away, &[head("MTRX two")], 1, 1).await;
    let delete: Change = |t| _ = t.delete_group(id("MTRX one"));
    lagging("deleted", nothing, delete, &[head("MTRX one")], 1, 1).await;
}

/// A room that was just made, and its group is not known everywhere.
#[tokio::test]
async fn groups_that_are_not_shown_yet() {
    let changes: [Change; 3] = [
        |t| {
            let group = t.add_group("MTRX new");
            t.add_member(id("Rooms"), group);
            t.add_member(group, id("ada"));
        },
        |t| _ = t.rename_group(id("loose"), "MTRX new") && t.add_member(id("Rooms"), id("loose")),
        |t| _ = t.restore_group(id("loose")),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for by in [By::Root, By::Prefix] {
            let about = format!("group {number} by {by:?}");
            let world = read_once_with(by, options(true)).await;
            if number == 2 {
                world.emulator.change(|t| {
                    t.rename_group(id("loose"), "MTRX new");
                    t.add_member(id("Rooms"), id("loose"));
                });
                world.assert_true(&world.read().await, &about);
                world.emulator.change(|t| _ = t.delete_group(id("loose")));
                world.assert_true(&world.read().await, &about);
            }
            world.emulator.remember();
            world.emulator.change(change);
            let stale = Fault::always(Match::path("/v1.0/groups/").in_batch(), Trouble::Stale);
            let stale = world.emulator.fault(stale);
            let picture = world.read().await;
            world.assert_sound(&picture, &about);
            assert!(!picture.is_complete(), "{about}");
            stale.clear();
            settled(&world, 0, &about).await;
        }
    }
}
