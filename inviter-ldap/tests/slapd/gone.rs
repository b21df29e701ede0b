//! Members that lead to nothing: gone, or not to be believed (decision 3).

use inviter_core::directory::GroupKey;
use inviter_ldap::{LdapConfig, Preset};
use inviter_testkit::{Ldif, Overlay, Slapd, SlapdOptions};

use crate::picture::{config, read, set, tells};

const SUFFIX: &str = "dc=example,dc=test";

/// As many people, all in one group, and the first ten in another.
async fn slapd(people: usize, options: SlapdOptions) -> (Slapd, LdapConfig) {
    let mut ldif = Ldif::tree(SUFFIX);
    let mut all = Vec::new();
    for n in 0..people {
        let uid = format!("p{n:03}");
        ldif.person(&uid, &[]);
        all.push(ldif.person_dn(&uid));
    }
    ldif.group_of_names("all", &all);
    ldif.group_of_names("ten", &all[..10]);
    let slapd = Slapd::start(options.ldif(&ldif)).await.unwrap();
    let config = config(&slapd, Preset::GroupOfNames);
    (slapd, config)
}

async fn delete(slapd: &Slapd, people: std::ops::Range<usize>) {
    let mut ldif = Ldif::new(SUFFIX);
    for n in people {
        ldif.delete(&slapd.person_dn(&format!("p{n:03}")));
    }
    slapd.apply(&ldif).await.unwrap();
}

/// The overlay follows a moment after the change.
async fn followed(slapd: &Slapd, people: std::ops::Range<usize>) {
    for n in people {
        let filter = format!("(member={})", slapd.person_dn(&format!("p{n:03}")));
        while !slapd.search(SUFFIX, &filter, &["1.1"]).await.unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn one_who_was_deleted_is_gone() {
    let (slapd, config) = slapd(200, SlapdOptions::new()).await;
    delete(&slapd, 3..4).await;
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert!(!picture.members("ten").contains("p003"));
    assert_eq!(picture.members("ten").len(), 9);
    tells(
        &picture.remarks(),
        &[
            "1 member entry (uid=p003,ou=people",
            "counts as gone",
            "to be removed from the groups all; ten",
        ],
    );
}

/// 200 people: 2 % are four; ten in a group: three at the most.
#[tokio::test]
async fn too_many_are_not_believed() {
    let (slapd, config) = slapd(200, SlapdOptions::new()).await;
    delete(&slapd, 0..3).await;
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("ten").len(), 7);
    delete(&slapd, 3..4).await;
    // 196 people are left, and 2 % of them are less than four.
    let picture = read(&config).await.unwrap();
    assert_eq!(
        picture.incomplete().into_keys().collect::<Vec<_>>(),
        ["all", "ten"]
    );
    tells(
        &picture.incomplete()["ten"],
        &["4 member entries of group cn=ten", "too many of 196 people"],
    );
    assert_eq!(picture.remarks(), "");

    let mut ldif = Ldif::new(SUFFIX);
    for n in 1000..1010 {
        ldif.person(&format!("p{n}"), &[]);
    }
    slapd.apply(&ldif).await.unwrap();
    // Of 206 people four may be gone, and of the larger group; of ten they may not.
    let picture = read(&config).await.unwrap();
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["ten"]);
    tells(
        &picture.incomplete()["ten"],
        &["4 member entries of group cn=ten", "too many of one group"],
    );
    assert!(!picture.members("all").contains("p000"));
    tells(
        &picture.remarks(),
        &["4 member entries", "to be removed from the group all"],
    );
}

/// In a directory of a handful one may be gone, or nobody ever could.
#[tokio::test]
async fn in_a_small_directory() {
    let (slapd, config) = slapd(12, SlapdOptions::new()).await;
    delete(&slapd, 0..1).await;
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("all").len(), 11);
    delete(&slapd, 1..2).await;
    let picture = read(&config).await.unwrap();
    assert_eq!(
        picture.incomplete().into_keys().collect::<Vec<_>>(),
        ["all", "ten"]
    );
}

#[tokio::test]
async fn with_referential_integrity_nothing_dangles() {
    let (slapd, config) = slapd(200, SlapdOptions::new().overlay(Overlay::Refint)).await;
    delete(&slapd, 0..6).await;
    followed(&slapd, 0..6).await;
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("ten").len(), 4);
    assert_eq!(picture.remarks(), "");
}

