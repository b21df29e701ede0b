//! Things go wrong while everything is read.

use std::{fmt::Write as _, time::Duration};

use futures_util::{StreamExt as _, stream};
use inviter_graph_emulator::{Emulator, Tenant, Trouble};

use super::{
    place::{Expected, Place},
    town,
    trouble::{self, Case, Effect},
};
use crate::harness::{Picture, World};

/// How many tenants are read at the same time: most of the time is waiting.
const AT_ONCE: usize = 64;

/// Runs each trouble at each place, and fails with all that was wrong.
pub(super) async fn everywhere<F: Future<Output = Vec<String>>>(
    places: &[Place],
    run: impl Fn(Place, Case) -> F,
) {
    // Nobody must ever come here, least of all with a token.
    let elsewhere = Emulator::start(Tenant::new()).await.unwrap();
    let cases = trouble::all(elsewhere.authority());
    let pairs = places
        .iter()
        .flat_map(|&place| cases.iter().map(move |case| (place, case)));
    let mut pairs: Vec<(Place, Case)> = pairs
        .filter(|(place, case)| place.takes(case))
        .map(|(place, case)| (place, case.clone()))
        .collect();
    // What is waited for the longest comes first.
    pairs.sort_by_key(|(_, case)| (case.effect != Effect::Unavailable, !case.is_of_connection()));
    let count = pairs.len();
    let run = &run;
    let told: Vec<String> = stream::iter(pairs)
        .map(|(place, case)| async move {
            let (what, times) = (format!("{:.60}", format!("{:?}", case.what)), case.times);
            let wrong = run(place, case).await;
            (!wrong.is_empty()).then(|| {
                let mut told = format!("{place:?} × {what} (times {times:?}):\n");
                for line in &wrong {
                    writeln!(told, "    {line}").unwrap();
                }
                told
            })
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |told| told)
        .collect()
        .await;
    assert!(told.is_empty(), "{} of {count}:\n{}", told.len(), told.concat());
    assert_eq!(elsewhere.request_count(), 0, "{:?}", elsewhere.requests());
}

/// What is wrong with the read after all is well again: it has to be as good as if nothing had ever been.
pub(super) async fn recovered(world: &World, case: &Case) -> Vec<String> {
    // Whoever was asked to wait for an hour does so; a program that is started anew does not know.
    let read = match case.effect {
        Effect::Throttled => Ok(world.read_anew().await),
        _ => world.try_read().await,
    };
    let wrong = Expected::default().differences(&read, &world.truth());
    let mut wrong: Vec<String> = wrong.iter().map(|wrong| format!("afterwards: {wrong}")).collect();
    // What is true is the same for all; that a fresh answer is just that is enough to see once at each place.
    if case.effect != Effect::Denied {
        return wrong;
    }
    let fresh: Picture = world.read_anew().await;
    if read.is_ok_and(|read| read.facts != fresh.facts || read.remarks() != fresh.remarks()) {
        wrong.push("afterwards: another answer than a fresh one".to_owned());
    }
    wrong
}

fn expected(place: Place, case: &Case) -> Expected {
    let mut expected = place.expected(case);
    // It shares its batch with whatever is pending when it is found.
    expected.any |= place == Place::InnerMembers && case.is_of_connection() && case.effect != Effect::Passes;
    if place.is_delta() {
        expected.words = Vec::new();
        expected.error = match case.effect {
            // Every request would end like this.
            Effect::Unauthorized => Some(super::place::kind(case.effect)),
            Effect::Unavailable if case.is_of_connection() => Some(super::place::kind(case.effect)),
            // What Graph does not tell as changed is read.
            _ => None,
        };
    }
    expected
}

/// A tenant to be harmed like this.
pub(super) async fn world_for(case: &Case) -> World {
    let timeout = match case.what {
        Trouble::Slow(_) | Trouble::Silence | Trouble::Trickle(_) => Duration::from_secs(1),
        // Nobody shall be late by chance, whatever else the machine does.
        _ => Duration::from_secs(30),
    };
    town::world(timeout).await
}

async fn harmed(place: Place, case: Case) -> Vec<String> {
    let world = world_for(&case).await;
    let fault = world.emulator.fault(place.fault(&case));
    let answer = world.try_read().await;
    let mut wrong = expected(place, &case).differences(&answer, &world.truth());
    if fault.hits() == 0 {
        wrong.push("nothing has happened".to_owned());
    }
    world.emulator.clear_faults();
    wrong.extend(recovered(&world, &case).await);
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_wherever() {
    let places = [
        Place::Batch,
        Place::UsersDelta,
        Place::GroupsDelta,
        Place::Root,
        Place::RootMembers,
        Place::RootMembersLater,
        Place::Prefix,
        Place::PrefixLater,
        Place::Listed,
        Place::Members,
        Place::MembersLater,
        Place::Owners,
        Place::InnerMembers,
    ];
    everywhere(&places, harmed).await;
}
