//! An organisation with thirty rooms that people made by hand over the years, and a bot's account that is new.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Result, ensure};
use inviter_testkit::{Client, Options, Synapse, enc};
use serde_json::{Value, json};

use crate::harness::{Directory, Site};

/// Rooms in which all is as a bot needs it: who is in the group, and who is in the room.
const GOOD: [(&str, &[&str], &[&str]); 19] = [
    (
        "physics",
        &["alice", "bob", "carol", "dave"],
        &["alice", "bob", "erin"],
    ),
    (
        "chemistry",
        &["bob", "carol", "frank"],
        &["bob", "carol", "frank"],
    ),
    ("biology", &["alice", "grace", "heidi"], &["alice", "grace"]),
    ("botany", &["grace", "heidi"], &["grace", "heidi"]),
    ("zoology", &["grace", "ivan"], &["grace", "ivan"]),
    ("medicine", &["judy", "mike", "nina"], &["judy", "mike", "nina"]),
    ("nursing", &["nina", "olaf"], &["nina", "olaf"]),
    ("law", &["peggy", "rupert"], &["peggy", "rupert"]),
    ("economics", &["peggy", "sybil"], &["peggy", "sybil"]),
    ("statistics", &["alice", "sybil"], &["alice", "sybil"]),
    (
        "mathematics",
        &["alice", "bob", "trent"],
        &["alice", "bob", "trent"],
    ),
    ("logic", &["trent", "victor"], &["trent", "victor"]),
    ("philosophy", &["victor", "wendy"], &["victor", "wendy"]),
    ("literature", &["wendy", "olaf"], &["wendy", "olaf"]),
    ("linguistics", &["wendy", "heidi"], &["wendy", "heidi"]),
    ("sports", &["mike", "olaf"], &["mike", "olaf"]),
    ("choir", &["judy", "peggy"], &["judy", "peggy"]),
    ("theatre", &["rupert", "sybil"], &["rupert", "sybil"]),
    ("chess", &["trent", "bob"], &["trent", "bob"]),
];
/// Rooms with something in the way, with two people in group and room.
const ODD: [&str; 11] = [
    "astronomy",
    "personnel",
    "lounge",
    "board",
    "geology",
    "history",
    "library",
    "workshop",
    "canteen",
    "welcome",
    "old-lab",
];
/// Who made most rooms: somebody of the house, in none of the groups.
const KEEPER: &str = "keeper";

/// The site of the organisation, on a homeserver of its own.
#[derive(Debug)]
pub(super) struct Organisation {
    pub(super) site: Site,
    pub(super) directory: Directory,
    /// By room ID, the name that the page gives it.
    pub(super) rooms: Vec<(String, String)>,
    people: BTreeMap<String, Client>,
}

impl Organisation {
    /// Everything as it is before anybody has heard of this program.
    pub(super) async fn found() -> Result<Self> {
        let options = Options::new().server_name("example.org").stock_limits();
        let synapse = Arc::new(Synapse::start(options).await?);
        let site = Site::alone_on(synapse).await?;
        let mut organisation = Self {
            site,
            directory: Directory::default(),
            rooms: Vec::new(),
            people: BTreeMap::new(),
        };
        organisation.hire().await?;
        // Years pass in which no limit matters.
        let bot = organisation.site.bot.user_id().to_owned();
        organisation.site.admin.override_ratelimit(&bot).await?;
        organisation.make_good_rooms().await?;
        organisation.make_odd_rooms().await?;
        let limits = format!("/_synapse/admin/v1/users/{}/override_ratelimit", enc(&bot));
        let (status, answer) = organisation.site.admin.delete(&limits).await?;
        ensure!(status == 200, "{answer}");
        organisation.rooms = organisation.rooms_by_alias().await?;
        organisation.site.save(&organisation.directory)?;
        Ok(organisation)
    }

    async fn hire(&mut self) -> Result<()> {
        for (room, group, inside) in GOOD {
            self.directory.room(room).members(group.iter().copied());
            self.directory.people(inside.iter().copied());
        }
        for room in ODD {
            self.directory.room(room).members(["alice", "bob"]);
        }
        // A group without a room, and one whose people come through another.
        self.directory.group("newcomers").members(["erin", "ivan"]);
        self.directory
            .room("onboarding")
            .groups(["newcomers"])
            .members(["alice"])
            .owners(["alice"]);
        self.directory.people([KEEPER]);
        let strangers = ["mallory", "telegrambot", "telegram_1001", "telegram_1002"];
        let everybody = self.directory.everybody();
        for name in everybody.iter().map(String::as_str).chain(strangers) {
            let client = self.site.synapse.register(name).await?;
            self.site.admin.override_ratelimit(client.user_id()).await?;
            self.people.insert(name.to_owned(), client);
        }
        Ok(())
    }

