//! Rooms that were upgraded on a real homeserver, and aliases that lead elsewhere.

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, enc, expect_ok};
use serde_json::{Value, json};

use crate::harness::{Directory, Site, lines};

/// A site whose room `staff` the bot has created in this version, with alice, bob and carol in it.
async fn site_of(version: &str) -> Result<(Site, Directory, String)> {
    let site = Site::new().await?;
    site.configure("", &format!("[rooms]\nversion = \"{version}\"\n"))?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice", "bob", "carol"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    site.join("staff", ["alice", "bob", "carol"]).await?;
    let id = site.room_id("staff").await?;
    Ok((site, directory, id))
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

/// Moves the alias of `staff` to a room, as somebody who administers the homeserver.
async fn move_alias(site: &Site, by: &Client, room: &str) -> Result<()> {
    let alias = site.alias("staff");
    let path = format!("/_matrix/client/v3/directory/room/{}", enc(&alias));
    expect_ok("free the alias", site.admin.delete(&path).await?)?;
    by.add_alias(&alias, room).await
}

/// Who is joined to or invited into a room, in short names, without the bot.
async fn inside(site: &Site, room: &str) -> Result<Vec<String>> {
    let members = site.admin.admin_room_state(room).await?;
    let is_in = |event: &&Value| {
        event["type"] == "m.room.member"
            && (event["content"]["membership"] == "join" || event["content"]["membership"] == "invite")
            && event["state_key"] != site.bot.user_id()
    };
    let names = members
        .iter()
        .filter(is_in)
        .filter_map(|event| event["state_key"].as_str());
    let mut names: Vec<String> = names.map(|user| site.short(user).to_owned()).collect();
    names.sort();
    Ok(names)
}

/// A sync in which nothing is left to do.
async fn rests(site: &Site) -> Result<()> {
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0], "{output}");
    Ok(())
}

/// The room in the JSON of a plan.
async fn planned(site: &Site) -> Result<Value> {
    let plan = site.run(&["plan", "--json"]).await?.json();
    Ok(plan["rooms"][0].clone())
}

fn kinds(room: &Value) -> Vec<&str> {
    let findings = room["findings"].as_array().map_or(&[][..], Vec::as_slice);
    findings
        .iter()
        .filter_map(|finding| finding["kind"].as_str())
        .collect()
}

/// The bot's own account upgrades, twice in a row, and Synapse moves the alias along.
#[tokio::test]
async fn the_bots_own_upgrade_is_followed() -> Result<()> {
    for (from, to) in [("11", "12"), ("12", "12")] {
        let (site, directory, old) = site_of(from).await?;
        // Who had left is not asked again in the new room.
        site.person("carol").await?.leave(&old).await?;
        let mut current = old.clone();
        for _ in 0..2 {
            let new = upgrade(&site.bot, &current, to).await?;
            assert_eq!(site.room_id("staff").await?, new, "Synapse moves local aliases");
            let before = inviter_testkit::digest(&site.admin, std::slice::from_ref(&current)).await?;
            let room = planned(&site).await?;
            assert!(kinds(&room).contains(&"followed"), "{room}");
            let (output, writes) = site.writes_of(&["sync"]).await?;
            let output = output.exits(0);
            let invitations = lines(&writes)
                .iter()
                .filter(|line| line.ends_with("/invite"))
                .count();
            assert_eq!(invitations, 2, "{output}");
            assert_eq!(inside(&site, &new).await?, ["alice", "bob"]);
            let after = inviter_testkit::digest(&site.admin, std::slice::from_ref(&current)).await?;
            assert_eq!(before, after, "nothing is done in the room that was closed");
            rests(&site).await?;
            site.join("staff", ["alice", "bob"]).await?;
            current = new;
        }
        // It is a room like any other: who goes, goes.
        let mut directory = directory;
        directory.group("staff").without("bob");
        site.save(&directory)?;
        site.fine(&["sync"]).await?;
        assert_eq!(inside(&site, &current).await?, ["alice"]);
        rests(&site).await?;
    }
    Ok(())
}

