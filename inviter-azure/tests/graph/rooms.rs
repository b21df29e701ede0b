//! Which groups stand for rooms.

use std::collections::BTreeSet;

use inviter_azure::RoomGroups;
use inviter_core::{
    IdentityProvider as _,
    provider::{ProviderErrorKind, ReadRequest},
};
use inviter_graph_emulator::{Id, Tenant};

use crate::{
    harness::{World, below, listed, named, set, tells},
    sketch::{at, people, sketch},
};

/// The same, read anew and kept current.
async fn both_ways(world: &World, about: &str) {
    world.assert_true(&world.read().await, about);
    world.assert_true(&world.read_anew().await, about);
}

async fn below_root(tenant: Tenant) -> World {
    let root = at(&tenant, "Rooms");
    World::start(tenant, below(root)).await
}

#[tokio::test]
async fn direct_member_groups_of_the_root_group_and_nothing_else() {
    let mut tenant = sketch(&[
        ("Rooms", &["one", "two", "ada", "*zoe"]),
        ("one", &["bob", "inner", "*cy"]),
        ("two", &[]),
        ("inner", &["dan", "*eve"]),
        ("beside", &["flo", "*gus"]),
    ]);
    let root = at(&tenant, "Rooms");
    for thing in [
        tenant.add_device("a laptop"),
        tenant.add_service_principal("an app"),
    ] {
        tenant.add_member(root, thing);
    }
    let world = below_root(tenant).await;
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["one", "two"]));
    assert_eq!(picture.nested(), BTreeSet::from(["inner"]));
    // Those beside the rooms, of the root group and of groups inside do not show up.
    let names = picture.facts.people.values().map(|person| person.name.clone());
    assert_eq!(names.collect::<BTreeSet<_>>(), people(&["bob", "cy", "dan"]));
    both_ways(&world, "below a root group").await;
}

#[tokio::test]
async fn an_empty_root_group_has_no_rooms() {
    let world = below_root(sketch(&[("Rooms", &["ada"]), ("beside", &["bob"])])).await;
    let picture = world.read().await;
    assert!(picture.rooms().is_empty() && picture.nested().is_empty());
    both_ways(&world, "a root group without groups").await;
}

#[tokio::test]
async fn groups_whose_names_begin_with_a_prefix_of_any_characters() {
    let prefixes = [
        "MTRX ",
        "it's ",
        "''",
        "a+b ",
        "R&D ",
        "#room ",
        "Zürich ",
        "100% ",
        "%20",
        "a/b?c=d;e ",
        "\"quoted\" ",
        "back\\slash ",
        "tab\tand (brackets), ",
        "部屋 ",
    ];
    for prefix in prefixes {
        let first = format!("{prefix}one");
        let second = format!("{prefix}two");
        let upper = format!("{} THREE", prefix.to_uppercase());
        let lower = format!("{} four", prefix.to_lowercase());
        let before = format!("x{prefix}one");
        let tenant = sketch(&[
            (&first, &["ada", "inner", "*bob"]),
            (&second, &["bob"]),
            (&upper, &["cy"]),
            (&lower, &["dan"]),
            (prefix, &["eve"]),
            (&before, &["flo"]),
            ("another", &["gus"]),
            ("inner", &["hal"]),
        ]);
        let world = World::start(tenant, named(prefix)).await;
        let picture = world.read().await;
        let expected = BTreeSet::from([&*first, &*second, &*upper, &*lower, prefix]);
        assert_eq!(picture.rooms(), expected, "{prefix}");
        assert_eq!(picture.people(&first), people(&["ada", "hal"]));
        both_ways(&world, prefix).await;
    }
}

#[tokio::test]
async fn the_case_of_the_prefix_does_not_count() {
    for prefix in ["mtrx é", "MTRX É", "Mtrx é"] {
        let tenant = sketch(&[
            ("MTRX Élan", &["ada"]),
            ("mtrx élan 2", &["bob"]),
            ("MTRX Elan", &["cy"]),
        ]);
        let world = World::start(tenant, named(prefix)).await;
        let picture = world.read().await;
        assert_eq!(
            picture.rooms(),
            BTreeSet::from(["MTRX Élan", "mtrx élan 2"]),
            "{prefix}"
        );
        both_ways(&world, prefix).await;
    }
}

