//! The server ends in the middle of its answer.

use anyhow::{Context as _, Result};
use inviter_testkit::{
    SlapdOptions,
    ldap::{LdapProxy, Moment},
    sigkill,
};

use super::{
    town::Town,
    trial::{IN_PART, Trial, people, plan},
};

/// In the third page of the people, and of the groups.
#[tokio::test]
async fn the_server_was_killed_during_a_page() -> Result<()> {
    let mut plan = plan();
    // Both lists begin with others, so that those of `alpha` are in what is cut off.
    plan.ldap.people(people('n', 30));
    for n in 0..30 {
        plan.ldap.group(&format!("aa{n}")).members(["n0"]);
    }
    plan.keys = "page_size = 10\n".to_owned();
    let mut town = Town::found(SlapdOptions::new(), plan).await?;
    let address = town
        .slapd
        .url()
        .strip_prefix("ldap://")
        .context("a URL")?
        .parse()?;
    let proxy = LdapProxy::start(address).await?;
    town.url = proxy.url();
    town.configure()?;
    town.settle().await?;

    let everybody = town.ldap.everybody().len();
    let cases: [(usize, &str, i32, &str); 2] = [
        (0, "ou=people", IN_PART, "error: directory ldap could not be read"),
        (
            everybody,
            "ou=groups",
            IN_PART,
            "directory ldap was not listed completely",
        ),
    ];
    for (before, base, code, words) in cases {
        let trial = Trial::begin(&mut town, &["alpha", "beta"]).await?;
        for _ in 0..2 {
            let pid = town.slapd.pid();
            proxy.clear();
            // In the middle of the page, behind those before.
            proxy.on(Moment::Entries(before + 25), async move || drop(sigkill(pid)));
            let told = [
                words,
                "the server ended the connection in the middle of its answer",
                "look into its log",
            ];
            trial.shows(&town, code, &told).await?;
            let third = &proxy.searches();
            assert_eq!(
                third
                    .iter()
                    .filter(|search| search.base.starts_with(base))
                    .count(),
                3
            );
            assert_eq!(proxy.counts().entries, before + 25);
            town.slapd.crash().await?;
            town.slapd.restart().await?;
        }
        trial.is_made_up_for(&town).await?;
    }
    Ok(())
}
