//! What `advice` says of the permissions that an application has.

use inviter_core::{
    IdentityProvider as _,
    provider::{Advice, AdviceKind},
};
use inviter_graph_emulator::{Fault, Group, Match, Shape, Tenant, Trouble};

use crate::harness::{World, below, listed, named};

const GROUPS: &str = "GroupMember.Read.All";
const PEOPLE: &str = "User.Read.All";
const BASIC: &str = "User.ReadBasic.All";
const HIDDEN: &str = "Member.Read.Hidden";

/// Two rooms, one of which has hidden members, a group inside it likewise, and somebody in each.
async fn world() -> World {
    let mut tenant = Tenant::new();
    let root = tenant.add_group("Rooms");
    let one = tenant.add_group("MTRX one");
    let two = tenant.add_group(Group::hidden("MTRX two"));
    let ada = tenant.add_user("ada@example.org");
    let bob = tenant.add_user("bob@example.org");
    for (group, member) in [(root, one), (root, two), (one, ada), (two, bob)] {
        tenant.add_member(group, member);
    }
    tenant.add_owner(two, bob);
    World::start(tenant, below(root)).await
}

async fn advice(world: &World, granted: &[&str]) -> Vec<Advice> {
    world.emulator.grant(granted);
    world.emulator.clear_requests();
    let advice = world.another().advice().await;
    // Nothing is written, and little is asked.
    let asked = world.asked();
    let is_reading =
        |method: &str, path: &str| method == "GET" || (method == "POST" && path.ends_with("/$batch"));
    assert!(
        asked
            .iter()
            .all(|request| is_reading(&request.method, &request.path_and_query)),
        "{asked:#?}"
    );
    assert!((1..=7).contains(&world.sent()), "{asked:#?}");
    advice
}

fn texts(advice: &[Advice]) -> Vec<String> {
    advice
        .iter()
        .map(|advice| format!("{:?}: {}", advice.kind, advice.message))
        .collect()
}

const GRANT: &str = "grant it in the Entra admin center, App registrations, API permissions, Microsoft Graph, Application \
                     permissions, with an administrator's consent";

fn blocks(permission: &str, consequence: &str) -> String {
    format!("Blocks: the application lacks the permission {permission}, so {consequence}; {GRANT}")
}

#[tokio::test]
async fn each_combination() {
    let world = world().await;
    let fine = "Fine: the application may read groups, members and users, and Graph tells it what changes"
        .to_owned();
    let no_groups = blocks(GROUPS, "groups and their members cannot be read");
    let no_names = blocks(
        PEOPLE,
        "members come without names and status, and nobody is invited or removed",
    );
    let no_status = blocks(
        PEOPLE,
        "nobody can tell which accounts are disabled, and nobody is invited or removed (User.ReadBasic.All is not enough)",
    );
    let no_hidden = blocks(
        HIDDEN,
        "the members of `MTRX two`, which are hidden, are not shown, and nobody is removed from its room",
    );
    for (granted, expected) in [
        (&[GROUPS, PEOPLE, HIDDEN][..], vec![fine.clone()]),
        (&[GROUPS, PEOPLE, BASIC, HIDDEN], vec![fine]),
        (&[GROUPS, PEOPLE], vec![no_hidden.clone()]),
        (&[GROUPS, PEOPLE, BASIC], vec![no_hidden.clone()]),
        (&[GROUPS, BASIC, HIDDEN], vec![no_status.clone()]),
        (&[GROUPS, BASIC], vec![no_status.clone(), no_hidden.clone()]),
        (&[GROUPS, HIDDEN], vec![no_names.clone()]),
        (&[GROUPS], vec![no_names.clone(), no_hidden]),
        (&[PEOPLE, HIDDEN], vec![no_groups.clone()]),
        (&[PEOPLE, BASIC, HIDDEN], vec![no_groups.clone()]),
        (&[PEOPLE], vec![no_groups.clone()]),
        // Without a right to see groups, nobody can tell whether any has hidden members.
        (&[BASIC, HIDDEN], vec![no_groups.clone(), no_status.clone()]),
        (&[BASIC], vec![no_groups.clone(), no_status]),
        (&[HIDDEN], vec![no_groups.clone(), no_names.clone()]),
        (&[], vec![no_groups, no_names]),
    ] {
        let found = texts(&advice(&world, granted).await);
        assert_eq!(found, expected, "{granted:?}");
    }
}

