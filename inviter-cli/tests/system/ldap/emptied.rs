//! Groups are empty, or gone.

use anyhow::Result;
use inviter_testkit::SlapdOptions;

use super::{
    town::Town,
    tree::SUFFIX,
    trial::{HELD, IN_PART, Trial, people, plan},
};

/// A group emptied by mistake: everyone kicked, no question.
#[tokio::test]
async fn a_group_was_emptied() -> Result<()> {
    let mut plan = plan();
    plan.ldap.room("gamma").members(people('p', 6));
    plan.posix.push("gamma".to_owned());
    plan.keys = format!(
        "member_logins = [\"memberUid\"]\nplaceholders = [\"cn=nobody,{SUFFIX}\"]\n\
         group_filter = \"(|(objectClass=groupOfNames)(objectClass=posixGroup))\"\n"
    );
    let mut town = Town::found(SlapdOptions::new(), plan).await?;
    town.settle().await?;

    // That a room wants nobody is asked about whatever the limits are. A class that demands a member has the empty name or a placeholder; another one has nothing.
    let nobody = format!("cn=nobody,{SUFFIX}");
    let (in_alpha, in_gamma) = ([""], [nobody.as_str()]);
    let cases: [(&str, &str, &[&str]); 3] = [
        ("alpha", "member", &in_alpha),
        ("alpha", "member", &in_gamma),
        ("gamma", "memberUid", &[]),
    ];
    for (room, attribute, left) in cases {
        let harmed = [room];
        let trial = Trial::begin(&mut town, &harmed).await?;
        let dn = town.tree.group(&town.ldap, room);
        town.apply(|ldif| {
            ldif.replace_values(&dn, attribute, left);
        })
        .await?;
        for _ in 0..2 {
            let told = [
                &*town.site.alias(room),
                "held:",
                "the directory wants nobody in this room",
            ];
            let output = trial.shows(&town, HELD, &told).await?;
            assert!(output.stdout.contains("--release"), "{output}");
        }
        town.restore(room).await?;
        trial.is_made_up_for(&town).await?;
    }
    Ok(())
}

/// No group matches at all: a crash.
#[tokio::test]
async fn all_groups_are_gone() -> Result<()> {
    let mut town = Town::found(SlapdOptions::new(), plan()).await?;
    town.settle().await?;
    let alpha = town.tree.group(&town.ldap, "alpha");
    let crew = town.tree.group(&town.ldap, "crew");
    let owners = town.tree.owners("alpha");
    let attic = format!("ou=attic,{SUFFIX}");
    town.apply(|ldif| {
        ldif.entry(&attic, &[("objectClass", "organizationalUnit")]);
    })
    .await?;

    let trial = Trial::begin(&mut town, &["alpha"]).await?;
    for dn in [&alpha, &owners, &crew] {
        let (rdn, _) = dn.split_once(',').unwrap();
        town.apply(|ldif| {
            ldif.rename(dn, rdn, Some(&attic));
        })
        .await?;
    }
    for _ in 0..2 {
        let told = [
            "directory ldap was not listed completely",
            "groups below ou=groups,dc=example,dc=test",
            "the server shows none",
            "check the filter and the rights of the bot's account",
        ];
        trial.shows(&town, IN_PART, &told).await?;
    }
    for dn in [&alpha, &owners, &crew] {
        let (rdn, base) = dn.split_once(',').unwrap();
        town.apply(|ldif| {
            ldif.rename(&format!("{rdn},{attic}"), rdn, Some(base));
        })
        .await?;
    }
    trial.is_made_up_for(&town).await?;
    Ok(())
}
