//! What is sent: nothing by what only reads, nothing where nothing is to be done, and nothing too much.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use inviter_testkit::{Client, Recorded, digest};
use serde_json::{Value, json};

use crate::harness::{Directory, Site, lines};

/// A level of somebody of another server; nobody can be invited there, since it does not exist.
const FOREIGNER: &str = "@zoe:elsewhere.example";

/// A site with rooms to create (`staff` with people in nested groups, `lab`), one that olga made and that is adopted
/// (`old`), and one that she made and that nobody has adopted (`found`).
struct Town {
    site: Site,
    olga: Client,
    directory: Directory,
    old: String,
    found: String,
}

impl Town {
    async fn new() -> Result<Self> {
        let site = Site::new().await?;
        let mut directory = Directory::default();
        directory
            .room("staff")
            .members(["alice", "bob"])
            .groups(["board"])
            .owners(["alice", "carol"]);
        directory.group("board").members(["carol"]).groups(["chairs"]);
        directory.group("chairs").members(["dora"]);
        directory
            .room("lab")
            .members(["bob", "erin"])
            .owners(["erin", "alice"]);
        directory
            .room("old")
            .members(["alice", "bob"])
            .groups(["board"])
            .owners(["bob"]);
        directory.room("found").members(["alice"]).owners(["alice"]);
        site.register(directory.everybody()).await?;
        site.register(["olga", "frank", "grace"]).await?;
        let olga = site.person("olga").await?;
        let old = site
            .made_by(&olga, "old", &["alice", "frank"], &json!({ "name": "Old" }))
            .await?;
        let found = site.made_by(&olga, "found", &["grace"], &json!({})).await?;
        let mut levels = olga.power_levels(&old).await?;
        levels["users"][FOREIGNER] = json!(50);
        levels["events"]["org.example.custom"] = json!(7);
        olga.send_state(&old, "m.room.power_levels", "", levels).await?;
        site.save(&directory)?;
        site.fine(&["adopt", &site.alias("old")]).await?;
        Ok(Self {
            site,
            olga,
            directory,
            old,
            found,
        })
    }

    /// The rooms of the town as they are, by themselves if the bot is in none of them yet.
    async fn digest(&self) -> Result<String> {
        let mut rooms = self.site.rooms_of_bot().await?;
        rooms.extend([self.old.clone(), self.found.clone()]);
        digest(&self.site.admin, &rooms).await
    }

    /// Does all but to remove frank: nobody is removed before one run has gone through.
    async fn first_sync(&self) -> Result<Vec<Recorded>> {
        let (output, writes) = self.site.writes_of(&["sync"]).await?;
        output.exits(3);
        Ok(writes)
    }

    /// A town in which everything is as the directory wants it.
    async fn settled() -> Result<Self> {
        let town = Self::new().await?;
        town.first_sync().await?;
        town.site.fine(&["sync"]).await?;
        Ok(town)
    }
}

/// Every command that only reads sends nothing that writes, and nothing changes.
async fn reads_write_nothing(town: &Town) -> Result<()> {
    let before = town.digest().await?;
    for args in [
        &["plan"][..],
        &["plan", "--json", "--exit-code"],
        &["sync", "--dry-run"],
        &["sync", "--dry-run", "--json"],
        &["check"],
        &["idp"],
        &["joined"],
        &["managed"],
        &["adopt", &town.site.alias("old")],
    ] {
        town.site.proxy.clear();
        let output = town.site.run(args).await?;
        assert!(output.code != Some(1) || args == ["check"], "{output}");
        assert_eq!(lines(&town.site.proxy.writes()), [""; 0], "{output}");
        assert!(!output.stdout.is_empty(), "{output}");
    }
    assert_eq!(before, town.digest().await?);
    Ok(())
}

#[tokio::test]
async fn what_reads_sends_no_writing_request() -> Result<()> {
    let mut town = Town::new().await?;
    reads_write_nothing(&town).await?;
    let writes = town.first_sync().await?;
    eprintln!("first sync: {} writes", writes.len());
    assert!(!writes.is_empty());
    // Once more with a memory, people to remove, and levels to lower.
    town.directory.room("staff").without("alice").members(["frank"]);
    town.site.save(&town.directory)?;
    reads_write_nothing(&town).await?;
    let (output, writes) = town.site.writes_of(&["sync"]).await?;
    output.exits(0);
    assert!(!writes.is_empty());
    for room in ["staff", "lab"] {
        town.site.room(room).await?.is_as_wanted(&town.directory, room);
    }
    Ok(())
}

#[tokio::test]
async fn when_all_is_done_nothing_is_written() -> Result<()> {
    let town = Town::settled().await?;
    let before = town.digest().await?;
    let (output, requests) = town.site.requests_of(&["sync", "--json"]).await?;
    assert_eq!(output.json()["counts"]["changes"], 0, "{output}");
    let writes: Vec<Recorded> = requests
        .iter()
        .filter(|request| request.writing)
        .cloned()
        .collect();
    assert_eq!(lines(&writes), [""; 0]);
    let rooms = town.directory.rooms().len();
    eprintln!(
        "{} requests for {rooms} rooms: {:#?}",
        requests.len(),
        lines(&requests)
    );
    assert!(requests.len() <= rooms + 5, "{:#?}", lines(&requests));
    assert_eq!(before, town.digest().await?);
    Ok(())
}

