//! What goes wrong on demand.

use std::time::{Duration, Instant};

use inviter_graph_emulator::{Emulator, Fault, Match, Shape, Tenant, Trouble};

use crate::raw::{Raw, ask_token};

async fn start() -> (Emulator, Raw) {
    let emulator = Emulator::start(Tenant::generate(&Shape::sized(3, 10)))
        .await
        .unwrap();
    let raw = Raw::new(&emulator).await;
    (emulator, raw)
}

#[tokio::test]
async fn answers_instead() {
    let (emulator, raw) = start().await;
    for (trouble, status, code) in [
        (Trouble::Status(503), 503, "ServiceUnavailable"),
        (Trouble::Denied, 403, "Authorization_RequestDenied"),
        (Trouble::Gone, 410, "syncStateNotFound"),
        (Trouble::HtmlStatus(502), 502, ""),
        (Trouble::Status(401), 401, "InvalidAuthenticationToken"),
    ] {
        let handle = emulator.fault(Fault::once(Match::path("/users"), trouble));
        let reply = raw.get("/users").await;
        assert_eq!((reply.status, reply.code()), (status, code));
        assert_eq!(handle.hits(), 1);
        assert_eq!(raw.get("/users").await.status, 200);
    }
    emulator.fault(Fault::once(
        Match::graph(),
        Trouble::Throttle { retry_after: None },
    ));
    let reply = raw.get("/users").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, ""));
    emulator.fault(Fault::once(
        Match::graph(),
        Trouble::Redirect("http://other.example".to_owned()),
    ));
    let reply = raw.get("/users?$top=3").await;
    assert_eq!(reply.header("location"), "http://other.example/v1.0/users?$top=3");
    emulator.fault(Fault::once(Match::graph(), Trouble::EmptyValueMissing));
    assert!(raw.get("/users").await.body.get("value").is_none());
    emulator.fault(Fault::once(Match::graph(), Trouble::NotJson));
    assert!(raw.get("/users").await.body.is_null());
    emulator.fault(Fault::once(Match::token(), Trouble::Status(503)));
    let reply = ask_token(&raw.http, &emulator, &[]).await;
    assert_eq!(
        (reply.status, reply.body["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
}

#[tokio::test]
async fn which_requests() {
    let (emulator, raw) = start().await;
    let second = emulator.fault(Fault::always(Match::path("/groups").nth(2), Trouble::Status(500)));
    let mut statuses = Vec::new();
    for path in ["/groups", "/users", "/groups", "/groups"] {
        statuses.push(raw.get(path).await.status);
    }
    assert_eq!(statuses, [200, 200, 500, 200]);
    assert_eq!((second.seen(), second.hits()), (3, 1));
    let always = emulator.fault(Fault::always(Match::every().from_nth(2), Trouble::Status(500)));
    assert_eq!(raw.get("/groups").await.status, 200);
    assert_eq!(raw.get("/groups").await.status, 500);
    always.clear();
    assert_eq!(raw.get("/groups").await.status, 200);
    emulator.fault(Fault::times(2, Match::path("TOP=2"), Trouble::Status(500)));
    emulator.clear_faults();
    assert_eq!(raw.get("/groups?$top=2").await.status, 200);
}

#[tokio::test]
async fn connections() {
    let (emulator, raw) = start().await;
    for trouble in [Trouble::Cut, Trouble::CutBody] {
        emulator.fault(Fault::once(Match::graph().from_nth(2), trouble.clone()));
        assert_eq!(raw.get("/users").await.status, 200);
        let reply = raw.try_get("/users", &[]).await;
        assert!(
            reply.is_err() || reply.is_ok_and(|reply| reply.body.is_null()),
            "{trouble:?}"
        );
        emulator.clear_faults();
    }
    emulator.fault(Fault::once(Match::graph(), Trouble::Truncated));
    assert!(raw.get("/users").await.body.is_null());
    let pause = Duration::from_millis(120);
    for trouble in [Trouble::Slow(pause), Trouble::Trickle(pause / 40)] {
        let begun = Instant::now();
        emulator.fault(Fault::once(Match::graph(), trouble));
        assert_eq!(raw.get("/users").await.value().len(), 10);
        assert!(begun.elapsed() >= pause / 4);
    }
    emulator.fault(Fault::once(Match::graph(), Trouble::Huge(10_000_000)));
    let reply = raw.get("/users").await;
    assert_eq!(reply.value().len(), 10);
    assert!(reply.header("content-length").parse::<usize>().unwrap() > 10_000_000);
    emulator.fault(Fault::once(Match::graph(), Trouble::Silence));
    let silent = raw
        .http
        .get(format!("{}/users", emulator.graph_url()))
        .timeout(pause);
    assert!(silent.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn links() {
    let (emulator, raw) = start().await;
    emulator.fault(Fault::once(
        Match::graph(),
        Trouble::NextLinkElsewhere("http://other.example/".to_owned()),
    ));
    let next = raw.get("/users?$top=4").await.link("nextLink").unwrap();
    assert!(next.starts_with("http://other.example/v1.0/users?"), "{next}");
    emulator.fault(Fault::always(Match::path("skiptoken"), Trouble::NextLinkLoop));
    let second = raw.get("/users?$top=4").await.link("nextLink").unwrap();
    assert_eq!(raw.get(&second).await.link("nextLink"), Some(second));
}

#[tokio::test]
async fn what_was_told_before_is_told_again() {
    let mut tenant = Tenant::new();
    let group = tenant.add_group("one");
    let user = tenant.add_user("ada@example.org");
    tenant.add_member(group, user);
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let path = "/groups/delta?$select=displayName,members&$deltatoken=latest";
    let mut link = raw.get(path).await.body["@odata.deltaLink"].clone();
    let mut rounds = Vec::new();
    for round in 0..4 {
        emulator.change(|tenant| match round {
            0 => tenant.remove_member(group, user),
            1 => tenant.add_member(group, user),
            2 => tenant.rename_group(group, "two"),
            _ => true,
        });
        if round == 3 {
            emulator.fault(Fault::once(Match::path("/delta"), Trouble::Replay(3)));
            // Before the first, there is none.
            emulator.fault(Fault::once(Match::path("/delta"), Trouble::Replay(4)));
        }
        let told = link.as_str().unwrap().strip_prefix(emulator.graph_url()).unwrap();
        let reply = raw.get(told).await;
        rounds.push(reply.body["value"].clone());
        link = reply.body["@odata.deltaLink"].clone();
    }
    assert_eq!(rounds[0][0]["members@delta"][0]["@removed"]["reason"], "deleted");
    // As it was told then, with the name that it had.
    assert_eq!(rounds[3], rounds[0]);
    assert_eq!(rounds[3][0]["displayName"], "one");
}

#[tokio::test]
async fn a_copy_that_lags_behind() {
    let mut tenant = Tenant::new();
    let group = tenant.add_group("one");
    let user = tenant.add_user("ada@example.org");
    let emulator = Emulator::start(tenant).await.unwrap();
    let raw = Raw::new(&emulator).await;
    let members = format!("/groups/{group}/members?$select=id");
    let stale = || emulator.fault(Fault::once(Match::graph(), Trouble::Stale));
    let count = |body: &serde_json::Value| body["value"].as_array().unwrap().len();
    stale();
    assert_eq!(count(&raw.get(&members).await.body), 0);
    emulator.remember();
    emulator.change(|tenant| {
        tenant.add_member(group, user);
        tenant.rename(user, "countess@example.org");
    });
    for path in [
        members,
        "/users?$filter=startswith(userPrincipalName,'c')".to_owned(),
    ] {
        stale();
        assert_eq!(count(&raw.get(&path).await.body), 0);
        assert_eq!(count(&raw.get(&path).await.body), 1);
    }
    // What has changed is told all the same.
    stale();
    let delta = raw.get("/groups/delta?$select=members").await.body;
    assert_eq!(delta["value"][0]["members@delta"][0]["id"], user.to_string());
}
