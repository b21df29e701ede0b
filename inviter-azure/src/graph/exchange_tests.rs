use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::graph::{
    Page,
    scripted::{Logged, Reply, Server, Tokens, quick},
};

async fn failed(answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (GraphError, usize) {
    let server = Server::start(move |asked| answer(asked.nth)).await;
    let error = server
        .graph()
        .get::<Page<Value>>("/users?$top=1")
        .await
        .unwrap_err();
    assert_eq!(error.about, "GET /users");
    (error, server.asked().len())
}

#[tokio::test]
async fn each_request_says_what_it_has_to() {
    let server = Server::start(|asked| match asked.nth {
        0 => Reply::text(500, ""),
        _ => Reply::json(200, &json!({"value": []})),
    })
    .await;
    let graph = server.graph();
    graph
        .get::<Page<Value>>("/users?$select=id,displayName&$filter=startswith(displayName,%27a%27)")
        .await
        .unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), graph.requests()), (2, 2));
    let mut ids = Vec::new();
    for asked in &asked {
        assert_eq!(asked.method, Method::GET);
        let path = "/v1.0/users?$select=id,displayName&$filter=startswith(displayName,%27a%27)";
        assert_eq!(asked.path(), path);
        assert_eq!(asked.header("authorization"), "Bearer secret-token-0");
        assert_eq!(asked.header("accept"), "application/json");
        assert_eq!(asked.header("x-ms-throttle-priority"), "low");
        assert!(asked.header("user-agent").starts_with("inviter/"));
        assert_eq!(asked.header("accept-encoding"), "");
        ids.push(asked.header("client-request-id").to_owned());
    }
    assert!(ids.iter().all(|id| crate::check_object_id(id).is_ok()), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_link_is_followed_as_it_is() {
    let server = Server::start(|_| Reply::json(200, &json!(7))).await;
    let graph = server.graph();
    let path = "/v1.0/users/delta?$deltatoken=a%2Fb+c%20d-_~$&x=%41";
    let link = graph.link(&format!("{}{path}", server.url)).unwrap();
    assert_eq!(graph.follow::<u32>(&link).await.unwrap(), 7);
    assert_eq!(server.asked()[0].path(), path);
}

#[tokio::test]
async fn a_path_cannot_lead_elsewhere() {
    let server = Server::start(|_| Reply::json(200, &json!(7))).await;
    for path in ["", "users", "@evil.example/users", ".evil.example/"] {
        let error = server.graph().get::<u32>(path).await.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::Refused, "{path}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn what_is_not_json_is_malformed_and_tried_once_more() {
    for (body, why) in [
        ("<html>Log in</html>", "web page"),
        ("hello", "not JSON"),
        ("", "cut off"),
        (r#"{"value":[{"id":"hush"#, "cut off"),
        ("{\"value\":[]}\u{0}", "not JSON"),
    ] {
        let (error, asked) = failed(move |_| Reply::text(200, body)).await;
        assert_eq!((error.kind, asked), (GraphErrorKind::Malformed, 2), "{body}");
        assert!(error.message.contains(why), "{error}");
        assert!(!format!("{error:?}").contains("hush"));
    }
    let server = Server::start(|asked| match asked.nth {
        0 => Reply::text(200, r#"{"value":[1"#),
        _ => Reply::text(200, r#"{"value":[1]}"#),
    })
    .await;
    assert_eq!(server.graph().get::<Page<u32>>("/x").await.unwrap().value, [1]);
}

#[tokio::test]
async fn too_deep_is_malformed() {
    let deep = format!("{{\"value\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (error, _) = failed(move |_| Reply::text(200, deep.clone())).await;
    assert_eq!(error.kind, GraphErrorKind::Malformed);
}

#[tokio::test]
async fn words_of_an_answer_are_not_repeated() {
    let (error, asked) = failed(|_| Reply::json(200, &json!({"value": "hush-person"}))).await;
    assert_eq!((error.kind, asked), (GraphErrorKind::Malformed, 1));
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn too_large_is_malformed_and_not_tried_again() {
    let body = vec![b' '; MAX_BODY + 1];
    let (error, asked) = failed(move |_| Reply::text(200, body.clone())).await;
    assert_eq!((error.kind, asked), (GraphErrorKind::Malformed, 1));
    assert!(error.message.contains("larger than 16 MiB"), "{error}");
    // Just as much as fits.
    let mut body = vec![b' '; MAX_BODY - 12];
    body.extend(br#"{"value":[]}"#);
    let server = Server::start(move |_| Reply::text(200, body.clone())).await;
    server.graph().get::<Page<Value>>("/users").await.unwrap();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Server::start(|_| Reply::json(200, &json!({"value": []}))).await;
    let target = format!("{}/login?token=hush", other.url.replace("127.0.0.1", "localhost"));
    let (error, asked) = failed(move |_| Reply::text(302, "").header("location", &target)).await;
    assert_eq!(
        (error.kind, error.status, asked),
        (GraphErrorKind::Malformed, Some(302), 1)
    );
    assert!(error.message.contains("redirects to localhost"), "{error}");
    assert!(!error.to_string().contains("hush"));
    assert_eq!(other.asked().len(), 0);
    let (error, _) = failed(|_| Reply::text(301, "")).await;
    assert!(error.message.contains("nowhere"), "{error}");
}

#[tokio::test]
async fn the_status_comes_before_the_body() {
    let html = "<html>Bad gateway</html>";
    for (status, body, kind, tries) in [
        (502, html, GraphErrorKind::Unavailable, 4),
        (500, "", GraphErrorKind::Unavailable, 4),
        (408, html, GraphErrorKind::Unavailable, 4),
        (403, html, GraphErrorKind::Denied, 1),
        (410, html, GraphErrorKind::Expired, 1),
        (400, r#"{"value":[]}"#, GraphErrorKind::Refused, 1),
        // Not Graph's: it says nothing about what Graph has.
        (404, html, GraphErrorKind::Malformed, 1),
        (404, "", GraphErrorKind::Malformed, 1),
    ] {
        let (error, asked) = failed(move |_| Reply::text(status, body)).await;
        assert_eq!((error.kind, asked), (kind, tries), "{status}: {error}");
        assert_eq!(error.status, Some(status));
    }
}

#[tokio::test]
async fn errors_of_graph_are_told() {
    for (status, code, kind) in [
        (403, "Authorization_RequestDenied", GraphErrorKind::Denied),
        (404, "Request_ResourceNotFound", GraphErrorKind::NotFound),
        (410, "whatever", GraphErrorKind::Expired),
        (400, "syncStateNotFound", GraphErrorKind::Expired),
        (404, "resyncRequired", GraphErrorKind::Expired),
        (500, "syncStateInvalid", GraphErrorKind::Expired),
        (400, "Request_BadRequest", GraphErrorKind::Refused),
        (424, "whatever", GraphErrorKind::Refused),
    ] {
        let (error, asked) = failed(move |_| Reply::error(status, code, "Because\u{1b}[2J of me.")).await;
        assert_eq!((error.kind, asked), (kind, 1), "{error}");
        assert_eq!(error.code.as_deref(), Some(code));
        let end = format!("Because [2J of me ({status} {code}, request-id 0a-1b)");
        assert!(error.message.ends_with(&end), "{error}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_given_up() {
    let server = Server::start(|_| Reply::json(200, &json!(1)).after(Duration::from_secs(5))).await;
    let mut config = server.config();
    config.request_timeout = Duration::from_millis(50);
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), quick()).unwrap();
    let error = graph.get::<u32>("/x").await.unwrap_err();
    assert_eq!((error.kind, graph.requests()), (GraphErrorKind::Unavailable, 4));
    assert!(error.message.contains("did not answer within"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let graph = server.graph();
    drop(server);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let error = graph.get::<u32>("/x?$skiptoken=hush").await.unwrap_err();
    assert_eq!((error.kind, graph.requests()), (GraphErrorKind::Unavailable, 4));
    assert!(error.message.contains("cannot be reached"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn nothing_secret_is_shown_or_logged() {
    let (logged, _guard) = Logged::begin();
    let server = Server::start(|asked| match asked.nth {
        0 => Reply::json(200, &json!(1)).header("x-ms-resource-unit", 3),
        1 => Reply::text(200, "{").cut(),
        2 => Reply::error(
            429,
            "x",
            "token secret-token-0 at https://g.example/users?$skiptoken=hush-1",
        ),
        _ => Reply::error(
            400,
            "Request_BadRequest",
            "secret-token-0 may not ask with 'hush-1' or $deltatoken=hush-2",
        ),
    })
    .await;
    let graph = server.graph();
    graph.get::<u32>("/users?$skiptoken=hush-1").await.unwrap();
    let error = graph.get::<u32>("/users?$skiptoken=hush-1").await.unwrap_err();
    let shown = format!("{error} {error:?} {graph:?} {}", logged.text());
    assert_eq!(graph.requests(), 4, "{shown}");
    // The HTTP library's own logs have to be fit to be seen as well.
    for secret in ["secret-token", "hush"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(logged.count("GET /users"), 6, "{}", logged.text());
    assert_eq!(logged.count("units=\"3\""), 1, "{}", logged.text());
    assert_eq!(logged.count("status=429"), 1);
}

#[tokio::test]
async fn a_token_that_fits_no_header_is_told_without_it() {
    #[derive(Debug)]
    struct Odd;
    #[async_trait::async_trait]
    impl crate::TokenSource for Odd {
        async fn token(&self, _: Option<&Token>) -> Result<Token, crate::TokenError> {
            Ok(Token::new("hush\n"))
        }
    }
    let server = Server::start(|_| Reply::json(200, &json!(1))).await;
    let error = Graph::new(&server.config(), Arc::new(Odd))
        .unwrap()
        .get::<u32>("/x")
        .await
        .unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Token(TokenErrorKind::Malformed));
    assert!(!format!("{error:?}").contains("hush"));
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_client_that_cannot_be_set_up_is_misconfigured() {
    let mut config = crate::EntraConfig::new(crate::RoomGroups::default());
    config.proxy = Some("http://bot:hush@[proxy:1".into());
    let error = Graph::new(&config, Arc::new(Tokens::default())).unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Token(TokenErrorKind::Misconfigured));
    assert!(
        error.to_string().contains("proxy") && !format!("{error:?}").contains("hush"),
        "{error:?}"
    );
}

#[test]
fn request_ids_are_guids() {
    for _ in 0..100 {
        let id = guid();
        crate::check_object_id(&id).unwrap();
        assert_eq!(&id[14..15], "4", "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
    assert_ne!(guid(), guid());
}
