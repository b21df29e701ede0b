//! How people come in, what becomes of those who leave, and admins over whom the directory rules.

use std::time::Duration;

use anyhow::Result;
use inviter_testkit::{Client, Fault, Recorded, enc, expect_ok};
use serde_json::{Value, json};

use crate::harness::{Directory, Site, lines};

const LEVELS: &str = "m.room.power_levels";

/// Makes the bot a server administrator, or an ordinary account again.
async fn set_admin(site: &Site, admin: bool) -> Result<()> {
    let path = format!("/_synapse/admin/v2/users/{}", enc(site.bot.user_id()));
    expect_ok("admin", site.admin.put(&path, json!({ "admin": admin })).await?).map(drop)
}

/// A site whose room `staff` is for these people.
async fn site_of(people: &[&str], sections: &str) -> Result<(Site, Directory)> {
    let site = Site::new().await?;
    site.configure("", sections)?;
    let mut directory = Directory::default();
    directory.room("staff").members(people.iter().copied());
    site.register(directory.everybody()).await?;
    site.save(&directory)?;
    Ok((site, directory))
}

/// What a sync sends that writes, by the last words of its paths.
async fn sync(site: &Site) -> Result<Vec<String>> {
    let (output, writes) = site.writes_of(&["sync"]).await?;
    output.exits(0);
    let word = |line: &String| {
        let line = line.trim_end_matches('/');
        let segments: Vec<&str> = line.split(' ').nth(1).unwrap_or_default().split('/').collect();
        let place = if line.contains("/_synapse/") { "admin " } else { "" };
        let named = segments
            .iter()
            .rev()
            .find(|s| !s.starts_with(['!', '@', '#', '%']));
        format!("{place}{}", named.unwrap_or(&""))
    };
    Ok(lines(&writes).iter().map(word).collect())
}

async fn memberships(site: &Site, people: &[&str]) -> Result<Vec<String>> {
    let room = site.room("staff").await?;
    let of = |name: &&str| room.members.get(*name).cloned().unwrap_or_default();
    Ok(people.iter().map(of).collect())
}

/// The membership events of a person that were ever sent into the room, oldest first.
async fn history(site: &Site, person: &str) -> Result<Vec<String>> {
    let room = site.room_id("staff").await?;
    let filter = enc("{\"types\":[\"m.room.member\"]}");
    let path = format!(
        "/_matrix/client/v3/rooms/{}/messages?dir=f&limit=100&filter={filter}",
        enc(&room)
    );
    let answer = expect_ok("messages", site.bot.get(&path).await?)?;
    let events = answer["chunk"].as_array().cloned().unwrap_or_default();
    let of = events
        .iter()
        .filter(|event| event["state_key"] == *site.user(person));
    Ok(of
        .filter_map(|event| event["content"]["membership"].as_str().map(str::to_owned))
        .collect())
}

