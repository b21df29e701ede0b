use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use serde_json::json;

use super::*;
use crate::graph::scripted::{Asked, Reply, Server, Tokens, error, quick};

fn paths(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("/users/{number}?$select=id"))
        .collect()
}

/// The number in a path.
fn number(path: &str) -> usize {
    path["/users/".len()..path.find('?').unwrap()].parse().unwrap()
}

fn fine(path: &str) -> Value {
    json!({"status": 200, "headers": {"Content-Type": "application/json"}, "body": number(path)})
}

async fn all(graph: &Graph, count: usize) -> Vec<Result<usize, GraphError>> {
    graph.get_all(&paths(count)).await
}

#[track_caller]
fn assert_all(answers: Vec<Result<usize, GraphError>>, count: usize) {
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, (0..count).collect::<Vec<_>>());
}

/// How often each of the first three was asked for.
fn times_asked(asked: &[Asked]) -> [usize; 3] {
    let items: Vec<_> = asked.iter().flat_map(Asked::items).collect();
    [0, 1, 2].map(|wanted| items.iter().filter(|item| number(item) == wanted).count())
}

#[tokio::test]
async fn twenty_go_in_one_request() {
    for (count, sizes) in [
        (0, vec![]),
        (1, vec![1]),
        (20, vec![20]),
        (21, vec![1, 20]),
        (40, vec![20, 20]),
    ] {
        let server = Server::start(|asked| asked.each(fine)).await;
        let graph = server.graph();
        assert_all(all(&graph, count).await, count);
        let asked = server.asked();
        let mut found: Vec<_> = asked.iter().map(|asked| asked.items().len()).collect();
        found.sort_unstable();
        assert_eq!(found, sizes);
        assert_eq!(graph.requests(), sizes.len() as u64);
        for asked in asked {
            assert_eq!((asked.method.as_str(), asked.path()), ("POST", "/v1.0/$batch"));
            assert_eq!(asked.header("content-type"), "application/json");
            assert_eq!(asked.header("x-ms-throttle-priority"), "low");
            let mut ids = BTreeSet::new();
            for request in asked.body["requests"].as_array().unwrap() {
                assert_eq!(request["method"], "GET");
                assert_eq!(request["headers"], json!({"x-ms-throttle-priority": "low"}));
                assert!(request["url"].as_str().unwrap().starts_with("/users/"));
                assert!(ids.insert(request["id"].as_str().unwrap()));
            }
        }
    }
}

#[tokio::test]
async fn answers_may_come_in_any_order() {
    let server = Server::start(|asked| {
        let requests = asked.body["requests"].as_array().unwrap();
        let mut answers: Vec<_> = requests
            .iter()
            .map(|request| {
                let mut answer = fine(request["url"].as_str().unwrap());
                answer["id"] = request["id"].clone();
                answer
            })
            .collect();
        answers.reverse();
        answers.rotate_left(3);
        let after = Duration::from_millis(if asked.nth == 0 { 30 } else { 0 });
        Reply::json(200, &json!({ "responses": answers })).after(after)
    })
    .await;
    assert_all(all(&server.graph(), 60).await, 60);
}

#[tokio::test]
async fn batches_go_side_by_side_within_bounds() {
    let server = Server::start(|asked| asked.each(fine).after(Duration::from_millis(20))).await;
    let mut config = server.config();
    config.concurrency = 2;
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), quick()).unwrap();
    assert_all(all(&graph, 120).await, 120);
    assert_eq!(server.busiest(), 2);
}

