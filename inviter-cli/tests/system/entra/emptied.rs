//! Groups that are gone, or have nobody in them any more: Graph says so in as many words, and still nobody is removed
//! before a person has looked.

use anyhow::Result;

use super::{
    town::Town,
    trial::{HELD, IN_PART},
};
use crate::{bad_input::one_line, harness::Directory, ldap::town::NO_LIMITS};

fn wanted() -> Directory {
    let mut wanted = Directory::default();
    wanted
        .room("alpha")
        .members(["alice", "bob"])
        .groups(["crew"])
        .owners(["alice"]);
    wanted.group("crew").members(["carol"]);
    wanted
        .room("beta")
        .members(["dora", "erin", "frank"])
        .owners(["dora"]);
    wanted
}

impl Town {
    /// Two runs leave a room as it is and tell this in one line, while somebody goes from `beta`.
    async fn keeps(&mut self, room: &str, leaver: &str, code: i32, told: &[&str]) -> Result<()> {
        self.change(|directory| {
            directory.room("beta").without(leaver);
            directory.people([leaver]);
        })?;
        let before = self.digest_of(&[room]).await?;
        for _ in 0..2 {
            let output = self.site.run(&["sync"]).await?.exits(code);
            one_line(&output, told);
            assert_eq!(output.stderr, "", "{output}");
            assert_eq!(self.digest_of(&[room]).await?, before, "{output}");
            assert_eq!(self.site.room("beta").await?.members[leaver], "leave");
        }
        Ok(())
    }
}

#[tokio::test]
async fn groups_that_are_gone_or_emptied() -> Result<()> {
    let mut town = Town::with(wanted()).await?;
    town.settle().await?;

    // Deleted, and brought back.
    let alias = town.site.alias("alpha");
    let alpha = town.tenancy().group("alpha");
    assert!(
        town.tenancy()
            .emulator
            .change(|tenant| tenant.delete_group(alpha))
    );
    let told = [&*alias, "no group stands for it any more", "its people stay"];
    town.keeps("alpha", "frank", 0, &told).await?;
    assert!(
        town.tenancy()
            .emulator
            .change(|tenant| tenant.restore_group(alpha))
    );
    town.change(|directory| {
        directory.room("alpha").without("bob");
        directory.people(["bob"]);
    })?;
    town.site.fine(&["sync"]).await?;
    assert_eq!(town.site.room("alpha").await?.members["bob"], "leave");
    town.done().await?;

    // Emptied.
    town.change(|directory| {
        let alpha = directory.room("alpha").without("alice");
        alpha.groups.clear();
        directory.people(["alice", "carol"]);
    })?;
    town.keeps("alpha", "erin", HELD, &["held:", "wants nobody in this room"])
        .await?;
    town.change(|directory| {
        directory.room("alpha").groups(["crew"]);
    })?;
    town.settle().await
}

/// A room that the configuration lists has the members of a group that is there no more.
#[tokio::test]
async fn a_listed_group_that_is_gone() -> Result<()> {
    let mut town = Town::with(wanted()).await?;
    let alias = town.site.alias("hall");
    let crew = town.tenancy().group("crew");
    town.sections = format!("{NO_LIMITS}[[room]]\nalias = \"{alias}\"\ngroups = [\"{crew}\"]\n");
    town.configure()?;
    town.settle().await?;
    assert_eq!(town.site.room("hall").await?.inside().len(), 1);

    assert!(town.tenancy().emulator.change(|tenant| tenant.delete_group(crew)));
    let id = crew.to_string();
    let about = format!("{alias} is to have the members of group {id}");
    let told = [
        &*about,
        "there is no group",
        "check the name",
        "nobody is removed from it until then",
    ];
    town.keeps("hall", "frank", IN_PART, &told).await?;
    assert!(
        town.tenancy()
            .emulator
            .change(|tenant| tenant.restore_group(crew))
    );
    town.settle().await
}
