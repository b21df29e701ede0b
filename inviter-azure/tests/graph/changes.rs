//! What Graph tells as changed: what is kept current by it is the tenant as it is, and what a full read finds.

mod deletions;
mod full_reads;
mod kinds;
mod late;
mod quirks;

use inviter_azure::RoomGroups;
use inviter_graph_emulator::{Options, Tenant};

use crate::{
    harness::{World, below, named},
    sketch::{at, sketch},
};

/// How groups are found that stand for rooms.
#[derive(Debug, Clone, Copy)]
enum By {
    Root,
    Prefix,
}

impl By {
    fn rooms(self, tenant: &Tenant) -> RoomGroups {
        match self {
            Self::Root => below(at(tenant, "Rooms")),
            Self::Prefix => named("MTRX "),
        }
    }
}

/// Two rooms with groups inside, and some beside.
fn tenant() -> Tenant {
    sketch(&[
        ("Rooms", &["MTRX one", "MTRX two"]),
        ("MTRX one", &["ada", "bob", "inner", "*cy"]),
        ("MTRX two", &["cy", "inner", "*ada"]),
        ("inner", &["dan", "deep", "*gus"]),
        ("deep", &["eve"]),
        ("loose", &["flo", "bob", "*gus", "looser"]),
        ("looser", &["hal"]),
    ])
}

/// The tenant, read once.
async fn read_once(by: By) -> World {
    read_once_with(by, Options::default()).await
}

async fn read_once_with(by: By, options: Options) -> World {
    let tenant = tenant();
    let rooms = by.rooms(&tenant);
    let world = World::start_with(tenant, options, rooms, |_| {}).await;
    world.assert_true(&world.read().await, "a first read");
    world
}

/// Many changes at once, of all kinds.
fn upheaval(tenant: &mut Tenant) {
    let [root, one, two, inner, deep, loose] =
        ["Rooms", "MTRX one", "MTRX two", "inner", "deep", "loose"].map(|name| at(tenant, name));
    let [ada, bob, cy, dan, eve, gus] =
        ["ada", "bob", "cy", "dan", "eve", "gus"].map(|name| at(tenant, name));
    tenant.disable(ada);
    tenant.rename(bob, "robert@example.org");
    tenant.delete_user(dan);
    tenant.remove_member(one, ada);
    tenant.add_member(two, ada);
    tenant.add_member(two, gus);
    tenant.remove_owner(one, cy);
    tenant.add_owner(one, eve);
    tenant.remove_member(two, inner);
    tenant.rename_group(inner, "inmost");
    tenant.add_member(deep, loose);
    let new = tenant.add_group("MTRX new");
    let somebody = tenant.add_user("new@example.org");
    tenant.add_member(new, somebody);
    tenant.add_member(new, deep);
    tenant.add_owner(new, ada);
    tenant.add_member(root, new);
    let going = tenant.add_group("MTRX for a moment");
    tenant.add_member(root, going);
    tenant.purge_group(going);
}
