//! `LdapDirectory` against a real Active Directory domain controller: Samba's.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

#[path = "../slapd/picture.rs"]
#[expect(dead_code, reason = "the tests on slapd use more of it")]
mod picture;

use std::collections::BTreeSet;

use inviter_core::{
    IdentityProvider as _,
    directory::AccountStatus,
    provider::{AdviceKind, ProviderErrorKind as Kind},
};
use inviter_ldap::{Bind, LdapConfig, Preset, Schema};
use inviter_testkit::{Ldif, SambaAd, SambaOptions};

use crate::picture::{provider, read, set, tells};

/// All of the domain, over TLS, as its administrator.
fn config(samba: &SambaAd) -> LdapConfig {
    let bind = Bind::Simple {
        dn: samba.admin_upn().to_owned(),
        password: samba.admin_password().into(),
    };
    let mut config = LdapConfig::new(
        samba.ldaps_url().unwrap(),
        bind,
        samba.base_dn(),
        Schema::new(Preset::ActiveDirectory),
    );
    config.ca_file = Some(samba.ca_file().to_owned());
    // The tests' picture goes by `uid`.
    config.attributes = vec!["sAMAccountName".to_owned(), "userPrincipalName".to_owned()];
    config
}

fn names(picture: &picture::Picture, group: &str) -> BTreeSet<String> {
    let members = &picture.group(group).members.values;
    members
        .iter()
        .map(|member| match member {
            inviter_core::directory::Member::Account(ix) => {
                let account = &picture.0.accounts[ix.0 as usize];
                account.attributes.get("sAMAccountName").unwrap_or("?").to_owned()
            }
            inviter_core::directory::Member::Group(ix) => picture.0.groups[ix.0 as usize].name.to_string(),
            inviter_core::directory::Member::Unresolved(text) => text.to_string(),
        })
        .collect()
}

/// Everybody in a group by any way.
fn expanded(picture: &picture::Picture, group: &str) -> BTreeSet<String> {
    let (mut open, mut seen, mut people) = (vec![group.to_owned()], set(&[group]), BTreeSet::new());
    while let Some(group) = open.pop() {
        for name in names(picture, &group) {
            if !picture.names().contains(&*name) {
                people.insert(name);
            } else if seen.insert(name.clone()) {
                open.push(name);
            }
        }
    }
    people
}

fn status(picture: &picture::Picture, name: &str) -> Option<AccountStatus> {
    let mut accounts = picture.0.accounts.iter();
    let found = accounts.find(|account| account.attributes.get("sAMAccountName") == Some(name));
    found.unwrap().status
}

#[tokio::test]
async fn a_domain() {
    let samba = SambaAd::start().await.unwrap();
    let mut ldif: Ldif = samba.ldif();
    for (name, control) in [("ann", 544), ("bob", 544), ("gone", 546), ("locked", 560)] {
        ldif.ad_user(name, control, &[]);
    }
    ldif.ad_user("past", 544, &[("accountExpires", "132539328000000000")]);
    ldif.ad_user("future", 544, &[("accountExpires", "2650467744000000000")]);
    let everyone: Vec<String> = ["ann", "bob", "gone", "locked", "past", "future"]
        .iter()
        .map(|name| ldif.ad_dn(name))
        .collect();
    ldif.ad_group("inner", &everyone[1..]);
    ldif.ad_group("staff", &[ldif.ad_dn("inner"), ldif.ad_dn("ann")]);
    ldif.ad_group("round", &[ldif.ad_dn("staff")]);
    samba.apply(&ldif).await.unwrap();
    let mut more = Ldif::new(samba.base_dn());
    more.add_values(&ldif.ad_dn("inner"), "member", &[ldif.ad_dn("round")]);
    more.replace_values(&ldif.ad_dn("staff"), "managedBy", &[ldif.ad_dn("bob")]);
    samba.apply(&more).await.unwrap();

    // From the root of the domain the server refers to its other partitions, where nobody is.
    let config = config(&samba);
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(names(&picture, "staff"), set(&["inner", "ann"]));
    assert_eq!(
        names(&picture, "inner"),
        set(&["bob", "gone", "locked", "past", "future", "round"])
    );
    let owner = &picture.group("staff").owners.values;
    assert_eq!(owner.len(), 1);
    for (name, expected) in [
        ("ann", AccountStatus::Active),
        ("gone", AccountStatus::Disabled),
        ("locked", AccountStatus::Active),
        ("past", AccountStatus::Disabled),
        ("future", AccountStatus::Active),
    ] {
        assert_eq!(status(&picture, name), Some(expected), "{name}");
    }
    // Nobody's `memberOf` and no `member` tells of the primary group.
    let users = names(&picture, "Domain Users");
    assert!(users.is_superset(&set(&["ann", "bob", "gone"])), "{users:?}");
    // Groups and people are known by a GUID.
    let key = picture.group("staff").key.to_string();
    assert_eq!(
        key.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12],
        "{key}"
    );

    // The server's own matching rule finds the same people, by any way and in spite of the cycle.
    let in_chain = format!("(memberOf:1.2.840.113556.1.4.1941:={})", ldif.ad_dn("staff"));
    let mut chained = config.clone();
    chained.schema.user_filter = format!("(&{}{in_chain})", config.schema.user_filter);
    // So does its rule for bits.
    chained.schema.disabled_by.clear();
    chained.schema.disabled_filter = Some("(userAccountControl:1.2.840.113556.1.4.803:=2)".to_owned());
    let by_server = read(&chained).await.unwrap();
    let listed: BTreeSet<String> = by_server
        .0
        .accounts
        .iter()
        .map(|account| account.attributes.get("sAMAccountName").unwrap().to_owned())
        .collect();
    assert_eq!(listed, expanded(&picture, "staff"));
    assert_eq!(listed.len(), 6);
    for name in &listed {
        let expected = if name == "gone" {
            AccountStatus::Disabled
        } else {
            AccountStatus::Active
        };
        assert_eq!(status(&by_server, name), Some(expected), "{name}");
    }

    // Another primary group, renamed people, a renamed group.
    let mut change = Ldif::new(samba.base_dn());
    change.add_values(&ldif.ad_dn("staff"), "member", &[ldif.ad_dn("bob")]);
    samba.apply(&change).await.unwrap();
    let sid = samba
        .search(
            &ldif.ad_dn("staff"),
            "(objectClass=group)",
            &["primaryGroupToken", "objectSid"],
        )
        .await
        .unwrap();
    let sid = sid[0]
        .attributes
        .iter()
        .find(|(name, _)| name == "objectSid")
        .unwrap();
    let relative = u32::from_le_bytes(sid.1[sid.1.len() - 4..].try_into().unwrap());
    let mut change = Ldif::new(samba.base_dn());
    change.replace_values(&ldif.ad_dn("bob"), "primaryGroupID", &[relative.to_string()]);
    change.rename(&ldif.ad_dn("inner"), "CN=core", None);
    samba.apply(&change).await.unwrap();
    let after = read(&config).await.unwrap();
    after.is_complete();
    // The server has taken him out of the member list, since it is his primary group now.
    assert_eq!(names(&after, "staff"), set(&["core", "ann", "bob"]));
    assert_eq!(after.group("core").key, picture.group("inner").key);
    // And has made him an ordinary member of the one before.
    assert!(names(&after, "Domain Users").contains("bob"));
}

