use std::sync::{Arc, atomic::Ordering};

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::{
    TokenErrorKind,
    graph::scripted::{Logged, Reply, Server, Tokens, quick},
};

const SECOND: Duration = Duration::from_secs(1);

fn fine() -> Reply {
    Reply::json(200, &json!(1))
}

fn busy() -> Reply {
    Reply::error(429, "TooManyRequests", "x")
}

#[test]
fn pauses_grow_and_tries_end() {
    let pace = Pace::default();
    let mut effort = Effort::default();
    for least in [300, 600, 1200].map(Duration::from_millis) {
        let Step::After(pause) = effort.next(Course::Again, &pace) else {
            panic!();
        };
        assert!(pause >= least && pause < 2 * least, "{pause:?}");
    }
    assert_eq!(effort.next(Course::Again, &pace), Step::GiveUp);
}

#[test]
fn untold_waits_double_up_to_a_minute_and_end_after_a_quarter_of_an_hour() {
    let pace = Pace::default();
    let mut effort = Effort::default();
    let mut sum = Duration::ZERO;
    for round in 0.. {
        // What is no wait is as good as not told.
        let told = (round % 2 == 0).then_some(Duration::ZERO);
        let most = SECOND * 2_u32.pow(round.min(10));
        let most = most.min(60 * SECOND);
        match effort.next(Course::Pause(told), &pace) {
            Step::Pause(pause) => {
                assert!(pause >= most / 2 && pause <= most, "{pause:?}");
                sum += pause;
                assert!(sum <= pace.sum);
            }
            step => {
                assert!(matches!(step, Step::Close(_)), "{step:?}");
                break;
            }
        }
    }
    assert!(sum + 60 * SECOND > pace.sum, "{sum:?}");
}

#[test]
fn told_waits_are_kept_up_to_five_minutes() {
    let pace = Pace::default();
    let told = |wait: Duration| Effort::default().next(Course::Pause(Some(wait)), &pace);
    let Step::Pause(pause) = told(300 * SECOND) else {
        panic!();
    };
    assert!(pause >= 300 * SECOND && pause < 301 * SECOND, "{pause:?}");
    assert!(matches!(told(301 * SECOND), Step::Close(_)));
    assert!(matches!(
        told(Duration::from_secs(u32::MAX.into())),
        Step::Close(_)
    ));
    let mut effort = Effort::default();
    let steps = [(); 5].map(|()| effort.next(Course::Pause(Some(200 * SECOND)), &pace));
    assert!(steps[..4].iter().all(|step| matches!(step, Step::Pause(_))));
    assert!(matches!(steps[4], Step::Close(_)));
    // Waiting takes no tries away.
    assert!(matches!(effort.next(Course::Again, &pace), Step::After(_)));
}

#[tokio::test]
async fn what_may_pass_is_tried_four_times() {
    for trouble in [
        Reply::text(500, ""),
        Reply::text(408, ""),
        Reply::text(503, "<html>"),
        Reply::text(504, ""),
        Reply::text(200, "{\"value\": [").cut(),
    ] {
        let again = trouble.clone();
        let server = Server::start(move |asked| if asked.nth < 3 { again.clone() } else { fine() }).await;
        assert_eq!(server.graph().get::<u32>("/x").await.unwrap(), 1, "{trouble:?}");
        assert_eq!(server.asked().len(), 4);
        let server = Server::start(move |_| trouble.clone()).await;
        let error = server.graph().get::<u32>("/x").await.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::Unavailable, "{error}");
        assert_eq!(server.asked().len(), 4);
    }
}

#[tokio::test]
async fn a_told_wait_is_everybodys() {
    let (logged, _guard) = Logged::begin();
    let server = Server::start(|asked| {
        if asked.nth == 0 {
            busy().header("retry-after", 1)
        } else {
            fine()
        }
    })
    .await;
    let graph = server.graph();
    let started = Instant::now();
    let first = graph.get::<u32>("/first");
    let second = async {
        while graph.shared.throttle.pause().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        graph.get::<u32>("/second").await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert!(started.elapsed() >= SECOND);
    assert_eq!(server.asked().len(), 3);
    assert_eq!(logged.count(" INFO "), 1, "{}", logged.text());
}

#[tokio::test]
async fn who_stands_in_line_waits_as_well() {
    let server = Server::start(|asked| match asked.nth {
        0 => busy().header("retry-after", 1).after(Duration::from_millis(30)),
        _ => fine(),
    })
    .await;
    let mut config = server.config();
    config.concurrency = 1;
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), quick()).unwrap();
    let started = Instant::now();
    let timed = async |path: &str| {
        graph.get::<u32>(path).await.unwrap();
        started.elapsed()
    };
    let all = tokio::join!(timed("/first"), timed("/second"), timed("/third"));
    assert!(
        [all.0, all.1, all.2].iter().all(|took| *took >= SECOND),
        "{all:?}"
    );
    assert_eq!(graph.requests(), 4);
}

