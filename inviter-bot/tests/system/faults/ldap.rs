//! An LDAP server that goes away and comes back.

use anyhow::Result;
use inviter_testkit::{Ldif, Slapd, SlapdOptions};

use super::often;
use crate::harness::{DIRECTORY, Directory, LONG, Site, eventually};

pub(super) const SUFFIX: &str = "dc=example,dc=test";
pub(super) const PASSWORD: &str = "password of the reader";

/// A room `staff` of these people, as the server has it.
pub(super) async fn slapd(site: &Site, people: &[&str]) -> Result<Slapd> {
    let mut ldif = Ldif::tree(SUFFIX);
    ldif.account("reader", PASSWORD, &[]);
    for name in people {
        ldif.person(&site.localpart(name), &[]);
    }
    let members: Vec<String> = people
        .iter()
        .map(|name| ldif.person_dn(&site.localpart(name)))
        .collect();
    ldif.group_of_names(&format!("MTRX {}", site.alias("staff")), &members);
    Slapd::start(SlapdOptions::new().ldif(ldif.text())).await
}

/// The section of the configuration for such a server.
pub(super) fn section(url: &str) -> String {
    format!(
        "[[directory]]\nname = \"staff\"\nkind = \"ldap\"\n[directory.ldap]\nurls = [\"{url}\"]\n\
         bind_dn = \"cn=reader,{SUFFIX}\"\npassword_file = \"ldap-password\"\n\
         user_bases = [\"ou=people,{SUFFIX}\"]\ngroup_bases = [\"ou=groups,{SUFFIX}\"]\n"
    )
}

#[tokio::test]
async fn the_directory_goes_and_comes_back() -> Result<()> {
    let site = Site::new().await?;
    let people = ["alice", "bob", "carol"];
    let mut slapd = slapd(&site, &people).await?;
    site.write_secret("ldap-password", PASSWORD)?;
    // It is left alone after three failures, for seconds.
    let configuration = often().bot("quarantine_max", "\"1m\"");
    site.configure(&configuration.sections(&section(slapd.url())))?;
    site.register(people).await?;
    let mut club = Directory::default();
    club.room("club").members(["alice"]);
    club.people(["dave"]);
    let mut bot = site.start_with(&club).await?;
    let mut staff = Directory::default();
    staff.room("staff").members(people);
    site.is_as_wanted(&staff).await?;

    slapd.stop().await?;
    let told = site.told(&["not read: ", "staff"]).await?;
    eprintln!("{told}");
    // Others go on, and nobody goes.
    club.room("club").members(["dave"]);
    site.save(&club)?;
    site.is_as_wanted(&club).await?;
    let runs = || bot.logged(&["run ended", "cause=on schedule"]);
    let before = runs();
    eventually("runs without the server", LONG, async || {
        Ok((runs() >= before + 2).then_some(()))
    })
    .await?;
    site.is_as_wanted(&staff).await?;
    assert_eq!(bot.logged(&["Remove"]), 0);

    slapd.restart().await?;
    // It may be left alone for up to a minute by now; a person's run asks at once.
    site.types("!inviter sync").await?;
    let over = site.told(&["over: directory staff answers again"]).await?;
    eprintln!("{over}");
    let restored = runs();
    // Who goes now, goes.
    let mut ldif = Ldif::new(SUFFIX);
    let group = slapd.group_dn(&format!("MTRX {}", site.alias("staff")));
    ldif.delete_values(&group, "member", &[slapd.person_dn(&site.localpart("carol"))]);
    slapd.apply(&ldif).await?;
    staff.room("staff").without("carol");
    site.is_as_wanted(&staff).await?;
    assert!(site.path(DIRECTORY).exists());
    eventually("a run after all of that", LONG, async || {
        Ok((runs() >= restored + 2).then_some(()))
    })
    .await?;
    let said = site.said().await?;
    let count = |words: &str| said.iter().filter(|text| text.starts_with(words)).count();
    assert_eq!(
        (count("not read: "), count("over: ")),
        (1, 1),
        "each is told once: {said:#?}"
    );
    bot.lives()?;
    bot.stop().await
}
