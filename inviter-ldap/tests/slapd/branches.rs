//! Branches that were renamed, hidden or emptied: exactly the groups concerned are incomplete.

use inviter_core::provider::ProviderErrorKind as Kind;
use inviter_ldap::{Bind, LdapConfig, Preset};
use inviter_testkit::{Ldif, Slapd, SlapdOptions};

use crate::picture::{config, read, set, tells};

const SUFFIX: &str = "dc=example,dc=test";

/// Two branches of people, and a group of each, and one of both.
async fn slapd() -> Slapd {
    let mut ldif = Ldif::tree(SUFFIX).unit("guests");
    ldif.account("reader", "s3cret", &[]);
    let mut staff = Vec::new();
    for uid in ["ann", "bob", "cid", "dan"] {
        ldif.person(uid, &[]);
        staff.push(ldif.person_dn(uid));
    }
    let mut guests = Vec::new();
    for uid in ["gus", "gil"] {
        let dn = format!("uid={uid},ou=guests,{SUFFIX}");
        ldif.entry(
            &dn,
            &[
                ("objectClass", "inetOrgPerson"),
                ("uid", uid),
                ("cn", uid),
                ("sn", uid),
            ],
        );
        guests.push(dn);
    }
    ldif.group_of_names("staff", &staff);
    ldif.group_of_names("guests", &guests);
    ldif.group_of_names("all", &[ldif.group_dn("staff"), ldif.group_dn("guests")]);
    Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap()
}

fn as_reader(slapd: &Slapd) -> LdapConfig {
    let mut config = config(slapd, Preset::GroupOfNames);
    config.user_bases.push(format!("ou=guests,{SUFFIX}"));
    config.bind = Bind::Simple {
        dn: slapd.account_dn("reader"),
        password: "s3cret".into(),
    };
    config
}

async fn rename(slapd: &Slapd, from: &str, to: &str) {
    let mut ldif = Ldif::new(SUFFIX);
    ldif.rename(&format!("{from},{SUFFIX}"), to, None);
    slapd.apply(&ldif).await.unwrap();
}

#[tokio::test]
async fn a_branch_of_people_renamed() {
    let slapd = slapd().await;
    let config = as_reader(&slapd);
    read(&config).await.unwrap().is_complete();
    rename(&slapd, "ou=people", "ou=employees").await;
    let picture = read(&config).await.unwrap();
    tells(
        &picture.listing(),
        &[&format!("people below ou=people,{SUFFIX}"), "does not exist"],
    );
    // No group could hide behind that.
    assert!(picture.0.listing.is_complete());
    // The group of the other branch is not concerned; the nesting is for the core to see through.
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
    tells(
        &picture.incomplete()["staff"],
        &["4 member entries of group cn=staff", "uid=ann,ou=people"],
    );
    assert_eq!(picture.members("guests"), set(&["gus", "gil"]));
    assert_eq!(picture.members("all"), set(&["staff", "guests"]));
    rename(&slapd, "ou=employees", "ou=people").await;
    read(&config).await.unwrap().is_complete();

    // All branches gone leave nothing to tell of.
    rename(&slapd, "ou=people", "ou=employees").await;
    rename(&slapd, "ou=guests", "ou=visitors").await;
    let error = read(&config).await.unwrap_err();
    assert_eq!(error.kind, Kind::Misconfigured);
    tells(
        &error.to_string(),
        &[&format!(
            "ou=people,{SUFFIX}: does not exist, or the bot may not see it"
        )],
    );
}

