//! Connections that are refused, lost, silent or slow; and the next server that takes over.

use std::time::{Duration, Instant};

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_ldap::LdapConfig;
use inviter_testkit::ldap::{
    Behaviour, Entry, Fault, LdapProxy, LdapServer, Moment, Operation, PAGED_RESULTS, Ranges, wire,
};

use tokio::net::TcpListener;

use crate::{
    seen::{Seen, fails, tells},
    world::{
        ALL_OF_SMALL, Target, config, config_of, crowd, group, read, serve, small, small_but, with_people,
    },
};

/// Where nothing listens.
async fn nowhere() -> String {
    let server = serve(small()).await;
    server.url()
}

fn hasty(server: &LdapServer) -> LdapConfig {
    let mut config = config(server);
    config.operation_timeout = Duration::from_millis(400);
    config.read_timeout = Duration::from_millis(1500);
    config
}

fn without_inner() -> Vec<(&'static str, &'static str)> {
    let mut expected = small_but("walkers", "ada bob …");
    expected.pop();
    expected
}

const LOST: &str = "ended the connection in the middle of its answer; look into its log";

#[tokio::test]
async fn nothing_listens() {
    fails(
        read(&config_of(&nowhere().await)).await,
        Kind::Unavailable,
        &[
            "ldap://127.0.0.1:",
            "nothing listens there; start the server, or correct host and port",
        ],
    );
}

#[tokio::test]
async fn the_connection_ends_before_anything_is_known() {
    let server = serve(small()).await;
    for target in [Target::Bind, Target::People, Target::Groups] {
        target.harm(&server, Fault::close());
        fails(
            read(&config(&server)).await,
            Kind::Unavailable,
            &[&server.url(), LOST],
        );
    }
    // People alone make no directory.
    Target::People.harm(&server, Fault::close().after(2));
    fails(read(&config(&server)).await, Kind::Unavailable, &[LOST]);
}

#[tokio::test]
async fn the_connection_ends_among_groups() {
    let server = serve(small()).await;
    for (fault, groups) in [
        (Fault::close().after(2), &["walkers", "cooks"][..]),
        (Fault::close().before_done(), &["walkers", "cooks", "quiet"]),
    ] {
        Target::Groups.harm(&server, fault);
        let seen = read(&config(&server)).await.unwrap();
        // What was handed out whole is whole; the member in need of a look is not known any more.
        let mut expected = without_inner();
        expected.retain(|(name, _)| groups.contains(name));
        seen.shows(&expected);
        tells(&seen.listing(), &["groups below ou=groups,", LOST]);
        tells(&seen.gaps("walkers"), &["(cn=inner,"]);
    }
}

#[tokio::test]
async fn the_connection_ends_at_a_look_up() {
    let server = serve(small()).await;
    for fault in [Fault::close(), Fault::close().before_done()] {
        Target::LookUp.harm(&server, fault);
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&without_inner());
        assert_eq!(seen.listing(), "");
        tells(
            &seen.gaps("walkers"),
            &["1 member entry of group cn=walkers,", LOST],
        );
    }
}