#[tokio::test]
async fn each_item_has_its_own_outcome() {
    let server = Server::start(|asked| {
        asked.each(|path| match number(path) {
            1 => json!({"status": 404, "body": error("Request_ResourceNotFound", "gone")}),
            2 => json!({"status": 403, "body": error("Authorization_RequestDenied", "no")}),
            3 => json!({"status": 200, "body": {"another": "form"}}),
            4 => json!({"status": 200, "body": "PGh0bWw+"}),
            5 => json!({"status": 200}),
            6 => json!({"status": 302, "headers": {"Location": "https://evil.example/"}}),
            7 => json!({"status": 410, "body": error("x", "y")}),
            8 => json!({"status": 404, "body": "PGh0bWw+"}),
            _ => fine(path),
        })
    })
    .await;
    let answers = all(&server.graph(), 20).await;
    let kinds = [
        (1, GraphErrorKind::NotFound),
        (2, GraphErrorKind::Denied),
        (3, GraphErrorKind::Malformed),
        (4, GraphErrorKind::Malformed),
        (5, GraphErrorKind::Malformed),
        (6, GraphErrorKind::Malformed),
        (7, GraphErrorKind::Expired),
        (8, GraphErrorKind::Malformed),
    ];
    for (place, kind) in kinds {
        let error = answers[place].as_ref().unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.about, format!("GET /users/{place}"));
    }
    assert!(answers[6].as_ref().unwrap_err().message.contains("evil.example"));
    assert!(
        answers[1]
            .as_ref()
            .unwrap_err()
            .message
            .contains("request-id 0a-1b")
    );
    for place in (0..20).filter(|place| !(1..9).contains(place)) {
        assert_eq!(answers[place].as_ref().unwrap(), &place);
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn only_what_was_refused_is_asked_again() {
    let server = Server::start(|asked| {
        let first = asked.nth == 0;
        asked.each(|path| match number(path) {
            3 if first => json!({"status": 429, "headers": {"retry-after": 0}}),
            5 if first => json!({"status": 429, "headers": {"Retry-After": "1"}, "body": error("x", "y")}),
            7 if first => json!({"status": 429}),
            9 if first => json!({"status": 503}),
            _ => fine(path),
        })
    })
    .await;
    let graph = server.graph();
    let started = Instant::now();
    let another = async {
        while graph.shared.throttle.pause().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        let paths = ["/users/0?x".to_owned()];
        let answers = graph.get_all::<usize>(&paths).await;
        assert_eq!(answers[0].as_ref().unwrap(), &0);
        // The longest of them, for whoever asks.
        assert!(started.elapsed() >= Duration::from_secs(1));
    };
    let (answers, ()) = tokio::join!(all(&graph, 20), another);
    assert_all(answers, 20);
    assert!(started.elapsed() >= Duration::from_secs(1));
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    let again = asked
        .iter()
        .find(|asked| asked.nth > 0 && asked.items().len() > 1);
    let again: Vec<_> = again.unwrap().items().iter().map(|path| number(path)).collect();
    assert_eq!(again, [3, 5, 7, 9]);
}

#[tokio::test]
async fn an_items_wait_is_everybodys_and_ends() {
    let server = Server::start(|asked| {
        asked.each(|path| match number(path) {
            3 => json!({"status": 429, "headers": {"Retry-After": "301"}}),
            _ => fine(path),
        })
    })
    .await;
    let graph = server.graph();
    let answers = all(&graph, 5).await;
    let error = answers[3].as_ref().unwrap_err();
    assert_eq!((error.kind, error.status), (GraphErrorKind::Throttled, Some(429)));
    assert_eq!(error.retry_after, Some(Duration::from_secs(301)));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    let answers = all(&graph, 2).await;
    for error in answers.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind, GraphErrorKind::Throttled);
    }
    assert_eq!(graph.requests(), 1);
}

#[tokio::test]
async fn failing_items_are_tried_four_times() {
    let server = Server::start(|asked| {
        let nth = asked.nth;
        asked.each(|path| match number(path) {
            0 => json!({"status": 500, "body": error("x", "y")}),
            1 if nth < 3 => json!({"status": 408}),
            _ => fine(path),
        })
    })
    .await;
    let answers = all(&server.graph(), 3).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind, GraphErrorKind::Unavailable);
    assert_eq!(
        (answers[1].as_ref().unwrap(), answers[2].as_ref().unwrap()),
        (&1, &2)
    );
    let asked = server.asked();
    assert_eq!(times_asked(&asked), [4, 4, 1]);
}

#[tokio::test]
async fn what_is_left_out_is_asked_for_once_more() {
    let server = Server::start(|asked| {
        let first = asked.nth == 0;
        asked.each(|path| match number(path) {
            0 => Value::Null,
            1 if first => Value::Null,
            _ => fine(path),
        })
    })
    .await;
    let answers = all(&server.graph(), 3).await;
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Malformed);
    assert!(error.message.contains("left this out"), "{error}");
    assert_eq!(
        (answers[1].as_ref().unwrap(), answers[2].as_ref().unwrap()),
        (&1, &2)
    );
    assert_eq!(times_asked(&server.asked()), [2, 2, 1]);
}

