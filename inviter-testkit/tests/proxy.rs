//! The testkit's proxy in front of a real Synapse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, Fault, Proxy, Synapse, When, enc, expect_ok, sigkill, unique};
use serde_json::json;
use tokio::process::Command;

/// A proxy, and an account on either side of it.
async fn both_sides() -> Result<(Proxy, Client, Client)> {
    let synapse = Synapse::shared().await?;
    let direct = synapse.register(&unique("alice")).await?;
    let proxy = Proxy::start(synapse.url()).await?;
    let via = direct.via(proxy.url());
    Ok((proxy, direct, via))
}

async fn name(client: &Client, room: &str) -> Result<String> {
    let event = client
        .state_event(room, "m.room.name", "")
        .await?
        .context("no name")?;
    Ok(event["name"].as_str().context("not a name")?.to_owned())
}

#[tokio::test]
async fn records_what_passes() -> Result<()> {
    let (proxy, direct, via) = both_sides().await?;
    let room = via.create_room(json!({ "name": "Walks" })).await?;
    via.send_state(&room, "m.room.topic", "", json!({ "topic": "ü" }))
        .await?;
    let sync = expect_ok(
        "sync",
        via.get("/_matrix/client/v3/sync?timeout=0&full_state=true")
            .await?,
    )?;
    assert!(sync["rooms"]["join"][&room].is_object());
    let (status, answer) = via
        .post("/_matrix/client/v3/join/%23none%3Aexample.test", json!({}))
        .await?;
    assert_eq!((status, answer["errcode"].as_str()), (404, Some("M_NOT_FOUND")));
    via.raw(
        reqwest::Method::POST,
        "/_matrix/client/v3/login",
        Some(&json!({ "type": "none" })),
        None,
    )
    .await?;
    assert_eq!(name(&direct, &room).await?, "Walks");

    let requests = proxy.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|r| (r.method.as_str(), r.writing, r.status, r.upstream))
        .collect();
    assert_eq!(
        seen,
        [
            ("POST", true, Some(200), Some(200)),
            ("PUT", true, Some(200), Some(200)),
            ("GET", false, Some(200), Some(200)),
            ("POST", true, Some(404), Some(404)),
            ("POST", false, Some(400), Some(400)),
        ]
    );
    assert_eq!(requests[0].path, "/_matrix/client/v3/createRoom");
    assert_eq!(requests[0].json()["name"], "Walks");
    assert!(requests[1].decoded_path().contains(&room));
    assert_eq!(requests[2].query.as_deref(), Some("timeout=0&full_state=true"));
    assert!(requests.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(proxy.writes().len(), 3);

    proxy.clear();
    assert!(proxy.requests().is_empty());
    via.state(&room).await?;
    assert_eq!(proxy.requests()[0].index, 5);
    Ok(())
}

#[tokio::test]
async fn passes_large_answers() -> Result<()> {
    let (_proxy, direct, via) = both_sides().await?;
    let room = direct.create_room(json!({})).await?;
    let text = "x".repeat(50_000);
    for i in 0..40 {
        direct
            .send_state(
                &room,
                "org.example.large",
                &i.to_string(),
                json!({ "text": text }),
            )
            .await?;
    }
    let mut texts = via
        .state(&room)
        .await?
        .into_iter()
        .map(|event| event["content"]["text"].clone());
    assert_eq!(texts.by_ref().filter(|found| found == &json!(text)).count(), 40);
    Ok(())
}

#[tokio::test]
async fn each_fault_is_what_it_says() -> Result<()> {
    let (proxy, direct, via) = both_sides().await?;
    let room = direct.create_room(json!({ "name": "before" })).await?;
    let rename = async |to: &str| {
        via.send_state(&room, "m.room.name", "", json!({ "name": to }))
            .await
    };
    let once = |fault: Fault| {
        proxy.clear();
        let mut fault = Some(fault);
        proxy.on_request(move |request| if request.writing { fault.take() } else { None });
    };

    once(Fault::limited(Duration::from_millis(1500)));
    let client = reqwest::Client::new();
    let answer = client
        .post(format!("{}/_matrix/client/v3/createRoom", proxy.url()))
        .send()
        .await?;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "2");
    assert_eq!(answer.json::<serde_json::Value>().await?["retry_after_ms"], 1500);
    assert_eq!(
        (proxy.requests()[0].status, proxy.requests()[0].upstream),
        (Some(429), None)
    );

    once(Fault::matrix(403, "M_FORBIDDEN"));
    assert!(
        rename("refused")
            .await
            .unwrap_err()
            .to_string()
            .contains("M_FORBIDDEN")
    );

    once(Fault::Html502);
    let error = rename("bad gateway").await.unwrap_err().to_string();
    assert!(error.contains("502") && error.contains("<html>"), "{error}");

    once(Fault::Cut);
    assert!(rename("cut").await.is_err());
    assert_eq!(
        (proxy.requests()[0].status, proxy.requests()[0].upstream),
        (None, None)
    );
    assert_eq!(name(&direct, &room).await?, "before");

    once(Fault::LoseAnswer);
    assert!(rename("lost").await.is_err());
    assert_eq!(
        (proxy.requests()[0].status, proxy.requests()[0].upstream),
        (None, Some(200))
    );
    assert_eq!(name(&direct, &room).await?, "lost");

    once(Fault::Delay(Duration::from_millis(300)));
    let started = Instant::now();
    rename("late").await?;
    assert!(started.elapsed() >= Duration::from_millis(300));

    proxy.on_request(|_| Some(Fault::TruncatedBody));
    let answer = client
        .get(format!("{}/_matrix/client/v3/rooms/{room}/state", proxy.url()))
        .bearer_auth(via.token())
        .send()
        .await?;
    assert_eq!(answer.status(), 200);
    assert!(answer.content_length().unwrap() > 100);
    assert!(answer.bytes().await.is_err());

    proxy.on_request(|_| Some(Fault::HalfJson));
    let answer = client
        .get(format!("{}/_matrix/client/v3/rooms/{room}/state", proxy.url()))
        .bearer_auth(via.token())
        .send()
        .await?;
    assert_eq!(answer.status(), 200);
    let half = answer.text().await?;
    assert!(half.starts_with("[{") && half.len() > 100, "{half}");
    assert!(serde_json::from_str::<serde_json::Value>(&half).is_err());

    once(Fault::internal());
    let error = rename("broken").await.unwrap_err().to_string();
    assert!(error.contains("500") && error.contains("M_UNKNOWN"), "{error}");
    assert_eq!(name(&direct, &room).await?, "late");

    proxy.heal();
    rename("healed").await?;
    assert_eq!(name(&via, &room).await?, "healed");
    Ok(())
}

