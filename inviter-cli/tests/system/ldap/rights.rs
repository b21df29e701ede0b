//! The program's account may read less than before.

use anyhow::Result;
use inviter_testkit::SlapdOptions;

use super::{
    town::Town,
    tree::SUFFIX,
    trial::{IN_PART, Trial, people, plan},
};

#[tokio::test]
async fn rights_were_taken_away() -> Result<()> {
    let mut town = Town::found(SlapdOptions::new(), plan()).await?;
    town.settle().await?;
    let of_people = format!("access to dn.subtree=\"ou=people,{SUFFIX}\" by * none");
    let of_members = format!("access to dn.subtree=\"ou=groups,{SUFFIX}\" attrs=member by * none");
    let cases: [(&str, &[&str], &[&str]); 3] = [
        (
            &of_people,
            &["alpha"],
            &[
                "directory ldap was not listed completely",
                "people below ou=people,dc=example,dc=test",
                "does not exist, or the bot may not see it",
                "give the bot's account the right to read it",
            ],
        ),
        (
            &of_members,
            &["alpha"],
            &[
                "not everything could be read of groups",
                "crew",
                "of directory ldap",
                "nobody is removed from the rooms that they feed",
                "not shown, and a group of its class always has one",
                "give the bot the right to read them",
            ],
        ),
        (
            "access to * by * none",
            &["alpha", "beta"],
            &[
                "error: directory ldap could not be read",
                "ou=people,dc=example,dc=test",
                "give the bot's account the right to read it",
                "nobody is removed from the rooms that it feeds",
            ],
        ),
    ];
    for (rule, harmed, told) in cases {
        let trial = Trial::begin(&mut town, harmed).await?;
        town.slapd.restart_with(|options| options.access(&[rule])).await?;
        for _ in 0..2 {
            trial.shows(&town, IN_PART, told).await?;
        }
        town.slapd.restart_with(|options| options.access(&[])).await?;
        trial.is_made_up_for(&town).await?;
    }
    Ok(())
}

/// A search ends at the server's limit, with a part of the answer.
#[tokio::test]
async fn the_size_limit_was_lowered() -> Result<()> {
    let mut plan = plan();
    // Both lists begin with others, so that those of `alpha` are in what is cut off.
    plan.ldap.people(people('n', 30));
    for n in 0..30 {
        plan.ldap.group(&format!("aa{n}")).members(["n0"]);
    }
    let mut town = Town::found(SlapdOptions::new(), plan).await?;
    town.settle().await?;
    let limitless = town.slapd.options().clone();
    // Whoever a group refers to and who was not listed is asked for, so that it takes the group to do harm.
    let cases: [(usize, &[&str], &str); 2] = [
        (35, &[], "people below ou=people"),
        (25, &["alpha"], "groups below ou=groups"),
    ];
    for (size, harmed, what) in cases {
        let trial = Trial::begin(&mut town, harmed).await?;
        let limit = format!("limits dn.exact=\"cn=reader,{SUFFIX}\" size={size}");
        town.slapd
            .restart_with(|options| options.database(&limit))
            .await?;
        for _ in 0..2 {
            let told = [
                "directory ldap was not listed completely",
                what,
                "the server stopped at its size limit",
                "have it raised for the bot's account",
            ];
            trial.shows(&town, IN_PART, &told).await?;
        }
        town.slapd.restart_with(|_| limitless.clone()).await?;
        trial.is_made_up_for(&town).await?;
    }
    Ok(())
}
