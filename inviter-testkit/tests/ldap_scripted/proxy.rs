//! The proxy, in front of the server that the other tests have looked at.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inviter_testkit::ldap::{Behaviour, Counts, Fault, LdapProxy, LdapServer, Moment, PAGED_RESULTS};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::client::{Raw, ldapsearch, success};
use crate::data::serve;

async fn both() -> (LdapServer, LdapProxy) {
    let server = serve(Behaviour::default()).await;
    let proxy = LdapProxy::start(server.address()).await.unwrap();
    (server, proxy)
}

#[tokio::test]
async fn hands_on_and_counts() {
    let (server, proxy) = both().await;
    server.on_search(|request, _| Some(Fault::reference(request, &["ldap://else/"])));
    let paged = ["-E", "!pr=2/noprompt", "(uid=*)"];
    let found = ldapsearch(&proxy.url(), &paged).await;
    assert_eq!(
        (found.code, found.names()),
        (Some(0), vec!["uid=ada", "uid=bob", "uid=eve"])
    );
    let counts = Counts {
        connections: 1,
        searches: 2,
        entries: 3,
        references: 2,
        done: 2,
    };
    assert_eq!(proxy.counts(), counts);
    assert_eq!(proxy.searches(), server.searches());
    assert!(proxy.requests()[1].is_critical(PAGED_RESULTS));
    proxy.clear();
    assert!(proxy.requests().is_empty() && proxy.searches().is_empty());
    assert_eq!(proxy.counts(), Counts::default());
}

#[tokio::test]
async fn cuts_at_a_moment() {
    for (moment, entries, searches) in [
        (Moment::Search(1), 0, 0),
        (Moment::Search(2), 2, 1),
        (Moment::Entries(1), 1, 1),
        (Moment::Entries(3), 3, 2),
        (Moment::Done(1), 2, 1),
    ] {
        let (server, proxy) = both().await;
        proxy.cut(moment);
        let paged = ["-E", "pr=2/noprompt", "(uid=*)"];
        let found = ldapsearch(&proxy.url(), &paged).await;
        assert_eq!(
            (found.code, found.names().len()),
            (Some(255), entries),
            "{moment:?} {found:?}"
        );
        assert_eq!(server.searches().len(), searches, "{moment:?}");
        // Once: the next connection is whole.
        assert_eq!(ldapsearch(&proxy.url(), &paged).await.code, Some(0), "{moment:?}");
    }
}

/// Before each message of an answer: three entries and a result, on two pages.
#[tokio::test]
async fn waits_before_each_message() {
    let (_server, proxy) = both().await;
    let pause = Duration::from_millis(150);
    let paged = ["-E", "pr=2/noprompt", "(uid=*)"];
    let took = async || {
        let started = Instant::now();
        let found = ldapsearch(&proxy.url(), &paged).await;
        assert_eq!((found.code, found.names().len()), (Some(0), 3));
        started.elapsed()
    };
    proxy.delay(pause);
    let slow = took().await;
    // The log-in's answer, three entries and two results.
    assert!(slow >= 6 * pause, "{slow:?}");
    // Until it is taken back.
    proxy.heal();
    let quick = took().await;
    assert!(quick < 6 * pause, "{quick:?}");
}

/// A cut that is still to come can be told from one that has come.
#[tokio::test]
async fn tells_how_many_cuts_are_to_come() {
    let (_server, proxy) = both().await;
    assert_eq!(proxy.cuts_to_come(), 0);
    proxy.cut(Moment::Search(1));
    proxy.cut(Moment::Entries(2));
    proxy.cut_for_good(Moment::Done(9));
    assert_eq!(proxy.cuts_to_come(), 3);
    assert_eq!(ldapsearch(&proxy.url(), &["(uid=*)"]).await.code, Some(255));
    assert_eq!(proxy.cuts_to_come(), 2);
    assert_eq!(ldapsearch(&proxy.url(), &["(uid=*)"]).await.code, Some(255));
    assert_eq!(proxy.cuts_to_come(), 1);
    // Nothing is cut before its moment.
    assert_eq!(ldapsearch(&proxy.url(), &["(uid=*)"]).await.code, Some(0));
    assert_eq!(proxy.cuts_to_come(), 1);
    proxy.heal();
    assert_eq!(proxy.cuts_to_come(), 0);
}

