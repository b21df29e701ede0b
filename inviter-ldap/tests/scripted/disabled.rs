//! Accounts that may not be used: by what their attributes say, and by a filter.

use inviter_core::directory::AccountStatus::{Active, Disabled};
use inviter_ldap::{DisabledBy, LdapConfig};
use inviter_testkit::ldap::{Entry, Fault, LdapServer, wire};

use crate::{
    seen::tells,
    world::{Target, bare, config, dn, group, group_dn, person, read, serve, with_people},
};

#[tokio::test]
async fn by_each_attribute_that_disables() {
    let accounts = [
        ("plain", "description", "x", Some(Active)),
        ("lock", "nsAccountLock", "true", Some(Disabled)),
        ("unlock", "nsAccountLock", "FALSE", Some(Active)),
        ("odd", "nsAccountLock", "maybe", None),
        ("ad", "userAccountControl", "514", Some(Disabled)),
        ("expired", "accountExpires", "134401680000000000", Some(Disabled)),
        ("later", "accountExpires", "134401680010000000", Some(Active)),
        ("never", "accountExpires", "9223372036854775807", Some(Active)),
        ("locked", "pwdAccountLockedTime", "000001010000Z", Some(Disabled)),
        ("once", "pwdAccountLockedTime", "20261126110000Z", Some(Active)),
        ("shadow", "shadowExpire", "20783", Some(Disabled)),
        ("morrow", "shadowExpire", "20784", Some(Active)),
    ];
    let entries = accounts
        .iter()
        .fold(bare(), |entries, (uid, attribute, value, _)| {
            // Each account of Active Directory has one.
            let person = person(uid).with("userAccountControl", ["512"]);
            entries.with(person.with(attribute, [*value]))
        });
    let names: Vec<&str> = accounts.iter().map(|(uid, ..)| *uid).collect();
    let server = serve(entries.with(group("quiet", &names))).await;
    let mut config = config(&server);
    config.schema.disabled_by = DisabledBy::ALL.to_vec();
    let seen = read(&config).await.unwrap();
    for (uid, attribute, value, expected) in accounts {
        assert_eq!(seen.status(uid), expected, "{attribute} = {value}");
    }
    // Of a single kind, another one says nothing.
    for kind in DisabledBy::ALL {
        config.schema.disabled_by = vec![kind];
        let seen = read(&config).await.unwrap();
        for (uid, attribute, value, expected) in accounts {
            let expected = if attribute == kind.attribute() {
                expected
            } else {
                Some(Active)
            };
            assert_eq!(seen.status(uid), expected, "{kind:?}: {attribute} = {value}");
        }
    }
    // Two values, or none where there has to be one.
    server.change(|entries| {
        let plain = entries.get_mut(&dn("plain")).unwrap();
        plain.set("nsAccountLock", ["true", "false"]);
        let once = entries.get_mut(&dn("once")).unwrap();
        once.set("userAccountControl", Vec::<Vec<u8>>::new());
    });
    config.schema.disabled_by = DisabledBy::ALL.to_vec();
    let seen = read(&config).await.unwrap();
    assert_eq!((seen.status("plain"), seen.status("once")), (None, None));
    assert_eq!(seen.listing(), "");
}

