//! Faults of single answers.

use std::time::{Duration, Instant};

use inviter_testkit::ldap::{Behaviour, Entry, Fault, LdapServer, Operation, Request, wire};

use crate::client::{Raw, goes_on, ldapsearch, search, success};
use crate::data::serve;

const QUIET: Duration = Duration::from_millis(200);

/// A server in whose every search this goes wrong.
async fn with(fault: Fault) -> LdapServer {
    let server = serve(Behaviour::default()).await;
    server.on_search(move |_, _| Some(fault.clone()));
    server
}

#[tokio::test]
async fn gives_result_codes_after_entries() {
    let people = ["uid=ada", "uid=bob", "uid=eve"];
    for (fault, code, entries) in [
        (Fault::result(3, "too slow"), 3, 0),
        (Fault::result(4, "too slow").after(2), 4, 2),
        (Fault::result(11, "").before_done(), 11, 3),
        (Fault::result(51, "busy").after(1), 51, 1),
        (Fault::result(52, "").after(9), 52, 3),
        (Fault::result(50, ""), 50, 0),
        (Fault::empty(), 0, 0),
        (Fault::empty().after(1), 0, 1),
    ] {
        let server = with(fault).await;
        let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
        assert_eq!(
            (found.code, found.names()),
            (Some(code), people[..entries].to_vec())
        );
    }
    let server = with(Fault::result(51, "come back later")).await;
    let found = ldapsearch(&server.url(), &[]).await;
    assert!(found.errors.contains("come back later"), "{found:?}");
    let server = with(Fault::referral(&["ldap://else.example.org/", "ldap://two/"]).after(2)).await;
    let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
    assert_eq!((found.code, found.names().len()), (Some(10), 2));
    assert!(found.errors.contains("ldap://else.example.org/"), "{found:?}");
}

#[tokio::test]
async fn decides_by_request() {
    let server = serve(Behaviour::default()).await;
    server.on_request(|request| {
        let search = request.search()?;
        let people = search
            .base
            .starts_with("ou=people")
            .then(|| Fault::result(51, ""));
        let bobs = search.filter.contains("bob").then(|| Fault::result(52, ""));
        people
            .or(bobs)
            .or(request.is_search(4).then(|| Fault::result(3, "")))
    });
    for (arguments, code) in [
        (&["-b", "ou=people,dc=example,dc=org"][..], 51),
        (&["(uid=bob)"], 52),
        (&["(uid=ada)"], 0),
        (&["(uid=ada)"], 3),
        (&["(uid=ada)"], 0),
    ] {
        let found = ldapsearch(&server.url(), arguments).await;
        assert_eq!(found.code, Some(code), "{arguments:?}");
    }
    server.on_request(|request| request.is_bind().then(|| Fault::result(51, "no time")));
    assert_eq!(ldapsearch(&server.url(), &[]).await.code, Some(51));
    server.heal();
    assert_eq!(ldapsearch(&server.url(), &[]).await.code, Some(0));
}

#[tokio::test]
async fn changes_the_entries_of_an_answer() {
    let server = with(Fault::hide("uid=bob,ou=people,dc=example,dc=org").and(Fault::twice())).await;
    let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
    assert_eq!(
        (found.code, found.names()),
        (Some(0), vec!["uid=ada", "uid=ada", "uid=eve", "uid=eve"])
    );
    let server = serve(Behaviour::default()).await;
    server.on_search(|request, _| {
        let entry = Entry::new("uid=new,dc=example,dc=org").with("uid", ["new"]);
        let inserted = Fault::insert(wire::entry(request.message_id, &entry)).after(1);
        Some(inserted.and(Fault::reference(request, &["ldap://else/"]).before_done()))
    });
    let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
    assert_eq!(
        (found.code, found.names()),
        (Some(0), vec!["uid=ada", "uid=new", "uid=bob", "uid=eve"])
    );
    assert_eq!(
        found
            .lines
            .iter()
            .filter(|line| *line == "# refldap://else/")
            .count(),
        1
    );
}

