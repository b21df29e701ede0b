//! Power levels and settings of rooms that others have a hand in.

use anyhow::Result;
use serde_json::{Value, json};

use super::settled;
use crate::harness::{Directory, Site};

/// A room of version 12 (the homeserver's default today): rooms are created, then called "not manageable" for ever.
#[tokio::test]
async fn rooms_of_version_12() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory
            .room("alpha")
            .members(["alice", "bob", "carol", "dan"])
            .owners(["alice"]);
    })
    .await?;
    let alpha = site.room("alpha").await?;
    assert_eq!(alpha.version, "12");
    alpha.is_as_wanted(&directory, "alpha");
    let output = site.fine(&["managed"]).await?;
    assert!(output.stdout.contains("managed: 1 of 1 room"), "{output}");
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{output}");
    // And for good: one goes, one comes, another one owns it.
    site.register(["erin"]).await?;
    directory
        .room("alpha")
        .without("bob")
        .without("alice")
        .members(["alice", "erin"])
        .owners(["carol"]);
    directory.people(["bob"]);
    site.save(&directory)?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(writes.len(), 3, "{output}");
    site.room("alpha").await?.is_as_wanted(&directory, "alpha");
    Ok(())
}

/// A room that olga made, of a version in which levels have all sorts of forms, and that is adopted.
async fn adopted(levels: impl FnOnce(&Site, &mut Value)) -> Result<(Site, Directory, Value)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory
        .room("old")
        .members(["olga", "alice", "bob", "carol"])
        .owners(["alice"]);
    site.register(directory.everybody()).await?;
    let olga = site.person("olga").await?;
    let version = json!({ "room_version": "9", "name": "Our own name" });
    let id = site
        .made_by(&olga, "old", &["alice", "bob", "carol"], &version)
        .await?;
    let mut content = olga.power_levels(&id).await?;
    levels(&site, &mut content);
    olga.send_state(&id, "m.room.power_levels", "", content.clone())
        .await?;
    site.save(&directory)?;
    site.configure("", "[rooms]\nmanage_permissions = false")?;
    site.fine(&["adopt", &site.alias("old")]).await?;
    Ok((site, directory, content))
}

/// Levels event rebuilt: custom events of the room lost; `users_default` assumed present; after one changed user all
/// later ones get an explicit entry.
#[tokio::test]
async fn the_levels_event_keeps_what_is_not_ours() -> Result<()> {
    let (site, _, mut expected) = adopted(|site, content| {
        content.as_object_mut().unwrap().remove("users_default");
        content["events"]["org.example.custom"] = json!(7);
        content["org.example.unknown"] = json!({ "a": [1, "two", null] });
        content["notifications"] = json!({ "room": 20, "org.example.all": 90 });
        content["users"]["@zoe:elsewhere.example"] = json!(50);
        content["users"][site.user("bob")] = json!(0);
    })
    .await?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let levels: Vec<_> = writes
        .iter()
        .filter(|request| request.path.contains("m.room.power_levels"))
        .collect();
    assert_eq!(levels.len(), 1, "one event\n{output}");
    let id = site.room_id("old").await?;
    let after = site.bot.power_levels(&id).await?;
    // Alice is the one owner; an entry that says the default is tidied up.
    let users = expected["users"].as_object_mut().unwrap();
    users.insert(site.user("alice"), json!(50));
    users.remove(&site.user("bob"));
    assert_eq!(after, expected, "{output}");
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{output}");
    Ok(())
}

/// After one changed user all later ones get an explicit entry; with the permission template too.
#[tokio::test]
async fn the_template_is_merged() -> Result<()> {
    let (site, directory, before) = adopted(|_, content| {
        content["events"]["org.example.custom"] = json!(7);
        content["users"]["@zoe:elsewhere.example"] = json!(50);
    })
    .await?;
    site.configure("", "")?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let levels = writes
        .iter()
        .filter(|request| request.path.contains("m.room.power_levels"));
    assert_eq!(levels.count(), 1, "one event\n{output}");
    let id = site.room_id("old").await?;
    let after = site.bot.power_levels(&id).await?;
    assert_eq!(after["events"]["org.example.custom"], 7, "{output}");
    assert_eq!(after["kick"], 100);
    assert_eq!(after["events"]["m.room.name"], 50);
    for (event, level) in before["events"].as_object().unwrap() {
        assert!(!after["events"][event].is_null(), "{event} ({level}) is lost");
    }
    let mut users = before["users"].clone();
    users[site.user("alice")] = json!(50);
    assert_eq!(after["users"], users, "{output}");
    let people = site.room("old").await?.inside();
    assert_eq!(people, directory.wanted("old").into_keys().collect());
    Ok(())
}

/// Writes levels, history visibility and names: what a room has of these by a person's hand stays.
#[tokio::test]
async fn names_and_history_stay() -> Result<()> {
    let (site, _, _) = adopted(|_, _| {}).await?;
    let olga = site.person("olga").await?;
    let id = site.room_id("old").await?;
    olga.send_state(
        &id,
        "m.room.history_visibility",
        "",
        json!({ "history_visibility": "joined" }),
    )
    .await?;
    olga.send_state(&id, "m.room.topic", "", json!({ "topic": "Our own topic" }))
        .await?;
    site.configure(
        "",
        "[rooms]\nhistory_visibility = \"shared\"\ntopic = \"The bot's\"",
    )?;
    site.fine(&["sync"]).await?;
    let old = site.room("old").await?;
    assert_eq!(old.setting("m.room.name", "name"), Some("Our own name"));
    assert_eq!(old.setting("m.room.topic", "topic"), Some("Our own topic"));
    // Only ever tightened.
    let history = old.setting("m.room.history_visibility", "history_visibility");
    assert_eq!(history, Some("joined"));
    Ok(())
}
