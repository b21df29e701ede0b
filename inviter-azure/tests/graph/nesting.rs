//! Groups inside groups: what is directly inside each is told, and nothing is flattened.

use std::collections::BTreeSet;

use inviter_core::resolve::membership_paths;

use crate::{
    harness::{Picture, World, named, set},
    sketch::{at, people, sketch},
};

/// The names of the groups by which a person is in a room, from the outer to the inner.
fn path(picture: &Picture, room: &str, person: &str) -> Option<Vec<String>> {
    let directory = &picture.directory;
    let group = directory
        .groups
        .iter()
        .position(|group| &*group.name == room)
        .unwrap();
    let account = directory
        .accounts
        .iter()
        .position(|account| account.shown() == person)
        .unwrap();
    let index = |at: usize| u32::try_from(at).unwrap();
    let group = inviter_core::directory::GroupIx(index(group));
    let account = inviter_core::directory::AccountIx(index(account));
    let path = membership_paths(directory, group, account)?;
    Some(
        path.iter()
            .map(|at| directory.groups[at.0 as usize].name.to_string())
            .collect(),
    )
}

#[tokio::test]
async fn six_deep_with_a_circle_at_the_end() {
    let tenant = sketch(&[
        ("MTRX one", &["p0", "a"]),
        ("a", &["p1", "b"]),
        ("b", &["p2", "c"]),
        ("c", &["p3", "d"]),
        ("d", &["p4", "e"]),
        ("e", &["p5", "f"]),
        ("f", &["p6", "MTRX one", "c"]),
    ]);
    let world = World::start(tenant, named("MTRX ")).await;
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "six deep");
    let all = people(&["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    assert_eq!(picture.people("MTRX one"), all);
    assert_eq!(picture.people("f"), all);
    assert_eq!(picture.members("c"), set(&["p3@example.org", "d"]));
    let deepest = path(&picture, "MTRX one", "p6@example.org").unwrap();
    assert_eq!(deepest, ["MTRX one", "a", "b", "c", "d", "e", "f"]);
    // The two links, the groups by their names, and a batch for each level.
    assert_eq!(sent, 2 + 1 + 7);
}

#[tokio::test]
async fn a_group_that_is_inside_several_is_read_once() {
    let tenant = sketch(&[
        ("MTRX one", &["left", "right"]),
        ("MTRX two", &["right", "ada"]),
        ("left", &["bottom", "bob"]),
        ("right", &["bottom", "cy", "bob"]),
        ("bottom", &["dan"]),
    ]);
    let bottom = at(&tenant, "bottom").to_string();
    let world = World::start(tenant, named("MTRX ")).await;
    let picture = world.read().await;
    world.assert_true(&picture, "by two ways");
    assert_eq!(picture.people("MTRX one"), people(&["bob", "cy", "dan"]));
    assert_eq!(picture.people("MTRX two"), people(&["ada", "bob", "cy", "dan"]));
    assert_eq!(picture.members("left"), set(&["bottom", "bob@example.org"]));
    assert_eq!(
        picture.members("right"),
        set(&["bottom", "bob@example.org", "cy@example.org"])
    );
    assert_eq!(
        path(&picture, "MTRX two", "dan@example.org").unwrap(),
        ["MTRX two", "right", "bottom"]
    );
    let asked = world.asked();
    let of_bottom = asked
        .iter()
        .filter(|request| request.path_and_query.contains(&bottom));
    assert_eq!(of_bottom.count(), 1);

    // One of the two ways goes, and then the other.
    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "left"), at(tenant, "bottom"));
    });
    let picture = world.read().await;
    world.assert_true(&picture, "by one way");
    assert_eq!(picture.people("MTRX one"), people(&["bob", "cy", "dan"]));
    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "right"), at(tenant, "bottom"));
    });
    let picture = world.read().await;
    world.assert_true(&picture, "by no way");
    assert_eq!(picture.people("MTRX one"), people(&["bob", "cy"]));
    assert_eq!(picture.nested(), BTreeSet::from(["left", "right"]));
}

#[tokio::test]
async fn a_group_inside_itself() {
    let tenant = sketch(&[
        ("MTRX one", &["ada", "MTRX one", "self"]),
        ("self", &["self", "bob"]),
    ]);
    let world = World::start(tenant, named("MTRX ")).await;
    let picture = world.read().await;
    world.assert_true(&picture, "inside itself");
    assert_eq!(
        picture.members("MTRX one"),
        set(&["ada@example.org", "MTRX one", "self"])
    );
    assert_eq!(picture.people("MTRX one"), people(&["ada", "bob"]));
    world.emulator.change(|tenant| {
        let id = at(tenant, "self");
        tenant.remove_member(id, id);
        tenant.remove_member(at(tenant, "MTRX one"), id);
    });
    let picture = world.read().await;
    world.assert_true(&picture, "a circle of its own is no way to a room");
    assert!(picture.nested().is_empty());
}

#[tokio::test]
async fn a_circle_that_loses_its_room_is_forgotten() {
    let tenant = sketch(&[
        ("MTRX one", &["a"]),
        ("a", &["b", "ada"]),
        ("b", &["c", "bob"]),
        ("c", &["a", "cy"]),
    ]);
    let world = World::start(tenant, named("MTRX ")).await;
    assert_eq!(
        world.read().await.people("MTRX one"),
        people(&["ada", "bob", "cy"])
    );
    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "MTRX one"), at(tenant, "a"));
    });
    let picture = world.read().await;
    world.assert_true(&picture, "out of the room");
    assert!(picture.nested().is_empty() && picture.facts.people.is_empty());
    // Changes meanwhile are nobody's business, until it comes back.
    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "b"), at(tenant, "bob"));
        tenant.rename_group(at(tenant, "c"), "another c");
    });
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "changed outside");
    assert_eq!(sent, 2);
    world.emulator.change(|tenant| {
        tenant.add_member(at(tenant, "MTRX one"), at(tenant, "b"));
    });
    let picture = world.read().await;
    world.assert_true(&picture, "back by another way");
    assert_eq!(picture.people("MTRX one"), people(&["ada", "cy"]));
}