async fn with_filter() -> (LdapServer, LdapConfig) {
    let entries = with_people(["ada", "bob", "eve"])
        .with(person("old").with("status", ["left"]))
        .with(person("gone").with("status", ["left"]))
        .with(group("walkers", &["ada", "old", "gone"]))
        .with(group("quiet", &["eve"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.schema.disabled_filter = Some("(status=left)".to_owned());
    (server, config)
}

#[tokio::test]
async fn a_filter_that_disables() {
    let (server, config) = with_filter().await;
    let seen = read(&config).await.unwrap();
    seen.shows(&[("walkers", "ada gone old"), ("quiet", "eve")]);
    assert_eq!(
        (seen.status("ada"), seen.status("old")),
        (Some(Active), Some(Disabled))
    );
    let search = &server.searches()[1];
    assert_eq!(search.attributes, ["1.1"]);
    assert_eq!(
        search.filter,
        "(&(|(objectClass=person)(objectClass=posixAccount))(status=left))"
    );
}

#[tokio::test]
async fn a_filter_that_cannot_be_asked_for_leaves_accounts_open() {
    for (fault, words, lost) in [
        (Fault::result(3, ""), "time limit", false),
        (Fault::result(50, "").after(1), "may not read", false),
        (Fault::close().after(1), "ended the connection", true),
        (
            Fault::insert(wire::entry_of_bytes(3, b"\xff", &[])),
            "not UTF-8",
            false,
        ),
        (
            Fault::insert(wire::entry_of_bytes(3, b"no name", &[])),
            "no `=`",
            false,
        ),
        (
            Fault::insert(wire::reference(3, &["ldap://other/dc=x".to_owned()])),
            "ldap://other/dc=x",
            false,
        ),
    ] {
        let (server, config) = with_filter().await;
        let told = format!("{fault:?}");
        let tells_words = words;
        server.on_search(move |request, search| {
            let disabled = Target::People.is(request) && search.filter.contains("status");
            // The number that the bytes above are for.
            assert!(!disabled || request.message_id == 3);
            disabled.then(|| fault.clone())
        });
        let read = read(&config).await;
        if lost {
            let error = read.map(|seen| seen.picture()).unwrap_err();
            tells(&error.to_string(), &[tells_words]);
            continue;
        }
        let seen = read.unwrap();
        seen.shows(&[("walkers", "ada gone old"), ("quiet", "eve")]);
        tells(
            &seen.listing(),
            &["disabled accounts below ou=people,", tells_words],
        );
        assert_eq!((seen.status("ada"), seen.status("eve")), (None, None), "{told}");
        assert_ne!(seen.status("old"), Some(Active), "{told}");
    }
}

/// Whoever is not listed and is looked up is as disabled as all others.
#[tokio::test]
async fn a_filter_counts_for_those_who_are_looked_up() {
    let (server, config) = with_filter().await;
    let listing = |request: &inviter_testkit::ldap::Request| Target::People.is(request);
    server.on_search(move |request, _| {
        listing(request).then(|| Fault::hide(&dn("old")).and(Fault::hide(&dn("bob"))))
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[("walkers", "ada gone old"), ("quiet", "eve")]);
    assert_eq!(
        (seen.status("old"), seen.status("gone")),
        (Some(Disabled), Some(Disabled))
    );
    // If that cannot be asked for, it is open.
    server.on_search(move |request, search| {
        if listing(request) {
            Some(Fault::hide(&dn("old")))
        } else {
            search.filter.contains("status").then(|| Fault::result(50, ""))
        }
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[("walkers", "ada gone old"), ("quiet", "eve")]);
    assert_eq!((seen.status("old"), seen.status("gone")), (None, Some(Disabled)));
    // By login too.
    server.change(|entries| {
        entries.add(
            Entry::new(group_dn("posix"))
                .with("objectClass", ["groupOfNames"])
                .with("cn", ["posix"])
                .with("memberUid", ["OLD", "bob"]),
        );
        entries.remove(&group_dn("walkers"));
    });
    server.on_search(move |request, search| {
        let hides = listing(request) && !search.filter.contains("uid=");
        hides.then(|| Fault::hide(&dn("old")).and(Fault::hide(&dn("bob"))))
    });
    let mut config = config.clone();
    config.schema.member_logins = vec!["memberUid".to_owned()];
    let seen = read(&config).await.unwrap();
    seen.shows(&[("posix", "bob old"), ("quiet", "eve")]);
    assert_eq!(
        (seen.status("old"), seen.status("bob")),
        (Some(Disabled), Some(Active))
    );
}