#[tokio::test]
async fn an_administrator_puts_people_straight_in() -> Result<()> {
    let (site, mut directory) = site_of(&["alice", "bob"], "[people]\nbring_in = \"join\"").await?;
    set_admin(&site, true).await?;
    let output = site.fine(&["plan"]).await?;
    assert!(
        output.stdout.contains(&format!("put in {}", site.user("alice"))),
        "{output}"
    );
    assert_eq!(sync(&site).await?, ["createRoom", "admin join", "admin join"]);
    assert_eq!(memberships(&site, &["alice", "bob"]).await?, ["join", "join"]);
    site.room("staff").await?.is_as_wanted(&directory, "staff");
    assert_eq!(sync(&site).await?, [""; 0]);

    // An invitation that is there already is left to whoever got it.
    directory.room("staff").members(["carol", "dan"]);
    site.register(["carol", "dan"]).await?;
    site.save(&directory)?;
    let room = site.room_id("staff").await?;
    site.bot.invite(&room, &site.user("carol")).await?;
    assert_eq!(sync(&site).await?, ["admin join"]);
    assert_eq!(memberships(&site, &["carol", "dan"]).await?, ["invite", "join"]);
    assert_eq!(sync(&site).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn whoever_is_no_administrator_invites() -> Result<()> {
    let (site, _) = site_of(&["alice", "bob"], "[rooms]\nbring_in = \"join\"").await?;
    assert_eq!(sync(&site).await?, ["createRoom", "invite", "invite"]);
    assert_eq!(memberships(&site, &["alice", "bob"]).await?, ["invite", "invite"]);
    assert_eq!(sync(&site).await?, [""; 0]);
    Ok(())
}

/// Whether a request puts somebody in.
fn is_put_in(request: &Recorded) -> bool {
    request.path.starts_with("/_synapse/admin/v1/join/")
}

/// A proxy in front of the homeserver shuts the request off, as many do with all below `/_synapse`.
#[tokio::test]
async fn where_the_request_is_shut_off_it_is_asked_once() -> Result<()> {
    let (site, _) = site_of(&["alice", "bob", "carol"], "[people]\nbring_in = \"join\"").await?;
    set_admin(&site, true).await?;
    let shut_off = |request: &Recorded| is_put_in(request).then(|| Fault::matrix(404, "M_UNRECOGNIZED"));
    site.proxy.on_request(shut_off);
    let (output, writes) = site.writes_of(&["sync"]).await?;
    output.exits(0);
    let asked = writes
        .iter()
        .filter(|request| request.path.contains("/_synapse/"))
        .count();
    let invited = writes
        .iter()
        .filter(|request| request.path.ends_with("/invite"))
        .count();
    assert_eq!(asked, 1, "{:?}", lines(&writes));
    assert_eq!(invited, 3, "{:?}", lines(&writes));
    site.proxy.heal();
    assert_eq!(sync(&site).await?, [""; 0]);
    Ok(())
}

/// The answer is lost, and nobody is put in twice or left with an invitation.
#[tokio::test]
async fn a_lost_answer_puts_nobody_in_twice() -> Result<()> {
    let (site, _) = site_of(&["alice"], "[people]\nbring_in = \"join\"").await?;
    set_admin(&site, true).await?;
    let mut lost = 0;
    site.proxy.on_request(move |request: &Recorded| {
        let loses = is_put_in(request) && lost == 0;
        lost += u32::from(loses);
        loses.then_some(Fault::LoseAnswer)
    });
    let output = site.fine(&["sync"]).await?;
    site.proxy.heal();
    assert!(output.stdout.contains("1 invited"), "{output}");
    assert_eq!(history(&site, "alice").await?, ["invite", "join"]);
    assert_eq!(sync(&site).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn who_left_is_invited_once_the_time_has_passed() -> Result<()> {
    let (site, _) = site_of(&["alice"], "").await?;
    sync(&site).await?;
    let room = site.room_id("staff").await?;
    let alice: Client = site.person("alice").await?;
    alice.join(&room).await?;
    alice.leave(&room).await?;
    // By default they are not pestered.
    assert_eq!(sync(&site).await?, [""; 0]);
    let after = |time: &str| {
        let alias = site.alias("staff");
        format!("[[room]]\nalias = \"{alias}\"\ngroups = [\"MTRX {alias}\"]\nleft = \"after {time}\"")
    };
    site.configure("", &after("1h"))?;
    let output = site.fine(&["plan"]).await?;
    assert!(
        output
            .stdout
            .contains("not invited again until 1 hour after that"),
        "{output}"
    );
    assert_eq!(sync(&site).await?, [""; 0]);
    site.configure("", &after("1s"))?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(sync(&site).await?, ["invite"]);
    assert_eq!(sync(&site).await?, [""; 0]);
    // Declined: that is another time that they left, and another invitation.
    alice.leave(&room).await?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(sync(&site).await?, ["invite"]);
    Ok(())
}

#[tokio::test]
async fn the_directory_rules_over_admins_where_that_is_configured() -> Result<()> {
    let twelve = "[rooms]\nversion = \"12\"\n[limits]\nroom_count = 9\ntotal_count = 9\n";
    let (site, directory) = site_of(&["alice", "bob", "carol"], twelve).await?;
    site.register(["mallory"]).await?;
    sync(&site).await?;
    let room = site.room_id("staff").await?;
    site.join("staff", ["alice", "bob", "carol"]).await?;
    site.bot.invite(&room, &site.user("mallory")).await?;
    site.join("staff", ["mallory"]).await?;
    let mut levels: Value = site.bot.power_levels(&room).await?;
    for (name, level) in [("mallory", 100), ("alice", 150)] {
        levels["users"][site.user(name)] = json!(level);
    }
    site.bot.send_state(&room, LEVELS, "", levels).await?;

    // Left alone, with a word about each.
    let output = site.fine(&["plan"]).await?;
    assert!(
        output.stdout.contains("does not belong there, but has level 100"),
        "{output}"
    );
    assert_eq!(sync(&site).await?, [""; 0]);
    let before = site.room("staff").await?;
    assert_eq!((before.levels["mallory"], before.levels["alice"]), (100, 150));

    site.configure("", &format!("{twelve}[people]\ndanger_manage_admins = true"))?;
    assert_eq!(sync(&site).await?, [LEVELS, "kick"]);
    let after = site.room("staff").await?;
    after.is_as_wanted(&directory, "staff");
    assert_eq!(after.members["mallory"], "leave");
    assert_eq!(after.members[&site.short(site.bot.user_id()).to_owned()], "join");
    assert_eq!(sync(&site).await?, [""; 0]);
    Ok(())
}
