//! Accounts that may not be used.

use inviter_core::directory::AccountStatus;
use inviter_ldap::Preset;
use inviter_testkit::{Ldif, Overlay, Slapd, SlapdOptions};

use crate::picture::{config, read, tells};

const SUFFIX: &str = "dc=example,dc=test";

#[tokio::test]
async fn by_attributes_and_by_a_filter() {
    let mut ldif = Ldif::tree(SUFFIX);
    let lockable = ("objectClass", "lockableAccount");
    let shadow = ("objectClass", "shadowAccount");
    ldif.person("ann", &[]);
    ldif.person("locked", &[lockable, ("nsAccountLock", "TRUE")]);
    ldif.person("unlocked", &[lockable, ("nsAccountLock", "FALSE")]);
    ldif.person("expired", &[shadow, ("shadowExpire", "20000")]);
    ldif.person("valid", &[shadow, ("shadowExpire", "30000")]);
    ldif.person("forever", &[shadow, ("shadowExpire", "-1")]);
    ldif.person("for good", &[("pwdAccountLockedTime", "000001010000Z")]);
    // Wrong passwords bring this about, and it passes.
    ldif.person("for a while", &[("pwdAccountLockedTime", "20261126115500Z")]);
    ldif.person("left", &[("employeeType", "left")]);
    let ann = ldif.person_dn("ann");
    ldif.group_of_names("staff", &[ann]);
    let options = SlapdOptions::new().overlay(Overlay::Ppolicy).ldif(&ldif);
    let slapd = Slapd::start(options).await.unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    config.schema.disabled_filter = Some("(employeeType=left)".to_owned());
    let picture = read(&config).await.unwrap();
    picture.is_complete();
    for uid in ["locked", "expired", "for good", "left"] {
        assert_eq!(picture.status(uid), Some(AccountStatus::Disabled), "{uid}");
    }
    for uid in ["ann", "unlocked", "valid", "forever", "for a while"] {
        assert_eq!(picture.status(uid), Some(AccountStatus::Active), "{uid}");
    }
    config.schema.disabled_filter = None;
    config.schema.disabled_by.clear();
    let picture = read(&config).await.unwrap();
    assert!(
        picture
            .0
            .accounts
            .iter()
            .all(|a| a.status == Some(AccountStatus::Active))
    );
}

/// Active Directory's attribute is always there; where it is not seen, nobody is taken for active.
#[tokio::test]
async fn a_status_that_is_not_shown() {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.person("ann", &[]);
    let ann = ldif.person_dn("ann");
    ldif.group_of_names("staff", &[ann]);
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif)).await.unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    config.schema.disabled_by = vec![inviter_ldap::DisabledBy::UserAccountControl];
    assert_eq!(read(&config).await.unwrap().status("ann"), None);
}

/// The search for disabled accounts is cut off: those who were not in it may be.
#[tokio::test]
async fn a_filter_that_is_not_answered_to_its_end() {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", "s3cret", &[]);
    for n in 0..60 {
        ldif.person(&format!("p{n:02}"), &[("employeeType", "left")]);
    }
    let dn = ldif.person_dn("p00");
    ldif.group_of_names("staff", &[dn]);
    let limits = format!("limits dn.exact=\"cn=reader,{SUFFIX}\" size=50");
    let slapd = Slapd::start(SlapdOptions::new().ldif(&ldif).database(&limits))
        .await
        .unwrap();
    let mut config = config(&slapd, Preset::GroupOfNames);
    config.bind = inviter_ldap::Bind::Simple {
        dn: slapd.account_dn("reader"),
        password: "s3cret".into(),
    };
    config.schema.disabled_filter = Some("(employeeType=left)".to_owned());
    let picture = read(&config).await.unwrap();
    tells(
        &picture.listing(),
        &["disabled accounts below ou=people", "size limit"],
    );
    assert!(
        picture
            .0
            .accounts
            .iter()
            .all(|a| a.status != Some(AccountStatus::Active))
    );
}
