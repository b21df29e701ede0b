//! The short form of the simulation, and programs that are broken on purpose, which it has to find.

use inviter_faults::simulate::{Args, Sabotage, play, play_all};

/// Played in every run of the tests. `tests/faults.sh` plays a hundred thousand.
const FIXED: u64 = 100;

#[test]
fn no_scenario_of_a_fixed_range_goes_wrong() {
    let tally = play_all(1, FIXED, 2);
    assert!(tally.is_well(), "{tally}\n{:?}", tally.failed);
    assert_eq!(tally.scenarios, FIXED);
    // The one who has to go is gone from every scenario, and something has gone wrong in most.
    assert!(tally.removals() >= FIXED, "{tally}");
    assert!(tally.faults() >= FIXED, "{tally}");
}

#[test]
fn no_scenario_of_a_random_range_goes_wrong() {
    let args = Args {
        scenarios: 40,
        seed: None,
        threads: 2,
    };
    let first = args.first_seed();
    let tally = play_all(first, args.scenarios, args.threads);
    assert!(
        tally.is_well(),
        "from seed {first}: {tally}\n{:?}\nsee one with: tests/faults.sh --replay SEED",
        tally.failed
    );
}

#[test]
fn the_same_seed_is_the_same_scenario() {
    for seed in [7, 123_456_789] {
        let (one, other) = (play(seed, None, true), play(seed, None, true));
        assert_eq!(one.trace, other.trace);
        assert_eq!(one.tally, other.tally);
        assert!(one.trace.len() > 10);
    }
}

/// A seed that has found it once: the first to be tried, so that few scenarios are played.
const fn likely(sabotage: Sabotage) -> u64 {
    match sabotage {
        Sabotage::HalfIsWhole => 6,
        Sabotage::NoLimits => 13,
        Sabotage::ZeroIsNoLimit => 64,
        Sabotage::NoGrace => 15,
        Sabotage::RemovesAnyone => 34,
        Sabotage::UnreadIsEmpty | Sabotage::ForgetsFeeds => 8,
        Sabotage::NobodyExempt => 25,
        Sabotage::VanishedIsEmpty => 14,
        Sabotage::AnyWordOpens => 36,
        Sabotage::ForgetsWords => 82,
        Sabotage::HidesLoss => 11,
        Sabotage::FollowsAnything => 96,
        Sabotage::AdoptsAnything => 3,
        _ => 1,
    }
}

#[test]
fn every_broken_program_is_found() {
    for sabotage in Sabotage::ALL {
        let mut seeds = likely(sabotage)..=likely(sabotage) + 400;
        let found = seeds.find(|seed| !play(*seed, Some(sabotage), false).tally.is_well());
        assert!(found.is_some(), "{sabotage:?} is not found in 400 scenarios");
    }
}
