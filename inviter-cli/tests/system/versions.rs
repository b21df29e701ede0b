//! Room versions 6, 10, 11 and 12: the same life of a site in each, with random groups from a fixed seed.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, Fault, expect_ok};
use serde_json::{Value, json};

use crate::harness::{Directory, Room, Site, lines};

/// Rooms that are created; `old` is there before.
const NEW: [&str; 3] = ["r0", "r1", "r2"];
const UNITS: [&str; 4] = ["u0", "u1", "u2", "u3"];
/// People who come and go by chance. Besides them there are those with names.
const CROWD: usize = 9;
const ROUNDS: usize = 3;
const LEVELS: &str = "m.room.power_levels";

#[tokio::test]
async fn version_6() -> Result<()> {
    life("6", 6).await
}

#[tokio::test]
async fn version_10() -> Result<()> {
    life("10", 10).await
}

#[tokio::test]
async fn version_11() -> Result<()> {
    life("11", 11).await
}

#[tokio::test]
async fn version_12() -> Result<()> {
    life("12", 12).await
}

/// Chance that is the same every time (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, names: &[&'a str]) -> &'a str {
        names[self.below(names.len())]
    }

    fn somebody(&mut self) -> String {
        format!("p{}", self.below(CROWD))
    }
}

/// Everybody; nobody is ever missing from the directory, which would look like one that shrank.
fn everybody() -> Vec<String> {
    let names = ["anna", "olga", "hank", "ivan", "lena", "wanda"].map(str::to_owned);
    (0..CROWD).map(|n| format!("p{n}")).chain(names).collect()
}

/// Units in units, circles too; anna is in every room, so that none is ever wanted empty.
fn random_directory(chance: &mut Chance) -> Directory {
    let mut directory = Directory::default();
    directory.people(everybody());
    for room in NEW {
        directory.room(room).members(["anna"]);
    }
    directory
        .room("old")
        .members(["anna", "olga", "hank", "wanda"])
        .owners(["wanda"]);
    for group in NEW.into_iter().chain(["old"]).chain(UNITS) {
        let size = 1 + chance.below(3);
        let (members, owners): (Vec<_>, Vec<_>) =
            (0..size).map(|_| (chance.somebody(), chance.somebody())).unzip();
        let nested = (0..chance.below(3)).map(|_| chance.of(&UNITS));
        let nested: Vec<&str> = nested.filter(|unit| *unit != group).collect();
        directory
            .group(group)
            .members(members)
            .owners(owners)
            .groups(nested);
    }
    directory
}

/// A few people join, leave or are raised in groups, and units are hung up elsewhere.
fn shuffle(directory: &mut Directory, chance: &mut Chance) {
    for _ in 0..6 {
        let all: Vec<&str> = NEW.into_iter().chain(["old"]).chain(UNITS).collect();
        let unit = chance.of(&UNITS);
        let group = chance.of(&all);
        let person = chance.somebody();
        let group = directory.group(group);
        let set = match chance.below(5) {
            0 => (&mut group.groups, unit.to_owned()),
            1 | 2 => (&mut group.owners, person),
            _ => (&mut group.members, person),
        };
        if !set.0.remove(&set.1) {
            set.0.insert(set.1);
        }
    }
}

/// A room of olga's with more people than it should have, and with power levels that say only the half.
async fn old_room(site: &Site, olga: &Client, version: &str) -> Result<()> {
    let extra = json!({ "room_version": version });
    let id = site
        .made_by(olga, "old", &["hank", "ivan", "lena"], &extra)
        .await?;
    let raised = [("hank", 50), ("ivan", 50), ("lena", 10)];
    let mut users: serde_json::Map<String, Value> = raised
        .iter()
        .map(|(name, level)| (site.user(name), json!(level)))
        .collect();
    users.insert(site.bot.user_id().to_owned(), json!(100));
    if version != "12" {
        users.insert(site.user("olga"), json!(100));
    }
    let levels = json!({ "users": users, "events": { "org.example.custom": 7 }, "invite": 50 });
    olga.send_state(&id, LEVELS, "", levels.clone()).await?;
    assert_eq!(olga.power_levels(&id).await?, levels);
    Ok(())
}

