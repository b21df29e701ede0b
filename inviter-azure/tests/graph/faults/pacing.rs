//! Waiting when Graph asks to, and tokens that run out.

use std::time::{Duration, Instant};

use inviter_core::provider::{ProviderErrorKind as Kind, ReadRequest};
use inviter_graph_emulator::{Fault, Match, Recorded, Trouble};

use super::town::{RED, change, id, world};
use crate::harness::{World, tells};

const TIMEOUT: Duration = Duration::from_secs(30);

/// The moments at which a request was refused, and those of all that came after.
fn refused_and_after(world: &World, status: u16) -> (Duration, Vec<Recorded>) {
    let asked = world.asked();
    let at = asked
        .iter()
        .position(|request| request.status == Some(status))
        .unwrap();
    let mut after = asked[at + 1..].to_vec();
    after.retain(|request| !request.in_batch);
    (asked[at].at, after)
}

#[tokio::test]
async fn nobody_asks_anything_before_the_time_that_graph_told() {
    let red = format!("/groups/{}/members", id(RED));
    // Alone, in a batch, and a whole batch; in a first read, and in the next.
    for (when, status) in [
        (Match::path("/groups?"), 429),
        (Match::path(&red).outside_batch(), 503),
        (Match::path(&red).in_batch(), 429),
        (Match::path("/$batch"), 429),
        (Match::path("/users/delta"), 429),
    ] {
        let world = world(TIMEOUT).await;
        let what = Trouble::Answer {
            status,
            headers: vec![
                ("content-type", "application/json".into()),
                ("retry-after", "1".into()),
            ],
            body: r#"{"error":{"code":"TooManyRequests","message":"Please retry again later."}}"#.into(),
        };
        let fault = world.emulator.fault(Fault::once(when, what));
        world.assert_true(&world.read().await, "throttled");
        assert_eq!(fault.hits(), 1);
        let (refused, after) = refused_and_after(&world, status);
        // What was on its way already may still arrive.
        let on_the_way = refused + Duration::from_millis(250);
        let early = after
            .iter()
            .filter(|request| request.at > on_the_way && request.at < refused + Duration::from_secs(1));
        assert_eq!(early.count(), 0, "refused at {refused:?}: {after:#?}");
        assert!(
            after
                .iter()
                .any(|request| request.at < refused + Duration::from_secs(2)),
            "{after:#?}"
        );
    }
}

#[tokio::test]
async fn without_a_time_the_program_waits_longer_each_time() {
    let world = world(TIMEOUT).await;
    let throttle = Trouble::Throttle { retry_after: None };
    world
        .emulator
        .fault(Fault::times(2, Match::path("/groups?"), throttle));
    world.assert_true(&world.read().await, "throttled twice");
    let tries: Vec<Duration> = world
        .asked()
        .iter()
        .filter(|request| {
            request.decoded().starts_with("/v1.0/groups?$filter") && !request.decoded().contains("skiptoken")
        })
        .map(|request| request.at)
        .collect();
    let [first, second, third] = tries.as_slice() else {
        panic!("{tries:?}");
    };
    assert!(*second >= *first + Duration::from_millis(500), "{tries:?}");
    assert!(*third >= *second + Duration::from_secs(1), "{tries:?}");
}

#[tokio::test]
async fn throttled_for_ever() {
    let mut world = world(TIMEOUT).await;
    world.read().await;
    // A directory that has read before, and one that has not.
    world.config.read_timeout = Duration::from_millis(1500);
    for fresh in [true, false] {
        let impatient = world.another();
        if !fresh {
            world.emulator.clear_faults();
            Box::pin(inviter_core::IdentityProvider::read(
                &impatient,
                &ReadRequest::default(),
            ))
            .await
            .unwrap();
        }
        world.emulator.fault(Fault::always(
            Match::graph(),
            Trouble::Throttle { retry_after: None },
        ));
        let started = Instant::now();
        let error = inviter_core::IdentityProvider::read(&impatient, &ReadRequest::default())
            .await
            .unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(error.kind, Kind::Unavailable);
        tells(&error.to_string(), &["rate", "run again", "`read_timeout`"]);
    }
    world.emulator.clear_faults();
    world.assert_true(&world.read().await, "afterwards");
}

#[tokio::test]
async fn who_is_asked_to_wait_for_an_hour_asks_nothing_more() {
    let world = world(TIMEOUT).await;
    let throttle = Trouble::Throttle {
        retry_after: Some(3600),
    };
    let fault = world.emulator.fault(Fault::always(Match::graph(), throttle));
    let error = world.try_read().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    tells(
        &error.to_string(),
        &[
            "rate limit",
            "run again later",
            "`concurrency`",
            "it would take 3600 s more",
        ],
    );
    assert_eq!(error.retry_after, Some(Duration::from_secs(3600)));
    assert!(fault.hits() <= 2, "{:?}", world.asked());
    // Nor does the next read.
    world.emulator.clear_requests();
    let error = world.try_read().await.unwrap_err();
    tells(&error.to_string(), &["asks to wait", "run again later"]);
    assert!(error.retry_after.is_some());
    assert_eq!(world.sent(), 0);
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_without_a_word() {
    let world = world(TIMEOUT).await;
    world.assert_true(&world.read().await, "a first read");
    assert_eq!(world.tokens.asked(), 1);
    world.emulator.change(change);
    world.emulator.expire_tokens();
    let picture = world.read().await;
    world.assert_true(&picture, "with a token that has run out");
    assert_eq!(picture.remarks(), "");
    // Two requests have had it refused, and one has asked for another.
    assert_eq!(world.tokens.asked(), 2);
    // While everything is read, in the middle of a batch.
    let red = format!("/groups/{}/owners", id(RED));
    world
        .emulator
        .fault(Fault::once(Match::path(&red), Trouble::Status(401)));
    world.assert_true(&world.read_anew().await, "an item with another token");
    assert_eq!(world.tokens.asked(), 3);
}

#[tokio::test]
async fn what_is_too_much_for_a_batch_is_asked_for_alone() {
    let world = world(TIMEOUT).await;
    let red = Match::path(&format!("/groups/{}/members", id(RED)));
    let fault = world
        .emulator
        .fault(Fault::always(red.in_batch(), Trouble::Huge(17 << 20)));
    world.assert_true(&world.read().await, "too large in a batch");
    assert!(fault.hits() > 1, "{}", fault.hits());
}