/// The homeserver hears a request twice that the client has sent once, and the client gets the second answer.
#[tokio::test]
async fn delivers_twice() -> Result<()> {
    let (proxy, direct, via) = both_sides().await?;
    proxy.on_request(|request| request.writing.then_some(Fault::Twice));
    let second = via.create_room(json!({})).await?;
    let rooms = direct.get("/_matrix/client/v3/joined_rooms").await?.1;
    let rooms = rooms["joined_rooms"].as_array().context("no rooms")?;
    assert_eq!(rooms.len(), 2);
    assert!(rooms.contains(&json!(second)));
    // The second time, there is nobody to kick any more: that is what the client is told.
    let bob = Synapse::shared().await?.register(&unique("bob")).await?;
    direct.invite(&second, bob.user_id()).await?;
    let error = via.kick(&second, bob.user_id()).await.unwrap_err().to_string();
    assert!(error.contains("403"), "{error}");
    assert_eq!(direct.members(&second).await?[bob.user_id()], "leave");
    assert_eq!(proxy.writes().len(), 2);
    Ok(())
}

#[tokio::test]
async fn answers_like_a_gateway_when_the_homeserver_is_gone() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let nobody = format!("http://{}", listener.local_addr()?);
    drop(listener);
    let proxy = Proxy::start(&nobody).await?;
    let (status, _) = Client::new(proxy.url(), "", "")
        .get("/_matrix/client/versions")
        .await?;
    assert_eq!(status, 502);
    Ok(())
}

/// A client that names a room three times.
const RENAMES: &str = r#"
import json, sys, urllib.request
url, token = sys.argv[1:]
for name in ["first", "second", "third"]:
    headers = {"Authorization": f"Bearer {token}"}
    body = json.dumps({"name": name}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT"))
"#;

#[tokio::test]
async fn kills_a_client_at_the_chosen_write() -> Result<()> {
    let (proxy, direct, via) = both_sides().await?;
    for (when, renamed) in [(When::BeforeForward, "first"), (When::AfterEffect, "second")] {
        let room = direct.create_room(json!({ "name": "none" })).await?;
        proxy.clear();
        let url = format!(
            "{}/_matrix/client/v3/rooms/{}/state/m.room.name",
            proxy.url(),
            enc(&room)
        );
        // Python is there, since Synapse needs it.
        let mut child = Command::new("python3")
            .args(["-c", RENAMES, &url, via.token()])
            .spawn()?;
        let pid = child.id().unwrap();
        proxy.on_write(2, when, move |request| async move {
            assert_eq!(request.json()["name"], "second");
            sigkill(pid).unwrap();
        });
        assert_eq!(child.wait().await?.code(), None, "ended by a signal");
        proxy.settled().await;
        assert_eq!(name(&direct, &room).await?, renamed);
        assert_eq!(proxy.writes().len(), 2);
        assert_eq!(proxy.writes()[1].status, None);
    }
    Ok(())
}

#[tokio::test]
async fn a_write_goes_through_when_its_client_goes_away() -> Result<()> {
    let (proxy, direct, via) = both_sides().await?;
    let room = direct.create_room(json!({ "name": "before" })).await?;
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    proxy.on_request(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        request
            .writing
            .then_some(Fault::Delay(Duration::from_millis(200)))
    });
    let rename = via.send_state(&room, "m.room.name", "", json!({ "name": "after" }));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), rename)
            .await
            .is_err()
    );
    assert_eq!(name(&direct, &room).await?, "before");
    proxy.settled().await;
    assert_eq!(name(&direct, &room).await?, "after");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    Ok(())
}
