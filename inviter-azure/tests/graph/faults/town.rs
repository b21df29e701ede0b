//! The tenant that things go wrong in: groups in several pages, nested ones, and ones that are found in each way.

use std::time::Duration;

use inviter_azure::RoomGroups;
use inviter_graph_emulator::{Id, Options, Tenant, User};

use crate::harness::World;

pub(crate) const ROOT: u64 = 10;
pub(crate) const RED: u64 = 11;
pub(crate) const BLUE: u64 = 12;
/// In another batch than red.
pub(crate) const QUIET: u64 = 22;
/// New in the second read, inside the root group.
pub(crate) const LATE: u64 = 23;
/// Inside red and blue.
pub(crate) const INNER: u64 = 30;
/// Before the one that it is in, so that it is seen to be gone first.
const INNERMOST: u64 = 29;
/// Found by its ID.
pub(crate) const BOARD: u64 = 50;
/// New in the second read, found by its name.
pub(crate) const NEW_TEAM: u64 = 47;
/// New in the second read, in red.
pub(crate) const NEWCOMER: u64 = 120;

/// IDs in the order in which things are asked for.
pub(crate) fn id(number: u64) -> Id {
    format!("00000000-0000-4000-8000-{number:012}").parse().unwrap()
}

/// The groups whose lists are asked for in one batch with those of red.
pub(crate) fn beside_red() -> Vec<String> {
    let fillers = (3..11).map(|n| format!("Filler {n:02}"));
    ["Red", "Blue"]
        .map(str::to_owned)
        .into_iter()
        .chain(fillers)
        .collect()
}

fn user(tenant: &mut Tenant, number: u64) -> Id {
    tenant.add_user_as(id(number), User::new(&format!("p{number}@example.org")))
}

pub(crate) fn tenant() -> Tenant {
    let mut tenant = Tenant::new();
    for number in (101..=115).chain([118]) {
        user(&mut tenant, number);
    }
    tenant.disable(id(109));
    let mut group = |number: u64, name: &str, members: &[u64], owners: &[u64]| {
        tenant.add_group_as(id(number), name);
        for member in members {
            assert!(tenant.add_member(id(number), id(*member)), "{member} in {name}");
        }
        for owner in owners {
            assert!(tenant.add_owner(id(number), id(*owner)));
        }
    };
    group(INNERMOST, "Innermost", &[112], &[]);
    group(INNER, "Inner", &[110, 111, INNERMOST], &[]);
    group(
        RED,
        "Red",
        &[101, 102, 103, 104, 105, 106, 107, INNER],
        &[101, 102],
    );
    group(BLUE, "Blue", &[101, INNER], &[102]);
    let fillers: Vec<u64> = (13..QUIET).collect();
    for (number, filler) in (3..).zip(&fillers) {
        group(*filler, &format!("Filler {number:02}"), &[108], &[]);
    }
    group(QUIET, "Quiet", &[108, 109], &[108]);
    for (number, letter) in (41..).zip(["a", "b", "c", "d", "e", "f"]) {
        group(number, &format!("Team {letter}"), &[103], &[113]);
    }
    group(BOARD, "Board", &[114, 115], &[118]);
    let rooms: Vec<u64> = [RED, BLUE].into_iter().chain(fillers).chain([QUIET]).collect();
    group(ROOT, "Rooms", &rooms, &[]);
    let device = tenant.add_device("a telephone");
    tenant.add_member(id(ROOT), device);
    tenant.add_member(id(RED), device);
    tenant
}

/// What happens between the first read and the second.
pub(crate) fn change(tenant: &mut Tenant) {
    for number in [NEWCOMER, 116, 117] {
        user(tenant, number);
    }
    tenant.add_member(id(RED), id(NEWCOMER));
    tenant.remove_member(id(RED), id(101));
    tenant.remove_owner(id(RED), id(101));
    tenant.enable(id(109));
    tenant.rename(id(108), "renamed@example.org");
    tenant.remove_member(id(INNER), id(111));
    tenant.add_member(id(INNER), id(116));
    tenant.purge_group(id(INNERMOST));
    tenant.rename_group(id(43), "Team c, renamed");
    tenant.add_group_as(id(NEW_TEAM), "Team g");
    tenant.add_member(id(NEW_TEAM), id(117));
    tenant.add_owner(id(NEW_TEAM), id(117));
    tenant.add_group_as(id(LATE), "Late");
    tenant.add_member(id(LATE), id(101));
    tenant.add_owner(id(LATE), id(103));
    tenant.add_member(id(ROOT), id(LATE));
}

/// The tenant, and a directory that waits so long for each answer.
pub(crate) async fn world(request_timeout: Duration) -> World {
    let options = Options {
        largest_page: 5,
        delta_page_size: 3,
        ..Options::default()
    };
    let rooms = RoomGroups {
        root: Some(id(ROOT).to_string()),
        name_prefix: Some("Team ".to_owned()),
        ids: vec![id(BOARD).to_string()],
    };
    World::start_with(tenant(), options, rooms, |config| {
        config.request_timeout = request_timeout;
        config.read_timeout = Duration::from_secs(60);
    })
    .await
}
