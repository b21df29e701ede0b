//! Branches of the tree get other names.

use anyhow::Result;
use inviter_testkit::SlapdOptions;

use super::{
    town::Town,
    tree::SUFFIX,
    trial::{IN_PART, Trial, plan},
};

impl Town {
    async fn rename_unit(&self, from: &str, to: &str) -> Result<()> {
        let dn = format!("ou={from},{SUFFIX}");
        self.apply(|ldif| {
            ldif.rename(&dn, &format!("ou={to}"), None);
        })
        .await
    }
}

/// The branch with the people was renamed: the search's result code is ignored, everyone is kicked, "successful".
#[tokio::test]
async fn a_branch_was_renamed() -> Result<()> {
    let mut town = Town::found(SlapdOptions::new(), plan()).await?;
    town.settle().await?;
    town.site.join("alpha", ["p0", "p6"]).await?;

    let trial = Trial::begin(&mut town, &["alpha"]).await?;
    town.rename_unit("people", "staff").await?;
    for _ in 0..2 {
        let told = [
            "directory ldap was not listed completely",
            "people below ou=people,dc=example,dc=test",
            "does not exist, or the bot may not see it",
            "correct the base, or give the bot's account the right to read it",
        ];
        trial.shows(&town, IN_PART, &told).await?;
    }
    town.rename_unit("staff", "people").await?;
    trial.is_made_up_for(&town).await?;

    let trial = Trial::begin(&mut town, &["alpha"]).await?;
    town.rename_unit("groups", "circles").await?;
    for _ in 0..2 {
        let told = [
            "directory ldap was not listed completely",
            "groups below ou=groups,dc=example,dc=test",
            "does not exist, or the bot may not see it",
            "correct the base, or give the bot's account the right to read it",
        ];
        trial.shows(&town, IN_PART, &told).await?;
    }
    town.rename_unit("circles", "groups").await?;
    trial.is_made_up_for(&town).await
}
