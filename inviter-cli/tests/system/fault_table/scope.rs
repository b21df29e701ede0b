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