/// What a room of ours lets whom do, by the documentation: the level that holds for each key, be it said or implied.
fn check_permissions(room: &Room, name: &str) {
    let levels = &room.permissions;
    let key = |key: &str, default: i64| levels[key].as_i64().unwrap_or(default);
    for (name_of_key, default, wanted) in [
        ("users_default", 0, 0),
        ("events_default", 0, 0),
        ("state_default", 50, 50),
        ("invite", 0, 100),
        ("kick", 50, 100),
        ("ban", 50, 100),
        ("redact", 50, 100),
    ] {
        assert_eq!(
            key(name_of_key, default),
            wanted,
            "{name_of_key} of {name}: {levels}"
        );
    }
    let (state, message) = (key("state_default", 50), key("events_default", 0));
    for (kind, default, wanted) in [
        ("m.room.name", state, 50),
        ("m.room.power_levels", state, 100),
        ("m.room.history_visibility", state, 100),
        ("m.room.canonical_alias", state, 100),
        ("m.room.avatar", state, 50),
        ("m.room.topic", state, 50),
        ("m.room.pinned_events", state, 0),
        ("m.reaction", message, 0),
        ("m.room.redaction", message, 100),
    ] {
        let level = levels["events"][kind].as_i64().unwrap_or(default);
        assert_eq!(level, wanted, "{kind} of {name}: {levels}");
    }
    if name == "old" {
        assert_eq!(levels["events"]["org.example.custom"], 7);
    } else {
        let tombstone = if room.version == "12" { 150 } else { 100 };
        assert_eq!(levels["events"]["m.room.tombstone"], tombstone, "{levels}");
    }
}

async fn compare(site: &Site, directory: &Directory, version: &str) -> Result<()> {
    for name in directory.rooms() {
        let room = site.room(&name).await?;
        room.is_as_wanted(directory, &name);
        assert_eq!(room.version, version, "{name}");
        assert_eq!(room.creator, if name == "old" { "olga" } else { "bot" });
        let history = room.setting("m.room.history_visibility", "history_visibility");
        assert_eq!(history, Some("shared"), "{name}");
        assert_eq!(room.setting("m.room.name", "name"), Some(name.as_str()));
        check_permissions(&room, &name);
    }
    Ok(())
}

/// Runs a sync, and another that has nothing to do; then rooms are as the directory wants them.
async fn sync(site: &Site, directory: &Directory, version: &str) -> Result<()> {
    site.save(directory)?;
    site.fine(&["sync"]).await?;
    compare(site, directory, version).await?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    assert_eq!(lines(&writes), [""; 0], "{output}");
    Ok(())
}

/// Some of those who are invited accept it.
async fn accept_some(site: &Site, directory: &Directory, chance: &mut Chance) -> Result<()> {
    for name in directory.rooms() {
        let room = site.room(&name).await?;
        let invited = room
            .members
            .iter()
            .filter(|(_, membership)| *membership == "invite");
        let some: Vec<&String> = invited
            .map(|(name, _)| name)
            .filter(|_| chance.one_in(2))
            .collect();
        site.join(&name, some).await?;
    }
    Ok(())
}

async fn life(version: &str, seed: u64) -> Result<()> {
    let mut chance = Chance(seed);
    let site = Site::new().await?;
    site.configure(
        "",
        &format!("[rooms]\nversion = \"{version}\"\n[limits]\nroom_count = 1000\ntotal_count = 1000\n"),
    )?;
    site.register(everybody()).await?;
    let olga = site.person("olga").await?;
    old_room(&site, &olga, version).await?;
    let mut directory = random_directory(&mut chance);
    site.save(&directory)?;
    site.fine(&["adopt", &site.alias("old")]).await?;
    // Ivan and lena are not to be there, and hank is no owner; nobody loses anything before one run went through.
    let first = site.run(&["sync"]).await?.exits(3);
    let old = site.room("old").await?;
    assert!(
        old.inside()
            .is_superset(&BTreeSet::from(["ivan".to_owned(), "lena".to_owned()])),
        "{first}"
    );
    assert_eq!(old.levels["hank"], 50, "{first}");
    sync(&site, &directory, version).await?;
    accept_some(&site, &directory, &mut chance).await?;

    // Anna becomes an owner and is one no more; she was one nowhere so far.
    directory.room("r0").owners(["anna"]);
    directory.room("old").owners(["anna"]);
    sync(&site, &directory, version).await?;
    directory.room("r0").owners.remove("anna");
    sync(&site, &directory, version).await?;

    // Ivan comes into two rooms and one unit, as an owner of a room; is moved to another; and is removed.
    directory.room("r1").members(["ivan"]).owners(["ivan"]);
    directory.group("u0").members(["ivan"]);
    sync(&site, &directory, version).await?;
    site.join("r1", ["ivan"]).await?;
    directory.room("r1").without("ivan");
    directory.group("u0").without("ivan");
    directory.room("r2").members(["ivan"]).owners(["ivan"]);
    sync(&site, &directory, version).await?;
    directory.room("r2").without("ivan");
    sync(&site, &directory, version).await?;

    wanda_leaves(&site, &mut directory, version).await?;

    for _ in 0..ROUNDS {
        shuffle(&mut directory, &mut chance);
        sync(&site, &directory, version).await?;
        accept_some(&site, &directory, &mut chance).await?;
    }
    let people: usize = directory
        .rooms()
        .iter()
        .map(|room| directory.wanted(room).len())
        .sum();
    let requests = site.proxy.requests().len();
    eprintln!("version {version}: {people} people in the end, {requests} requests of the last sync");
    Ok(())
}