/// With `refint` or by hand, members name the new branch, which is outside the bases.
#[tokio::test]
async fn a_branch_of_people_renamed_with_its_members() {
    let slapd = slapd().await;
    let config = as_reader(&slapd);
    rename(&slapd, "ou=people", "ou=employees").await;
    let mut ldif = Ldif::new(SUFFIX);
    let moved: Vec<String> = ["ann", "bob", "cid", "dan"]
        .iter()
        .map(|uid| format!("uid={uid},ou=employees,{SUFFIX}"))
        .collect();
    ldif.replace_values(&slapd.group_dn("staff"), "member", &moved);
    slapd.apply(&ldif).await.unwrap();
    let picture = read(&config).await.unwrap();
    // They may be the people who were there: the branch that held people could not be read.
    tells(&picture.listing(), &["does not exist"]);
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
    tells(
        &picture.incomplete()["staff"],
        &[
            "4 member entries of group cn=staff",
            "may have moved",
            "`user_bases`",
        ],
    );
    assert_eq!(picture.members("guests"), set(&["gus", "gil"]));
    // The same if the branch is left behind without anybody in it.
    let mut ldif = Ldif::new(SUFFIX);
    ldif.entry(
        &format!("ou=people,{SUFFIX}"),
        &[("objectClass", "organizationalUnit"), ("ou", "people")],
    );
    slapd.apply(&ldif).await.unwrap();
    let picture = read(&config).await.unwrap();
    tells(
        &picture.listing(),
        &[&format!("people below ou=people,{SUFFIX}"), "shows none"],
    );
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
    // Once the base is right, all is known again.
    let mut right = config.clone();
    right.user_bases[0] = format!("ou=employees,{SUFFIX}");
    let picture = read(&right).await.unwrap();
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["ann", "bob", "cid", "dan"]));
}

#[tokio::test]
async fn the_groups_renamed() {
    let slapd = slapd().await;
    let config = as_reader(&slapd);
    rename(&slapd, "ou=groups", "ou=teams").await;
    let error = read(&config).await.unwrap_err();
    assert_eq!(error.kind, Kind::Misconfigured);
    tells(
        &error.to_string(),
        &[&format!("ou=groups,{SUFFIX}: does not exist")],
    );
    let mut both = config.clone();
    both.group_bases.push(format!("ou=teams,{SUFFIX}"));
    let picture = read(&both).await.unwrap();
    tells(&picture.listing(), &[&format!("groups below ou=groups,{SUFFIX}")]);
    assert_eq!(picture.members("guests"), set(&["gus", "gil"]));
}

#[tokio::test]
async fn rights_that_were_taken_away() {
    let mut slapd = slapd().await;
    let config = as_reader(&slapd);
    let mut hide = async |rule: &str| {
        let rule = rule.to_owned();
        slapd
            .restart_with(|options| options.access(&[&rule]))
            .await
            .unwrap();
        read(&config).await
    };

    // Two of the people: their group is concerned, whatever the server calls what is not shown.
    for by in ["by * none", "by * disclose"] {
        let picture = hide(&format!(
            "access to dn.regex=\"^uid=(ann|bob),ou=people,{SUFFIX}$\" {by}"
        ))
        .await
        .unwrap();
        assert_eq!(
            picture.incomplete().into_keys().collect::<Vec<_>>(),
            ["staff"],
            "{by}"
        );
        tells(
            &picture.incomplete()["staff"],
            &["2 member entries of group cn=staff", "uid=ann", "uid=bob"],
        );
        assert_eq!(picture.members("staff"), set(&["cid", "dan"]));
    }

    // The members of one group.
    let picture = hide(&format!(
        "access to dn.exact=\"cn=staff,ou=groups,{SUFFIX}\" attrs=member by * none"
    ))
    .await
    .unwrap();
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
    tells(
        &picture.incomplete()["staff"],
        &["members of cn=staff", "not shown", "`empty_groups = true`"],
    );

    // All people: nothing can be told of them.
    let picture = hide("access to dn.subtree=\"ou=people,dc=example,dc=test\" by * none")
        .await
        .unwrap();
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);

    // Everything. The server may answer with success and nothing, or deny that there is anything.
    let error = hide("access to * by * none").await.unwrap_err();
    tells(&error.to_string(), &["does not exist, or the bot may not see it"]);
}

/// A nested group that is not shown takes its people with it.
#[tokio::test]
async fn a_nested_group_that_is_hidden() {
    let mut slapd = slapd().await;
    let config = as_reader(&slapd);
    for by in ["by * none", "by * disclose"] {
        let rule = format!("access to dn.exact=\"cn=guests,ou=groups,{SUFFIX}\" {by}");
        slapd
            .restart_with(|options| options.access(&[&rule]))
            .await
            .unwrap();
        let picture = read(&config).await.unwrap();
        assert_eq!(
            picture.incomplete().into_keys().collect::<Vec<_>>(),
            ["all"],
            "{by}"
        );
        tells(
            &picture.incomplete()["all"],
            &["1 member entry of group cn=all", "cn=guests"],
        );
    }
}

