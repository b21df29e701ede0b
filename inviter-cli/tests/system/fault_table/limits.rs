//! Refusals and rate limits: each action stands alone.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use inviter_testkit::{Fault, Options, Recorded, Synapse};

use super::tells;
use crate::harness::{Directory, Room, Site};

/// Whether a request invites this person.
fn invites(request: &Recorded, user: &str) -> bool {
    request.path.ends_with("/invite") && request.json()["user_id"] == *user
}

/// Three rooms, of which alice belongs in each and one more person in each.
async fn three_rooms() -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    for (room, person) in [("alpha", "bob"), ("beta", "carol"), ("gamma", "dan")] {
        directory.room(room).members(["alice", person]);
    }
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    Ok((site, directory))
}

/// Fails unless everybody is in each room but alice.
async fn all_but_alice_are_in(site: &Site, directory: &Directory) -> Result<()> {
    for room in ["alpha", "beta", "gamma"] {
        let mut wanted = directory.wanted(room);
        wanted.remove("alice");
        assert!(site.room(room).await?.inside().iter().eq(wanted.keys()), "{room}");
    }
    Ok(())
}

async fn all(site: &Site) -> Result<[Room; 3]> {
    Ok([
        site.room("alpha").await?,
        site.room("beta").await?,
        site.room("gamma").await?,
    ])
}

/// First banned user: the whole sync ends, nothing is reported, the later rooms are never reached, on every run.
#[tokio::test]
async fn a_ban_ends_nothing() -> Result<()> {
    let (site, mut directory) = three_rooms().await?;
    site.fine(&["sync"]).await?;
    let alpha = site.room_id("alpha").await?;
    site.bot.ban(&alpha, &site.user("alice")).await?;
    site.register(["erin"]).await?;
    for room in ["alpha", "beta", "gamma"] {
        directory.room(room).members(["erin"]);
    }
    site.save(&directory)?;
    let output = site.fine(&["sync"]).await?;
    let alice = site.user("alice");
    tells(
        &output,
        &[&site.alias("alpha"), &alice, "is banned", "unban them"],
    );
    let [alpha, beta, gamma] = all(&site).await?;
    assert_eq!(alpha.members["alice"], "ban");
    assert_eq!(alpha.members["erin"], "invite");
    beta.is_as_wanted(&directory, "beta");
    gamma.is_as_wanted(&directory, "gamma");
    // Nor on any later run, and nobody is unbanned.
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{output}");
    tells(&output.exits(0), &[&alice, "is banned"]);
    Ok(())
}

/// First refused invite: the whole sync ends, nothing is reported, the later rooms are never reached, on every run.
#[tokio::test]
async fn a_refused_invitation_ends_nothing() -> Result<()> {
    let (site, directory) = three_rooms().await?;
    let alice = site.user("alice");
    let user = alice.clone();
    site.proxy
        .on_request(move |request| invites(request, &user).then(|| Fault::matrix(403, "M_FORBIDDEN")));
    let output = site.run(&["sync"]).await?.exits(4);
    all_but_alice_are_in(&site, &directory).await?;
    let refused = format!("invite {alice}");
    let refused: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.contains(&refused))
        .collect();
    assert_eq!(refused.len(), 3, "{output}");
    assert!(refused.iter().all(|line| line.contains("failed: ")), "{output}");
    assert!(output.stdout.contains("3 failed"), "{output}");
    // Permanent as it is, it is told and not tried again on every run.
    let (output, writes) = site.writes_of(&["sync"]).await?;
    assert!(writes.is_empty(), "{output}");
    tells(
        &output.exits(0),
        &[&site.alias("beta"), &alice, "tried again a day later"],
    );
    Ok(())
}

/// First 429: the whole sync ends, nothing is reported, the later rooms are never reached, on every run.
#[tokio::test]
async fn a_429_ends_nothing() -> Result<()> {
    let (site, directory) = three_rooms().await?;
    let alice = site.user("alice");
    let user = alice.clone();
    // More than a run is willing to wait, for one person only.
    site.proxy
        .on_request(move |request| invites(request, &user).then(|| Fault::limited(Duration::from_secs(300))));
    let output = site.run(&["sync"]).await?.exits(4);
    assert!(output.stdout.contains("3 put off"), "{output}");
    for line in output
        .stdout
        .lines()
        .filter(|line| line.contains(&format!("invite {alice}")))
    {
        assert!(
            line.contains("put off until 2") && line.contains("429"),
            "{output}"
        );
    }
    all_but_alice_are_in(&site, &directory).await?;
    site.proxy.heal();
    site.fine(&["sync"]).await?;
    for (room, name) in all(&site).await?.iter().zip(["alpha", "beta", "gamma"]) {
        room.is_as_wanted(&directory, name);
    }
    Ok(())
}

/// First 429, from the limits that Synapse comes with: one person in more rooms than it lets somebody be invited
/// into. Everybody else is invited, and the person is put off.
#[tokio::test]
async fn stock_limits() -> Result<()> {
    let synapse = Arc::new(Synapse::start(Options::new().stock_limits()).await?);
    let site = Site::on(synapse).await?;
    let mut directory = Directory::default();
    let rooms: Vec<String> = (0..6).map(|n| format!("r{n}")).collect();
    for room in &rooms {
        directory.room(room).members(["alice"]);
    }
    // In the last one, there is somebody else; with one more the account's own limit would be met too.
    directory.room("r5").members(["bob"]);
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let output = site.run(&["sync"]).await?.exits(4);
    let put_off = output.stdout.matches("put off until ").count();
    assert!(put_off > 0 && put_off < rooms.len(), "{output}");
    let alice = format!("invite {}", site.user("alice"));
    for line in output
        .stdout
        .lines()
        .filter(|line| line.contains("put off until "))
    {
        assert!(line.contains(&alice), "{line}\n{output}");
    }
    assert!(output.stdout.contains(&format!("{put_off} put off")), "{output}");
    let mut missing = 0;
    for room in &rooms {
        let inside = site.room(room).await?.inside();
        missing += usize::from(!inside.contains("alice"));
    }
    assert_eq!(missing, put_off, "{output}");
    assert!(site.room("r5").await?.inside().contains("bob"), "{output}");
    // The administrator takes the bot out of the limits, and the next run does the rest.
    site.admin.override_ratelimit(site.bot.user_id()).await?;
    site.fine(&["sync"]).await?;
    for room in &rooms {
        site.room(room).await?.is_as_wanted(&directory, room);
    }
    Ok(())
}

/// First 429, from the limits that Synapse comes with: more invitations than the account may send at once. They are
/// sent as slowly as that takes, and nobody is refused so often that their own limit is met.
#[tokio::test]
async fn stock_limits_of_the_account() -> Result<()> {
    let synapse = Arc::new(Synapse::start(Options::new().stock_limits()).await?);
    let site = Site::on(synapse).await?;
    let mut directory = Directory::default();
    // Ten events at once, and one every five seconds from then on: four rooms and six people, and two people more.
    for n in 0..4 {
        let room = format!("r{n}");
        directory.room(&room).members([format!("p{n}"), format!("q{n}")]);
    }
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    let output = site.fine(&["sync"]).await?;
    let refused = site
        .proxy
        .writes()
        .into_iter()
        .filter(|request| request.status == Some(429));
    assert!(refused.count() > 0, "the limit was not met\n{output}");
    for room in directory.rooms() {
        site.room(&room).await?.is_as_wanted(&directory, &room);
    }
    Ok(())
}