/// The first few of many.
#[tokio::test]
async fn many_hidden_groups() {
    let mut tenant = Tenant::new();
    for letter in ["a", "b", "c", "d", "e"] {
        tenant.add_group(Group::hidden(&format!("MTRX {letter}")));
    }
    let world = World::start(tenant, named("MTRX ")).await;
    let found = texts(&advice(&world, &[GROUPS, PEOPLE]).await);
    let [found] = found.as_slice() else {
        panic!("{found:#?}");
    };
    assert!(
        found.contains(
            "so the members of 5 groups, which are hidden, are not shown, and nobody is removed from their rooms (`MTRX "
        ),
        "{found}"
    );
    assert!(found.contains(", …); grant it"), "{found}");
}

/// What is more than enough.
#[tokio::test]
async fn wider_permissions() {
    let world = world().await;
    for granted in [
        &["Directory.Read.All", HIDDEN][..],
        &["Group.Read.All", PEOPLE, HIDDEN],
        &["GroupMember.ReadWrite.All", "User.ReadWrite.All", HIDDEN],
    ] {
        let advice = advice(&world, granted).await;
        assert!(
            advice.iter().all(|advice| advice.kind == AdviceKind::Fine),
            "{granted:?}: {advice:?}"
        );
    }
}

#[tokio::test]
async fn whatever_the_way_to_the_groups() {
    let world = world().await;
    let ids = world
        .emulator
        .tenant(|tenant| tenant.group_named("MTRX two").unwrap());
    for rooms in [named("MTRX "), listed(&[ids])] {
        let mut config = world.config.clone();
        config.rooms = rooms.clone();
        for (granted, words) in [
            (&[GROUPS, PEOPLE, HIDDEN][..], "Fine: "),
            (&[GROUPS, PEOPLE], HIDDEN),
            (&[PEOPLE, HIDDEN], GROUPS),
            (&[GROUPS, HIDDEN], PEOPLE),
        ] {
            world.emulator.grant(granted);
            let directory = inviter_azure::EntraDirectory::new(
                inviter_core::directory::ProviderId::new("another"),
                config.clone(),
                world.tokens.clone(),
                world.clock.clone(),
            );
            let found = texts(&directory.advice().await);
            assert!(
                found.len() == 1 && found[0].contains(words),
                "{rooms:?} {granted:?}: {found:#?}"
            );
        }
    }
}

#[tokio::test]
async fn the_number_of_requests_does_not_depend_on_the_size() {
    let mut counts = Vec::new();
    for (rooms, users) in [(2, 5), (60, 3_000)] {
        let tenant = Tenant::generate(&Shape::sized(rooms, users));
        let root = tenant.root().unwrap();
        let world = World::start(tenant, below(root)).await;
        let advice = advice(&world, &[GROUPS, PEOPLE, HIDDEN]).await;
        assert_eq!(advice.len(), 1, "{advice:?}");
        counts.push(world.sent());
    }
    assert_eq!(counts[0], counts[1]);
}

/// A property that nobody has is somebody's error in writing.
#[tokio::test]
async fn properties_that_nobody_has() {
    let mut world = world().await;
    world.config.properties = vec!["onPremisesSamAccountName".to_owned()];
    world.config.matrix_id_property = Some("onPremisesExtensionAttributes/extensionAttribute7".to_owned());
    let found = texts(&advice(&world, &[GROUPS, PEOPLE, HIDDEN]).await);
    assert_eq!(
        found[..2],
        [
            "Improve: none of the first 2 users has the property `onPremisesSamAccountName`, from which user IDs are \
             made; check its name, or configure another",
            "Improve: none of the first 2 users has the property `onPremisesExtensionAttributes/extensionAttribute7`, \
             from which user IDs are made; check its name, or configure another",
        ]
    );
}

/// What stands in the way of reading is told by reading.
#[tokio::test]
async fn what_is_no_matter_of_permissions_is_not_told_here() {
    let troubles = [
        Trouble::HtmlStatus(502),
        Trouble::Cut,
        Trouble::NotJson,
        Trouble::Redirect("http://127.0.0.1:1".to_owned()),
        Trouble::Throttle {
            retry_after: Some(3600),
        },
    ];
    let all = troubles.map(async |what| {
        let world = world().await;
        world.emulator.fault(Fault::always(Match::graph(), what));
        let advice = world.another().advice().await;
        assert!(advice.is_empty(), "{advice:?}");
    });
    futures_util::future::join_all(all).await;
}

/// Reads go on as before.
#[tokio::test]
async fn what_is_kept_stays_kept() {
    let world = world().await;
    world.read().await;
    world.directory.advice().await;
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "after advice");
    // The hidden group is read each time.
    assert_eq!(sent, 3);
}
