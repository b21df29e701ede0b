//! How long a directory is left alone.

use super::*;

/// When the directory is asked, in seconds, by runs every ten seconds for so long.
fn asked_within(world: &World, time: Duration) -> Vec<u64> {
    let begun = world.clock.now();
    let mut asked = Vec::new();
    while world.clock.now().since(begun) < time {
        let before = world.shaky.asked();
        world.read().unwrap_err();
        if world.shaky.asked() > before {
            asked.push(world.clock.now().since(begun).as_secs());
        }
        world.clock.pass(Duration::from_secs(10));
    }
    asked
}

#[test]
fn pauses_grow_up_to_the_longest() {
    let pauses = Pauses::default();
    let minutes = |failures| pauses.after(failures).map(|pause| pause.as_secs() / 60);
    assert_eq!([0, 1, 2].map(minutes), [None; 3]);
    assert_eq!(
        [3, 4, 5, 6, 7, 8, 9, 10].map(minutes),
        [1, 2, 4, 8, 16, 32, 60, 60].map(Some)
    );
    assert_eq!(minutes(u32::MAX), Some(60));
    assert_eq!(Pauses::up_to(MINUTE).after(3), Some(Duration::from_secs(1)));
    assert_eq!(Pauses::up_to(Duration::MAX).after(40), Some(Duration::MAX));
    let minutes = |refusals| pauses.after_refusals(refusals).map(|pause| pause.as_secs() / 60);
    assert_eq!(
        [0, 1, 2, 3, 4, 5, u32::MAX].map(minutes),
        [None, Some(10), Some(20), Some(40), Some(60), Some(60), Some(60)]
    );
    let short = Pauses::up_to(5 * MINUTE);
    assert_eq!(
        short.after_refusals(1),
        Some(5 * MINUTE),
        "no longer than the longest"
    );
}

/// A run each ten seconds for a day: the directory is asked a few dozen times, and at the right moments.
#[test]
fn a_directory_that_keeps_failing_is_asked_ever_more_seldom() {
    for kind in [
        ProviderErrorKind::Unavailable,
        ProviderErrorKind::Malformed,
        ProviderErrorKind::Misconfigured,
    ] {
        let world = World::new();
        world.shaky.fail(kind);
        let begun = world.clock.now();
        let mut asked = Vec::new();
        for _ in 0..24 * 360 {
            let before = world.shaky.asked();
            let error = world.read().unwrap_err();
            let text = format!("failure {}", world.shaky.asked());
            assert_eq!(
                (error.kind, error.message),
                (kind, text),
                "the last error, as it was"
            );
            assert_eq!(error.source.unwrap().to_string(), "the cause");
            if world.shaky.asked() > before {
                asked.push(world.clock.now().since(begun).as_secs());
            }
            world.clock.pass(Duration::from_secs(10));
        }
        assert_eq!(asked[..7], [0, 10, 20, 80, 200, 440, 920]);
        let pauses: Vec<u64> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(pauses.is_sorted() && pauses.last() == Some(&3600), "{pauses:?}");
        assert_eq!(asked.len(), 31, "{asked:?}");
    }
}

/// Accounts are locked after five wrong passwords within half an hour, at many places after fewer.
#[test]
fn a_refused_password_is_not_sent_until_the_account_is_locked() {
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Denied);
    let asked = asked_within(&world, 24 * HOUR);
    assert_eq!(asked[..5], [0, 600, 1800, 4200, 7800]);
    let within_half_an_hour = |from: u64| {
        asked
            .iter()
            .filter(|at| (from..=from + 1800).contains(*at))
            .count()
    };
    assert!(asked.iter().all(|at| within_half_an_hour(*at) <= 3), "{asked:?}");
    // Nor if it is away in between.
    let world = World::new();
    let begun = world.clock.now();
    let mut refused = 0;
    while world.clock.now().since(begun) < HOUR / 2 {
        for kind in [ProviderErrorKind::Denied, ProviderErrorKind::Unavailable] {
            world.shaky.fail(kind);
            let before = world.shaky.asked();
            world.read().unwrap_err();
            if kind == ProviderErrorKind::Denied {
                refused += world.shaky.asked() - before;
            }
            world.clock.pass(Duration::from_secs(10));
        }
    }
    assert!((1..=3).contains(&refused), "{refused}");
}

#[test]
fn a_refusal_begins_it_at_once_and_ends_no_longer_pause() {
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Denied);
    let error = world.read().unwrap_err();
    assert_eq!(error.retry_after, Some(10 * MINUTE));
    let told = world.quarantine.quarantined().unwrap();
    assert_eq!((told.failures, told.kind), (1, ProviderErrorKind::Denied));
    assert_eq!(
        (told.since, told.failing_since),
        (world.clock.now(), world.clock.now())
    );

    // One that was away for long already.
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Unavailable);
    asked_within(&world, 4 * HOUR);
    world.clock.pass(HOUR);
    world.shaky.fail(ProviderErrorKind::Denied);
    assert_eq!(world.read().unwrap_err().retry_after, Some(HOUR));
}

