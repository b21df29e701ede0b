//! Names that mean something else where they are not escaped match only what they name.

use inviter_ldap::Preset;
use inviter_testkit::{Ldif, Slapd, SlapdOptions};

use crate::picture::{config, read, set};

const SUFFIX: &str = "dc=example,dc=test";

const NAMES: [&str; 8] = [
    "*)(uid=*",
    "*",
    "\\",
    "a\\2a",
    "(&(objectClass=*))",
    "x,ou=people",
    " lead and trail ",
    "+=<>;\"#",
];

#[tokio::test]
async fn people_of_groups_with_dns() {
    let mut ldif = Ldif::tree(SUFFIX);
    for name in NAMES.into_iter().chain(["ann", "bob"]) {
        ldif.person(name, &[]);
    }
    for (n, name) in NAMES.iter().enumerate() {
        let dn = ldif.person_dn(name);
        ldif.group_of_names(&format!("g{n}"), &[dn]);
    }
    for name in NAMES {
        let dn = ldif.person_dn("ann");
        ldif.group_of_names(name, &[dn]);
    }
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let picture = read(&config(&slapd, Preset::GroupOfNames)).await.unwrap();
    picture.is_complete();
    for (n, name) in NAMES.iter().enumerate() {
        assert_eq!(picture.members(&format!("g{n}")), set(&[name]));
        assert_eq!(picture.members(name), set(&["ann"]), "{name}");
    }
}

#[tokio::test]
async fn people_of_groups_with_logins() {
    let mut ldif = Ldif::tree(SUFFIX);
    for (n, uid) in (1..).zip(["ann", "bob"]) {
        ldif.posix_account(uid, n, 100);
    }
    // In the directory, and no person by the filter: what a filter of another meaning would find.
    for name in ["*)(uid=*", "\\"] {
        ldif.person(name, &[]);
    }
    for n in 0..100 {
        ldif.posix_account(&format!("p{n:02}"), 1000 + n, 100);
    }
    ldif.posix_group("there", 100, &["*)(uid=*", "\\"]);
    ldif.posix_group("gone", 101, &["*", "ann"]);
    ldif.posix_group("gone too", 102, &["(uid=a*)", "bob"]);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let picture = read(&config(&slapd, Preset::PosixGroup)).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("there"), set(&[]));
    assert_eq!(picture.members("gone"), set(&["ann"]));
    assert_eq!(picture.members("gone too"), set(&["bob"]));
    let told = picture.remarks();
    assert!(told.contains("2 member entries ((uid=a*); *)"), "{told}");
}
