//! The schemas, and what of them can be changed.

use inviter_ldap::{Preset, PrimaryGroup};
use inviter_testkit::{Ldif, Slapd, SlapdOptions};

use crate::picture::{config, read, set};

const SUFFIX: &str = "dc=example,dc=test";

fn people(ldif: &mut Ldif, uids: &[&str]) {
    for uid in uids {
        ldif.person(uid, &[]);
    }
}

#[tokio::test]
async fn six_deep_with_a_cycle() {
    let mut ldif = Ldif::tree(SUFFIX).unit("elsewhere");
    people(&mut ldif, &["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    // Each holds a person and the next; the last holds the first again. The deeper ones are outside the base.
    let dn = |n: usize| match n {
        0..=2 => format!("cn=level{n},ou=groups,{SUFFIX}"),
        _ => format!("cn=level{n},ou=elsewhere,{SUFFIX}"),
    };
    for n in 0..7 {
        let (person, next) = (ldif.person_dn(&format!("p{n}")), dn((n + 1) % 7));
        let name = format!("level{n}");
        ldif.entry(
            &dn(n),
            &[
                ("objectClass", "groupOfNames"),
                ("cn", &name),
                ("member", &person),
                ("member", &next),
            ],
        );
    }
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    // Groups that stand for rooms are a part of all; what is nested in them is a group all the same.
    config.schema.group_filter = "(&(objectClass=groupOfNames)(cn=level0))".to_owned();
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.names().len(), 7);
    for n in 0..7 {
        let next = format!("level{}", (n + 1) % 7);
        assert_eq!(
            picture.members(&format!("level{n}")),
            set(&[&format!("p{n}"), &next])
        );
        assert_eq!(picture.group(&format!("level{n}")).nested_only, n > 0);
    }
    let also = &picture.group("level0").also_called;
    assert!(also.iter().any(|name| **name == *dn(0)), "{also:?}");
}

#[tokio::test]
async fn unique_members_with_a_uid() {
    let mut ldif = Ldif::tree(SUFFIX);
    people(&mut ldif, &["ann", "bob"]);
    let members = [
        format!("{}#'0101'B", ldif.person_dn("ann")),
        ldif.person_dn("bob"),
    ];
    ldif.group_of_unique_names("staff", &members);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let picture = read(&config(&slapd, Preset::GroupOfUniqueNames)).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["ann", "bob"]));
}

#[tokio::test]
async fn posix_groups() {
    let mut ldif = Ldif::tree(SUFFIX);
    for (uid, number, group) in [("ann", 1, 100), ("bob", 2, 100), ("cid", 3, 200)] {
        ldif.posix_account(uid, number, group);
    }
    // Not a posixAccount: somebody, and no person by the filter.
    ldif.person("dan", &[]);
    ldif.posix_group("staff", 100, &["cid", "dan"]);
    ldif.posix_group("empty", 300, &[] as &[&str]);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::PosixGroup);
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["cid"]));
    assert_eq!(picture.members("empty"), set(&[]));
    config.schema.primary_group = PrimaryGroup::GidNumber;
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["ann", "bob", "cid"]));
}

/// A login that leads to nobody is gone, if it is the only one.
#[tokio::test]
async fn posix_members_who_are_gone() {
    let mut ldif = Ldif::tree(SUFFIX);
    for n in 1..=60_u32 {
        ldif.posix_account(&format!("p{n:02}"), n, 100);
    }
    ldif.posix_group("staff", 100, &["p01", "gone"]);
    ldif.posix_group("other", 200, &["p02"]);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let config = config(&slapd, Preset::PosixGroup);
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["p01"]));
    assert!(
        picture.remarks().contains("1 member entry (gone)"),
        "{}",
        picture.remarks()
    );
    let mut ldif = Ldif::new(SUFFIX);
    ldif.add_values(&slapd.group_dn("staff"), "memberUid", &["gone too"]);
    slapd.apply(&ldif).await.unwrap();
    let picture = read(&config).await.unwrap();
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
}

#[tokio::test]
async fn both_kinds_of_groups_and_other_attributes() {
    let mut ldif = Ldif::tree(SUFFIX);
    people(&mut ldif, &["ann", "bob", "cid"]);
    let (ann, bob, cid) = (
        ldif.person_dn("ann"),
        ldif.person_dn("bob"),
        ldif.person_dn("cid"),
    );
    ldif.group_of_names("one", &[ann.as_str()]);
    ldif.group_of_unique_names("two", &[bob.as_str()]);
    let dn = ldif.group_dn("three");
    ldif.entry(
        &dn,
        &[
            ("objectClass", "groupOfNames"),
            ("cn", "three"),
            ("description", "MTRX #three:example.test"),
            ("member", &ldif.group_dn("two")),
            ("seeAlso", &cid),
        ],
    );
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    config.schema.group_filter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))".to_owned();
    config.schema.members = vec!["member".to_owned(), "uniqueMember".to_owned()];
    config.schema.owners = vec!["seeAlso".to_owned()];
    config.attributes = vec!["uid".to_owned(), "mail".to_owned()];
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("one"), set(&["ann"]));
    assert_eq!(picture.members("two"), set(&["bob"]));
    assert_eq!(picture.members("three"), set(&["two"]));
    assert_eq!(picture.owners("three"), set(&["cid"]));
    let mail = picture.account("ann").unwrap().attributes.get("mail");
    assert_eq!(mail, Some("ann@example.test"));
    config.schema.group_name = "description".to_owned();
    let picture = read(&config).await.unwrap();
    assert!(picture.names().contains("MTRX #three:example.test"));
}

/// Servers answer values in any order; the one in the name counts, then the alphabet.
#[tokio::test]
async fn several_values_come_in_one_order() {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.person("mia", &[("uid", "zoe"), ("uid", "mia"), ("uid", "amy")]);
    let mia = ldif.person_dn("mia");
    ldif.group_of_names("staff", &[mia]);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let picture = read(&config(&slapd, Preset::GroupOfNames)).await.unwrap();
    let account = picture.account("mia").unwrap();
    assert_eq!(
        account.attributes.all("uid").collect::<Vec<_>>(),
        ["mia", "amy", "zoe"]
    );
}

#[tokio::test]
async fn whole_matrix_ids() {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.person("ann", &[("description", "@annie:example.org")]);
    ldif.person("bob", &[("description", "no ID")]);
    ldif.person("cid", &[]);
    let members: Vec<String> = ["ann", "bob", "cid"]
        .iter()
        .map(|uid| ldif.person_dn(uid))
        .collect();
    ldif.group_of_names("staff", &members);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    config.matrix_id_attribute = Some("description".to_owned());
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    let account = |uid| picture.account(uid).unwrap();
    assert_eq!(account("ann").matrix_id.as_ref().unwrap(), "@annie:example.org");
    assert_eq!(account("cid").matrix_id, None);
    // Nothing is left to make another ID of.
    assert!(picture.account("bob").is_none());
    let told = picture.remarks();
    assert!(told.contains("`description` of uid=bob,ou=people"), "{told}");
}
