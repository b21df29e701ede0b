//! Rooms that somebody changes by hand are put right at once, and nothing else is done.

use anyhow::Result;

use crate::harness::{Directory, Site, healed};

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("staff")
        .owners(["alice"])
        .members(["bob", "carol"]);
    directory.room("club").members(["alice", "bob"]);
    directory
}

/// A site with an admin of the room beside the bot, who is no concern of the directory's: `eve` of another room.
async fn scene(site: &Site) -> Result<()> {
    site.register(["eve"]).await
}

/// A member who was kicked is asked again.
#[tokio::test]
async fn what_was_done_by_hand_is_undone() -> Result<()> {
    let site = Site::new().await?;
    scene(&site).await?;
    let bot = site.start_with(&directory()).await?;
    site.join("staff", ["alice", "bob"]).await?;
    let room = site.room_id("staff").await?;
    site.raise("staff", "alice", 50).await?;
    let alice = site.person("alice").await?;
    alice.send_text(&room, "hello").await?;
    site.bot.kick(&room, &site.user("bob")).await?;
    healed("kick", async || {
        Ok(site.room("staff").await?.membership("bob") == "leave")
    })
    .await?;
    bot.stop().await
}
