//! The life of rooms while the bot runs: they are replaced, and admins go.

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, enc, expect_ok};
use serde_json::json;

use crate::harness::{Bot, Configuration, Directory, Room, Site, healed, lines};

/// A site whose room `staff` the bot has created in this version, with alice and bob in it and the boss as an admin.
async fn scene(version: &str) -> Result<(Site, Directory, Bot, String)> {
    let site = Site::new().await?;
    let sections = format!("[rooms]\nversion = \"{version}\"\n");
    site.configure(&Configuration::default().sections(&sections))?;
    let mut directory = Directory::default();
    directory
        .room("staff")
        .owners(["alice"])
        .members(["bob", "carol"]);
    let bot = site.start_with(&directory).await?;
    site.join("staff", ["alice", "bob"]).await?;
    let room = site.boss_in("staff").await?;
    site.quiet().await?;
    Ok((site, directory, bot, room))
}

/// `POST /rooms/{room}/upgrade`; answers with the new room.
async fn upgrade(by: &Client, room: &str, version: &str) -> Result<String> {
    let path = format!("/_matrix/client/v3/rooms/{}/upgrade", enc(room));
    let body = by.post(&path, json!({ "new_version": version })).await?;
    let answer = expect_ok("upgrade", body)?;
    let id = answer["replacement_room"]
        .as_str()
        .context("no replacement_room")?;
    Ok(id.to_owned())
}

/// The bot follows a room that an admin replaces, as soon as they let it in, and minds it from then on.
#[tokio::test]
async fn a_room_that_an_admin_replaces_is_followed_at_once() -> Result<()> {
    // In rooms of version 12 that the bot created, nobody else can.
    for (from, to) in [("10", "11"), ("11", "12")] {
        let (site, directory, bot, old) = scene(from).await?;
        let new = upgrade(&site.boss, &old, to).await?;
        site.quiet().await?;
        site.proxy.clear();
        site.boss.invite(&new, site.bot.user_id()).await?;
        healed(
            &format!("an admin replaced the room, {from} by {to}"),
            async || {
                Ok(Room::read(&site, &new)
                    .await?
                    .differs(&directory, "staff")
                    .is_none())
            },
        )
        .await?;
        site.told(&[&old, "was replaced by", &new]).await?;
        site.quiet().await?;
        let writes = lines(&site.proxy.writes());
        assert!(
            writes.iter().all(|line| !line.contains(&old)),
            "nothing is done in the old room: {writes:#?}"
        );
        assert_eq!(site.room_id("staff").await?, new, "Synapse moves the alias");

        // It is a room like any other, at once.
        site.join("staff", ["bob"]).await?;
        site.boss.kick(&new, &site.user("bob")).await?;
        healed("a member was kicked from the new room", async || {
            Ok(site.room("staff").await?.membership("bob") == "invite")
        })
        .await?;
        bot.stop().await?;
    }
    Ok(())
}

/// Where the directory rules over admins, and the bot is above them, they are people like any others.
#[tokio::test]
async fn admins_go_where_the_directory_rules_over_them() -> Result<()> {
    let site = Site::new().await?;
    let sections = "[rooms]\nversion = \"12\"\n[people]\ndanger_manage_admins = true\n";
    site.configure(&Configuration::default().sections(sections))?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice", "bob"]);
    directory.people(["mallory"]);
    let bot = site.start_with(&directory).await?;
    site.join("staff", ["alice", "bob"]).await?;
    let room = site.room_id("staff").await?;
    site.raise("staff", "bob", 100).await?;
    site.raise("staff", "mallory", 100).await?;
    site.bot.invite(&room, &site.user("mallory")).await?;
    site.person("mallory").await?.join(&room).await?;
    healed("an admin came in whom the directory does not want", async || {
        let now = site.room("staff").await?;
        Ok(now.membership("mallory") == "leave" && now.level("bob") == 0)
    })
    .await?;
    site.quiet().await?;
    assert_eq!(site.room("staff").await?.differs(&directory, "staff"), None);
    bot.stop().await
}
