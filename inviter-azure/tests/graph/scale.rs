//! Large groups and many of them: the members are right, and the number of requests is the one that the table in
//! [`crate`] says.

use std::collections::BTreeSet;

use inviter_azure::RoomGroups;
use inviter_graph_emulator::{Group, Id, Options, Shape, Tenant};

use crate::harness::{World, below};

/// What a full read costs, worked out from the tenant. With rooms below a root group only.
fn cost(tenant: &Tenant, rooms: &RoomGroups, page: usize) -> usize {
    let root: Id = rooms.root.as_ref().unwrap().parse().unwrap();
    let further = |objects: usize| objects.saturating_sub(1) / page;
    let is_group = |id: &Id| tenant.group(*id).is_some();
    // The two links, the root group, and its members.
    let mut requests = 2 + 1 + 1 + further(tenant.members(root).count());
    let mut level: BTreeSet<Id> = tenant.members(root).filter(is_group).collect();
    let mut seen = BTreeSet::from([root]);
    let mut lists = level.len();
    for room in &level {
        requests += further(tenant.owners(*room).count());
    }
    while !level.is_empty() {
        lists += level.len();
        requests += lists.div_ceil(20);
        lists = 0;
        for group in &level {
            requests += further(tenant.members(*group).count());
        }
        seen.extend(&level);
        let inner = level.iter().flat_map(|group| tenant.members(*group));
        level = inner.filter(|id| is_group(id) && !seen.contains(id)).collect();
    }
    requests
}

/// Reads anew and again; everything is right, and costs what it should. Returns what the first read cost.
async fn check(tenant: Tenant, options: Options) -> usize {
    let page = options.largest_page;
    let rooms = below(tenant.root().unwrap());
    let expected = cost(&tenant, &rooms, page);
    let world = World::start_with(tenant, options, rooms, |_| {}).await;
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "a first read");
    assert_eq!(sent, expected);
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "a second read");
    assert_eq!(sent, 2);
    expected
}

/// A root group, and groups of so many members of so many users.
fn of_sizes(users: usize, sizes: &[usize]) -> Tenant {
    let mut tenant = Tenant::new();
    let root = tenant.add_group("Rooms");
    tenant.set_root(root);
    let users: Vec<Id> = (0..users)
        .map(|number| tenant.add_user(&*format!("user-{number}@example.org")))
        .collect();
    for (number, size) in sizes.iter().enumerate() {
        let group = tenant.add_group(format!("room of {size}"));
        tenant.add_member(root, group);
        // Not all begin with the same.
        for place in 0..*size {
            tenant.add_member(group, users[(number * 101 + place) % users.len()]);
        }
    }
    tenant
}

#[tokio::test]
async fn groups_that_just_fill_a_page_and_just_do_not() {
    let sizes = [0, 1, 99, 100, 101, 998, 999, 1_000, 1_998, 1_999, 12_000];
    let tenant = of_sizes(12_000, &sizes);
    // 2 + 1 + 1, two batches for 22 lists, and the further pages of 1 000, 1 998, 1 999 and 12 000.
    let sent = check(tenant, Options::default()).await;
    assert_eq!(sent, 4 + 2 + (1 + 1 + 2 + 12));
}

#[tokio::test]
async fn pages_that_are_smaller_than_what_was_asked_for() {
    let sizes = [0, 1, 49, 50, 51, 99, 100, 101, 249, 250, 251];
    let options = Options {
        largest_page: 50,
        ..Options::default()
    };
    let sent = check(of_sizes(400, &sizes), options).await;
    assert_eq!(sent, 4 + 2 + (1 + 1 + 1 + 2 + 4 + 4 + 5));
}

#[tokio::test]
async fn owners_that_fill_pages() {
    let mut tenant = of_sizes(120, &[3, 120]);
    let group = tenant.group_named("room of 3").unwrap();
    let users: Vec<Id> = tenant.users().map(|(id, _)| id).collect();
    for user in users {
        tenant.add_owner(group, user);
    }
    let options = Options {
        largest_page: 50,
        ..Options::default()
    };
    assert_eq!(check(tenant, options).await, 4 + 1 + 2 + 2);
}

#[tokio::test]
async fn a_root_group_of_many_groups() {
    let mut tenant = of_sizes(3, &[]);
    let root = tenant.root().unwrap();
    for number in 0..120 {
        let group = tenant.add_group(Group::unified(&format!("room {number}")));
        tenant.add_member(root, group);
    }
    let options = Options {
        largest_page: 50,
        ..Options::default()
    };
    assert_eq!(check(tenant, options).await, 4 + 2 + 12);
}

#[tokio::test]
async fn a_generated_tenant_is_as_its_generator_says() {
    let shape = Shape {
        rooms: 40,
        users: 3_000,
        sizes: vec![1_500, 101, 1_000, 999, 100, 99, 1],
        other_size: 60,
        depth: 6,
        cycle: true,
        owners: 3,
        guests: 150,
        disabled: 200,
        non_users: 4,
        other_groups: 30,
        ..Shape::default()
    };
    let tenant = Tenant::generate(&shape);
    let rooms = tenant.rooms().to_vec();
    let root = tenant.root().unwrap();
    let world = World::start(tenant, below(root)).await;
    let (picture, sent) = world.counted().await;
    assert_eq!(rooms.len(), picture.rooms().len());
    assert_eq!(picture.directory.groups.len(), 40 * 7);
    let names = |ids: &BTreeSet<Id>| -> BTreeSet<String> {
        world.emulator.tenant(|tenant| {
            let name = |id: &Id| tenant.user(*id).unwrap().user_principal_name.clone();
            ids.iter().map(name).collect()
        })
    };
    for room in &rooms {
        let people = picture.people(&room.name);
        assert_eq!(people, names(&room.people), "{}", room.name);
        assert_eq!(picture.owners(&room.name), names(&room.owners), "{}", room.name);
        let disabled = people.iter().filter(|name| !picture.is_active(name)).cloned();
        assert_eq!(
            disabled.collect::<BTreeSet<_>>(),
            names(&room.disabled),
            "{}",
            room.name
        );
    }
    world.assert_true(&picture, "a generated tenant");
    // Four, four batches for the rooms, and two for each level below: no group has more than a page.
    assert_eq!(sent, 4 + 4 + 6 * 2);
    world.assert_true(&world.read_anew().await, "read anew");
    let (picture, sent) = world.counted().await;
    world.assert_true(&picture, "read again");
    assert_eq!(sent, 2);
}
