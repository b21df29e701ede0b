//! Every result code, at every request.

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_testkit::ldap::{Behaviour, Fault, LdapServer, Ranges};

use crate::{
    seen::{fails, tells},
    world::{ALL_OF_SMALL, PEOPLE, Target, config, group, read, serve, small, small_but, with_people},
};

/// A code, its kind of failure in a search, and what is told of it.
const CODES: [(i64, Kind, &str); 14] = [
    (
        1,
        Kind::Unavailable,
        "could not answer; look into its log (operationsError, 1",
    ),
    (3, Kind::Unavailable, "time limit; have it raised"),
    (4, Kind::Misconfigured, "size limit; have it raised"),
    (8, Kind::Denied, "demands an encrypted connection; use ldaps://"),
    (
        10,
        Kind::Misconfigured,
        "referrals are never followed; write a server",
    ),
    (
        11,
        Kind::Misconfigured,
        "a limit of its administrator's; have it raised",
    ),
    (
        12,
        Kind::Unavailable,
        "could not answer; look into its log (unavailableCriticalExtension, 12",
    ),
    (
        32,
        Kind::Misconfigured,
        "does not exist, or the bot may not see it; correct the base",
    ),
    (
        49,
        Kind::Unavailable,
        "could not answer; look into its log (invalidCredentials, 49",
    ),
    (
        50,
        Kind::Denied,
        "the bot may not read it; give its account the right",
    ),
    (51, Kind::Unavailable, "busy or going down; try again later"),
    (52, Kind::Unavailable, "busy or going down; try again later"),
    (53, Kind::Denied, "unwilling to answer; look into its log"),
    (
        80,
        Kind::Unavailable,
        "could not answer; look into its log (other, 80",
    ),
];

fn of_code(code: i64) -> Fault {
    if code == 10 {
        Fault::referral(&["ldap://other.example.org/dc=example,dc=org"])
    } else {
        Fault::result(code, "so says the server")
    }
}

#[tokio::test]
async fn nobody_listed_is_an_error() {
    let server = serve(small()).await;
    for target in [Target::People, Target::Groups] {
        for (code, kind, words) in CODES {
            target.harm(&server, of_code(code));
            let read = read(&config(&server)).await;
            let about = match (target, code) {
                // The connection is what is lost then.
                (_, 51 | 52) => "ldap://127.0.0.1:",
                (Target::People, _) => "ou=people,dc=example,dc=org: ",
                _ => "ou=groups,dc=example,dc=org: ",
            };
            fails(read, kind, &[about, words]);
        }
    }
}

#[tokio::test]
async fn people_cut_off_are_asked_for_by_name() {
    let server = serve(small()).await;
    for (code, _, words) in CODES {
        for after in [1, 3] {
            Target::People.harm(&server, of_code(code).after(after));
            let seen = read(&config(&server)).await.unwrap();
            seen.shows(&ALL_OF_SMALL);
            tells(
                &seen.listing(),
                &["people below ou=people,dc=example,dc=org: ", words],
            );
            assert!(seen.people().starts_with("ada"), "{code}");
        }
    }
}

#[tokio::test]
async fn groups_cut_off_are_not_gone() {
    let server = serve(small()).await;
    for (code, _, words) in CODES {
        Target::Groups.harm(&server, of_code(code).after(2));
        let seen = read(&config(&server)).await.unwrap();
        seen.shows(&[
            ("walkers", "ada bob inner"),
            ("cooks", "cyd / dan"),
            ("inner (nested)", "cyd"),
        ]);
        tells(
            &seen.listing(),
            &["groups below ou=groups,dc=example,dc=org: ", words],
        );
    }
}

