//! The account and the homeserver's rate limits.

use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Client, Fault, enc, expect_ok};
use serde_json::json;

use super::{carry_out, check, club, request, says};
use crate::harness::{Site, lines};

async fn make_admin(site: &Site) -> Result<()> {
    let path = format!("/_synapse/admin/v1/users/{}/admin", enc(site.bot.user_id()));
    expect_ok("admin", site.admin.put(&path, json!({ "admin": true })).await?).map(drop)
}

/// What `override_ratelimit` says of the bot.
async fn limits_of(admin: &Client, site: &Site) -> Result<serde_json::Value> {
    let path = format!(
        "/_synapse/admin/v1/users/{}/override_ratelimit",
        enc(site.bot.user_id())
    );
    expect_ok("override", admin.get(&path).await?)
}

/// What an ordinary account cannot learn is assumed, and said to be; it cannot lift its limits either.
#[tokio::test]
async fn an_ordinary_account_assumes_and_cannot_fix() -> Result<()> {
    let (site, mut directory, _) = club().await?;
    for n in 0..12 {
        directory.room(&format!("r{n}")).members(["alice"]);
    }
    site.save(&directory)?;
    let (text, json) = check(&site, 0).await?;
    // 13 rooms: 3 beyond the burst of 10 at 0.016 a second; alice gets 13 invitations, 8 beyond 5 at 0.003.
    says(
        &text,
        &[
            "the homeserver does not tell the bot",
            "assumes those that a Synapse comes with",
            "the next sync takes at least 44 min (13 to create, 14 to invite), since one person gets 0.003 invitations",
            "without limits",
        ],
    );
    assert_eq!(json["rate_limits"]["override"]["is"], "not_known");
    assert_eq!(
        json["rate_limits"]["next_sync"]["limited"]["bottleneck"],
        "invitations_of_person"
    );
    let (fix, writes) = site.writes_of(&["check", "--fix"]).await?;
    assert_eq!(lines(&writes), [""; 0]);
    says(
        &fix,
        &[
            "not fixed: the bot is no administrator",
            "check: not fixed, see above",
        ],
    );
    assert_eq!(limits_of(&site.admin, &site).await?, json!({}));
    let fix = fix.exits(1);
    carry_out(
        &site,
        &fix,
        request(&json["account"]["remedies"], "/override_ratelimit")?,
    )
    .await?;
    let lifted = json!({ "messages_per_second": 0, "burst_count": 0 });
    assert_eq!(limits_of(&site.admin, &site).await?, lifted);
    Ok(())
}

/// An administrator's account is told what holds for it, and lifts it with one request.
#[tokio::test]
async fn an_administrator_fixes_its_limits() -> Result<()> {
    let (site, _, _) = club().await?;
    make_admin(&site).await?;
    let (text, json) = check(&site, 0).await?;
    says(
        &text,
        &[
            "an administrator of the homeserver",
            "the homeserver's own hold for the bot",
            "here: inviter check --fix",
            "next: inviter check --fix; then inviter plan; then inviter sync",
        ],
    );
    assert_eq!(json["rate_limits"]["override"]["is"], "none");
    let (fix, writes) = site.writes_of(&["check", "--fix"]).await?;
    let path = format!(
        "POST /_synapse/admin/v1/users/{}/override_ratelimit",
        site.bot.user_id()
    );
    assert_eq!(lines(&writes), [path]);
    says(
        &fix.exits(0),
        &["none hold for the bot", "they were lifted just now"],
    );
    let lifted = json!({ "messages_per_second": 0, "burst_count": 0 });
    assert_eq!(limits_of(&site.admin, &site).await?, lifted);

    let (again, writes) = site.writes_of(&["check", "--fix"]).await?;
    assert_eq!(lines(&writes), [""; 0]);
    says(&again.exits(0), &["nothing to fix: they were lifted before"]);
    let (text, json) = check(&site, 0).await?;
    says(&text, &["none hold for the bot"]);
    assert!(!text.stdout.contains("assumes"), "{text}");
    assert_eq!(json["rate_limits"]["override"]["is"], "exempt");
    Ok(())
}

/// Limits that hold for messages alone are told as they are, and lifted like any.
#[tokio::test]
async fn limits_of_its_own() -> Result<()> {
    let (site, _, _) = club().await?;
    make_admin(&site).await?;
    let path = format!(
        "/_synapse/admin/v1/users/{}/override_ratelimit",
        enc(site.bot.user_id())
    );
    let set = json!({ "messages_per_second": 5, "burst_count": 20 });
    expect_ok("override", site.admin.post(&path, set).await?)?;
    let (text, _) = check(&site, 0).await?;
    says(&text, &["5 messages a second for the bot, 20 at once"]);
    Ok(())
}

/// A limit that a sync has met is told with the day, by every later check.
#[tokio::test]
async fn limits_that_were_met() -> Result<()> {
    let (site, _, _) = club().await?;
    let (text, json) = check(&site, 0).await?;
    assert!(!text.stdout.contains("asked to wait"), "{text}");
    assert_eq!(json["rate_limits"]["met"], json!([]));
    site.proxy.on_request(|request| {
        let invites = request.path.ends_with("/invite");
        invites.then(|| Fault::limited(Duration::from_secs(300)))
    });
    site.run(&["sync"]).await?.exits(4);
    site.proxy.heal();
    let (text, json) = check(&site, 0).await?;
    says(
        &text,
        &["invitations: the homeserver asked to wait 300 s (seen 20"],
    );
    assert_eq!(json["rate_limits"]["met"][0]["kind"], "invitations");
    assert_eq!(json["rate_limits"]["met"][0]["wait_seconds"], 300.0);
    Ok(())
}

/// An account whose requests reach nobody looks healthy to everything else.
#[tokio::test]
async fn a_shadow_banned_account() -> Result<()> {
    let (site, _, _) = club().await?;
    make_admin(&site).await?;
    let path = format!("/_synapse/admin/v1/users/{}/shadow_ban", enc(site.bot.user_id()));
    expect_ok("ban", site.admin.post(&path, json!({})).await?)?;
    let (text, json) = check(&site, 1).await?;
    says(&text, &["is shadow-banned", "(1 trouble with the account)"]);
    carry_out(
        &site,
        &text,
        request(&json["account"]["remedies"], "/shadow_ban")?,
    )
    .await?;
    check(&site, 0).await?;
    Ok(())
}
