use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::graph::scripted::{Reply, Server, Tokens, quick};

/// Pages by the number in `?page=`. `{url}` in a link is the server's.
async fn served(pages: Vec<Value>) -> (Server, Arc<Mutex<String>>) {
    let url = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&url);
    let server = Server::start(move |asked| {
        let number = asked
            .path()
            .split_once("page=")
            .map_or(0, |(_, n)| n.parse().unwrap());
        let text = pages[number].to_string().replace("{url}", &own.lock().unwrap());
        Reply::text(200, text)
    })
    .await;
    url.lock().unwrap().clone_from(&server.url);
    (server, url)
}

async fn read(graph: &Graph) -> (Vec<Vec<u32>>, Result<Option<Link>, GraphError>) {
    let first = graph.get::<Page<u32>>("/list").await.unwrap();
    let mut all = Vec::new();
    let outcome = graph.rest(first, &mut |page| all.push(page)).await;
    (all, outcome)
}

fn next(number: u32) -> String {
    format!("{{url}}/v1.0/list?page={number}")
}

#[tokio::test]
async fn a_list_is_read_to_its_end_over_empty_pages() {
    let (server, _) = served(vec![
        json!({"@odata.context": "x", "value": [1, 2], "@odata.nextLink": next(1)}),
        json!({"value": [], "@odata.nextLink": next(2)}),
        json!({"value": [3], "@odata.nextLink": next(3)}),
        json!({"value": [], "@odata.deltaLink": "{url}/v1.0/list/delta?$deltatoken=hush"}),
    ])
    .await;
    let (all, outcome) = read(&server.graph()).await;
    assert_eq!(all, [vec![1, 2], vec![3]]);
    assert_eq!(
        outcome.unwrap().unwrap().0.as_str(),
        format!("{}/v1.0/list/delta?$deltatoken=hush", server.url)
    );
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn one_page_may_be_all() {
    let (server, _) = served(vec![json!({"value": [1], "@odata.nextLink": null})]).await;
    let (all, outcome) = read(&server.graph()).await;
    assert_eq!((all, outcome.unwrap()), (vec![vec![1]], None));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn pages_in_a_circle_end() {
    let (server, _) = served(vec![
        json!({"value": [1], "@odata.nextLink": next(1)}),
        json!({"value": [2], "@odata.nextLink": next(2)}),
        json!({"value": [3], "@odata.nextLink": next(1)}),
    ])
    .await;
    let error = read(&server.graph()).await.1.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Malformed);
    assert_eq!(error.to_string(), "GET /list: Graph's pages lead in a circle");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_page_that_follows_itself_ends() {
    let (server, _) = served(vec![json!({"value": [1], "@odata.nextLink": next(0)})]).await;
    let error = read(&server.graph()).await.1.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Malformed);
    assert_eq!(server.asked().len(), 2);
}

/// Empty pages are skipped; but not for ever, even if each is another.
#[tokio::test]
async fn empty_pages_without_end_end() {
    let pages = (1..=40)
        .map(|n| json!({"value": [], "@odata.nextLink": next(n)}))
        .chain([json!({"value": [7]})])
        .collect();
    let (server, _) = served(pages).await;
    let graph = server.graph();
    for (most, asked) in [(40, 41), (39, 40), (5, 6)] {
        let before = server.asked().len();
        let first = graph.get::<Page<u32>>("/list").await.unwrap();
        let mut all = Vec::new();
        let outcome = graph.rest_with(first, &mut |page| all.extend(page), most).await;
        assert_eq!(server.asked().len() - before, asked);
        if most == 40 {
            assert_eq!((all, outcome.unwrap()), (vec![7], None));
            continue;
        }
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::Malformed);
        assert_eq!(
            error.to_string(),
            "GET /list: Graph gives page after page with nothing in it"
        );
    }
}

