//! People: with and without accounts, with odd names, gone by themselves, removed.

use anyhow::Result;
use inviter_testkit::{enc, expect_ok};
use serde_json::{Value, json};

use super::{settled, tells};
use crate::harness::{DIRECTORY, Directory, Site};

impl Site {
    /// Makes the bot a server admin.
    async fn promote_bot(&self) -> Result<()> {
        let path = format!("/_synapse/admin/v1/users/{}/admin", enc(self.bot.user_id()));
        let answer = self.admin.put(&path, json!({ "admin": true })).await?;
        expect_ok(&path, answer).map(drop)
    }
}

/// A site with alice and bob in one group; only alice has an account.
async fn without_bob() -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("alpha").members(["alice", "bob"]).owners(["bob"]);
    site.register(["alice"]).await?;
    site.save(&directory)?;
    Ok((site, directory))
}

/// A person without an account on the homeserver: the server accepts the invitation, it dangles for ever,
/// "successful". A bot that may look sees it.
#[tokio::test]
async fn nobody_without_an_account_is_invited() -> Result<()> {
    let (site, directory) = without_bob().await?;
    site.promote_bot().await?;
    let bob = site.user("bob");
    for _ in 0..2 {
        let output = site.fine(&["sync"]).await?;
        let alias = site.alias("alpha");
        tells(
            &output,
            &[
                &alias,
                &bob,
                "has no account on the homeserver",
                "invited once they have one",
            ],
        );
        let alpha = site.room("alpha").await?;
        assert_eq!(Vec::from_iter(alpha.inside()), ["alice"]);
        assert_eq!(alpha.levels.get("bob"), None);
    }
    site.register(["bob"]).await?;
    site.fine(&["sync"]).await?;
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}

/// A person without an account on the homeserver, and a bot that may not look: an answer of 404 for a profile says
/// nothing, so they are invited.
#[tokio::test]
async fn unknown_accounts_are_invited() -> Result<()> {
    let (site, directory) = without_bob().await?;
    site.fine(&["sync"]).await?;
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}

/// `uid: bad user` gives the invalid ID `@bad user:…`, invited and later kicked.
#[tokio::test]
async fn odd_names_are_escaped() -> Result<()> {
    let site = Site::new().await?;
    let tag = site.alias_name("");
    let names = [
        ("bad user", "bad=20user"),
        ("Ärger", "=c3=84rger"),
        ("A=b#c:d", "a=3db=23c=3ad"),
        ("O'Neil, X.", "o=27neil=2c=20x."),
    ];
    let people: Vec<Value> = names
        .iter()
        .map(|(name, _)| json!({ "id": name, "uid": format!("{name}{tag}") }))
        .collect();
    let members: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let group = json!({ "name": format!("MTRX {}", site.alias("alpha")), "members": members });
    site.write(
        DIRECTORY,
        &json!({ "people": people, "groups": [group] }).to_string(),
    )?;
    site.register(names.map(|(_, localpart)| localpart)).await?;
    let wanted: Vec<&str> = {
        let mut wanted: Vec<&str> = names.iter().map(|(_, localpart)| *localpart).collect();
        wanted.sort_unstable();
        wanted
    };
    for writes in [true, false] {
        let (output, sent) = site.writes_of(&["sync"]).await?;
        assert_eq!(!sent.is_empty(), writes, "{output}");
        assert_eq!(
            Vec::from_iter(site.room("alpha").await?.inside()),
            wanted,
            "{output}"
        );
    }
    Ok(())
}

/// People who left or rejected are re-invited every 30 minutes for ever.
#[tokio::test]
async fn whoever_left_is_left_alone() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory
            .room("alpha")
            .members(["alice", "bob", "carol", "dan", "erin"]);
    })
    .await?;
    let id = site.room_id("alpha").await?;
    site.join("alpha", ["alice"]).await?;
    // One leaves, one rejects.
    site.person("alice").await?.leave(&id).await?;
    site.person("bob").await?.leave(&id).await?;
    for _ in 0..3 {
        let (output, writes) = site.writes_of(&["sync"]).await?;
        assert!(writes.is_empty(), "{output}");
        for person in ["alice", "bob"] {
            tells(
                &output,
                &[&site.user(person), "left by themselves", "not invited again"],
            );
        }
    }
    // The directory brings her anew: out of the group for a run, and in it again.
    directory.room("alpha").without("alice");
    directory.people(["alice"]);
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    directory.room("alpha").members(["alice"]);
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    let alpha = site.room("alpha").await?;
    assert_eq!(alpha.members["alice"], "invite");
    assert_eq!(alpha.members["bob"], "leave");
    Ok(())
}

/// Level 50 stays behind after a kick.
#[tokio::test]
async fn the_level_goes_with_the_person() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory
            .room("alpha")
            .members(["alice", "bob", "carol", "dan", "erin"])
            .owners(["alice", "bob", "carol"]);
    })
    .await?;
    assert_eq!(site.room("alpha").await?.levels["bob"], 50);
    site.join("alpha", ["bob"]).await?;
    directory.room("alpha").without("bob");
    directory.people(["bob"]);
    // Carol stays, and is no owner any more.
    directory.room("alpha").without("carol").members(["carol"]);
    site.save(&directory)?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(writes.len(), 2, "one event and one removal\n{output}");
    let alpha = site.room("alpha").await?;
    alpha.is_as_wanted(&directory, "alpha");
    assert_eq!(alpha.members["bob"], "leave");
    assert!(alpha.levels.keys().eq(["alice"]), "{:?}", alpha.levels);
    Ok(())
}

/// Nested groups only where the server's `memberOf` is transitive.
#[tokio::test]
async fn nested_groups() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory.room("alpha").groups(["one"]);
        directory.group("one").members(["alice"]).groups(["two", "three"]);
        directory.group("two").members(["bob"]).groups(["four"]);
        directory.group("three").members(["carol"]).groups(["four"]);
        directory.group("four").members(["dan", "erin"]);
    })
    .await?;
    let alpha = site.room("alpha").await?;
    alpha.is_as_wanted(&directory, "alpha");
    assert_eq!(alpha.inside().len(), 5);
    directory.group("four").without("dan");
    directory.people(["dan"]);
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    let alpha = site.room("alpha").await?;
    alpha.is_as_wanted(&directory, "alpha");
    assert_eq!(alpha.members["dan"], "leave");
    Ok(())
}
