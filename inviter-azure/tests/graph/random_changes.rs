//! Random tenants that change at random: what is kept current is the truth after each read, and what a full read finds.
//! Where what is told contradicts itself or comes late, it is the truth or not known, and soon the truth.
//!
//! Each run says its seed when it fails; `SEED=<number>` has one run only, of that seed.

mod life;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use inviter_azure::{EntraConfig, RoomGroups};
use inviter_graph_emulator::{Options, Tenant};

use self::life::Life;
use crate::{
    harness::{Picture, World},
    sound::assert_passes,
};

/// Which groups stand for rooms, and how long pages are.
fn setting(life: &mut Life, tenant: &Tenant) -> (RoomGroups, Options) {
    let which = 1 + life.chance.below(7);
    let groups = life.groups(tenant);
    let rooms = RoomGroups {
        root: (which & 1 != 0).then(|| life.root.to_string()),
        name_prefix: (which & 2 != 0).then(|| "MTRX ".to_owned()),
        ids: if which & 4 == 0 {
            Vec::new()
        } else {
            groups.iter().take(3).map(ToString::to_string).collect()
        },
    };
    let options = Options {
        largest_page: [1, 2, 5, 999][life.chance.below(4)],
        delta_page_size: [1, 3, 200][life.chance.below(3)],
        delta_members: [1, 4, 500][life.chance.below(3)],
        deletion_leaves_groups: life.chance.one_in(2),
        ..Options::default()
    };
    (rooms, options)
}

/// How often a list is read to see somebody who was told to have been added, and is not.
const PATIENCE: usize = 3;

/// How strangely Graph tells what has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strange {
    Never,
    /// As it is, in strange ways, or with its opposite.
    InARound,
    /// Also again in later rounds, while copies lag behind.
    AcrossRounds,
}

/// Reads while nothing happens: the first read knows, but for additions that are told again and never come.
async fn quiet(world: &World, strange: Strange) -> Picture {
    let mut picture = world.read().await;
    if strange == Strange::AcrossRounds {
        for _ in 1..PATIENCE {
            if !picture.is_complete() {
                world.assert_sound(&picture, "a quiet read");
                picture = world.read().await;
            }
        }
    }
    world.assert_true(&picture, "a quiet read");
    assert_eq!(remarks_of_reading(&picture), "");
    picture
}

async fn live(seed: u64, rounds: usize, strange: Strange) {
    let (mut life, tenant) = Life::begin(seed);
    let (rooms, options) = setting(&mut life, &tenant);
    let setting = format!("{rooms:?} {options:?}");
    let world = World::start_with(tenant, options, rooms, |config| {
        config.properties.push("mail".to_owned());
    })
    .await;
    let picture = world.read().await;
    world.assert_true(&picture, "a first read");
    life.know(&world, &picture);
    for round in 0..rounds {
        life.told.clear();
        world.emulator.remember();
        for _ in 0..life.chance.below(7) {
            world.emulator.change(|tenant| life.change(tenant));
        }
        life.quirks(&world, strange);
        let about = format!("round {round} of seed {seed}, {setting}:\n{}", life.told);
        let compared = AssertUnwindSafe(async {
            let picture = world.read().await;
            world.emulator.clear_faults();
            if strange == Strange::Never {
                world.assert_true(&picture, "kept current");
            } else {
                world.assert_sound(&picture, "told strangely");
                assert_passes(&picture.unknown(), "told strangely");
            }
            assert_eq!(remarks_of_reading(&picture), "");
            let picture = quiet(&world, strange).await;
            life.know(&world, &picture);
            world.assert_true(&world.read_anew().await, "read anew");
        });
        assert!(compared.catch_unwind().await.is_ok(), "{about}");
    }
    // With nothing told as changed, nothing changes.
    world.assert_true(&world.read().await, "at last");
}

/// What is remarked besides that groups are configured which are not there.
fn remarks_of_reading(picture: &Picture) -> String {
    let remarks = picture.directory.remarks.iter().map(ToString::to_string);
    let of_configuration = [
        "not in this tenant",
        "none in this tenant",
        "no group is directly inside",
    ];
    remarks
        .filter(|remark| !of_configuration.iter().any(|words| remark.contains(words)))
        .collect()
}

/// Seeds to run with.
fn seeds(from: u64, count: u64) -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (from..from + count).collect(),
    }
}

#[tokio::test]
async fn what_is_kept_current_is_the_truth_after_any_changes() {
    for seed in seeds(1, 3) {
        live(seed, 40, Strange::Never).await;
    }
}

#[tokio::test]
async fn what_is_told_strangely_is_the_truth_or_unknown_and_known_with_the_next_read() {
    for seed in seeds(11, 4) {
        live(seed, 40, Strange::InARound).await;
    }
}

#[tokio::test]
async fn what_is_told_again_while_copies_lag_behind_is_the_truth_or_unknown_and_known_soon() {
    for seed in seeds(21, 5) {
        live(seed, 40, Strange::AcrossRounds).await;
    }
}

/// The tenant changes while it is read; the next read without changes tells the truth.
async fn live_on_while_reading(seed: u64, rounds: usize) {
    let (mut life, tenant) = Life::begin(seed);
    let (rooms, options) = setting(&mut life, &tenant);
    let setting = format!("{rooms:?} {options:?}");
    let world = World::start_with(tenant, options, rooms, |config| {
        config.properties.push("mail".to_owned());
    })
    .await;
    for round in 0..rounds {
        life.told.clear();
        if life.chance.one_in(8) {
            world
                .clock
                .advance(EntraConfig::FULL_READ_EVERY + Duration::from_secs(1));
        }
        let mut read = Box::pin(world.read());
        let mut done = None;
        while done.is_none() {
            let mut patience = life.chance.below(200);
            while patience > 0 && done.is_none() {
                patience -= 1;
                done = (&mut read).now_or_never();
                tokio::task::yield_now().await;
            }
            if done.is_none() {
                world.emulator.change(|tenant| life.change(tenant));
            }
        }
        drop(read);
        let about = format!("round {round} of seed {seed}, {setting}:\n{}", life.told);
        let compared = AssertUnwindSafe(async {
            world.assert_true(&world.read().await, "a read without changes");
        });
        assert!(compared.catch_unwind().await.is_ok(), "{about}");
    }
}

#[tokio::test]
async fn what_changes_while_it_is_read_is_the_truth_in_the_next_read() {
    for seed in seeds(101, 4) {
        live_on_while_reading(seed, 30).await;
    }
}