#[tokio::test]
async fn loses_connections() {
    for (fault, entries) in [
        (Fault::close(), 0),
        (Fault::close().after(2), 2),
        (Fault::close().before_done(), 3),
    ] {
        let server = with(fault).await;
        let found = ldapsearch(&server.url(), &["(uid=*)"]).await;
        // The program's code for a lost server, -1.
        assert_eq!(
            (found.code, found.names().len()),
            (Some(255), entries),
            "{found:?}"
        );
    }
    // At the second search of a connection.
    let server = serve(Behaviour::default()).await;
    server.on_request(|request| request.is_search(2).then(Fault::close));
    let found = ldapsearch(&server.url(), &["-E", "pr=2/noprompt", "(uid=*)"]).await;
    assert_eq!((found.code, found.names().len()), (Some(255), 2), "{found:?}");
    // After the whole answer.
    let server = with(Fault::pause(Duration::ZERO).then_close()).await;
    let mut raw = Raw::to(server.address()).await.unwrap();
    raw.search(3, "cn=no").await;
    assert_eq!(raw.rest().await[2..6], [2, 1, 3, 0x65]);
}

#[tokio::test]
async fn is_slow_or_silent() {
    let server = with(Fault::pause(Duration::from_millis(200))).await;
    let started = Instant::now();
    assert_eq!(ldapsearch(&server.url(), &["(uid=*)"]).await.code, Some(0));
    // Three entries and a result.
    assert!(started.elapsed() >= Duration::from_millis(800));
    server.heal();
    server.set(Behaviour {
        pause: Duration::from_millis(300),
        ..Behaviour::default()
    });
    let started = Instant::now();
    assert_eq!(ldapsearch(&server.url(), &["-s", "base"]).await.code, Some(0));
    assert!(started.elapsed() >= Duration::from_millis(600));

    let server = serve(Behaviour::default()).await;
    server.on_request(|request| request.is_search(1).then(|| Fault::silence().after(1)));
    let mut raw = Raw::to(server.address()).await.unwrap();
    raw.search(1, "dc=example,dc=org").await;
    assert_eq!(raw.message().await[2..6], [2, 1, 1, 0x64]);
    assert!(raw.is_quiet(QUIET).await, "the entry, and no result");
    // The same connection and others go on.
    raw.search(2, "dc=example,dc=org").await;
    assert_eq!(raw.message().await[2..6], [2, 1, 2, 0x64]);
    assert_eq!(raw.message().await, success(2));
    assert_eq!(ldapsearch(&server.url(), &[]).await.code, Some(0));
    // A client that waits for the answer to its bind.
    server.clear();
    server.on_request(|_| Some(Fault::silence()));
    let asked = async {
        // An unbind of the search before may come late.
        while !server.requests().iter().any(Request::is_bind) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(goes_on(&server.url(), &[], asked).await);
}

#[tokio::test]
async fn stops_an_abandoned_answer() {
    let server = with(Fault::pause(Duration::from_millis(500))).await;
    let mut raw = Raw::to(server.address()).await.unwrap();
    let abandon = [0x30, 6, 2, 1, 8, 0x50, 1, 7];
    raw.send(&[&search(7, "dc=example,dc=org"), &abandon[..]].concat())
        .await;
    assert!(raw.is_quiet(Duration::from_millis(800)).await);
    let requests = server.requests();
    assert_eq!(requests[1].operation, Operation::Abandon(7));
    assert_eq!((requests[1].message_id, requests[1].connection), (8, 0));
}

#[tokio::test]
async fn speaks_without_being_asked() {
    let server = serve(Behaviour::default()).await;
    let mut raws = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::to(server.address()).await.unwrap();
        // An answer says that the server has taken the connection.
        raw.search(1, "cn=no").await;
        raw.message().await;
        raws.push(raw);
    }
    server.send_to_all(wire::notice_of_disconnection(&wire::Outcome::new(52, "bye")));
    server.disconnect_all();
    for raw in &mut raws {
        let bytes = raw.rest().await;
        assert_eq!(bytes[2..6], [2, 1, 0, 0x78]);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("bye") && text.contains("1.3.6.1.4.1.1466.20036"));
    }
    assert_eq!(ldapsearch(&server.url(), &[]).await.code, Some(0));

    let mut raw = Raw::to(server.address()).await.unwrap();
    let address = server.address();
    drop(server);
    assert!(raw.rest().await.is_empty());
    assert!(Raw::to(address).await.is_err());
}