/// Each page is small, new, and leads to the next.
#[tokio::test]
async fn pages_without_end_end() {
    let server = Server::start(|asked| {
        let host = asked.header("host");
        let text = format!("{}{}", asked.nth, "x".repeat(100_000));
        let next = format!("http://{host}/v1.0/list?page={}", asked.nth);
        Reply::json(200, &json!({"value": [text], "@odata.nextLink": next}))
    })
    .await;
    let mut config = server.config();
    config.read_limit_mib = 1;
    let graph = Graph::with_pace(&config, Arc::new(Tokens::default()), quick()).unwrap();
    for read in 1..=2 {
        graph.begin_read();
        assert!(graph.outgrown().is_none());
        let first = graph.get::<Page<String>>("/list").await.unwrap();
        let mut count = 0;
        let error = graph
            .rest(first, &mut |page| count += page.len())
            .await
            .unwrap_err();
        assert_eq!((error.kind, count), (GraphErrorKind::Outgrown, 10), "{error}");
        assert!(
            error
                .message
                .contains("more than 1 MiB in one read; raise `read_limit_mib`"),
            "{error}"
        );
        // Nothing more is asked for, be it alone or in a batch.
        let asked = server.asked().len();
        let alone = graph.get::<Page<String>>("/list").await.unwrap_err();
        assert_eq!(alone.kind, GraphErrorKind::Outgrown);
        let paths = vec!["/list".to_owned(); 50];
        for one in graph.get_all::<Page<String>>(&paths).await {
            assert_eq!(one.unwrap_err().kind, GraphErrorKind::Outgrown);
        }
        assert_eq!(graph.outgrown().unwrap().kind, GraphErrorKind::Outgrown);
        assert_eq!(server.asked().len(), asked);
        assert_eq!(asked, 11 * read);
    }
}

#[tokio::test]
async fn another_host_is_not_asked() {
    let other = Server::start(|_| Reply::json(200, &json!({"value": []}))).await;
    let link = format!("{}/v1.0/list?$skiptoken=hush", other.url);
    let (server, _) = served(vec![json!({"value": [1], "@odata.nextLink": link})]).await;
    let error = read(&server.graph()).await.1.unwrap_err();
    assert_eq!(error.kind, GraphErrorKind::Malformed);
    assert!(error.message.contains(&other.url), "{error}");
    assert!(!format!("{error:?}").contains("hush"));
    assert_eq!(other.asked().len(), 0);
    // Neither as the link to changes.
    let (server, _) = served(vec![json!({"value": [1], "@odata.deltaLink": link})]).await;
    read(&server.graph()).await.1.unwrap_err();
}

#[tokio::test]
async fn what_has_no_items_is_no_page() {
    for page in [
        json!({"error": {"code": "x", "message": "no"}}),
        json!({"value": null}),
        json!({"@odata.nextLink": next(1)}),
        json!([]),
        json!(null),
        json!({"value": {"0": 1}}),
    ] {
        let (server, _) = served(vec![page.clone()]).await;
        let error = server.graph().get::<Page<u32>>("/list").await.unwrap_err();
        assert_eq!(error.kind, GraphErrorKind::Malformed, "{page}: {error}");
        assert_eq!(server.asked().len(), 1, "{page}");
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_is_no_list() {
    let (server, _) = served(vec![
        json!({"value": [1], "@odata.nextLink": next(1)}),
        json!({"error": {"code": "x", "message": "no"}}),
    ])
    .await;
    let (all, outcome) = read(&server.graph()).await;
    assert_eq!(all, [[1]]);
    let error = outcome.unwrap_err();
    assert!(error.message.contains("`value`"), "{error}");
}

#[test]
fn a_page_is_shown_without_people_and_links() {
    let page: Page<String> =
        serde_json::from_value(json!({"value": ["hush"], "@odata.nextLink": "hush", "more": 1})).unwrap();
    assert_eq!(format!("{page:?}"), "Page { items: 1, next: true, delta: false }");
}
