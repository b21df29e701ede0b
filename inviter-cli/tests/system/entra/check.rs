//! `inviter check` tells which permissions the application lacks, and what is wrong with the configuration.

use anyhow::Result;
use inviter_graph_emulator::Group;

use super::{
    rights::{GROUPS, HIDDEN, USERS},
    town::Town,
};
use crate::{
    bad_input::{is_clean, one_line},
    harness::{Directory, Output},
};

async fn town() -> Result<Town> {
    let mut wanted = Directory::default();
    wanted
        .room("alpha")
        .members(["alice", "bob"])
        .groups(["crew"])
        .owners(["alice"]);
    wanted.group("crew").members(["carol"]);
    Town::with(wanted).await
}

impl Town {
    /// A check with these permissions ends with this code, and each of the others that matter is named in one line with
    /// what to do.
    async fn check(&mut self, granted: &[&str], code: i32, missing: &[(&str, &str)]) -> Result<Output> {
        self.tenancy().emulator.grant(granted);
        let output = self.site.run(&["check"]).await?.exits(code);
        for (permission, consequence) in missing {
            let lacks = format!("the application lacks the permission {permission},");
            let told = [
                &*lacks,
                consequence,
                "in the Entra admin center",
                "with an administrator's consent",
            ];
            one_line(&output, &told);
        }
        let lacks = output
            .stdout
            .matches("the application lacks the permission")
            .count();
        assert_eq!(lacks, missing.len(), "{output}");
        assert_eq!(output.stderr, "", "{output}");
        is_clean(&output, &[&self.tenancy().emulator.client_secret()]);
        let json = self
            .site
            .run(&["check", "--json"])
            .await?
            .exits(code)
            .json()
            .to_string();
        for (permission, _) in missing {
            assert!(json.contains(permission), "{json}");
        }
        Ok(output)
    }
}

#[tokio::test]
async fn permissions_that_are_missing() -> Result<()> {
    let mut town = town().await?;
    let groups = (GROUPS, "groups and their members cannot be read");
    let users = (USERS, "nobody is invited or removed");
    let output = town.check(&[GROUPS, USERS], 0, &[]).await?;
    one_line(&output, &["directory entra: 3 active accounts, 1 group"]);
    one_line(&output, &["the application may read groups, members and users"]);
    // What includes them is as good.
    town.check(&["Directory.Read.All"], 0, &[]).await?;
    town.check(&["Group.Read.All", "User.ReadWrite.All"], 0, &[])
        .await?;

    town.check(&[USERS], 1, &[groups]).await?;
    town.check(&[GROUPS], 1, &[users]).await?;
    town.check(&[GROUPS, "User.ReadBasic.All"], 1, &[users]).await?;
    town.check(&[], 1, &[groups, users]).await?;

    // One group is enough to make this one needed, and not being asked for the others.
    let root = town.tenancy().root;
    let secret = format!("MTRX {}", town.site.alias("secret"));
    let person = town.tenancy().person("carol");
    let hidden = town.tenancy().emulator.change(|tenant| {
        let hidden = tenant.add_group(Group::hidden(&secret));
        tenant.add_member(hidden, person);
        tenant.add_member(root, hidden);
        hidden
    });
    let consequence = "nobody is removed from";
    town.check(&[GROUPS, USERS], 1, &[(HIDDEN, consequence)]).await?;
    town.check(&[GROUPS, USERS, HIDDEN], 0, &[]).await?;
    town.tenancy().rooms = format!("groups = [\"{hidden}\"]\n");
    town.configure()?;
    town.check(&[GROUPS, USERS], 1, &[(HIDDEN, consequence)]).await?;
    Ok(())
}

/// A property that nobody has is no wish to remove everybody.
#[tokio::test]
async fn properties_that_nobody_has() -> Result<()> {
    let mut town = town().await?;
    town.settle().await?;
    let before = town.digest_of(&["alpha"]).await?;
    for (top, keys, property) in [
        (
            "attribute = \"onPremisesSamAccountName\"\n",
            "",
            "onPremisesSamAccountName",
        ),
        (
            "",
            "matrix_id = \"onPremisesExtensionAttributes/extensionAttribute7\"\n",
            "extensionAttribute7",
        ),
    ] {
        top.clone_into(&mut town.tenancy().top);
        keys.clone_into(&mut town.tenancy().keys);
        town.configure()?;
        let output = town.site.run(&["check"]).await?;
        let told = [
            "none of the first",
            "users has the property",
            property,
            "check its name",
        ];
        one_line(&output, &told);
        for _ in 0..2 {
            let output = town.site.run(&["sync"]).await?;
            assert_eq!(town.digest_of(&["alpha"]).await?, before, "{output}");
        }
    }
    Ok(())
}