#[tokio::test]
async fn one_member_that_cannot_be_read_opens_its_group_only() {
    let server = serve(small()).await;
    let mut expected = small_but("walkers", "ada bob …");
    expected.pop();
    for (code, _, words) in CODES {
        for after in [0, 1] {
            Target::LookUp.harm(&server, of_code(code).after(after));
            let seen = read(&config(&server)).await.unwrap();
            seen.shows(&expected);
            assert_eq!(seen.listing(), "", "{code}");
            let words = match code {
                32 => "nothing is there that the bot may see, and what was there is not known; remove",
                _ => words,
            };
            tells(
                &seen.gaps("walkers"),
                &[
                    "1 member entry of group cn=walkers,ou=groups,dc=example,dc=org (cn=inner,",
                    words,
                ],
            );
        }
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_read_opens_its_group_only() {
    let uids: Vec<String> = (10..22).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = uids.iter().map(String::as_str).collect();
    let entries = with_people(names.iter().copied())
        .with(group("big", &names))
        .with(group("quiet", &["p10"]));
    let ranges = Ranges {
        max_values: 5,
        ..Ranges::default()
    };
    let behaviour = Behaviour {
        ranges: Some(ranges),
        ..Behaviour::default()
    };
    let server = LdapServer::start(entries, behaviour).await.unwrap();
    for (code, _, words) in CODES {
        // Even if the entry has come: the server did not call it a success.
        for after in [0, 1] {
            Target::Range.harm(&server, of_code(code).after(after));
            let seen = read(&config(&server)).await.unwrap();
            seen.shows(&[("big", &format!("{} …", names[..5].join(" "))), ("quiet", "p10")]);
            tells(
                &seen.gaps("big"),
                &["`member` of cn=big,", "after 5 values", words],
            );
            assert_eq!(seen.listing(), "");
        }
    }
}

#[tokio::test]
async fn refused_binds() {
    let server = serve(small()).await;
    let usual = [
        (8, Kind::Denied, "over encrypted connections only; use ldaps://"),
        (
            32,
            Kind::Denied,
            "is no name that the server knows; correct `bind_dn`",
        ),
        (
            49,
            Kind::Denied,
            "with this password; correct `bind_dn` or the password",
        ),
    ];
    for (code, kind, words) in CODES {
        Target::Bind.harm(&server, of_code(code));
        let special = usual.iter().find(|(other, ..)| *other == code);
        let (kind, words) = special.map_or((kind, words), |(_, kind, words)| (*kind, *words));
        server.clear();
        fails(read(&config(&server)).await, kind, &["ldap://127.0.0.1:", words]);
        assert!(server.searches().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn what_active_directory_says_of_a_refused_bind() {
    let server = serve(small()).await;
    for (data, words) in [
        (
            "525",
            "the server knows no account cn=bot,dc=example,dc=org; correct `bind_dn`",
        ),
        (
            "52e",
            "refuses cn=bot,dc=example,dc=org with this password; correct",
        ),
        ("530", "may not log in at this time or from this machine; lift"),
        ("531", "may not log in at this time or from this machine; lift"),
        (
            "532",
            "the password of cn=bot,dc=example,dc=org has expired; set a new one",
        ),
        (
            "533",
            "the account cn=bot,dc=example,dc=org is disabled; enable it",
        ),
        (
            "701",
            "the account cn=bot,dc=example,dc=org has expired; extend it",
        ),
        ("773", "has to be changed before it can be used; change it"),
        ("775", "the account cn=bot,dc=example,dc=org is locked; unlock it"),
        ("9999", "with this password; correct"),
    ] {
        let said = format!(
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
        );
        Target::Bind.harm(&server, Fault::result(49, said));
        fails(read(&config(&server)).await, Kind::Denied, &[words]);
    }
}

#[tokio::test]
async fn a_search_before_a_bind() {
    let server = LdapServer::start(
        small(),
        Behaviour {
            bind_first: true,
            ..Behaviour::active_directory()
        },
    )
    .await
    .unwrap();
    let mut config = config(&server);
    config.bind = inviter_ldap::Bind::Anonymous;
    let error = read(&config).await.map(|seen| seen.picture()).unwrap_err();
    tells(&error.to_string(), &[PEOPLE, "operationsError, 1"]);
    assert!(server.requests().iter().all(|request| !request.is_bind()));
}

/// The words of a server do no harm.
#[tokio::test]
async fn words_of_a_server_are_shortened_and_cleaned() {
    let words = format!("\u{1b}[31mred\n\u{202e}der\u{2066} {}", "x".repeat(100_000));
    let server = serve(small()).await;
    for target in [Target::Bind, Target::People, Target::Groups] {
        Target::harm(target, &server, Fault::result(53, words.clone()));
        fails(read(&config(&server)).await, Kind::Denied, &["[31mred"]);
    }
    Target::LookUp.harm(&server, Fault::result(53, words.clone()));
    let seen = read(&config(&server)).await.unwrap();
    assert_eq!(seen.picture()["walkers"], "ada bob …");
    tells(&seen.gaps("walkers"), &["[31mred"]);
    Target::People.harm(&server, Fault::result(53, words).after(4));
    let seen = read(&config(&server)).await.unwrap();
    seen.shows(&ALL_OF_SMALL);
    tells(&seen.listing(), &["[31mred"]);
}