/// An owner leaves by her own act: her level goes, and she is not asked back until the directory brings her anew.
async fn wanda_leaves(site: &Site, directory: &mut Directory, version: &str) -> Result<()> {
    let id = site.room_id("old").await?;
    let wanda = site.person("wanda").await?;
    wanda.join(&id).await?;
    let before = site.room("old").await?;
    assert_eq!(before.levels["wanda"], 50);
    wanda.leave(&id).await?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    assert_eq!(writes.len(), 1, "{output}");
    let room = site.room("old").await?;
    assert_eq!(room.members["wanda"], "leave");
    assert!(!room.levels.contains_key("wanda"), "{output}");
    let (_, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0]);
    directory.room("old").without("wanda");
    sync(site, directory, version).await?;
    directory.room("old").members(["wanda"]);
    sync(site, directory, version).await?;
    let room = site.room("old").await?;
    assert_eq!(room.members.get("wanda").context("wanda")?, "invite");
    Ok(())
}

/// The numbers of power levels in quotes, as versions before 10 allow and as old clients have sent.
fn quoted(levels: &Value) -> Value {
    match levels {
        Value::Number(number) => json!(format!(" {number}")),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), quoted(value)))
            .collect(),
        other => other.clone(),
    }
}

/// The same answer with the power levels of one room in quotes.
fn quote_in_sync(answer: &mut Value, room: &str) -> Result<()> {
    let room = answer["rooms"]["join"]
        .get_mut(room)
        .context("the room is not there")?;
    let mut found = 0;
    for part in ["state", "timeline"] {
        for event in room[part]["events"].as_array_mut().into_iter().flatten() {
            if event["type"] == LEVELS {
                event["content"] = quoted(&event["content"]);
                found += 1;
            }
        }
    }
    anyhow::ensure!(found > 0, "no power levels in {room}");
    Ok(())
}

/// Synapse takes no levels in quotes any more, and has those of old rooms still: the proxy shows them so until
/// others are sent, which Synapse has to take.
#[tokio::test]
async fn levels_in_quotes_of_version_6() -> Result<()> {
    let site = Site::new().await?;
    let mut directory = Directory::default();
    directory
        .room("old")
        .members(["olga", "hank", "ivan", "lena"])
        .owners(["hank", "ivan"]);
    site.register(everybody()).await?;
    let olga = site.person("olga").await?;
    old_room(&site, &olga, "6").await?;
    let id = site.room_id("old").await?;
    site.save(&directory)?;
    site.fine(&["adopt", &site.alias("old")]).await?;
    // Lena is lowered only after that one.
    let (output, requests) = site.requests_of(&["sync"]).await?;
    output.exits(3);
    sync(&site, &directory, "6").await?;

    let sync_request = requests.iter().find(|request| request.path.ends_with("/sync"));
    let sync_request = sync_request.context("no /sync")?;
    let query = sync_request.query.as_deref().unwrap_or_default();
    let path = format!("{}?{query}", sync_request.path);
    // By another device: what Synapse answered lately it answers again.
    let mut answer = expect_ok("sync", site.person("bot").await?.get(&path).await?)?;
    quote_in_sync(&mut answer, &id)?;
    let levels = quoted(&olga.power_levels(&id).await?);
    let mut sent = false;
    site.proxy.on_request(move |request| {
        let about_levels = request.decoded_path().trim_end_matches('/').ends_with(LEVELS);
        sent |= about_levels && request.writing;
        let body = match () {
            () if sent || request.writing => None,
            () if about_levels => Some(&levels),
            () if request.path.ends_with("/sync") => Some(&answer),
            () => None,
        };
        let json = vec![("content-type".to_owned(), "application/json".to_owned())];
        Some(Fault::Status(200, json, body?.to_string()))
    });
    // Nothing is to be done: numbers in quotes are the same numbers.
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    assert_eq!(lines(&writes), [""; 0], "{output}");
    directory.room("old").owners.remove("hank");
    site.save(&directory)?;
    let (output, writes) = site.writes_of(&["sync"]).await?;
    let output = output.exits(0);
    assert_eq!(writes.len(), 1, "{output}");
    site.proxy.heal();
    compare(&site, &directory, "6").await
}
