//! Rooms that the configuration lists one by one.

use std::collections::BTreeMap;

use anyhow::Result;
use inviter_testkit::Client;

use crate::harness::{Directory, Room, Site};

fn listed(site: &Site, extra: &str) -> String {
    format!(
        "[[room]]\nalias = \"{}\"\nname = \"The lab\"\ntopic = \"Keep it clean\"\nlisting = \"public\"\n\
         history_visibility = \"invited\"\nencrypt = false\nversion = \"11\"\n\
         groups = [\"staff\", {{ group = \"leads\", directory = \"people\", level = 60 }}]\n\
         members = [\"{}\", {{ user = \"{}\", level = 10 }}, {{ user = \"{}\", level = 40 }}]\n{extra}",
        site.alias("lab"),
        site.user("warden"),
        site.user("bob"),
        site.user("auditor"),
    )
}

fn levels(room: &Room) -> BTreeMap<&str, i64> {
    room.levels
        .iter()
        .map(|(user, level)| (user.as_str(), *level))
        .collect()
}

async fn topic_is_changed_by_hand(bot: &Client, room: &str) -> Result<()> {
    let content = serde_json::json!({ "topic": "By hand" });
    bot.send_state(room, "m.room.topic", "", content).await.map(drop)
}

/// Name, topic, listing, history, version, a level for each group, and fixed members with and without a level, who
/// are in no directory and stay; a fixed level overrides that of a group.
#[tokio::test]
async fn a_listed_room_is_made_and_kept_as_listed() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory
        .group("staff")
        .members(["alice", "bob"])
        .groups(["leads"]);
    directory.group("leads").members(["carol", "bob"]);
    site.register(directory.everybody()).await?;
    site.register(["warden", "auditor"]).await?;
    site.save(&directory)?;
    site.configure("", &listed(&site, ""))?;
    site.fine(&["sync"]).await?;

    let room = site.room("lab").await?;
    let everybody = ["alice", "auditor", "bob", "carol", "warden"];
    assert_eq!(Vec::from_iter(room.inside()), everybody);
    assert_eq!(
        levels(&room),
        BTreeMap::from([("auditor", 40), ("bob", 10), ("bot", 100), ("carol", 60)])
    );
    assert_eq!((room.version.as_str(), room.listing.as_str()), ("11", "public"));
    assert_eq!(room.setting("m.room.name", "name"), Some("The lab"));
    assert_eq!(room.setting("m.room.topic", "topic"), Some("Keep it clean"));
    assert_eq!(
        room.setting("m.room.history_visibility", "history_visibility"),
        Some("invited")
    );
    assert!(!room.settings.contains_key("m.room.encryption"));
    assert_eq!(site.writes_of(&["sync"]).await?.1.len(), 0);

    // Levels and settings follow the list; what is set already stays, and fixed members stay whatever happens.
    topic_is_changed_by_hand(&site.bot, &site.room_id("lab").await?).await?;
    directory.group("leads").without("carol");
    directory.group("staff").members(["carol"]).without("alice");
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    let room = site.room("lab").await?;
    assert_eq!(Vec::from_iter(room.inside()), &everybody[1..]);
    assert_eq!(
        levels(&room),
        BTreeMap::from([("auditor", 40), ("bob", 10), ("bot", 100)])
    );
    assert_eq!(room.setting("m.room.topic", "topic"), Some("By hand"));
    assert_eq!(site.writes_of(&["sync"]).await?.1.len(), 0);
    Ok(())
}

/// A listed room that exists is named by its ID, and a space gets people, levels and a name only.
#[tokio::test]
async fn a_room_by_its_id_and_a_space() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.group("staff").members(["alice", "bob"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let id = site
        .bot
        .create_room(serde_json::json!({ "preset": "private_chat", "name": "Old" }))
        .await?;
    let sections = format!(
        "[[room]]\nid = \"{id}\"\ngroups = [\"staff\"]\n\n\
         [[room]]\nalias = \"{}\"\nkind = \"space\"\ngroups = [{{ group = \"staff\", level = 50 }}]",
        site.alias("campus")
    );
    site.configure("", &sections)?;
    site.fine(&["sync"]).await?;

    let old = site.admin.admin_room_state(&id).await?;
    let invited = old
        .iter()
        .filter(|e| e["type"] == "m.room.member" && e["content"]["membership"] == "invite");
    assert_eq!(invited.count(), 2);
    assert!(
        old.iter()
            .any(|e| e["type"] == "m.room.name" && e["content"]["name"] == "Old")
    );

    let campus = site.room("campus").await?;
    let create = site
        .admin
        .admin_room_state(&site.room_id("campus").await?)
        .await?;
    assert!(
        create
            .iter()
            .any(|e| e["type"] == "m.room.create" && e["content"]["type"] == "m.space")
    );
    assert_eq!(levels(&campus), BTreeMap::from([("alice", 50), ("bob", 50)]));
    assert!(!campus.settings.contains_key("m.room.encryption"));
    assert_eq!(campus.setting("m.room.name", "name"), Some("campus"));
    assert_eq!(site.writes_of(&["sync"]).await?.1.len(), 0);
    Ok(())
}