/// An admin person upgrades: the bot has to be invited into the new room by them.
#[tokio::test]
async fn an_admins_upgrade_is_followed_once_they_invite_the_bot() -> Result<()> {
    let (site, _, old) = site_of("11").await?;
    let alice = site.person("alice").await?;
    let mut levels = site.bot.power_levels(&old).await?;
    levels["users"][alice.user_id()] = json!(100);
    site.bot
        .send_state(&old, "m.room.power_levels", "", levels)
        .await?;
    let new = upgrade(&alice, &old, "12").await?;
    for _ in 0..2 {
        let room = planned(&site).await?;
        assert_eq!(
            (room["status"].as_str(), kinds(&room)),
            (Some("replaced"), vec!["replaced"]),
            "{room}"
        );
        rests(&site).await?;
    }
    let wanted = [site.bot.user_id(), "invited there by", alice.user_id()];
    let text = site.run(&["plan"]).await?.stdout;
    assert!(wanted.iter().all(|part| text.contains(part)), "{text}");
    alice.invite(&new, site.bot.user_id()).await?;
    let output = site.run(&["sync"]).await?;
    // Synapse copies the levels, so that the bot has its own there.
    assert_eq!(inside(&site, &new).await?, ["alice", "bob", "carol"], "{output}");
    rests(&site).await
}

/// The alias stays where it was: the tombstone is enough, if the new room agrees.
#[tokio::test]
async fn an_upgrade_is_followed_where_the_alias_was_left_behind() -> Result<()> {
    let (site, _, old) = site_of("12").await?;
    let new = upgrade(&site.bot, &old, "12").await?;
    move_alias(&site, &site.bot, &old).await?;
    site.fine(&["sync"]).await?;
    assert_eq!(inside(&site, &new).await?, ["alice", "bob", "carol"]);
    rests(&site).await
}

/// Whoever closes a room in favour of one that knows nothing of it is not followed.
#[tokio::test]
async fn a_room_that_does_not_agree_is_told_and_left_alone() -> Result<()> {
    let (site, _, old) = site_of("12").await?;
    let other = site.bot.create_room(json!({ "preset": "private_chat" })).await?;
    let tombstone = json!({ "body": "moved", "replacement_room": other });
    site.bot
        .send_state(&old, "m.room.tombstone", "", tombstone)
        .await?;
    let room = planned(&site).await?;
    assert_eq!(kinds(&room), ["not_successor"], "{room}");
    rests(&site).await?;
    assert!(inside(&site, &other).await?.is_empty());
    Ok(())
}

/// A person moves the alias to another room: told, and nothing done in either, until a person says so.
#[tokio::test]
async fn an_alias_that_leads_elsewhere_is_told_until_it_is_adopted() -> Result<()> {
    let (site, mut directory, old) = site_of("12").await?;
    let mallory = site.person("alice").await?;
    let body = json!({ "preset": "private_chat", "invite": [site.bot.user_id()] });
    let other = mallory.create_room(body).await?;
    site.bot.join(&other).await?;
    move_alias(&site, &mallory, &other).await?;
    // The answer of an hour ago would do for planning; what takes somebody away is asked about first.
    directory.group("staff").without("carol");
    site.save(&directory)?;
    for _ in 0..2 {
        let (output, writes) = site.writes_of(&["sync"]).await?;
        assert_eq!(lines(&writes), [""; 0], "{output}");
        assert_eq!(inside(&site, &old).await?, ["alice", "bob", "carol"]);
        assert_eq!(inside(&site, &other).await?, ["alice"]);
    }
    let room = planned(&site).await?;
    assert_eq!(
        (room["status"].as_str(), kinds(&room)),
        (Some("moved"), vec!["alias_moved"]),
        "{room}"
    );
    let text = site.run(&["plan"]).await?.stdout;
    assert!(
        text.contains(&old) && text.contains(&other) && text.contains("inviter adopt"),
        "{text}"
    );
    let alias = site.alias("staff");
    let refused = site.run(&["unmanage", &alias]).await?.exits(1);
    assert!(refused.stdout.contains("now leads to"), "{refused}");
    site.fine(&["adopt", &alias]).await?;
    let room = planned(&site).await?;
    assert_eq!(room["status"].as_str(), Some("managed"), "{room}");
    // Nobody is taken from the room that the alias led to.
    site.run(&["sync"]).await?;
    assert_eq!(inside(&site, &old).await?, ["alice", "bob", "carol"]);
    Ok(())
}
