//! Whom the bot leaves alone: people of other homeservers, admins, whoever is exempt.

use std::sync::Arc;

use anyhow::Result;
use inviter_testkit::{Options, Synapse, enc};
use serde_json::json;
use tokio::net::TcpListener;

use super::settled;
use crate::{
    bad_input::tls::{Certificates, TlsServer},
    harness::{Directory, Site},
};

/// Admins and exempt people are in no group, and stay; a foreigner's level does too.
#[tokio::test]
async fn admins_are_untouched() -> Result<()> {
    let (site, mut directory) = settled(|directory| {
        directory
            .room("alpha")
            .members(["alice", "bob", "carol", "dan", "bridge_x"]);
    })
    .await?;
    let id = site.room_id("alpha").await?;
    site.join("alpha", ["alice", "bridge_x"]).await?;
    let mut levels = site.bot.power_levels(&id).await?;
    levels["users"][site.user("alice")] = json!(100);
    levels["users"][site.user("bridge_x")] = json!(60);
    levels["users"]["@zoe:elsewhere.example"] = json!(50);
    site.bot
        .send_state(&id, "m.room.power_levels", "", levels.clone())
        .await?;
    for person in ["alice", "bridge_x", "dan"] {
        directory.room("alpha").without(person);
        directory.people([person]);
    }
    site.save(&directory)?;
    site.configure("", "[accounts]\nexempt = [\"@bridge_*:example.test\"]")?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(writes.len(), 1, "dan goes, and nothing else happens\n{output}");
    let alpha = site.room("alpha").await?;
    for (person, membership) in [
        ("alice", "join"),
        ("bridge_x", "join"),
        ("dan", "leave"),
        ("bot", "join"),
    ] {
        assert_eq!(alpha.members[person], membership, "{person}\n{output}");
    }
    assert_eq!(site.bot.power_levels(&id).await?["users"], levels["users"]);
    super::tells(&output, &[&site.user("alice"), "has level 100 and is left alone"]);
    Ok(())
}

/// A homeserver that others can reach at `localhost:port`.
async fn federating() -> Result<(Synapse, TlsServer)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let name = format!("localhost:{}", listener.local_addr()?.port());
    let options = Options::new()
        .server_name(name)
        .set("federation_domain_whitelist", serde_json::Value::Null)
        .set("federation_verify_certificates", false)
        .set("ip_range_blacklist", json!([]))
        .set("federation_ip_range_blacklist", json!([]));
    let synapse = Synapse::start(options).await?;
    let front = Certificates::for_name("localhost")?.serve_on(listener, synapse.url())?;
    Ok((synapse, front))
}

/// A foreign user invited by hand is never touched, joined or not.
#[tokio::test]
async fn foreigners_invited_by_hand_are_untouched() -> Result<()> {
    let (ours, _front) = federating().await?;
    let (theirs, _other_front) = federating().await?;
    let site = Site::on(Arc::new(ours)).await?;
    let mut directory = Directory::default();
    directory.room("alpha").members(["alice", "bob", "carol", "dan"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    site.fine(&["sync"]).await?;
    let (zoe, yann) = (theirs.register("zoe").await?, theirs.register("yann").await?);
    let id = site.room_id("alpha").await?;
    for guest in [&zoe, &yann] {
        site.bot.invite(&id, guest.user_id()).await?;
    }
    let path = format!(
        "/_matrix/client/v3/join/{}?via={}",
        enc(&id),
        enc(site.synapse.server_name())
    );
    inviter_testkit::expect_ok("join", zoe.post(&path, json!({})).await?)?;
    let mut levels = site.bot.power_levels(&id).await?;
    levels["users"][zoe.user_id()] = json!(50);
    site.bot
        .send_state(&id, "m.room.power_levels", "", levels)
        .await?;
    directory.room("alpha").without("dan");
    directory.people(["dan"]);
    site.save(&directory)?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(writes.len(), 1, "dan goes, and nothing else happens\n{output}");
    let alpha = site.room("alpha").await?;
    assert_eq!(alpha.members[zoe.user_id()], "join", "{output}");
    assert_eq!(alpha.members[yann.user_id()], "invite", "{output}");
    assert_eq!(alpha.levels[zoe.user_id()], 50);
    assert_eq!(alpha.members["dan"], "leave");
    Ok(())
}

/// A room in which the bot lacks the power: what it may not do is said with what it needs, what it may do is done, and
/// the exit code is that of a job done in part until somebody has raised it.
#[tokio::test]
async fn missing_power_is_told_and_the_rest_is_done() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory.room("club").members(["alice", "bob"]);
    site.register(directory.everybody()).await?;
    site.register(["carol", "owner"]).await?;
    site.save(&directory)?;
    site.configure("", "[rooms]\nmanage_permissions = false")?;
    let owner = site.person("owner").await?;
    let id = site
        .made_by(&owner, "club", &["carol"], &json!({ "room_version": "11" }))
        .await?;
    let mut levels = owner.power_levels(&id).await?;
    levels["invite"] = json!(50);
    levels["kick"] = json!(80);
    levels["users"][site.bot.user_id()] = json!(60);
    // Nobody but the bot itself can lower it.
    site.bot
        .send_state(&id, "m.room.power_levels", "", levels.clone())
        .await?;
    site.fine(&["adopt", &site.alias("club")]).await?;
    // The first run removes nobody; the second would.
    for _ in 0..2 {
        let output = site.run(&["sync"]).await?.exits(4);
        let needs = "removing needs level 80 and the bot has 60";
        super::tells(&output, &["1 person is not removed", needs, site.bot.user_id()]);
        let club = site.room("club").await?;
        assert_eq!(Vec::from_iter(club.inside()), ["alice", "bob", "carol", "owner"]);
    }
    site.run(&["check"]).await?.exits(1);
    levels["users"][site.bot.user_id()] = json!(100);
    owner.send_state(&id, "m.room.power_levels", "", levels).await?;
    site.fine(&["sync"]).await?;
    let club = site.room("club").await?;
    assert_eq!(Vec::from_iter(club.inside()), ["alice", "bob", "owner"]);
    Ok(())
}