    /// Every room that has an alias, by ID.
    pub(super) async fn rooms_by_alias(&self) -> Result<Vec<(String, String)>> {
        let rooms = self.site.admin.admin_rooms().await?;
        let named = rooms.iter().filter_map(|room| {
            let alias = room["canonical_alias"].as_str()?;
            Some((
                room["room_id"].as_str()?.to_owned(),
                self.site.short(alias).to_owned(),
            ))
        });
        Ok(named.collect())
    }

    /// A person's own client.
    pub(super) fn person(&self, name: &str) -> &Client {
        &self.people[name]
    }

    async fn make_good_rooms(&self) -> Result<()> {
        for (room, _, inside) in GOOD {
            self.make(KEEPER, room, inside, &json!({})).await?;
        }
        Ok(())
    }

    async fn make_odd_rooms(&self) -> Result<()> {
        let pair = ["alice", "bob"];
        // One of version 12, which its creator outranks everyone in; one encrypted; one bridged; one for all.
        self.make(KEEPER, "astronomy", &pair, &json!({ "room_version": "12" }))
            .await?;
        let encrypted = json!({ "initial_state": [
            { "type": "m.room.encryption", "state_key": "", "content": { "algorithm": "m.megolm.v1.aes-sha2" } },
        ] });
        self.make(KEEPER, "personnel", &pair, &encrypted).await?;
        let bridged = ["alice", "bob", "telegrambot", "telegram_1001", "telegram_1002"];
        self.make(KEEPER, "lounge", &bridged, &json!({})).await?;
        self.make(KEEPER, "welcome", &pair, &json!({ "preset": "public_chat" }))
            .await?;
        // An alias that somebody took before there was a room for it.
        self.make("mallory", "board", &[], &json!({ "name": "The Board" }))
            .await?;
        // Two without the bot, two without power for it, and one that it is only invited to.
        for room in ["geology", "history"] {
            self.create(KEEPER, room, &pair, &json!({})).await?;
        }
        for room in ["library", "workshop"] {
            let id = self.create(KEEPER, room, &pair, &json!({})).await?;
            self.person(KEEPER).invite(&id, self.site.bot.user_id()).await?;
            self.site.bot.join(&id).await?;
        }
        let id = self.create(KEEPER, "canteen", &pair, &json!({})).await?;
        self.person(KEEPER).invite(&id, self.site.bot.user_id()).await?;
        // One that was upgraded, with the alias left behind.
        let id = self.make(KEEPER, "old-lab", &pair, &json!({})).await?;
        let tombstone = json!({ "body": "moved", "replacement_room": "!newlab:example.org" });
        self.person(KEEPER)
            .send_state(&id, "m.room.tombstone", "", tombstone)
            .await?;
        Ok(())
    }

    /// A room in which the bot is an admin.
    async fn make(&self, owner: &str, room: &str, people: &[&str], extra: &Value) -> Result<String> {
        let id = self.create(owner, room, people, extra).await?;
        let owner = self.person(owner);
        owner.invite(&id, self.site.bot.user_id()).await?;
        self.site.bot.join(&id).await?;
        let mut levels = owner.power_levels(&id).await?;
        levels["users"][self.site.bot.user_id()] = json!(100);
        owner.send_state(&id, "m.room.power_levels", "", levels).await?;
        Ok(id)
    }

    /// A room with its people, and without the bot.
    async fn create(&self, owner: &str, room: &str, people: &[&str], extra: &Value) -> Result<String> {
        let owner = self.person(owner);
        let invited: Vec<&str> = people.iter().map(|name| self.person(name).user_id()).collect();
        let mut body = json!({
            "preset": "private_chat", "room_version": "10", "room_alias_name": room, "invite": invited,
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let id = owner.create_room(body).await?;
        for name in people {
            self.person(name).join(&id).await?;
        }
        Ok(id)
    }
}