#[tokio::test]
async fn what_nobody_asked_for_is_no_answer() {
    let server = Server::start(|_| {
        let answers = json!([
            {"id": "0", "status": 200, "body": 0},
            {"id": "7", "status": 200, "body": 7},
            {"id": "-1", "status": 200, "body": 7},
            {"id": "", "status": 200, "body": 7},
            // Which of them it is cannot be told.
            {"id": "1", "status": 200, "body": 1},
            {"id": "1", "status": 404, "body": error("a", "b")},
            {"id": "2", "status": "200", "body": 2},
            {"id": "3", "status": 7, "body": 2},
            {"id": 4},
            "nonsense",
            null,
        ]);
        Reply::json(200, &json!({"responses": answers, "more": 1}))
    })
    .await;
    let answers = all(&server.graph(), 1).await;
    assert_eq!(answers[0].as_ref().unwrap(), &0);
    let server_asked = server.asked().len();
    assert_eq!(server_asked, 1);
    let answers = all(&server.graph(), 5).await;
    for answer in &answers[1..] {
        assert_eq!(answer.as_ref().unwrap_err().kind, GraphErrorKind::Malformed);
    }
    assert_eq!(answers[0].as_ref().unwrap(), &0);
    assert_eq!(server.asked().len(), server_asked + 2);
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_is_each_items_failure() {
    for (reply, kind, tries) in [
        (Reply::text(502, "<html>"), GraphErrorKind::Unavailable, 4),
        (
            Reply::text(200, "{\"responses\":[").cut(),
            GraphErrorKind::Unavailable,
            4,
        ),
        (Reply::text(200, "{\"responses\":["), GraphErrorKind::Malformed, 2),
        (Reply::text(200, "<html>"), GraphErrorKind::Malformed, 2),
        (Reply::json(200, &error("a", "b")), GraphErrorKind::Malformed, 1),
        (Reply::error(403, "a", "b"), GraphErrorKind::Denied, 1),
        (Reply::error(401, "a", "b"), GraphErrorKind::Unauthorized, 2),
        (Reply::error(400, "BadRequest", "b"), GraphErrorKind::Refused, 1),
        // It is batches that Graph does not have, and not what is asked for in them.
        (
            Reply::error(404, "ResourceNotFound", "b"),
            GraphErrorKind::Refused,
            1,
        ),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let answers = all(&server.graph(), 20).await;
        assert_eq!(answers.len(), 20);
        for (place, answer) in answers.into_iter().enumerate() {
            let error = answer.unwrap_err();
            assert_eq!((error.kind, error.about), (kind, format!("GET /users/{place}")));
        }
        assert_eq!(server.asked().len(), tries, "{kind:?}");
    }
}

#[tokio::test]
async fn a_batch_that_recovers_is_answered() {
    let server = Server::start(|asked| match asked.nth {
        0 => Reply::error(429, "x", "y"),
        1 => Reply::text(200, "{").cut(),
        2 => Reply::text(200, "{\"respon"),
        3 => Reply::error(401, "x", "y"),
        _ => asked.each(fine),
    })
    .await;
    assert_all(all(&server.graph(), 20).await, 20);
}

#[tokio::test]
async fn batches_that_all_fail_are_not_all_waited_for() {
    let server = Server::start(|_| Reply::text(502, "")).await;
    let mut config = server.config();
    config.concurrency = 1;
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), quick()).unwrap();
    let answers = all(&graph, 200).await;
    assert_eq!(answers.len(), 200);
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap_err().kind == GraphErrorKind::Unavailable)
    );
    assert_eq!(answers[199].as_ref().unwrap_err().about, "GET /users/199");
    assert_eq!(graph.requests(), 3 * 4);
    // One batch that fails is not all of them.
    let server = Server::start(|asked| {
        let failing = asked.items().iter().any(|path| number(path).is_multiple_of(40));
        if failing {
            Reply::text(502, "")
        } else {
            asked.each(fine)
        }
    })
    .await;
    let answers = all(&server.graph(), 200).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
}

#[tokio::test]
async fn a_token_may_expire_for_items() {
    let server = Server::start(|asked| {
        let old = asked.header("authorization") == "Bearer secret-token-0";
        asked.each(|path| match number(path) {
            1..4 if old => json!({"status": 401, "body": error("InvalidAuthenticationToken", "old")}),
            4 => json!({"status": 401, "body": error("InvalidAuthenticationToken", "secret-token-1")}),
            _ => fine(path),
        })
    })
    .await;
    let tokens = Arc::new(Tokens::default());
    let answers = all(&server.graph_with(quick(), &tokens), 6).await;
    let error = answers[4].as_ref().unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
    assert_eq!(tokens.renewed.load(Ordering::SeqCst), 1);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_split() {
    let server = Server::start(|asked| {
        if asked.method == "GET" {
            return Reply::text(200, vec![b' '; 17 << 20]);
        }
        asked.each(|path| {
            let filling = if number(path) == 2 { 17 << 20 } else { 1 << 20 };
            json!({"status": 200, "body": number(path), "filling": " ".repeat(filling)})
        })
    })
    .await;
    let answers = all(&server.graph(), 20).await;
    for (place, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(read) => assert_eq!(read, place),
            Err(error) => {
                assert_eq!((place, error.kind), (2, GraphErrorKind::Malformed));
                assert!(error.message.contains("larger than 16 MiB"), "{error}");
            }
        }
    }
    let alone = server.asked().into_iter().filter(|asked| asked.method == "GET");
    let alone: Vec<_> = alone.map(|asked| asked.path().to_owned()).collect();
    assert_eq!(alone, ["/v1.0/users/2?$select=id"]);
}

#[tokio::test]
async fn what_cannot_be_asked_does_not_keep_others_from_it() {
    let server = Server::start(|asked| asked.each(fine)).await;
    let mut paths = paths(3);
    paths.insert(1, "nonsense".to_owned());
    let answers: Vec<Result<usize, _>> = server.graph().get_all(&paths).await;
    assert_eq!(answers[1].as_ref().unwrap_err().kind, GraphErrorKind::Refused);
    assert_eq!(answers[3].as_ref().unwrap(), &2);
}
