//! A first read, and one without changes.

use inviter_graph_emulator::{Shape, Tenant};

use crate::harness::{World, below, set};

#[tokio::test]
async fn a_small_tenant_is_read_whole() {
    let mut tenant = Tenant::new();
    let root = tenant.add_group("Rooms");
    let one = tenant.add_group("MTRX one");
    let inner = tenant.add_group("Inner");
    let [ada, bob, cy] = ["ada", "bob", "cy"].map(|name| tenant.add_user(&*format!("{name}@example.org")));
    for (group, member) in [(root, one), (one, ada), (one, inner), (inner, bob)] {
        tenant.add_member(group, member);
    }
    tenant.add_owner(one, cy);
    let world = World::start(tenant, below(root)).await;

    let picture = world.read().await;
    assert_eq!(picture.rooms().into_iter().collect::<Vec<_>>(), ["MTRX one"]);
    assert_eq!(picture.nested().into_iter().collect::<Vec<_>>(), ["Inner"]);
    assert_eq!(picture.members("MTRX one"), set(&["ada@example.org", "Inner"]));
    assert_eq!(
        picture.people("MTRX one"),
        set(&["ada@example.org", "bob@example.org"])
    );
    assert_eq!(picture.owners("MTRX one"), set(&["cy@example.org"]));
    world.assert_true(&picture, "a first read");
    assert_eq!(picture.remarks(), "");
    assert_eq!(world.tokens.asked(), 1);
}

#[tokio::test]
async fn a_read_without_changes_costs_two_requests_whatever_the_size() {
    for (rooms, users) in [(1, 1), (30, 700)] {
        let tenant = Tenant::generate(&Shape::sized(rooms, users));
        let root = tenant.root().unwrap();
        let world = World::start(tenant, below(root)).await;
        world.read().await;
        for _ in 0..3 {
            let (picture, sent) = world.counted().await;
            world.assert_true(&picture, "nothing has changed");
            assert_eq!(sent, 2);
        }
    }
}
