//! A run that is killed at any of its writing requests leaves nothing that the next run does not put right.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt as _,
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use inviter_testkit::{Options, Recorded, Synapse, When, enc, expect_ok, sigkill};
use serde_json::{Value, json};

use crate::harness::{Directory, Room, Site, lines};

const ROOMS: [&str; 3] = ["club", "den", "old"];
const SIGKILL: i32 = 9;
/// Sites at the same time: while one waits for its own process, another has the homeserver.
const LANES: usize = 3;

/// What the directory says in the beginning: one room, which exists.
fn before() -> Directory {
    let mut directory = Directory::default();
    directory
        .room("old")
        .members(["olga", "alice", "bob", "frank"])
        .owners(["bob"]);
    directory
}

/// What it says then: frank goes, bob is an owner no more, dora comes by a group, and there are two rooms more.
fn after() -> Directory {
    let mut directory = before();
    directory
        .room("old")
        .without("frank")
        .without("bob")
        .members(["bob"])
        .groups(["board"]);
    directory.group("board").members(["dora"]).groups(["chairs"]);
    directory.group("chairs").members(["alice"]);
    directory
        .room("club")
        .members(["bob", "frank"])
        .groups(["chairs"])
        .owners(["alice"]);
    directory
        .room("den")
        .groups(["board"])
        .members(["bob"])
        .owners(["dora", "bob"]);
    directory
}

/// The writing requests that lead from the one to the other, by the words of [`describe`].
fn expected() -> BTreeSet<String> {
    let (before, after) = (before(), after());
    let mut writes = BTreeSet::from(["levels old".to_owned(), "history old".to_owned()]);
    for room in after.rooms() {
        let there = if before.rooms().contains(&room) {
            before.wanted(&room)
        } else {
            writes.insert(format!("create {room}"));
            BTreeMap::new()
        };
        let wanted = after.wanted(&room);
        let coming = wanted.keys().filter(|name| !there.contains_key(*name));
        writes.extend(coming.map(|name| format!("invite {room} {name}")));
        let going = there.keys().filter(|name| !wanted.contains_key(*name));
        writes.extend(going.map(|name| format!("kick {room} {name}")));
    }
    writes
}

/// A site just before the run that is killed: its memory is that of a clean run.
async fn scene(synapse: &Arc<Synapse>, concurrency: u32) -> Result<Site> {
    let site = Site::on(Arc::clone(synapse)).await?;
    site.register(after().everybody()).await?;
    let olga = site.person("olga").await?;
    site.made_by(&olga, "old", &["alice", "bob", "frank"], &json!({}))
        .await?;
    site.save(&before())?;
    site.fine(&["adopt", &site.alias("old")]).await?;
    site.fine(&["sync"]).await?;
    site.save(&after())?;
    let text = site
        .config_text("", "[rooms]\nhistory_visibility = \"invited\"\n")
        .replace(
            "[homeserver]",
            &format!("[homeserver]\nconcurrency = {concurrency}"),
        );
    site.write(crate::harness::CONFIG, &text)?;
    Ok(site)
}

/// What a writing request is about, such as `invite den alice`.
async fn describe(site: &Site, write: &Recorded) -> Result<String> {
    let body = write.json();
    let path = write.decoded_path();
    if path.ends_with("/createRoom") {
        let alias = body["room_alias_name"].as_str().context("no alias")?;
        return Ok(format!("create {}", site.short(&site.synapse.alias(alias))));
    }
    let mut room = None;
    for name in ROOMS {
        let id = site.admin.resolve_alias(&site.alias(name)).await?;
        if id.is_some_and(|id| path.contains(&id)) {
            room = Some(name);
        }
    }
    let room = room.with_context(|| format!("{write} is about no room of the scene"))?;
    let verb = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Ok(match (verb, body["user_id"].as_str()) {
        (verb, Some(user)) => format!("{verb} {room} {}", site.short(user)),
        ("m.room.power_levels", None) => format!("levels {room}"),
        ("m.room.history_visibility", None) => format!("history {room}"),
        (verb, None) => format!("{verb} {room}"),
    })
}

/// The rooms without what differs from site to site. Whatever the run was, they are as the directory wants.
async fn end_state(site: &Site) -> Result<BTreeMap<&'static str, Room>> {
    let mut rooms = BTreeMap::new();
    for name in ROOMS {
        let room = site.room(name).await?;
        room.is_as_wanted(&after(), name);
        assert_eq!(
            room.setting("m.room.history_visibility", "history_visibility"),
            Some("invited"),
            "{name}"
        );
        assert_eq!(room.aliases, [name]);
        rooms.insert(name, room);
    }
    assert_eq!(rooms["old"].members["frank"], "leave");
    Ok(rooms)
}