#[tokio::test]
async fn groups_by_a_prefix_that_fill_more_than_a_page() {
    let mut tenant = Tenant::new();
    for number in 0..1_100 {
        tenant.add_group(format!("MTRX {number}"));
    }
    let world = World::start(tenant, named("MTRX ")).await;
    let (picture, sent) = world.counted().await;
    assert_eq!(picture.rooms().len(), 1_100);
    // The two links, two pages of groups, and two lists of each.
    assert_eq!(sent, 2 + 2 + 2 * 1_100 / 20);
    world.assert_true(&picture, "more than a page of groups");
}

#[tokio::test]
async fn groups_by_their_ids_in_either_case() {
    let tenant = sketch(&[("one", &["ada", "*bob"]), ("two", &["cy"]), ("three", &["dan"])]);
    let (one, two) = (at(&tenant, "one"), at(&tenant, "two"));
    let rooms = RoomGroups {
        ids: vec![one.to_string().to_uppercase(), two.to_string(), two.to_string()],
        ..RoomGroups::default()
    };
    let world = World::start(tenant, rooms).await;
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["one", "two"]));
    assert_eq!(picture.remarks(), "");
    both_ways(&world, "by IDs").await;
}

#[tokio::test]
async fn many_groups_by_their_ids() {
    let mut tenant = Tenant::new();
    let ids: Vec<Id> = (0..45)
        .map(|number| tenant.add_group(format!("room {number}")))
        .collect();
    let world = World::start(tenant, listed(&ids)).await;
    let (picture, sent) = world.counted().await;
    assert_eq!(picture.rooms().len(), 45);
    // The two links, three batches for the groups, five for two lists of each.
    assert_eq!(sent, 2 + 3 + 5);
    world.assert_true(&picture, "by IDs");
}

#[tokio::test]
async fn listed_groups_that_do_not_exist_are_remarked_and_leave_the_others_alone() {
    let mut tenant = sketch(&[("one", &["ada"])]);
    let gone = tenant.add_group("gone");
    tenant.delete_group(gone);
    let user = at(&tenant, "ada");
    let ids = [at(&tenant, "one"), gone, user, Id::numbered(7, 7)];
    let world = World::start(tenant, listed(&ids)).await;
    for picture in [world.read().await, world.read().await, world.read_anew().await] {
        assert_eq!(picture.rooms(), BTreeSet::from(["one"]));
        world.assert_true(&picture, "some do not exist");
        let [gone, user, nothing] = [gone, user, Id::numbered(7, 7)].map(|id| id.to_string());
        tells(
            &picture.remarks(),
            &["3 groups", &gone, &user, &nothing, "not in this tenant"],
        );
    }
    // It comes back.
    world.emulator.change(|tenant| tenant.restore_group(gone));
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["gone", "one"]));
    tells(&picture.remarks(), &["2 groups"]);
    both_ways(&world, "one of them is back").await;
}

#[tokio::test]
async fn all_three_ways_together() {
    let tenant = sketch(&[
        ("Rooms", &["one", "MTRX both"]),
        ("one", &["ada", "three"]),
        ("MTRX both", &["bob", "*cy"]),
        ("MTRX two", &["cy", "one"]),
        ("three", &["dan", "four", "*eve"]),
        ("four", &["flo", "*gus"]),
        ("five", &["hal"]),
    ]);
    let [root, three, both] = ["Rooms", "three", "MTRX both"].map(|name| at(&tenant, name));
    let rooms = RoomGroups {
        root: Some(root.to_string()),
        name_prefix: Some("mtrx ".to_owned()),
        ids: vec![three.to_string(), both.to_string()],
    };
    let world = World::start(tenant, rooms).await;
    let picture = world.read().await;
    assert_eq!(
        picture.rooms(),
        BTreeSet::from(["one", "MTRX both", "MTRX two", "three"])
    );
    assert_eq!(picture.nested(), BTreeSet::from(["four"]));
    // Groups that stand for rooms count inside others all the same.
    assert_eq!(picture.people("MTRX two"), people(&["ada", "cy", "dan", "flo"]));
    assert_eq!(picture.owners("three"), people(&["eve"]));
    assert_eq!(picture.owners("four"), BTreeSet::new());
    both_ways(&world, "three ways").await;

    // Each is taken out of one way, and stays by the other.
    world.emulator.change(|tenant| {
        tenant.rename_group(both, "both");
        tenant.remove_member(root, both);
        tenant.remove_member(at(tenant, "one"), three);
    });
    let picture = world.read().await;
    assert_eq!(
        picture.rooms(),
        BTreeSet::from(["one", "both", "MTRX two", "three"])
    );
    both_ways(&world, "by another way").await;
}

