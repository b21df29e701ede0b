//! Groups and accounts, one by one: what is wrong with one harms no other room.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Due, one_line};
use crate::harness::DIRECTORY;

impl Due {
    /// Writes the directory file with a change made to it by hand.
    fn spoil(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.site.save(&self.directory)?;
        let mut file = serde_json::from_str(&std::fs::read_to_string(self.site.path(DIRECTORY))?)?;
        change(&mut file);
        self.site.write(DIRECTORY, &file.to_string()).map(drop)
    }

    /// `sync` tells the thing in one line, does nothing in `alpha`, and all that is due in `beta`.
    async fn spares_beta(&self, code: i32, parts: &[&str]) -> Result<()> {
        let plan = self.clean(&["plan"]).await?.exits(code);
        one_line(&plan, parts);
        let sync = self.clean(&["sync"]).await?.exits(code);
        one_line(&sync, parts);
        self.is_untouched("alpha").await?;
        self.beta_is_done().await
    }
}

/// The entry of a group or person.
fn entry<'v>(file: &'v mut Value, list: &str, id: &str) -> &'v mut Value {
    let entries = file[list].as_array_mut().unwrap();
    entries.iter_mut().find(|entry| entry["id"] == *id).unwrap()
}

#[tokio::test]
async fn malformed_alias() -> Result<()> {
    let due = Due::new().await?;
    let name = due.site.alias_name("alpha");
    due.spoil(|file| entry(file, "groups", "alpha")["name"] = json!(format!("MTRX {name}")))?;
    due.spares_beta(
        0,
        &[
            &format!("the group `MTRX {name}` starts like a room"),
            "is not a room alias",
            "rename the group",
        ],
    )
    .await?;
    due.repaired().await
}

#[tokio::test]
async fn group_that_decodes_to_nothing() -> Result<()> {
    for name in ["xxxalphaxxx", "xxxalphaxxx-.-", "MTRX #:example.test", "MTRX"] {
        let due = Due::new().await?;
        due.spoil(|file| entry(file, "groups", "alpha")["name"] = json!(name))?;
        if name == "MTRX" {
            // Not the form of any decoder: a group like any other.
            due.clean(&["sync"]).await?.exits(0);
            due.is_untouched("alpha").await?;
            due.beta_is_done().await?;
        } else {
            due.spares_beta(
                0,
                &[&format!("the group `{name}`"), "like a room", "rename the group"],
            )
            .await?;
        }
        due.repaired().await?;
    }
    Ok(())
}

#[tokio::test]
async fn cycle_in_groups() -> Result<()> {
    let mut due = Due::new().await?;
    // The people of `alpha` are in a group within it, and that contains `alpha`; nobody has to go.
    due.directory
        .room("alpha")
        .without("carol")
        .members(["dan"])
        .groups(["inner"]);
    due.directory.group("inner").members(["carol"]).groups(["alpha"]);
    due.site.save(&due.directory)?;
    let alias = due.site.alias("alpha");
    due.spares_beta(0, &[&alias, "inner", "contain each other", "harmless"])
        .await?;
    // Who is in no part of the circle goes, as always.
    due.directory.room("alpha").without("dan");
    due.site.save(&due.directory)?;
    due.site.fine(&["sync"]).await?;
    let alpha = due.site.room("alpha").await?;
    alpha.is_as_wanted(&due.directory, "alpha");
    assert_eq!(alpha.members["dan"], "leave");
    Ok(())
}

#[tokio::test]
async fn group_within_itself() -> Result<()> {
    let mut due = Due::new().await?;
    due.directory.room("alpha").members(["dan"]).groups(["alpha"]);
    due.site.save(&due.directory)?;
    due.spares_beta(0, &[&due.site.alias("alpha"), "contains itself", "harmless"])
        .await
}

/// Whoever is meant by the ID is neither removed nor invited nor raised.
#[tokio::test]
async fn two_accounts_for_one_id() -> Result<()> {
    let due = Due::new().await?;
    let twin = due.site.alias_name("dan").to_uppercase();
    // One of them would be an owner of `alpha`, and both would come into `beta`.
    due.spoil(|file| {
        let people = file["people"].as_array_mut().unwrap();
        people.push(json!({ "id": "dan2", "uid": twin }));
        let alpha = entry(file, "groups", "alpha");
        alpha["members"].as_array_mut().unwrap().push(json!("dan2"));
        alpha["owners"].as_array_mut().unwrap().push(json!("dan2"));
        let beta = entry(file, "groups", "beta");
        beta["members"].as_array_mut().unwrap().push(json!("dan"));
    })?;
    due.spares_beta(
        0,
        &[
            "accounts dan, dan2 of directory people",
            &due.site.user("dan"),
            "give each account its own",
        ],
    )
    .await?;
    due.repaired().await
}

/// A member who is not in the file may be anyone: nobody is removed, and whoever is known is invited.
#[tokio::test]
async fn member_that_nobody_has() -> Result<()> {
    let due = Due::new().await?;
    due.spoil(|file| {
        let alpha = entry(file, "groups", "alpha");
        alpha["members"].as_array_mut().unwrap().push(json!("nemo"));
    })?;
    let parts = [
        "not everything could be read",
        "nemo",
        "correct it, or add the person",
    ];
    due.spares_beta(4, &parts).await?;
    // Nobody who leaves would be removed from there: that does not work.
    due.clean(&["check"]).await?.exits(1);
    due.repaired().await
}

/// An account without the attribute that IDs are made of.
#[tokio::test]
async fn account_without_an_id() -> Result<()> {
    let due = Due::new().await?;
    due.spoil(|file| {
        let people = file["people"].as_array_mut().unwrap();
        people.push(json!({ "id": "long", "uid": "l".repeat(300) }));
        let alpha = entry(file, "groups", "alpha");
        alpha["members"].as_array_mut().unwrap().push(json!("long"));
    })?;
    due.spares_beta(
        4,
        &[
            "no Matrix ID can be made",
            "account long",
            "255 is the limit",
            "shorten `uid`",
        ],
    )
    .await?;
    due.repaired().await
}