/// How often each person was invited into a room, by its whole history.
async fn invitations(site: &Site, room: &str) -> Result<BTreeMap<String, usize>> {
    let id = site.room_id(room).await?;
    let path = format!("/_synapse/admin/v1/rooms/{}/messages?dir=b&limit=1000", enc(&id));
    let history = expect_ok(&path, site.admin.get(&path).await?)?;
    let events = history["chunk"].as_array().context("no chunk")?;
    let whole = events.iter().any(|event| event["type"] == "m.room.create");
    ensure!(whole, "the history of {room} is longer than one page");
    let mut counts = BTreeMap::new();
    for event in events {
        if event["type"] == "m.room.member" && event["content"]["membership"] == "invite" {
            let user = event["state_key"].as_str().context("no state key")?;
            *counts.entry(site.short(user).to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Everybody who was ever to be in a room was invited exactly once, and there is no room but those of the scene.
async fn nothing_twice(site: &Site) -> Result<()> {
    let mut rooms = BTreeSet::new();
    for name in ROOMS {
        rooms.insert(site.room_id(name).await?);
        let mut ever: BTreeSet<String> = after().wanted(name).into_keys().collect();
        if name == "old" {
            // Olga made it, and invited the bot.
            ever.extend(before().wanted(name).into_keys());
            ever.remove("olga");
            ever.insert("bot".to_owned());
        }
        let once: BTreeMap<String, usize> = ever.into_iter().map(|name| (name, 1)).collect();
        assert_eq!(invitations(site, name).await?, once, "invitations into {name}");
    }
    let of_bot: BTreeSet<String> = site.rooms_of_bot().await?.into_iter().collect();
    assert_eq!(of_bot, rooms, "rooms without an alias");
    Ok(())
}

async fn writes_nothing_more(site: &Site) -> Result<()> {
    let (output, writes) = site.writes_of(&["sync", "--json"]).await?;
    let output = output.exits(0);
    assert_eq!(lines(&writes), [""; 0], "{output}");
    assert_eq!(output.json()["counts"]["changes"], Value::from(0));
    Ok(())
}

/// The run without any mishap: how many writes there are, and what comes of them.
async fn reference(synapse: &Arc<Synapse>) -> Result<BTreeMap<&'static str, Room>> {
    let site = scene(synapse, 8).await?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    let mut done = BTreeSet::new();
    for write in &writes {
        done.insert(describe(&site, write).await?);
    }
    assert_eq!(done, expected(), "{output}");
    assert_eq!(writes.len(), done.len(), "{:#?}", lines(&writes));
    nothing_twice(&site).await?;
    writes_nothing_more(&site).await?;
    end_state(&site).await
}

/// Kills a run at its `k`-th write, and has another put things right. Answers what the write was about.
async fn killed_at(
    synapse: &Arc<Synapse>,
    k: usize,
    when: When,
    concurrency: u32,
    rooms: &BTreeMap<&'static str, Room>,
) -> Result<String> {
    let site = scene(synapse, concurrency).await?;
    site.proxy.clear();
    let mut child = site.start(&["sync"])?;
    let pid = child.id().context("it has ended")?;
    let (tell, told) = tokio::sync::oneshot::channel();
    site.proxy.on_write(k, when, move |write| async move {
        let killed = sigkill(pid);
        // The test is gone if nobody listens.
        let _ = tell.send(killed.map(|()| write));
    });
    let status = child.wait().await?;
    assert_eq!(status.signal(), Some(SIGKILL), "write {k} never came: {status}");
    site.proxy.settled().await;
    let write = told.await??;
    let sent = site.proxy.writes().len();
    ensure!(sent >= k, "killed at write {k} of {sent}");
    site.proxy.heal();

    let (output, _) = site.writes_of(&["sync"]).await?;
    output.exits(0);
    let about = format!("killed at write {k}, {write}");
    assert_eq!(&end_state(&site).await?, rooms, "{about}");
    nothing_twice(&site).await.context(about)?;
    writes_nothing_more(&site).await?;
    describe(&site, &write).await
}

async fn killed_at_each_write(when: When) -> Result<()> {
    // One for each test: Synapse is one process, and there is more than one processor.
    let synapse = Arc::new(Synapse::start(Options::new()).await?);
    let rooms = reference(&synapse).await?;
    let total = expected().len();
    // One request at a time: then each of the writes is the k-th for some k.
    let hit: Vec<String> = stream::iter(1..=total)
        .map(|k| killed_at(&synapse, k, when, 1, &rooms))
        .buffered(LANES)
        .try_collect()
        .await?;
    eprintln!("{when:?}, {total} writes: {hit:?}");
    assert_eq!(hit.into_iter().collect::<BTreeSet<_>>(), expected());
    // As it normally runs: others are under way when it is killed.
    let some = (1..=total).step_by(4);
    let hit: Vec<String> = stream::iter(some)
        .map(|k| killed_at(&synapse, k, when, 8, &rooms))
        .buffered(LANES)
        .try_collect()
        .await?;
    eprintln!("{when:?}, eight requests at a time: {hit:?}");
    Ok(())
}

#[tokio::test]
async fn before_the_homeserver_hears_of_it() -> Result<()> {
    killed_at_each_write(When::BeforeForward).await
}

#[tokio::test]
async fn after_it_has_taken_effect() -> Result<()> {
    killed_at_each_write(When::AfterEffect).await
}