#[tokio::test]
async fn the_root_group_inside_a_room_leads_in_a_circle_that_ends() {
    let tenant = sketch(&[
        ("Rooms", &["one", "two", "ada"]),
        ("one", &["bob", "Rooms"]),
        ("two", &["cy"]),
    ]);
    let world = below_root(tenant).await;
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["one", "two"]));
    assert_eq!(picture.nested(), BTreeSet::from(["Rooms"]));
    assert_eq!(picture.people("one"), people(&["ada", "bob", "cy"]));
    both_ways(&world, "a circle through the root group").await;

    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "one"), at(tenant, "Rooms"));
    });
    let picture = world.read().await;
    assert_eq!(picture.people("one"), people(&["bob"]));
    assert!(picture.nested().is_empty());
    both_ways(&world, "no circle any more").await;
}

#[tokio::test]
async fn a_root_group_that_is_a_room_itself() {
    let tenant = sketch(&[("Rooms", &["one", "ada", "*bob"]), ("one", &["cy"])]);
    let root = at(&tenant, "Rooms");
    let rooms = RoomGroups {
        name_prefix: Some("rooms".to_owned()),
        ..below(root)
    };
    let world = World::start(tenant, rooms).await;
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["Rooms", "one"]));
    assert_eq!(picture.people("Rooms"), people(&["ada", "cy"]));
    assert_eq!(picture.owners("Rooms"), people(&["bob"]));
    both_ways(&world, "the root group is a room").await;
}

#[tokio::test]
async fn a_group_that_is_taken_out_of_the_root_group_is_no_room_any_more() {
    let tenant = sketch(&[
        ("Rooms", &["one", "two"]),
        ("one", &["ada", "two"]),
        ("two", &["bob", "*cy"]),
    ]);
    let world = below_root(tenant).await;
    assert_eq!(world.read().await.rooms(), BTreeSet::from(["one", "two"]));
    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "Rooms"), at(tenant, "two"));
    });
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["one"]));
    // It counts inside the other still, and its owners no more.
    assert_eq!(picture.nested(), BTreeSet::from(["two"]));
    both_ways(&world, "it is nested still").await;
    world.emulator.change(|tenant| {
        tenant.remove_member(at(tenant, "Rooms"), at(tenant, "one"));
    });
    let picture = world.read().await;
    assert!(picture.rooms().is_empty() && picture.nested().is_empty());
    assert!(picture.facts.people.is_empty());
    both_ways(&world, "no rooms").await;
}

#[tokio::test]
async fn a_renamed_group_keeps_its_key() {
    let tenant = sketch(&[
        ("Rooms", &["one"]),
        ("one", &["ada", "inner"]),
        ("inner", &["bob"]),
    ]);
    let world = below_root(tenant).await;
    let key = world.read().await.group("one").key.clone();
    world.emulator.change(|tenant| {
        tenant.rename_group(at(tenant, "one"), "another name");
        tenant.rename_group(at(tenant, "inner"), "inmost");
    });
    let picture = world.read().await;
    assert_eq!(picture.rooms(), BTreeSet::from(["another name"]));
    assert_eq!(picture.nested(), BTreeSet::from(["inmost"]));
    assert_eq!(picture.group("another name").key, key);
    both_ways(&world, "renamed").await;
}

#[tokio::test]
async fn a_root_group_that_was_deleted_is_unknown_and_never_empty() {
    let tenant = sketch(&[("Rooms", &["one"]), ("one", &["ada"])]);
    let root = at(&tenant, "Rooms");
    let world = below_root(tenant).await;
    world.read().await;
    world.emulator.change(|tenant| tenant.delete_group(root));
    // What was known says that there were rooms; without it, there is nothing to read.
    for _ in 0..2 {
        match world.try_read().await {
            Ok(picture) => tells(
                &picture.listing(),
                &[&root.to_string(), "does not have it any more"],
            ),
            Err(error) => assert_eq!(error.kind, ProviderErrorKind::Misconfigured),
        }
    }
    let error = world.another().read(&ReadRequest::default()).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
    tells(&error.to_string(), &[&root.to_string(), "deleted"]);
    world.emulator.change(|tenant| tenant.restore_group(root));
    let picture = world.read().await;
    assert_eq!(
        picture
            .rooms()
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
        set(&["one"])
    );
    both_ways(&world, "restored").await;
}
