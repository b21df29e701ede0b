//! Answers that no sound server gives. Whatever comes of them, nobody is lost in a list that is called complete.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use inviter_core::provider::{ProviderError, ProviderErrorKind as Kind};
use inviter_ldap::{LdapConfig, Preset, Schema};
use inviter_testkit::ldap::{Behaviour, Entry, Fault, Hostile, LdapServer, Ranges};

use crate::{
    seen::Seen,
    world::{ALL_OF_SMALL, Target, config, dn, group, group_dn, person, read, serve, small},
};

fn hasty(server: &LdapServer) -> LdapConfig {
    let mut config = config(server);
    config.operation_timeout = Duration::from_millis(300);
    config.read_timeout = Duration::from_secs(3);
    config
}

/// Reads, and fails if that takes longer than the configuration allows.
async fn in_time(config: &LdapConfig) -> Result<Seen, ProviderError> {
    let started = Instant::now();
    let read = read(config).await;
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    read
}

/// Fails if somebody is missing from a list that is called complete, or `quiet` is not known any more.
#[track_caller]
fn is_safe(seen: &Seen, expected: &[(&str, &str)], told: &str) {
    let picture = seen.picture();
    for (name, members) in expected {
        let Some(found) = picture.get(*name) else {
            // A nested group is missing where the group around it says so.
            let is_told = !seen.listing().is_empty() || name.ends_with("(nested)");
            assert!(is_told, "{told}: {name} is gone without a word: {picture:?}");
            continue;
        };
        let words = |text: &str| -> BTreeSet<String> { text.split(' ').map(str::to_owned).collect() };
        let (found, members) = (words(found), words(members));
        assert!(
            found.contains("…") || found.is_superset(&members),
            "{told}: {name} lacks somebody: {picture:?}"
        );
        let known: BTreeSet<_> = members.iter().cloned().chain(["…".to_owned()]).collect();
        assert!(
            found.is_subset(&known),
            "{told}: {name} has somebody else: {picture:?}"
        );
    }
    if seen.listing().is_empty() {
        for uid in ["ada", "bob", "cyd", "dan", "eve"] {
            assert!(seen.people().contains(uid), "{told}: {}", seen.people());
        }
    }
}

/// Fails unless an error is of a kind that such answers lead to.
#[track_caller]
fn is_told(error: &ProviderError, told: &str) {
    assert!(
        matches!(error.kind, Kind::Unavailable | Kind::Malformed),
        "{told}: {error}"
    );
    assert!(error.to_string().contains(';'), "{told}: no advice in {error}");
}