/// An access rule hides one attribute, and what depends on it is not taken for known.
#[tokio::test]
async fn single_attributes_that_are_hidden() {
    let mut slapd = slapd().await;
    let mut config = as_reader(&slapd);
    let mut hide = async |config: &LdapConfig, rule: &str| {
        let rule = rule.to_owned();
        slapd
            .restart_with(|options| options.access(&[&rule]))
            .await
            .unwrap();
        read(config).await.unwrap()
    };
    // What kind of thing some people are.
    let two = format!("dn.regex=\"^uid=(ann|bob),ou=people,{SUFFIX}$\"");
    let picture = hide(&config, &format!("access to {two} attrs=objectClass by * none")).await;
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
    // What the filter for people is about.
    config.schema.user_filter = "(&(objectClass=person)(sn=*))".to_owned();
    let picture = hide(&config, &format!("access to {two} attrs=sn by * none")).await;
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["staff"]);
    tells(
        &picture.incomplete()["staff"],
        &["uid=ann", "whether `user_filter` fits cannot be told"],
    );
    // The same filter, where it does not fit: they are no people, and all is known.
    config.schema.user_filter = "(&(objectClass=person)(!(sn=ann)))".to_owned();
    let picture = hide(&config, "access to * by * read").await;
    picture.is_complete();
    assert_eq!(picture.members("staff"), set(&["bob", "cid", "dan"]));
    // Whole Matrix IDs, of everybody.
    config.matrix_id_attribute = Some("description".to_owned());
    let picture = hide(&config, "access to attrs=description by * none").await;
    tells(
        &picture.listing(),
        &["`description` of all people", "not shown of anybody"],
    );
    assert!(
        picture
            .0
            .accounts
            .iter()
            .all(|account| account.attributes.get("uid").is_none())
    );
}

/// The same for groups whose members are login names.
#[tokio::test]
async fn single_attributes_of_unix_people_that_are_hidden() {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", "s3cret", &[]);
    for (n, uid) in (1..).zip(["ann", "bob", "cid"]) {
        ldif.posix_account(uid, n, 100);
    }
    ldif.posix_group("staff", 100, &["ann", "bob"]);
    ldif.posix_group("other", 200, &["cid"]);
    let mut slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::PosixGroup);
    config.bind = Bind::Simple {
        dn: slapd.account_dn("reader"),
        password: "s3cret".into(),
    };
    config.schema.primary_group = inviter_ldap::PrimaryGroup::GidNumber;
    read(&config).await.unwrap().is_complete();
    let ann = format!("dn.exact=\"uid=ann,ou=people,{SUFFIX}\"");
    for (attribute, concerned) in [
        ("objectClass", &["staff"][..]),
        ("uid", &["staff"]),
        // Each group may be hers.
        ("gidNumber", &["other", "staff"]),
    ] {
        let rule = format!("access to {ann} attrs={attribute} by * none");
        slapd
            .restart_with(|options| options.access(&[&rule]))
            .await
            .unwrap();
        let picture = read(&config).await.unwrap();
        let incomplete: Vec<_> = picture.incomplete().into_keys().collect();
        assert_eq!(incomplete, concerned, "{attribute}");
    }
    // Of nobody at all; and of all groups.
    for rule in [
        "access to attrs=memberUid by * none",
        "access to attrs=gidNumber by * none",
    ] {
        slapd
            .restart_with(|options| options.access(&[rule]))
            .await
            .unwrap();
        let picture = read(&config).await.unwrap();
        let incomplete: Vec<_> = picture.incomplete().into_keys().collect();
        assert_eq!(incomplete, ["other", "staff"], "{rule}");
    }
}

/// Members in an attribute that the schema does not speak of.
#[tokio::test]
async fn members_that_are_not_asked_for() {
    let slapd = slapd().await;
    let mut ldif = Ldif::new(SUFFIX);
    ldif.posix_group("unix", 100, &["ann"]);
    ldif.add_values(&slapd.group_dn("guests"), "member", &[slapd.group_dn("unix")]);
    slapd.apply(&ldif).await.unwrap();
    let picture = read(&as_reader(&slapd)).await.unwrap();
    assert_eq!(picture.incomplete().into_keys().collect::<Vec<_>>(), ["unix"]);
    tells(&picture.incomplete()["unix"], &["add `memberUid` to `members`"]);
}
