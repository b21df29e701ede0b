//! Requests in one.

use std::collections::BTreeMap;

use inviter_graph_emulator::{Emulator, Fault, Match, Shape, Tenant, Trouble};
use serde_json::{Value, json};

use crate::raw::{Raw, Reply};

fn responses(reply: &Reply) -> BTreeMap<&str, &Value> {
    let all = reply.body["responses"].as_array().unwrap();
    all.iter()
        .map(|response| (response["id"].as_str().unwrap(), response))
        .collect()
}

fn gets(urls: &[String]) -> Value {
    urls.iter()
        .enumerate()
        .map(|(index, url)| json!({ "id": index.to_string(), "method": "GET", "url": url }))
        .collect()
}

async fn start() -> (Emulator, Raw, Vec<String>) {
    let tenant = Tenant::generate(&Shape::sized(20, 30));
    let urls = tenant
        .rooms()
        .iter()
        .map(|room| format!("/groups/{}/members?$top=1", room.group));
    let urls = urls.collect();
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    (emulator, raw, urls)
}

#[tokio::test]
async fn each_item_has_its_own_answer() {
    let (emulator, raw, mut urls) = start().await;
    urls[1] = "groups/0b6ee3ae-8f6a-4a26-8f9f-4b2f5a9a2b11".to_owned();
    let throttled = Fault::once(
        Match::path(&urls[2]).in_batch(),
        Trouble::Throttle { retry_after: Some(7) },
    );
    let throttled = emulator.fault(throttled);
    let dropped = emulator.fault(Fault::once(Match::path(&urls[3]), Trouble::DropBatchItem));
    emulator.clear_requests();
    let reply = raw.batch(gets(&urls)).await;
    assert_eq!(reply.status, 200);
    let all = responses(&reply);
    assert_eq!(all.len(), 19);
    assert_eq!(all["0"]["status"], 200);
    assert!(
        all["0"]["headers"]["Content-Type"]
            .as_str()
            .unwrap()
            .starts_with("application/json")
    );
    assert_eq!(all["0"]["body"]["value"].as_array().unwrap().len(), 1);
    assert_eq!(all["1"]["body"]["error"]["code"], "Request_ResourceNotFound");
    assert_eq!(all["2"]["status"], 429);
    assert_eq!(all["2"]["headers"]["Retry-After"], "7");
    assert!(!all.contains_key("3"));
    assert_eq!((throttled.hits(), dropped.hits()), (1, 1));
    assert_eq!(emulator.request_count(), 1);
    let requests = emulator.requests();
    assert_eq!(requests.len(), 21);
    assert_eq!(requests[3].path_and_query, format!("/v1.0{}", urls[2]));
    assert_eq!((requests[3].in_batch, requests[3].status), (true, Some(429)));

    // The order is not that of the requests.
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let reply = raw.batch(gets(&urls)).await;
        let all = reply.body["responses"].as_array().unwrap().clone();
        orders.insert(all.iter().map(|one| one["id"].to_string()).collect::<Vec<_>>());
    }
    assert_eq!(orders.len(), 3);
}

#[tokio::test]
async fn what_is_no_batch() {
    let (emulator, raw, urls) = start().await;
    let one = json!({ "id": "1", "method": "GET", "url": urls[0] });
    let mut many = urls.clone();
    many.push(urls[0].clone());
    for requests in [
        gets(&many),
        json!([]),
        json!([one, one]),
        json!([{ "method": "GET", "url": "/users" }]),
        json!([{ "id": 1, "method": "GET", "url": "/users" }]),
        json!([{ "id": "1", "url": "/users" }]),
        json!([{ "id": "1", "method": "GET" }]),
        json!([{ "id": "1", "method": "GET", "url": format!("{}/users", emulator.graph_url()) }]),
    ] {
        let reply = raw.batch(requests.clone()).await;
        assert_eq!(reply.status, 400, "{requests}");
    }
    let write = json!([{ "id": "1", "method": "DELETE", "url": "/users" }]);
    let reply = raw.batch(write).await;
    assert_eq!(responses(&reply)["1"]["status"], 405);
    let dependent = json!([
        { "id": "1", "method": "GET", "url": "/nothing" },
        { "id": "2", "method": "GET", "url": "/users", "dependsOn": ["1"] },
        { "id": "3", "method": "GET", "url": "/users" },
        { "id": "4", "method": "GET", "url": "/users", "dependsOn": ["3"] },
    ]);
    let reply = raw.batch(dependent).await;
    let statuses: Vec<_> = responses(&reply)
        .values()
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(statuses, [400, 424, 200, 200]);
    emulator.expire_tokens();
    assert_eq!(raw.batch(json!([one])).await.status, 401);
}
