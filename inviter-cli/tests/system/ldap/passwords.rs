//! The program's account cannot log in any more.

use anyhow::Result;
use inviter_testkit::{Ldif, Overlay, SlapdOptions};

use super::{
    town::{PASSWORD, Town},
    tree::SUFFIX,
    trial::{IN_PART, Trial, plan},
};

#[tokio::test]
async fn a_password_that_is_good_no_more() -> Result<()> {
    let mut plan = plan();
    let mut ldif = Ldif::new(SUFFIX);
    ldif.password_policy(0).expired_account("inviter", PASSWORD);
    plan.more = ldif.to_string();
    plan.keys = format!("bind_dn = \"cn=inviter,{SUFFIX}\"\n");
    let mut town = Town::found(SlapdOptions::new().overlay(Overlay::Ppolicy), plan).await?;
    town.settle().await?;
    let policy = format!("cn=ppolicy,{SUFFIX}");
    let account = format!("cn=inviter,{SUFFIX}");

    let trial = Trial::begin(&mut town, &["alpha", "beta"]).await?;
    town.apply(|ldif| {
        ldif.replace_values(&policy, "pwdMaxAge", &["3600"]);
    })
    .await?;
    for _ in 0..2 {
        let told = [
            "error: directory ldap could not be read",
            "the password of cn=inviter,dc=example,dc=test has expired",
            "set a new one, and write it to the bot's file",
            "nobody is removed from the rooms that it feeds",
        ];
        trial.shows(&town, IN_PART, &told).await?;
    }
    town.apply(|ldif| {
        ldif.replace_values(&account, "userPassword", &["another s3cret"]);
    })
    .await?;
    town.site.write_secret("ldap-password", "another s3cret")?;
    trial.is_made_up_for(&town).await?;

    let trial = Trial::begin(&mut town, &["alpha", "beta"]).await?;
    town.site.write_secret("ldap-password", PASSWORD)?;
    for _ in 0..2 {
        let told = [
            "error: directory ldap could not be read",
            "the server refuses cn=inviter,dc=example,dc=test with this password",
            "correct `bind_dn` or the password",
            "nobody is removed from the rooms that it feeds",
        ];
        trial.shows(&town, IN_PART, &told).await?;
    }
    town.site.write_secret("ldap-password", "another s3cret")?;
    trial.is_made_up_for(&town).await
}