#[tokio::test]
async fn the_connection_ends_among_ranges() {
    let crowd = crowd(25);
    let names: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let entries = with_people(names.iter().copied())
        .with(group("big", &names))
        .with(group("quiet", &["p000"]));
    let ranges = Ranges {
        max_values: 10,
        ..Ranges::default()
    };
    let behaviour = Behaviour {
        ranges: Some(ranges),
        ..Behaviour::default()
    };
    let server = LdapServer::start(entries, behaviour).await.unwrap();
    let proxy = LdapProxy::start(server.address()).await.unwrap();
    // The searches: people, groups, 9-*, 18-*.
    for (moment, known) in [
        (Moment::Search(3), 10),
        (Moment::Search(4), 19),
        // The range has come, but not the word that it was a success.
        (Moment::Entries(25 + 2 + 1), 10),
        (Moment::Done(3), 19),
    ] {
        proxy.cut(moment);
        let seen = read(&config_of(&proxy.url())).await.unwrap();
        proxy.heal();
        seen.shows(&[
            ("big", &format!("{} …", names[..known].join(" "))),
            ("quiet", "p000"),
        ]);
        tells(
            &seen.gaps("big"),
            &["`member` of cn=big,", &format!("after {known} values")],
        );
        assert_eq!(seen.listing(), "");
    }
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_longer_than_allowed() {
    let server = serve(small()).await;
    for target in [Target::Bind, Target::People, Target::Groups] {
        target.harm(&server, Fault::silence());
        let started = Instant::now();
        fails(
            read(&hasty(&server)).await,
            Kind::Unavailable,
            &["did not answer in time; try again later, or give it longer with `operation_timeout`"],
        );
        assert!(started.elapsed() >= Duration::from_millis(400));
    }
    Target::People.harm(&server, Fault::silence().after(3));
    let seen = read(&hasty(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    tells(&seen.listing(), &["people below", "did not answer in time"]);
    Target::Groups.harm(&server, Fault::silence().after(3));
    let seen = read(&hasty(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    tells(&seen.listing(), &["groups below", "did not answer in time"]);
    Target::LookUp.harm(&server, Fault::silence());
    let seen = read(&hasty(&server)).await.unwrap();
    seen.shows(&without_inner());
    assert_eq!(seen.listing(), "");
    tells(&seen.gaps("walkers"), &["did not answer in time"]);
}

/// Look-ups of a hundred members, none of which is answered, do not take a hundred times as long as one.
#[tokio::test]
async fn a_server_that_stays_silent_is_not_asked_for_ever() {
    let elsewhere: Vec<String> = (0..100)
        .map(|n| format!("uid=x{n},ou=elsewhere,dc=example,dc=org"))
        .collect();
    let many = Entry::new("cn=many,ou=groups,dc=example,dc=org")
        .with("objectClass", ["groupOfNames"])
        .with("cn", ["many"])
        .with("member", elsewhere);
    let server = serve(small().with(many)).await;
    server.clear();
    server.on_search(|_, search| search.base.contains("elsewhere").then(Fault::silence));
    let started = Instant::now();
    let seen = read(&hasty(&server)).await.unwrap();
    assert!(!seen.group("many").members.extent.is_complete());
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    let asked = server.searches();
    let asked = asked.iter().filter(|search| search.base.contains("elsewhere"));
    let asked = asked.count();
    assert!((16..=20).contains(&asked), "{asked}");
}

/// Each message comes in time, and the answer never ends.
#[tokio::test]
async fn a_trickle_is_ended_by_the_limit_for_everything() {
    let crowd = crowd(100);
    let entries = with_people(crowd.iter().map(String::as_str)).with(group("quiet", &["p000"]));
    let server = serve(entries).await;
    let intermediate = |request: &inviter_testkit::ldap::Request| {
        wire::message(request.message_id, 0x79, b"\x80\x181.3.6.1.4.1.4203.1.9.1.4")
    };
    for kind in ["entries", "references", "nothing"] {
        server.on_search(move |request, _| {
            let bytes = match kind {
                "references" => {
                    wire::reference(request.message_id, &["ldap://x/cn=configuration,dc=x".to_owned()])
                }
                _ => intermediate(request),
            };
            let slowly = Fault::pause(Duration::from_millis(100));
            Target::People.is(request).then(|| match kind {
                "entries" => slowly,
                _ => (0..100).fold(slowly, |fault, _| fault.and(Fault::insert(bytes.clone()))),
            })
        });
        let started = Instant::now();
        let read = read(&hasty(&server)).await;
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{kind} {:?}",
            started.elapsed()
        );
        fails(
            read,
            Kind::Unavailable,
            &["took longer than `read_timeout`; give it longer, or find out why the server is slow"],
        );
    }
}

fn both(first: &str, second: &str) -> LdapConfig {
    let mut config = config_of(first);
    config.urls.push(second.to_owned());
    config
}

/// Fails unless everything is known.
#[track_caller]
fn is_whole(seen: &Seen) {
    seen.shows(&ALL_OF_SMALL);
    assert_eq!((seen.listing(), seen.remarks()), (String::new(), String::new()));
}

#[tokio::test]
async fn the_next_server_takes_over() {
    let second = serve(small()).await;
    let seen = read(&both(&nowhere().await, &second.url())).await.unwrap();
    is_whole(&seen);
    let proxy = LdapProxy::start(second.address()).await.unwrap();
    for moment in [
        Moment::Search(1),
        Moment::Entries(3),
        Moment::Done(1),
        Moment::Entries(6),
        Moment::Done(2),
        Moment::Search(3),
        Moment::Entries(9),
    ] {
        proxy.clear();
        second.clear();
        proxy.cut(moment);
        let seen = read(&both(&proxy.url(), &second.url())).await.unwrap();
        proxy.heal();
        is_whole(&seen);
        assert_eq!(proxy.counts().connections, 1, "{moment:?}");
        assert_eq!(
            second
                .requests()
                .iter()
                .filter(|request| request.is_bind())
                .count(),
            2
        );
    }
    // What goes wrong at log-in without saying anything of the password.
    let first = serve(small()).await;
    for fault in [
        Fault::close(),
        Fault::result(51, ""),
        Fault::result(52, ""),
        Fault::result(1, ""),
        Fault::result(80, "backend failed"),
        Fault::hostile(inviter_testkit::ldap::Hostile::EmptyResult),
        Fault::hostile(inviter_testkit::ldap::Hostile::Http),
    ] {
        Target::Bind.harm(&first, fault.clone());
        let seen = read(&both(&first.url(), &second.url())).await;
        is_whole(&seen.unwrap_or_else(|error| panic!("{fault:?} {error}")));
    }
    // A refusal of one search may be that server's alone.
    Target::People.harm(&first, Fault::result(53, ""));
    is_whole(&read(&both(&first.url(), &second.url())).await.unwrap());
}

#[tokio::test]
async fn the_next_server_may_be_no_better() {
    let (first, second) = (serve(small()).await, serve(small()).await);
    Target::People.harm(&first, Fault::close());
    Target::Groups.harm(&second, Fault::result(50, ""));
    fails(
        read(&both(&first.url(), &second.url())).await,
        Kind::Unavailable,
        &[
            "none of these could be read: ",
            &first.url(),
            LOST,
            "ou=groups,",
            "may not read it",
        ],
    );
    // A part of it is better than nothing.
    Target::LookUp.harm(&first, Fault::close());
    let seen = read(&both(&first.url(), &second.url())).await.unwrap();
    seen.shows(&without_inner());
}

#[tokio::test]
async fn a_refused_password_is_refused_once() {
    let (first, second) = (serve(small()).await, serve(small()).await);
    for code in [49, 53, 48, 32] {
        Target::Bind.harm(&first, Fault::result(code, ""));
        fails(
            read(&both(&first.url(), &second.url())).await,
            Kind::Denied,
            &[&first.url()],
        );
        assert!(second.requests().is_empty());
    }
    // Also where the server before is away: who asks again is to know that the password is refused.
    Target::Bind.harm(&first, Fault::close());
    Target::Bind.harm(&second, Fault::result(49, ""));
    fails(
        read(&both(&first.url(), &second.url())).await,
        Kind::Denied,
        &["none of these could be read: ", &first.url(), "refuses"],
    );
}

#[tokio::test]
async fn tls_where_there_is_none() {
    let server = serve(small()).await;
    let url = server.url().replace("ldap://", "ldaps://");
    fails(
        read(&config_of(&url)).await,
        Kind::Unavailable,
        &[&url, "ldaps:// needs the port for TLS (usually 636)"],
    );
    assert!(server.requests().is_empty());
}

/// A firewall that takes connections and says nothing, say.
#[tokio::test]
async fn nobody_answers_a_handshake() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    for (url, start_tls) in [
        (format!("ldaps://{address}"), false),
        (format!("ldap://{address}"), true),
    ] {
        let mut config = config_of(&url);
        config.start_tls = start_tls;
        config.connect_timeout = Duration::from_millis(300);
        let started = Instant::now();
        fails(
            read(&config).await,
            Kind::Unavailable,
            &[&url, "did not answer in time; check host and port"],
        );
        assert!(started.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn nothing_is_said_where_start_tls_is_refused() {
    let server = serve(small()).await;
    let mut config = config(&server);
    config.start_tls = true;
    fails(
        read(&config).await,
        Kind::Misconfigured,
        &[
            &server.url(),
            "refuses StartTLS (protocolError, 2), and nothing is sent unencrypted; use ldaps://",
        ],
    );
    for fault in [
        Fault::close(),
        Fault::result(52, ""),
        Fault::result(0, ""),
        Fault::hostile(inviter_testkit::ldap::Hostile::EmptyResult),
        Fault::hostile(inviter_testkit::ldap::Hostile::NoticeOfDisconnection),
        Fault::silence(),
    ] {
        server.on_request(move |_| Some(fault.clone()));
        config.connect_timeout = Duration::from_millis(400);
        assert!(read(&config).await.is_err());
    }
    for request in server.requests() {
        assert_eq!(
            request.operation,
            Operation::Extended("1.3.6.1.4.1.1466.20037".to_owned())
        );
        assert!(!request.is_critical(PAGED_RESULTS));
    }
}