#[tokio::test]
async fn what_stands_in_a_group_and_is_no_person() {
    let (slapd, mut config) = slapd(60, SlapdOptions::new()).await;
    let mut ldif = Ldif::new(SUFFIX);
    ldif.entry(
        &format!("cn=printer,ou=people,{SUFFIX}"),
        &[("objectClass", "device"), ("cn", "printer")],
    );
    ldif.entry(
        &format!("ou=machines,{SUFFIX}"),
        &[("objectClass", "organizationalUnit"), ("ou", "machines")],
    );
    ldif.entry(
        &format!("cn=robot,ou=machines,{SUFFIX}"),
        &[("objectClass", "person"), ("cn", "robot"), ("sn", "robot")],
    );
    let members = [
        format!("cn=printer,ou=people,{SUFFIX}"),
        format!("cn=robot,ou=machines,{SUFFIX}"),
        String::new(),
        "UID = p000 , OU=People,DC=example, dc=TEST".to_owned(),
        format!("cn=nobody,ou=nowhere,{SUFFIX}"),
    ];
    ldif.group_of_names("odd", &members);
    slapd.apply(&ldif).await.unwrap();
    let picture = read(&config).await.unwrap();
    // The last may have been a group, for all that is known.
    tells(
        &picture.incomplete()["odd"],
        &[
            "1 member entry of group cn=odd",
            "cn=nobody,ou=nowhere",
            "`placeholders`",
        ],
    );
    assert_eq!(picture.members("odd"), set(&["p000"]));
    tells(
        &picture.remarks(),
        &[
            "1 entry that groups refer to (cn=robot,ou=machines",
            "outside `user_bases`",
        ],
    );
    config.schema.placeholders = vec![format!("CN=Nobody,ou=Nowhere,{SUFFIX}")];
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    config.user_bases.push(format!("ou=machines,{SUFFIX}"));
    let picture = read(&config).await.unwrap();
    assert_eq!(picture.group("odd").members.values.len(), 2);
    assert_eq!(picture.remarks(), "");
}

/// An owner of whom nothing is known leaves the members known.
#[tokio::test]
async fn owners_who_lead_to_nothing() {
    let (slapd, config) = slapd(60, SlapdOptions::new()).await;
    let mut ldif = Ldif::new(SUFFIX);
    let ten = slapd.group_dn("ten");
    ldif.add_values(
        &ten,
        "owner",
        &[slapd.person_dn("p001"), format!("cn=boss,ou=nowhere,{SUFFIX}")],
    );
    slapd.apply(&ldif).await.unwrap();
    let picture = read(&config).await.unwrap();
    assert_eq!(picture.owners("ten"), set(&["p001"]));
    assert!(picture.incomplete().is_empty());
    let owners = &picture.group("ten").owners.extent;
    tells(
        &crate::picture::told(owners),
        &["1 owner entry of group cn=ten", "cn=boss"],
    );
}

/// People and groups keep their keys when they are renamed.
#[tokio::test]
async fn keys_survive_renaming() {
    let (slapd, config) = slapd(12, SlapdOptions::new().overlay(Overlay::Refint)).await;
    let before = read(&config).await.unwrap();
    let mut ldif = Ldif::new(SUFFIX);
    ldif.rename(&slapd.person_dn("p000"), "uid=renamed", None);
    ldif.rename(&slapd.group_dn("ten"), "cn=several", None);
    slapd.apply(&ldif).await.unwrap();
    followed(&slapd, 0..1).await;
    let after = read(&config).await.unwrap();
    assert_eq!(
        before.account("p000").unwrap().key,
        after.account("renamed").unwrap().key
    );
    let key = |group: &inviter_core::directory::Group| -> GroupKey { group.key.clone() };
    assert_eq!(key(before.group("ten")), key(after.group("several")));
    assert_eq!(
        after.account("renamed").unwrap().shown(),
        "uid=renamed,ou=people,dc=example,dc=test"
    );
    assert!(after.members("several").contains("renamed"));
}

/// One base for everything: a branch in it that was renamed, and a group that was, are no people who are gone.
#[tokio::test]
async fn a_branch_or_a_group_is_no_person() {
    let mut ldif = Ldif::tree(SUFFIX).unit("externals");
    let mut staff = Vec::new();
    for n in 0..200 {
        let uid = format!("p{n:03}");
        ldif.person(&uid, &[]);
        staff.push(ldif.person_dn(&uid));
    }
    for uid in ["ext1", "ext2"] {
        let dn = format!("uid={uid},ou=externals,{SUFFIX}");
        ldif.entry(
            &dn,
            &[
                ("objectClass", "inetOrgPerson"),
                ("uid", uid),
                ("cn", uid),
                ("sn", uid),
            ],
        );
        staff.push(dn);
    }
    ldif.group_of_names("inner", &staff[..100]);
    let inner = ldif.group_dn("inner");
    ldif.group_of_names("outer", &[inner.as_str(), &staff[150]]);
    ldif.group_of_names("staff", &staff[100..]);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    config.user_bases = vec![SUFFIX.to_owned()];
    config.group_bases = vec![SUFFIX.to_owned()];
    read(&config).await.unwrap().is_complete();

    let mut change = Ldif::new(SUFFIX);
    change.rename(&format!("ou=externals,{SUFFIX}"), "ou=partners", None);
    change.rename(&inner, "cn=core", None);
    change.delete(&staff[150]);
    slapd.apply(&change).await.unwrap();
    let picture = read(&config).await.unwrap();
    let incomplete = picture.incomplete();
    assert_eq!(incomplete.keys().collect::<Vec<_>>(), [&"outer", &"staff"]);
    tells(
        &incomplete["outer"],
        &[
            "1 member entry of group cn=outer",
            "cn=inner",
            "may have been a group",
        ],
    );
    tells(
        &incomplete["staff"],
        &[
            "2 member entries of group cn=staff",
            "a branch that has another name",
        ],
    );
    // A person beside all the others is gone all the same.
    tells(
        &picture.remarks(),
        &["1 member entry (uid=p150,", "counts as gone"],
    );
}
