//! Continuation references and referrals: never followed, and never taken for the end.

use std::{io::ErrorKind, net::TcpListener, time::Duration};

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_testkit::ldap::{Behaviour, Fault, LdapServer};

use crate::{
    seen::{Seen, fails, tells},
    world::{ALL_OF_SMALL, Target, config, dn, inner, read, serve, small, small_but},
};

/// A server to which others refer, and which nobody may ask.
struct Forbidden(TcpListener);

impl Forbidden {
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self, path: &str) -> String {
        format!("ldap://{}/{path}", self.0.local_addr().unwrap())
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(50));
        let error = self.0.accept().expect_err("somebody followed a referral");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

async fn start(references: Vec<String>) -> LdapServer {
    let behaviour = Behaviour {
        references,
        ..Behaviour::default()
    };
    LdapServer::start(small(), behaviour).await.unwrap()
}

#[tokio::test]
async fn what_active_directory_always_refers_to_is_ignored() {
    let references = [
        "ldap://ForestDnsZones.example.org/DC=ForestDnsZones,DC=example,DC=org",
        "ldap://DomainDnsZones.example.org/DC=DomainDnsZones,DC=example,DC=org",
        "ldap://example.org/CN=Configuration,DC=example,DC=org",
    ];
    let server = start(references.map(str::to_owned).to_vec()).await;
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    assert_eq!(seen.listing(), "");
}

#[tokio::test]
async fn any_other_leaves_the_listing_open() {
    let forbidden = Forbidden::new();
    let url = forbidden.url("dc=child,dc=example,dc=org??sub");
    let server = start(vec![url.clone()]).await;
    let mut config = config(&server);
    let seen = read(&config).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    tells(
        &seen.listing(),
        &[
            &format!(
                "people below ou=people,dc=example,dc=org: a part of them is on another server ({url}), and referrals \
                 are never followed"
            ),
            "groups below ou=groups,dc=example,dc=org: ",
            "`ignore_referrals`",
        ],
    );
    for (ignored, complete) in [
        ("DC=Child, dc=example,dc=org", true),
        ("dc=example,dc=org", true),
        ("dc=other,dc=example,dc=org", false),
        ("ou=x,dc=child,dc=example,dc=org", false),
    ] {
        config.ignore_referrals = vec![ignored.to_owned()];
        let seen = read(&config).await.unwrap();
        seen.shows(&ALL_OF_SMALL);
        assert_eq!(seen.listing().is_empty(), complete, "{ignored}");
    }
}

#[tokio::test]
async fn references_that_lead_nowhere_leave_it_open_too() {
    for (url, shown) in [
        ("ldap://host.example.org", "(ldap://host.example.org)"),
        ("ldap:///", "(ldap:///)"),
        ("nonsense", "(nonsense)"),
        ("", "(it does not say which)"),
        ("ldap://h/dc=%zz", "(ldap://h/dc=%zz)"),
        ("ldap://h/cn=configuration", "(ldap://h/cn=configuration)"),
        ("ldap://h/ou=x%2cCN=Configuration%2cdc=y", "(ldap://h/ou=x"),
        ("ldap://h/\u{1b}[2J\u{202e}dc=x", "(ldap://h/[2Jdc=x)"),
    ] {
        let server = start(vec![url.to_owned()]).await;
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&ALL_OF_SMALL);
        tells(&seen.listing(), &["people below", "groups below", shown]);
    }
}

#[tokio::test]
async fn a_reference_among_groups_says_nothing_of_people() {
    let server = serve(small()).await;
    server.on_search(|request, _| {
        Target::Groups
            .is(request)
            .then(|| Fault::reference(request, &["ldap://other/dc=x"]).after(1))
    });
    // Whoever is gone is gone: people were read to their end.
    server.change(|entries| entries.remove(&dn("ada")));
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&small_but("walkers", "bob inner"));
    let listing = seen.listing();
    tells(&listing, &["groups below", "(ldap://other/dc=x)"]);
    assert!(!listing.contains("people below"));
    tells(&seen.remarks(), &["1 member entry (uid=ada,"]);

    server.on_search(|request, _| {
        Target::People
            .is(request)
            .then(|| Fault::reference(request, &["ldap://other/dc=x"]))
    });
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&small_but("walkers", "bob inner …"));
    tells(&seen.gaps("walkers"), &["(uid=ada,", "that the bot may see"]);
}

async fn with_look_up(fault: impl Fn(&inviter_testkit::ldap::Request) -> Fault + Send + 'static) -> Seen {
    let server = serve(small()).await;
    server.on_search(move |request, _| Target::LookUp.is(request).then(|| fault(request)));
    let seen = read(&config(&server)).await.unwrap();
    assert_eq!(seen.listing(), "");
    seen
}

#[tokio::test]
async fn a_member_on_another_server() {
    let forbidden = Forbidden::new();
    let url = forbidden.url("cn=inner");
    let mut expected = small_but("walkers", "ada bob …");
    expected.pop();
    let to = url.clone();
    let seen = with_look_up(move |_| Fault::referral(&[&to])).await;
    seen.shows(&expected);
    tells(&seen.gaps("walkers"), &["refers to", &url, "never followed"]);
    let to = url.clone();
    let seen =
        with_look_up(move |request| Fault::reference(request, &[&to]).and(Fault::hide(&inner()))).await;
    seen.shows(&expected);
    tells(
        &seen.gaps("walkers"),
        &["on another server", &url, "never followed"],
    );
    let long = format!("ldap://x/\u{202e}\n{}", "y".repeat(100_000));
    let seen = with_look_up(move |request| Fault::reference(request, &[&long])).await;
    seen.shows(&expected);
}

#[tokio::test]
async fn a_referral_instead_of_an_answer() {
    let forbidden = Forbidden::new();
    for target in [Target::Bind, Target::People, Target::Groups] {
        let server = serve(small()).await;
        let url = forbidden.url("");
        target.harm(&server, Fault::referral(&[&url]));
        fails(
            read(&config(&server)).await,
            Kind::Misconfigured,
            &[&format!("refers to {url}, and referrals are never followed")],
        );
        target.harm(&server, Fault::result(10, ""));
        fails(
            read(&config(&server)).await,
            Kind::Misconfigured,
            &["refers to another server"],
        );
    }
}