/// Somebody has reloaded the bot: it may have another password by now, and a wrong one is a first one.
#[test]
fn a_reload_begins_anew() {
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Denied);
    asked_within(&world, 4 * HOUR);
    let before = world.quarantine.quarantined().unwrap();
    world.failures.ask_at_once(world.clock.now());
    assert_eq!(world.read().unwrap_err().retry_after, Some(10 * MINUTE));
    let after = world.quarantine.quarantined().unwrap();
    assert_eq!(
        (after.since, after.failures),
        (before.since, before.failures + 1),
        "it is the same"
    );
}

/// The clock was hours ahead when the directory failed, and is set right.
#[test]
fn a_clock_that_is_set_back_makes_no_pause_longer() {
    for kind in [ProviderErrorKind::Unavailable, ProviderErrorKind::Denied] {
        let world = World::new();
        world.shaky.fail(kind);
        for _ in 0..3 {
            world.read().unwrap_err();
        }
        let asked = world.shaky.asked();
        world.clock.back(2 * HOUR);
        let told = world.quarantine.quarantined().unwrap();
        assert_eq!(told.again, world.clock.now(), "by the next read");
        world.read().unwrap_err();
        world.read().unwrap_err();
        assert_eq!(world.shaky.asked(), asked + 1, "once");
        let pause = world
            .quarantine
            .quarantined()
            .unwrap()
            .again
            .since(world.clock.now());
        assert!(pause <= 20 * MINUTE, "{pause:?}");
        world.shaky.mend();
        world.clock.pass(pause);
        world.read().unwrap();
        // By less than the pause, it is asked sooner, and not later.
        let world = World::new();
        world.shaky.fail(kind);
        for _ in 0..3 {
            world.read().unwrap_err();
        }
        world.shaky.mend();
        world.clock.back(Duration::from_secs(1));
        world.read().unwrap();
    }
}

#[test]
fn people_who_ask_make_it_no_longer() {
    let world = World::new();
    world.shaky.fail(ProviderErrorKind::Unavailable);
    let begun = world.clock.now();
    for _ in 0..9 {
        world.insist().unwrap_err();
        world.clock.pass(Duration::from_secs(2));
    }
    let told = world.quarantine.quarantined().unwrap();
    // Since the third of them.
    let end = begun.plus(Duration::from_secs(64));
    assert_eq!((told.failures, told.again), (9, end));
    world.clock.pass(end.since(world.clock.now()));
    // Whoever asks first after the pause makes the next one.
    assert_eq!(world.insist().unwrap_err().retry_after, Some(2 * MINUTE));
    world.clock.pass(MINUTE);
    assert_eq!(world.insist().unwrap_err().retry_after, Some(MINUTE));
    // The directory itself may want more patience.
    world.shaky.fail_for(5 * MINUTE);
    assert_eq!(world.insist().unwrap_err().retry_after, Some(5 * MINUTE));
    // That we are refused counts at once, and once.
    world.shaky.fail(ProviderErrorKind::Denied);
    for _ in 0..3 {
        assert_eq!(world.insist().unwrap_err().retry_after, Some(10 * MINUTE));
    }
    world.clock.pass(10 * MINUTE);
    assert_eq!(world.read().unwrap_err().retry_after, Some(20 * MINUTE));
}

#[test]
fn what_the_directory_asks_for_is_heeded_within_bounds() {
    for (wanted, pause) in [
        (Duration::from_secs(5), MINUTE),
        (10 * MINUTE, 10 * MINUTE),
        (1000 * HOUR, HOUR),
    ] {
        let world = World::new();
        world.shaky.fail_for(wanted);
        for _ in 0..2 {
            assert_eq!(world.read().unwrap_err().retry_after, Some(wanted));
        }
        assert_eq!(world.read().unwrap_err().retry_after, Some(pause));
    }
}

#[test]
fn asked_at_once_after_somebody_has_mended_something() {
    let world = World::quarantined();
    world.failures.ask_at_once(world.clock.now());
    world.read().unwrap_err();
    world.read().unwrap_err();
    assert_eq!(world.shaky.asked(), 4, "once");
    let told = world.quarantine.quarantined().unwrap();
    assert_eq!(
        told.again,
        world.clock.now().plus(MINUTE),
        "and pauses begin anew"
    );
    let sound = World::new();
    sound.failures.ask_at_once(sound.clock.now());
    assert_eq!(sound.failures.quarantined(), None);
}