#[tokio::test]
async fn a_busy_server_is_waited_for_like_a_limit() {
    for status in [503, 504] {
        let server = Server::start(move |asked| match asked.nth {
            // More often than there are tries.
            0..6 => Reply::text(status, "").header("retry-after", 0),
            _ => fine(),
        })
        .await;
        assert_eq!(server.graph().get::<u32>("/x").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn untold_waits_are_our_own() {
    let server = Server::start(|asked| if asked.nth < 6 { busy() } else { fine() }).await;
    let started = Instant::now();
    assert_eq!(server.graph().get::<u32>("/x").await.unwrap(), 1);
    assert!(started.elapsed() >= Duration::from_millis((8 + 16 + 4 * 32) / 2));
    assert_eq!(server.asked().len(), 7);
}

#[tokio::test]
async fn nobody_waits_for_too_long() {
    let server = Server::start(|_| busy().header("retry-after", 301)).await;
    let graph = server.graph();
    let error = graph.get::<u32>("/x").await.unwrap_err();
    assert_eq!((error.kind, error.status), (GraphErrorKind::Throttled, Some(429)));
    assert_eq!(error.retry_after, Some(301 * SECOND));
    assert!(error.message.contains("301 s"), "{error}");
    // What comes now does not even ask.
    let error = graph.get::<u32>("/y").await.unwrap_err();
    assert_eq!(
        (error.kind, error.about.as_str()),
        (GraphErrorKind::Throttled, "GET /y")
    );
    assert!(error.retry_after.unwrap() > 290 * SECOND);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn waits_in_sum_end() {
    let server = Server::start(|_| busy()).await;
    let pace = Pace {
        sum: Duration::from_millis(100),
        ..quick()
    };
    let graph = server.graph_with(pace, &Arc::default());
    let error = graph.get::<u32>("/x").await.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Throttled);
    assert!(error.retry_after.is_some());
    // Others may have more patience left.
    assert!(!graph.shared.throttle.pause().unwrap().hopeless);
}

#[tokio::test]
async fn who_waits_holds_no_place() {
    let server = Server::start(|asked| match asked.path() {
        "/v1.0/first" if asked.nth == 0 => Reply::text(500, ""),
        _ => fine(),
    })
    .await;
    let mut config = server.config();
    config.concurrency = 1;
    let pace = Pace {
        again: SECOND,
        ..quick()
    };
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), pace).unwrap();
    let started = Instant::now();
    let second = async {
        while graph.requests() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        graph.get::<u32>("/second").await.unwrap();
        started.elapsed()
    };
    let (_, second) = tokio::join!(graph.get::<u32>("/first"), second);
    assert!(second < SECOND / 2, "{second:?}");
    assert!(started.elapsed() >= SECOND);
}

#[tokio::test]
async fn only_so_many_ask_at_once() {
    let server = Server::start(|_| fine().after(Duration::from_millis(10))).await;
    let mut config = server.config();
    config.concurrency = 3;
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), quick()).unwrap();
    let answers = join_all((0..20).map(|_| graph.get::<u32>("/x"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!((server.busiest(), graph.requests()), (3, 20));
}

#[tokio::test]
async fn a_token_that_expires_is_replaced_once_for_all() {
    let server = Server::start(|asked| match asked.header("authorization") {
        "Bearer secret-token-1" => fine(),
        _ => Reply::error(401, "InvalidAuthenticationToken", "Lifetime validation failed")
            .after(Duration::from_millis(u64::try_from(asked.nth % 4).unwrap() * 7)),
    })
    .await;
    let tokens = Arc::new(Tokens::default());
    let mut config = server.config();
    config.concurrency = 8;
    let graph = Graph::with_pace(&config, Arc::<Tokens>::clone(&tokens), quick()).unwrap();
    let answers = join_all((0..8).map(|_| graph.get::<u32>("/x"))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(tokens.renewed.load(Ordering::SeqCst), 1);
    assert_eq!(graph.requests(), 16);
}

#[tokio::test]
async fn a_new_token_is_asked_for_once() {
    let server = Server::start(|_| Reply::error(401, "InvalidAuthenticationToken", "no")).await;
    let tokens = Arc::new(Tokens::default());
    let graph = server.graph_with(quick(), &tokens);
    let error = graph.get::<u32>("/x").await.unwrap_err();
    assert_eq!(
        (error.kind, error.status),
        (GraphErrorKind::Unauthorized, Some(401))
    );
    assert_eq!(tokens.renewed.load(Ordering::SeqCst), 1);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].header("authorization"), "Bearer secret-token-1");
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let server = Server::start(|_| fine()).await;
    let tokens = Arc::new(Tokens {
        none: true,
        ..Tokens::default()
    });
    let error = server
        .graph_with(quick(), &tokens)
        .get::<u32>("/x")
        .await
        .unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Token(TokenErrorKind::Denied));
    assert_eq!(
        error.to_string(),
        "GET /x: no access token can be had from https://login.example: the secret is wrong"
    );
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(server.asked().len(), 0);
}
