//! Primary groups, keys, and whole Matrix IDs.

use inviter_core::directory::AccountStatus;
use inviter_ldap::{LdapConfig, Preset, PrimaryGroup, Schema};
use inviter_testkit::ldap::{Entry, Fault, LdapServer, wire};

use crate::{
    seen::tells,
    world::{Target, bare, config, dn, group, group_dn, person, read, serve},
};

/// As FreeIPA has them: nested groups, some without anybody, member managers, locks and identifiers of its own.
#[tokio::test]
async fn freeipa() {
    let ipa_person = |uid: &str, lock: &str| {
        person(uid)
            .with("objectClass", ["posixAccount", "inetOrgPerson", "ipaObject"])
            .with("ipaUniqueID", [format!("ipa-{uid}")])
            .with_operational("nsAccountLock", [lock])
    };
    let ipa_group = |name: &str, members: &[&str]| {
        let mut entry = group(name, members).with("ipaUniqueID", [format!("ipa-{name}")]);
        entry.set(
            "objectClass",
            [
                "top",
                "groupofnames",
                "nestedgroup",
                "ipausergroup",
                "ipaobject",
                "posixgroup",
            ],
        );
        if members.is_empty() {
            entry.set("member", Vec::<Vec<u8>>::new());
        }
        entry
    };
    let entries = bare()
        .with(ipa_person("ada", "FALSE"))
        .with(ipa_person("bob", "TRUE"))
        .with(ipa_group("editors", &["ada", "bob"]))
        .with(
            ipa_group("all", &[&group_dn("editors"), &group_dn("nobody")]).with("memberManager", [dn("ada")]),
        )
        .with(ipa_group("nobody", &[]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.schema = Schema::new(Preset::FreeIpa);
    let seen = read(&config).await.unwrap();
    seen.shows(&[
        ("all", "editors nobody / ada"),
        ("editors", "ada bob"),
        ("nobody", ""),
    ]);
    assert_eq!((seen.listing(), seen.remarks()), (String::new(), String::new()));
    assert_eq!(seen.group("editors").key.as_str(), "ipa-editors");
    let statuses: Vec<_> = seen
        .0
        .accounts
        .iter()
        .map(|account| (&*account.key, account.status))
        .collect();
    assert_eq!(
        statuses,
        [
            ("ipa-ada", Some(AccountStatus::Active)),
            ("ipa-bob", Some(AccountStatus::Disabled))
        ]
    );
}

/// `S-1-5-21-1-2-3` and a last part.
fn sid(relative: u32) -> Vec<u8> {
    let parts = [21, 1, 2, 3, relative];
    let parts = parts.iter().flat_map(|part: &u32| part.to_le_bytes());
    [1, 5, 0, 0, 0, 0, 0, 5].into_iter().chain(parts).collect()
}

/// As Active Directory has it: a person by name, with a primary group.
fn user(name: &str, relative: u32, primary: &str) -> Entry {
    Entry::new(dn(name))
        .with("objectClass", ["user"])
        .with("objectCategory", ["person"])
        .with("sAMAccountName", [name])
        .with("userAccountControl", ["512"])
        .with("objectSid", [sid(relative)])
        .with("primaryGroupID", [primary])
        .with("objectGUID", [[u8::try_from(relative % 256).unwrap(); 16]])
}

fn ad_group(name: &str, relative: u32, members: &[&str]) -> Entry {
    Entry::new(group_dn(name))
        .with("objectClass", ["group"])
        .with("cn", [name])
        .with("objectSid", [sid(relative)])
        .with(
            "objectGUID",
            [(0..16)
                .map(|byte| byte ^ u8::try_from(relative % 256).unwrap())
                .collect::<Vec<u8>>()],
        )
        .with("member", members.iter().map(|member| dn(member)))
}

async fn active_directory() -> (LdapServer, LdapConfig) {
    let entries = bare()
        .with(user("ada", 1101, "513"))
        .with(user("bob", 1102, "513"))
        .with(user("eve", 1103, "514"))
        .with(ad_group("users", 513, &["eve"]))
        .with(ad_group("guests", 514, &[]))
        .with(ad_group("quiet", 1200, &["eve"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.schema = Schema::new(Preset::ActiveDirectory);
    config.attributes = vec!["sAMAccountName".to_owned()];
    (server, config)
}

#[tokio::test]
async fn primary_groups_of_active_directory() {
    let (server, mut config) = active_directory().await;
    let seen = read(&config).await.unwrap();
    let all = [("users", "ada bob eve"), ("guests", "eve"), ("quiet", "eve")];
    seen.shows(&all);
    assert_eq!((seen.listing(), seen.remarks()), (String::new(), String::new()));
    config.schema.primary_group = PrimaryGroup::Ignored;
    let seen = read(&config).await.unwrap();
    seen.shows(&[("users", "eve"), ("guests", ""), ("quiet", "eve")]);
    assert!(
        !server
            .searches()
            .last()
            .unwrap()
            .attributes
            .contains(&"objectSid".to_owned())
    );
}

#[tokio::test]
async fn primary_groups_while_people_are_not_all_known() {
    let (server, config) = active_directory().await;
    Target::People.harm(&server, Fault::result(4, "").after(1));
    let seen = read(&config).await.unwrap();
    // Whoever is a member only by that is not asked for by anything, and each group may be somebody's.
    seen.shows(&[("users", "ada eve …"), ("guests", "eve …"), ("quiet", "eve …")]);
    tells(
        &seen.gaps("users"),
        &[
            "accounts with users as their primary group: not all known, since not all accounts could be listed",
        ],
    );
    // Somebody whose name cannot be read may be in any of them.
    server.on_search(|request, _| {
        let bytes = wire::entry_of_bytes(request.message_id, b"no name", &[]);
        Target::People.is(request).then(|| Fault::insert(bytes))
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[
        ("users", "ada bob eve …"),
        ("guests", "eve …"),
        ("quiet", "eve …"),
    ]);
}

#[tokio::test]
async fn primary_groups_that_are_not_shown() {
    for (attribute, value) in [
        ("primaryGroupID", None),
        ("objectSid", None),
        ("primaryGroupID", Some("x")),
        ("objectSid", Some("x")),
        ("primaryGroupID", Some("99999999999")),
    ] {
        let (server, config) = active_directory().await;
        server.change(|entries| entries.get_mut(&dn("bob")).unwrap().set(attribute, value));
        let seen = read(&config).await.unwrap();
        seen.shows(&[("users", "ada eve …"), ("guests", "eve …"), ("quiet", "eve …")]);
        tells(
            &seen.gaps("users"),
            &[
                "not all known, since 1 of them show none (uid=bob,",
                "right to read `primaryGroupID` and `objectSid`",
            ],
        );
    }
    // Neither of both: whoever is an account has them.
    let (server, config) = active_directory().await;
    server.change(|entries| {
        let bob = entries.get_mut(&dn("bob")).unwrap();
        bob.set("objectSid", Vec::<Vec<u8>>::new());
        bob.set("primaryGroupID", Vec::<Vec<u8>>::new());
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[("users", "ada eve …"), ("guests", "eve …"), ("quiet", "eve …")]);
    // A group that does not show what it is known by.
    let (server, config) = active_directory().await;
    server.change(|entries| {
        let users = entries.get_mut(&group_dn("users")).unwrap();
        users.set("objectSid", Vec::<Vec<u8>>::new());
    });
    let seen = read(&config).await.unwrap();
    seen.shows(&[("users", "eve …"), ("guests", "eve"), ("quiet", "eve")]);
    tells(
        &seen.gaps("users"),
        &["does not show its `objectSid`; give the bot the right"],
    );
}

#[tokio::test]
async fn primary_groups_by_number() {
    let posix = |name: &str, number: &str| {
        Entry::new(group_dn(name))
            .with("objectClass", ["posixGroup"])
            .with("cn", [name])
            .with("gidNumber", [number])
    };
    let entries = bare()
        .with(person("ada").with("gidNumber", ["100"]))
        .with(person("bob").with("gidNumber", [" 100"]))
        .with(person("eve"))
        .with(posix("users", "100").with("memberUid", ["eve"]))
        .with(posix("quiet", "200").with("memberUid", ["eve"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.schema = Schema::new(Preset::PosixGroup);
    config.schema.user_filter = "(objectClass=person)".to_owned();
    config.schema.primary_group = PrimaryGroup::GidNumber;
    let seen = read(&config).await.unwrap();
    seen.shows(&[("users", "ada bob eve"), ("quiet", "eve")]);
    assert_eq!(seen.listing(), "");
}

#[tokio::test]
async fn keys_are_guids_as_windows_shows_them() {
    let (_server, mut config) = active_directory().await;
    let seen = read(&config).await.unwrap();
    // 1101 is 77 beyond four times 256, and 513 is 1 beyond twice.
    assert_eq!(&*seen.account("ada").key, "4d4d4d4d-4d4d-4d4d-4d4d-4d4d4d4d4d4d");
    assert_eq!(
        seen.group("users").key.as_str(),
        "02030001-0405-0607-0908-0b0a0d0c0f0e".to_owned()
    );
    assert_eq!(seen.account("ada").label.as_deref(), Some(&*dn("ada")));
    // Without any, names in canonical form.
    config.schema.ids = vec!["entryUUID".to_owned()];
    let seen = read(&config).await.unwrap();
    assert_eq!(&*seen.account("ada").key, dn("ada"));
}

#[tokio::test]
async fn whole_matrix_ids() {
    let entries = bare()
        .with(person("fine").with("mxid", ["@fine:example.org"]))
        .with(person("none"))
        .with(person("bad").with("mxid", ["fine@example.org"]))
        .with(person("two").with("mxid", ["@a:example.org", "@b:example.org"]))
        .with(person("half").with("mxid", [&b"@a:example.org"[..], b"\xff"]))
        .with(person("worse").with("mxid", ["@:"]))
        .with(group("quiet", &["fine", "none"]));
    let server = serve(entries).await;
    let mut config = config(&server);
    config.matrix_id_attribute = Some("mxid".to_owned());
    let seen = read(&config).await.unwrap();
    seen.shows(&[("quiet", "fine none")]);
    let fine = seen.account("fine");
    assert_eq!(
        fine.matrix_id.as_ref().map(ToString::to_string).as_deref(),
        Some("@fine:example.org")
    );
    let none = seen.account("none");
    assert_eq!(
        (none.matrix_id.as_ref(), none.attributes.get("uid")),
        (None, Some("none"))
    );
    for key in ["uuid-bad", "uuid-two", "uuid-half", "uuid-worse"] {
        let account = seen.account(key);
        // There is nothing to make an ID of.
        assert_eq!(
            (account.matrix_id.as_ref(), account.attributes.get("uid")),
            (None, None),
            "{key}"
        );
    }
    assert_eq!(seen.0.remarks.len(), 1);
    tells(
        &seen.remarks(),
        &[
            "`mxid` of 4 accounts (uid=bad,",
            "is not exactly one Matrix ID",
            "correct it in the directory",
        ],
    );
    assert_eq!(seen.listing(), "");
}
