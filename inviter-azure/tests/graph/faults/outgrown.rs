//! More is answered than one read may take: nothing that was read counts.

use std::time::Duration;

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_graph_emulator::{Fault, Match, Trouble};

use super::town::{change, world};
use crate::harness::tells;

const TOLD: [&str; 2] = [
    "Graph answers with more than 1 MiB in one read",
    "raise `read_limit_mib` if the tenant is that large",
];

/// In a first read and in one of changes, wherever it comes; a single answer, and many that are small by themselves.
#[tokio::test]
async fn nothing_counts_of_a_read_that_is_too_large() {
    let places = [
        Match::path("/groups?"),
        Match::path("/$batch"),
        Match::path("/users/delta"),
        Match::graph(),
    ];
    let mut refused = 0;
    for (place, size) in places
        .into_iter()
        .flat_map(|place| [(place.clone(), 2 << 20), (place, 600 << 10)])
    {
        for fresh in [true, false] {
            let mut world = world(Duration::from_secs(30)).await;
            world.config.read_limit_mib = 1;
            world.directory = world.another();
            if !fresh {
                world.assert_true(&world.read().await, "a tenant that is small");
                world.emulator.change(change);
            }
            let about = format!("{place:?} {size} {fresh}");
            let fault = world
                .emulator
                .fault(Fault::always(place.clone(), Trouble::Huge(size)));
            let read = world.try_read().await;
            if fault.hits() * size < 1 << 20 {
                // A read of changes asks for less, and 600 KiB once are not too much.
                world.assert_true(&read.unwrap(), &about);
                continue;
            }
            refused += 1;
            let error = read.map(|picture| picture.facts).unwrap_err();
            assert_eq!(error.kind, Kind::Malformed, "{about}: {error}");
            tells(&error.to_string(), &TOLD);
            world.emulator.clear_faults();
            world.assert_true(&world.read().await, &about);
        }
    }
    assert!(refused >= 10, "{refused}");
}