#[tokio::test]
async fn cuts_for_good_and_comes_back() {
    let (_server, proxy) = both().await;
    let mut idle = Raw::to(proxy.address()).await.unwrap();
    proxy.cut_for_good(Moment::Entries(2));
    let found = ldapsearch(&proxy.url(), &["(uid=*)"]).await;
    assert_eq!((found.code, found.names().len()), (Some(255), 2));
    assert!(idle.rest().await.is_empty());
    assert!(Raw::to(proxy.address()).await.is_err());
    proxy.up().await;
    assert_eq!(ldapsearch(&proxy.url(), &[]).await.code, Some(0));

    // Refusing leaves alone what there is.
    let mut raw = Raw::to(proxy.address()).await.unwrap();
    raw.search(1, "cn=no").await;
    assert_eq!(raw.message().await[5], 0x65);
    proxy.refuse().await;
    assert!(Raw::to(proxy.address()).await.is_err());
    raw.search(2, "dc=example,dc=org").await;
    assert_eq!(raw.message().await[5], 0x64);
    assert_eq!(raw.message().await, success(2));
    proxy.down().await;
    assert!(raw.rest().await.is_empty());
    proxy.cut(Moment::Search(1));
    proxy.heal();
    proxy.up().await;
    assert_eq!(ldapsearch(&proxy.url(), &[]).await.code, Some(0));
}

#[tokio::test]
async fn calls_back_before_it_cuts() {
    let (server, proxy) = both().await;
    let address = server.address();
    let called = Arc::new(AtomicBool::new(false));
    let seen = called.clone();
    proxy.on(Moment::Entries(2), || async move {
        drop(server);
        seen.store(true, Ordering::SeqCst);
    });
    let found = ldapsearch(&proxy.url(), &["(uid=*)"]).await;
    assert_eq!((found.code, found.names().len()), (Some(255), 2));
    assert!(called.load(Ordering::SeqCst));
    assert!(Raw::to(address).await.is_err());
    // A proxy without a server takes connections and ends them.
    let mut raw = Raw::to(proxy.address()).await.unwrap();
    assert!(raw.rest().await.is_empty());
}

#[tokio::test]
async fn hands_on_what_is_not_ldap() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let proxy = LdapProxy::start(listener.local_addr().unwrap()).await.unwrap();
    let mut raw = Raw::to(proxy.address()).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    // The start of TLS, and then what looks like the start of a long message.
    for sent in [&[0x16, 3, 1, 0, 5][..], &[0x30, 0x84, 0, 0, 1, 0, 7]] {
        raw.send(sent).await;
        let mut bytes = vec![0; sent.len()];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, sent);
        stream.write_all(sent).await.unwrap();
        assert_eq!(raw.read(sent.len()).await, sent);
    }
    drop(stream);
    assert!(raw.rest().await.is_empty());
}

/// A real server, by the script that also runs those for examples; "kill" on its standard input kills it.
async fn slapd(directory: &Path) -> (Child, SocketAddr) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/servers/ldap");
    let mut child = Command::new(script)
        .args(["slapd", "--suffix", "dc=example,dc=org", "--dir"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).await.unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let address = ready["url"].as_str().unwrap().trim_start_matches("ldap://");
    let address = address.trim_end_matches('/').parse().unwrap();
    (child, address)
}

#[tokio::test]
async fn stands_before_a_real_server() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, address) = slapd(directory.path()).await;
    let proxy = LdapProxy::start(address).await.unwrap();
    let paged = ["-E", "!pr=2/noprompt"];
    let whole = ldapsearch(&proxy.url(), &paged).await;
    assert_eq!(
        (whole.code, whole.names()),
        (Some(0), vec!["dc=example", "ou=people", "ou=groups"])
    );
    let counts = Counts {
        connections: 1,
        searches: 2,
        entries: 3,
        references: 0,
        done: 2,
    };
    assert_eq!(proxy.counts(), counts);

    let mut input = child.stdin.take().unwrap();
    proxy.on(Moment::Done(1), || async move {
        input.write_all(b"kill\n").await.unwrap();
        child.wait().await.unwrap();
    });
    let cut = ldapsearch(&proxy.url(), &paged).await;
    assert_eq!(
        (cut.code, cut.names()),
        (Some(255), vec!["dc=example", "ou=people"])
    );
    assert!(Raw::to(address).await.is_err());
}
