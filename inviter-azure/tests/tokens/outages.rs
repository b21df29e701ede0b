//! Authorities that do not answer as they should.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use inviter_azure::{IdentityTokens, TokenErrorKind as Kind, TokenSource as _};
use inviter_graph_emulator::{Fault, Match, Trouble};

use crate::support::{asked, config_of, emulator, error_of, with_secret};

#[tokio::test]
async fn nobody_there() {
    let emulator = emulator().await;
    // A port that was free just now.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = crate::support::config(&format!("http://127.0.0.1:{port}"), emulator.graph_url());
    let started = Instant::now();
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(
        error.message.starts_with("cannot be reached (Connection refused"),
        "{error}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_a_minute_at_most() {
    let emulator = emulator().await;
    emulator.fault(Fault::always(Match::token(), Trouble::Silence));
    let mut config = config_of(&emulator);
    let tokens = IdentityTokens::new(with_secret(&emulator), &config);
    let started = tokio::time::Instant::now();
    let (one, two) = tokio::join!(tokens.token(None), tokens.token(None));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.message.contains("within 60 s"), "{error}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(62),
        "{:?}",
        started.elapsed()
    );
    config.request_timeout = Duration::from_secs(3);
    let error = error_of(with_secret(&emulator), &config).await;
    assert_eq!(error.message, "did not answer within 3 s");
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let emulator = emulator().await;
    emulator.fault(Fault::times(1, Match::token(), Trouble::HtmlStatus(503)));
    emulator.fault(Fault::times(1, Match::token().nth(2), Trouble::Cut));
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    tokens.token(None).await.unwrap();
    assert_eq!(asked(&emulator), 3);
}

#[tokio::test]
async fn trouble_that_lasts_is_told() {
    let emulator = emulator().await;
    emulator.fault(Fault::always(Match::token(), Trouble::HtmlStatus(502)));
    let started = Instant::now();
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    // Whoever waits for the other's token is told with it, and does not begin anew.
    let (one, other) = tokio::join!(tokens.token(None), tokens.token(None));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert_eq!(error.kind, Kind::Unavailable);
        assert_eq!(
            error.message,
            "has trouble of its own (status 502); try again later"
        );
    }
    assert_eq!(asked(&emulator), 4);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_short_wait_is_waited_and_a_long_one_handed_on() {
    let emulator = emulator().await;
    let retry_after = Some(2);
    emulator.fault(Fault::once(Match::token(), Trouble::Throttle { retry_after }));
    let tokens = IdentityTokens::new(with_secret(&emulator), &config_of(&emulator));
    let started = Instant::now();
    tokens.token(None).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2));

    emulator.clear_requests();
    let retry_after = Some(300);
    emulator.fault(Fault::always(Match::token(), Trouble::Throttle { retry_after }));
    let started = Instant::now();
    let error = error_of(with_secret(&emulator), &config_of(&emulator)).await;
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(error.retry_after, Some(Duration::from_secs(300)));
    assert_eq!(error.message, "asks for fewer requests; try again in 300 s");
    assert_eq!(asked(&emulator), 1);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn answers_that_are_none_of_an_authority() {
    for (trouble, words) in [
        (
            Trouble::HtmlStatus(200),
            "answers with something that is not a token",
        ),
        (
            Trouble::HtmlStatus(404),
            "does not answer as an authority does (status 404)",
        ),
        (Trouble::NotJson, "answers with something that is not a token"),
        (
            Trouble::Redirect("http://127.0.0.1:1".to_owned()),
            "sends elsewhere (status 302)",
        ),
        (Trouble::Huge(2 << 20), "answered with more than 1 MiB"),
        (
            Trouble::Answer {
                status: 200,
                headers: vec![("content-type", "application/json".to_owned())],
                body: "{}".to_owned(),
            },
            "answers with something that is not a token",
        ),
    ] {
        let emulator = emulator().await;
        emulator.fault(Fault::always(Match::token(), trouble.clone()));
        let error = error_of(with_secret(&emulator), &config_of(&emulator)).await;
        assert_eq!(error.kind, Kind::Malformed, "{trouble:?}: {error}");
        assert!(error.message.starts_with(words), "{trouble:?}: {error}");
        assert_eq!(asked(&emulator), 1, "{trouble:?}");
    }
}