#[tokio::test]
async fn among_people() {
    for &what in Hostile::ALL {
        for after in [0, 2, usize::MAX] {
            let told = format!("{what:?} after {after}");
            let server = serve(small()).await;
            Target::People.harm(&server, Fault::hostile(what).after(after));
            match in_time(&hasty(&server)).await {
                Ok(seen) => {
                    is_safe(&seen, &ALL_OF_SMALL, &told);
                    assert_eq!(seen.picture()["quiet"], "eve", "{told}");
                }
                Err(error) => {
                    is_told(&error, &told);
                    assert!(
                        !what.is_whole() || what == Hostile::DiagnosticNotUtf8,
                        "{told}: {error}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn among_groups() {
    for &what in Hostile::ALL {
        for after in [0, 1, usize::MAX] {
            let told = format!("{what:?} after {after}");
            let server = serve(small()).await;
            Target::Groups.harm(&server, Fault::hostile(what).after(after));
            match in_time(&hasty(&server)).await {
                Ok(seen) => {
                    is_safe(&seen, &ALL_OF_SMALL, &told);
                    if what.is_whole() || after == usize::MAX {
                        assert_eq!(seen.picture()["quiet"], "eve", "{told}");
                    }
                }
                Err(error) => {
                    is_told(&error, &told);
                    assert!(!what.is_whole(), "{told}: {error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn at_a_look_up() {
    for &what in Hostile::ALL {
        for fault in [
            Fault::hostile(what),
            Fault::hostile(what).before_done(),
            // The entry itself does not come.
            Fault::hostile(what).and(Fault::hide(&crate::world::inner())),
        ] {
            let told = format!("{fault:?}");
            let server = serve(small()).await;
            Target::LookUp.harm(&server, fault);
            let seen = in_time(&hasty(&server)).await;
            let seen = seen.unwrap_or_else(|error| panic!("{told}: {error}"));
            is_safe(&seen, &ALL_OF_SMALL, &told);
            let picture = seen.picture();
            assert_eq!(
                (picture["quiet"].as_str(), picture["cooks"].as_str()),
                ("eve", "cyd / dan"),
                "{told}"
            );
            assert_eq!(seen.listing(), "", "{told}");
            assert!(picture.len() <= 4, "{told}: {picture:?}");
        }
    }
}

#[tokio::test]
async fn among_ranges() {
    let uids = ["ada", "bob", "cyd", "dan", "eve"];
    let ranges = Ranges {
        max_values: 3,
        ..Ranges::default()
    };
    let behaviour = Behaviour {
        ranges: Some(ranges),
        ..Behaviour::default()
    };
    for &what in Hostile::ALL {
        for after in [0, usize::MAX] {
            let told = format!("{what:?} after {after}");
            let entries = small().with(group("big", &uids));
            let server = LdapServer::start(entries, behaviour.clone()).await.unwrap();
            Target::Range.harm(&server, Fault::hostile(what).after(after));
            let seen = in_time(&hasty(&server)).await;
            let seen = seen.unwrap_or_else(|error| panic!("{told}: {error}"));
            let mut expected = ALL_OF_SMALL.to_vec();
            let all = uids.join(" ");
            expected.push(("big", &all));
            is_safe(&seen, &expected, &told);
            assert_eq!(seen.picture()["quiet"], "eve", "{told}");
            assert_eq!(seen.listing(), "", "{told}");
        }
    }
}

#[tokio::test]
async fn at_the_bind() {
    let server = serve(small()).await;
    for &what in Hostile::ALL {
        let told = format!("{what:?}");
        Target::Bind.harm(&server, Fault::hostile(what));
        server.clear();
        match in_time(&hasty(&server)).await {
            Ok(seen) => {
                seen.shows(&ALL_OF_SMALL);
                assert_eq!(seen.listing(), "", "{told}");
            }
            Err(error) => {
                is_told(&error, &told);
                assert!(server.searches().is_empty(), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn among_logins_and_disabled_accounts() {
    for &what in Hostile::ALL {
        let told = format!("{what:?}");
        let posix = Entry::new(group_dn("posix"))
            .with("objectClass", ["posixGroup"])
            .with("cn", ["posix"])
            .with("memberUid", ["ada", "hid"]);
        let quiet = Entry::new(group_dn("calm"))
            .with("objectClass", ["posixGroup"])
            .with("cn", ["calm"])
            .with("memberUid", ["bob"]);
        let server = serve(small().with(posix).with(quiet).with(person("hid"))).await;
        server.on_search(move |request, search| {
            let asks = search.filter.contains("uid=hid") || search.filter.contains("uid=dan");
            let listing = Target::People.is(request) && !asks;
            if listing {
                // Known only if asked for.
                return Some(Fault::hide(&dn("hid")));
            }
            asks.then(|| Fault::hostile(what))
        });
        let mut config = hasty(&server);
        config.schema = Schema::new(Preset::PosixGroup);
        config.schema.user_filter = "(objectClass=person)".to_owned();
        config.schema.disabled_filter = Some("(uid=dan)".to_owned());
        match in_time(&config).await {
            Ok(seen) => {
                is_safe(&seen, &[("posix", "ada hid"), ("calm", "bob")], &told);
                assert_eq!(seen.picture()["calm"], "bob", "{told}");
                if !seen.listing().is_empty() {
                    continue;
                }
                assert_eq!(
                    seen.status("dan"),
                    Some(inviter_core::directory::AccountStatus::Disabled),
                    "{told}"
                );
            }
            Err(error) => is_told(&error, &told),
        }
    }
}