#[tokio::test]
async fn three_changes_by_hand_are_three_writes() -> Result<()> {
    let Town {
        site,
        olga,
        old,
        directory,
        ..
    } = Town::settled().await?;
    let before = site.room("old").await?;
    let lab = site.room_id("lab").await?;

    olga.kick(&old, &site.user("carol")).await?;
    let mut levels = olga.power_levels(&old).await?;
    levels["users"][site.user("alice")] = json!(30);
    olga.send_state(&old, "m.room.power_levels", "", levels).await?;
    let open = json!({ "history_visibility": "world_readable" });
    site.bot
        .send_state(&lab, "m.room.history_visibility", "", open)
        .await?;

    let (_, writes) = site.writes_of(&["sync"]).await?;
    let path = |rest: &str| format!("/_matrix/client/v3/rooms/{rest}");
    let sent: BTreeSet<String> = lines(&writes)
        .iter()
        .map(|line| line.trim_end_matches('/').to_owned())
        .collect();
    let expected = BTreeSet::from([
        format!("POST {}", path(&format!("{old}/invite"))),
        format!("PUT {}", path(&format!("{old}/state/m.room.power_levels"))),
        format!("PUT {}", path(&format!("{lab}/state/m.room.history_visibility"))),
    ]);
    assert_eq!(sent, expected);
    assert_eq!(writes.len(), 3);

    let invitation = writes.iter().find(|write| write.path.ends_with("/invite"));
    assert_eq!(
        invitation.unwrap().json(),
        json!({ "user_id": site.user("carol"), "reason": "You are on the list of this room's members" })
    );
    assert_eq!(site.room("old").await?, before);
    let lab = site.room("lab").await?;
    lab.is_as_wanted(&directory, "lab");
    assert_eq!(
        lab.setting("m.room.history_visibility", "history_visibility"),
        Some("shared")
    );

    let (_, writes) = site.writes_of(&["sync"]).await?;
    assert_eq!(lines(&writes), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn as_few_requests_as_there_can_be() -> Result<()> {
    let mut town = Town::new().await?;
    let found_before = digest(&town.site.admin, &[&town.found]).await?;
    let mut writes = town.first_sync().await?;
    writes.extend(town.site.writes_of(&["sync"]).await?.1);

    let ends = |end: &str| -> Vec<&Recorded> {
        let ends = |write: &&Recorded| write.path.trim_end_matches('/').ends_with(end);
        writes.iter().filter(ends).collect()
    };
    let created = ends("/createRoom");
    let aliases: BTreeSet<String> = created
        .iter()
        .map(|write| write.json()["room_alias_name"].as_str().unwrap().to_owned())
        .collect();
    let missing = ["staff", "lab"].map(|room| town.site.alias_name(room));
    assert_eq!((created.len(), aliases), (2, BTreeSet::from(missing)));
    for write in &created {
        let body = write.json();
        assert!(
            body.get("invite").is_none() && body.get("invite_3pid").is_none(),
            "{body}"
        );
        assert_eq!(body["preset"], "private_chat");
    }
    // What the rooms are to be is in the request that creates them; the adopted one takes one event for all levels.
    let levels = ends("/state/m.room.power_levels");
    assert_eq!(levels.len(), 1, "{:#?}", lines(&writes));
    assert!(levels[0].decoded_path().contains(&town.old));

    let mut invited: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for write in ends("/invite") {
        let user = write.json()["user_id"].as_str().unwrap().to_owned();
        let room = write.decoded_path();
        let new = invited
            .entry(room)
            .or_default()
            .insert(town.site.short(&user).to_owned());
        assert!(new, "{user} was invited twice");
    }
    let expected = [("staff", &[][..]), ("lab", &[]), ("old", &["alice"])];
    for (room, there) in expected {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/invite",
            town.site.room_id(room).await?
        );
        let mut wanted: BTreeSet<String> = town.directory.wanted(room).into_keys().collect();
        wanted.retain(|name| !there.contains(&name.as_str()));
        assert_eq!(invited.remove(&path).unwrap_or_default(), wanted, "{room}");
    }
    assert!(invited.is_empty(), "{invited:?}");
    let kicks = ends("/kick");
    assert_eq!(kicks.len(), 1);
    assert_eq!(kicks[0].json()["user_id"], town.site.user("frank"));
    let total = created.len() + levels.len() + ends("/invite").len() + kicks.len();
    assert_eq!(writes.len(), total, "{:#?}", lines(&writes));

    untouched(&town, &writes).await?;
    town.directory
        .room("staff")
        .owners(["bob", "dora"])
        .owners
        .remove("alice");
    town.site.save(&town.directory)?;
    let (_, writes) = town.site.writes_of(&["sync"]).await?;
    assert_eq!(writes.len(), 1, "three levels, one event: {:#?}", lines(&writes));
    town.site
        .room("staff")
        .await?
        .is_as_wanted(&town.directory, "staff");
    assert_eq!(found_before, digest(&town.site.admin, &[&town.found]).await?);
    Ok(())
}

/// Nothing was sent about the bot, people of other servers, olga, or the room that nobody adopted; what the program
/// does not know about stays in the levels.
async fn untouched(town: &Town, writes: &[Recorded]) -> Result<()> {
    let site = &town.site;
    for write in writes {
        assert!(!write.decoded_path().contains(&town.found), "{write}");
        let about = write.json()["user_id"].as_str().map(str::to_owned);
        for spared in [site.bot.user_id(), FOREIGNER, town.olga.user_id()] {
            assert_ne!(about.as_deref(), Some(spared), "{write}");
        }
    }
    let old = site.room("old").await?;
    let expected = [("bob", 50), ("bot", 100), (FOREIGNER, 50)];
    let expected: BTreeMap<String, i64> = expected.map(|(name, level)| (name.to_owned(), level)).into();
    assert_eq!(old.levels, expected);
    assert_eq!(old.permissions["events"]["org.example.custom"], 7);
    assert_eq!(old.members["bot"], "join");
    assert_eq!(old.members["olga"], "join");
    assert_eq!(old.setting("m.room.name", "name"), Some("Old"));
    Ok(())
}

#[tokio::test]
async fn people_of_another_server_are_not_ours() -> Result<()> {
    let town = Town::new().await?;
    let site = &town.site;
    // To a bot for another server's people, everyone here is a foreigner.
    let server = "[accounts]\nserver = \"elsewhere.example\"\n";
    site.configure("", &format!("{server}[rooms]\nmanage_permissions = false\n"))?;
    let mut directory = Directory::default();
    directory.room("old").members(["nobody"]);
    directory.disable("nobody");
    site.save(&directory)?;
    let mut levels = town.olga.power_levels(&town.old).await?;
    levels["users"][site.user("alice")] = json!(50);
    town.olga
        .send_state(&town.old, "m.room.power_levels", "", levels.clone())
        .await?;
    let mut before = site.room("old").await?;
    let mut writes = Vec::new();
    for _ in 0..2 {
        let (output, sent) = site.writes_of(&["sync"]).await?;
        assert!(matches!(output.code, Some(0 | 3)), "{output}");
        writes.extend(sent);
    }
    // Zoe alone is of that server, is not in the room, and has a level there, which goes.
    levels["users"].as_object_mut().unwrap().remove(FOREIGNER);
    before.levels.remove(FOREIGNER);
    assert_eq!(writes.len(), 1, "{:#?}", lines(&writes));
    assert_eq!(writes[0].json(), levels);
    assert_eq!(site.room("old").await?, before);
    Ok(())
}

#[tokio::test]
async fn a_plan_says_what_a_sync_does() -> Result<()> {
    let mut town = Town::new().await?;
    same_actions(&town, 3).await?;
    town.directory.room("staff").without("alice").members(["frank"]);
    town.directory.room("old").owners(["carol"]).without("bob");
    town.site.save(&town.directory)?;
    same_actions(&town, 0).await
}

async fn same_actions(town: &Town, code: i32) -> Result<()> {
    let run = async |args: &[&str]| anyhow::Ok(town.site.run(args).await?.exits(code));
    let plan = run(&["plan", "--json"]).await?.json();
    let dry = run(&["sync", "--dry-run", "--json"]).await?.json();
    assert_eq!(plan, dry);
    let texts = [
        run(&["plan"]).await?.stdout,
        run(&["sync", "--dry-run"]).await?.stdout,
    ];
    assert_eq!(texts[0], texts[1]);
    let done = run(&["sync", "--json"]).await?.json();
    assert_eq!((&plan["kind"], &done["kind"]), (&json!("plan"), &json!("sync")));
    assert_eq!(actions(&plan, "planned"), actions(&done, "done"));
    assert_eq!(plan["counts"], done["counts"]);
    assert!(plan["counts"]["changes"].as_u64() > Some(0));
    Ok(())
}

/// The actions of each room in their order, all of which have to have come to this, or to be held.
fn actions(document: &Value, outcome: &str) -> BTreeMap<String, Vec<Value>> {
    let mut rooms = BTreeMap::new();
    for room in document["rooms"].as_array().unwrap() {
        let mut actions = room["actions"].as_array().unwrap().clone();
        for action in &mut actions {
            let came_to = action.as_object_mut().unwrap().remove("outcome").unwrap();
            assert!(came_to == outcome || came_to == "held", "{action}: {came_to}");
        }
        rooms.insert(room["room"].as_str().unwrap().to_owned(), actions);
    }
    rooms
}