/// More people than a page of Active Directory has, and more members than it hands out at once.
#[tokio::test]
async fn pages() {
    let samba = SambaAd::start().await.unwrap();
    let mut ldif = samba.ldif();
    let mut members = Vec::new();
    for n in 0..1100 {
        let name = format!("p{n:04}");
        ldif.ad_user(&name, 544, &[]);
        members.push(ldif.ad_dn(&name));
    }
    ldif.ad_group("many", &members);
    samba.apply(&ldif).await.unwrap();
    let mut config = config(&samba);
    config.page_size = 1000;
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert!(picture.0.accounts.len() > 1100);
    assert_eq!(names(&picture, "many").len(), 1100);
}

#[tokio::test]
async fn log_ins_that_are_refused() {
    let samba = SambaAd::start_with(SambaOptions::new().strong_auth())
        .await
        .unwrap();
    let dn = samba.add_user("bot", false).await.unwrap();
    samba.set_password(&dn, "Correct.horse.1").await.unwrap();
    let with = |dn: &str, password: &str| {
        let mut config = config(&samba);
        config.bind = Bind::Simple {
            dn: dn.to_owned(),
            password: password.into(),
        };
        config
    };
    read(&with(&dn, "Correct.horse.1")).await.unwrap().is_complete();
    let upn = format!("bot@{}", samba.domain());
    read(&with(&upn, "Correct.horse.1")).await.unwrap().is_complete();

    let error = read(&with(&dn, "wrong")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    tells(&error.to_string(), &["ldaps://", &dn, "with this password"]);

    // Without TLS the server takes no password.
    let mut plain = with(&dn, "Correct.horse.1");
    plain.urls = vec![samba.url().to_owned()];
    let error = read(&plain).await.unwrap_err();
    tells(
        &error.to_string(),
        &["encrypted connections only", "`start_tls = true`"],
    );
    plain.start_tls = true;
    read(&plain).await.unwrap().is_complete();

    let mut nobody = config(&samba);
    nobody.bind = Bind::Anonymous;
    let error = read(&nobody).await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied, "{error}");
    tells(&error.to_string(), &["set `bind_dn` and a password"]);

    let mut disable = Ldif::new(samba.base_dn());
    disable.replace_values(&dn, "userAccountControl", &["514"]);
    samba.apply(&disable).await.unwrap();
    let error = read(&with(&dn, "Correct.horse.1")).await.unwrap_err();
    tells(&error.to_string(), &["is disabled; enable it"]);
}

#[tokio::test]
async fn advice() {
    let samba = SambaAd::start().await.unwrap();
    let fine = provider(config(&samba)).advice().await;
    assert!(
        fine.iter().all(|advice| advice.kind == AdviceKind::Fine),
        "{fine:?}"
    );
    let told: Vec<&str> = fine.iter().map(|advice| &*advice.message).collect();
    tells(
        &told.join("\n"),
        &[
            "over TLS",
            "like Active Directory",
            "Samba",
            "`schema = \"active_directory\"` fits",
        ],
    );
    let mut other = config(&samba);
    other.schema = Schema::new(Preset::GroupOfNames);
    let advice = provider(other).advice().await;
    let told: Vec<&str> = advice
        .iter()
        .filter(|advice| advice.kind == AdviceKind::Improve)
        .map(|advice| &*advice.message)
        .collect();
    tells(
        &told.join("\n"),
        &["`schema = \"active_directory\"` seems to fit"],
    );
}
