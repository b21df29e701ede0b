//! Everything that one installation has: a homeserver behind a recording proxy, accounts, a directory file, a
//! configuration, and people who do things in rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use inviter_testkit::{Client, Options, Proxy, Synapse};
use serde_json::json;
use tempfile::TempDir;

use crate::change::{Drift, Generator};
use crate::names::Names;
use crate::organisation::Organisation;
use crate::picture::Picture;
use crate::room::Room;
use crate::world::Truth;

/// How many accounts take turns in making changes.
const WARDENS: usize = 3;

/// How long a room may take to come about.
const CREATION: Duration = Duration::from_secs(180);

/// One installation.
#[derive(Debug)]
pub(crate) struct Site {
    synapse: Synapse,
    pub(crate) proxy: Proxy,
    pub(crate) names: Names,
    pub(crate) picture: Picture,
    pub(crate) admin: Client,
    pub(crate) admin_room: String,
    bot: Client,
    wardens: Vec<Client>,
    /// Logged in when they first do something.
    people: Mutex<BTreeMap<String, Client>>,
    /// Name to ID, of rooms that were prepared.
    ids: Mutex<BTreeMap<String, String>>,
    dir: TempDir,
}

/// How the bot is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) interval: Duration,
    pub(crate) port: u16,
}

impl Site {
    /// Starts the homeserver and makes all accounts.
    pub(crate) async fn start(accounts: &[String]) -> Result<Arc<Self>> {
        let synapse = Synapse::start(Options::new()).await?;
        let names = Names::new(synapse.server_name());
        let (bot, steward) = (
            synapse.register(Names::BOT).await?,
            synapse.register("steward").await?,
        );
        let mut wardens = Vec::new();
        for number in 0..WARDENS {
            wardens.push(synapse.register(&Names::warden(number)).await?);
        }
        synapse.create_users(accounts).await?;
        let admin_room = steward
            .create_room(json!({
                "preset": "private_chat", "room_alias_name": "inviter", "invite": [bot.user_id()],
            }))
            .await?;
        bot.join(&admin_room).await?;
        let follower = wardens.first().context("no warden")?.clone();
        let site = Self {
            proxy: Proxy::start(synapse.url()).await?,
            picture: Picture::follow(follower, names.clone()),
            admin: synapse.admin(),
            admin_room,
            bot,
            wardens,
            people: Mutex::default(),
            ids: Mutex::default(),
            dir: tempfile::Builder::new().prefix("inviter-soak-").tempdir()?,
            names,
            synapse,
        };
        Ok(Arc::new(site))
    }

    /// Writes the configuration, and returns its path. Every other room is of version 11, and limits do not hold
    /// anything back: so much changes that they would.
    pub(crate) fn configure(&self, setting: Setting, rooms: &BTreeSet<String>) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let token = self.dir.path().join("token");
        std::fs::write(&token, self.bot.token())?;
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600))?;
        let mut text = format!(
            "[homeserver]\nurl = \"{url}\"\nuser = \"{bot}\"\naccess_token_file = \"token\"\n\n\
             [accounts]\nexempt = [\"{wardens}\"]\n\n\
             [[directory]]\nname = \"people\"\nkind = \"file\"\npath = \"people.json\"\n\n\
             [rooms]\nhistory_exact = true\n\n\
             [limits]\nroom_count = 1000000\ntotal_count = 1000000\n\n\
             [state]\ndir = \"state\"\n\n\
             [bot]\nadmin_room = \"{admin_room}\"\ninterval = \"{interval}s\"\njitter = \"0s\"\ncautious = false\n\
             run_at_start = true\nlisten = \"127.0.0.1:{port}\"\n\n",
            url = self.proxy.url(),
            bot = self.bot.user_id(),
            wardens = self.names.user(&Names::warden(0)).replace('0', "*"),
            admin_room = self.names.alias("inviter"),
            interval = setting.interval.as_secs(),
            port = setting.port,
        );
        for room in rooms.iter().step_by(2) {
            let alias = self.names.alias(room);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "[[room]]\nalias = \"{alias}\"\ngroups = [\"{room}\"]\nversion = \"11\"\n\n"
            );
        }
        let path = self.dir.path().join("inviter.toml");
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Puts a new directory file in the place of the old one, whole at every moment.
    pub(crate) fn save(&self, directory: &Organisation) -> Result<()> {
        let text = directory.json(self.synapse.server_name()).to_string();
        let new = self.dir.path().join("people.json.new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, self.dir.path().join("people.json")).context("the directory file")
    }

    /// Keeps the files, for whoever looks for what went wrong.
    pub(crate) fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    // ---- rooms ----

    /// The ID of a room that was prepared.
    pub(crate) fn id(&self, room: &str) -> Result<String> {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.get(room).cloned().with_context(|| format!("no room {room}"))
    }

    /// A prepared room as the picture has it.
    pub(crate) fn pictured(&self, room: &str) -> Option<Room> {
        self.picture.room(&self.id(room).ok()?)
    }

    /// A room as the homeserver's administrator sees it.
    pub(crate) async fn inspected(&self, room: &str) -> Result<Room> {
        let state = self.admin.admin_room_state(&self.id(room)?).await?;
        Ok(Room::of(&state, &self.names))
    }

    /// Waits until the bot has made a room as it must be, and puts the wardens into it, who may do everything there.
    pub(crate) async fn prepare(&self, room: &str, truth: &Truth) -> Result<()> {
        let id = self.made(room, truth).await?;
        for warden in &self.wardens {
            self.bot.invite(&id, warden.user_id()).await?;
            warden.join(&id).await?;
        }
        let wardens = || self.wardens.iter().map(Client::user_id);
        // The bot may write levels of its own at the same time, and take these away again.
        for _ in 0..5 {
            let mut levels = self.bot.power_levels(&id).await?;
            for warden in wardens() {
                levels["users"][warden] = json!(100);
            }
            self.bot
                .send_state(&id, "m.room.power_levels", "", levels)
                .await?;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let levels = self.bot.power_levels(&id).await?;
            if wardens().all(|warden| levels["users"][warden] == 100) {
                let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
                ids.insert(room.to_owned(), id);
                return Ok(());
            }
        }
        bail!("the wardens of {room} lose their levels")
    }

    async fn made(&self, room: &str, truth: &Truth) -> Result<String> {
        let deadline = tokio::time::Instant::now() + CREATION;
        let mut differs = "it does not exist".to_owned();
        while tokio::time::Instant::now() < deadline {
            if let Some(id) = self.admin.resolve_alias(&self.names.alias(room)).await? {
                let state = self.admin.admin_room_state(&id).await?;
                match Room::of(&state, &self.names).differs(truth) {
                    None => return Ok(id),
                    Some(how) => differs = how,
                }
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        bail!(
            "{room} is not as it must be {} s after its group came: {differs}",
            CREATION.as_secs()
        )
    }

    // ---- people ----

    async fn person(&self, name: &str) -> Result<Client> {
        let known = {
            let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
            people.get(name).cloned()
        };
        if let Some(client) = known {
            return Ok(client);
        }
        let client = self.synapse.login(name).await?;
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.insert(name.to_owned(), client.clone());
        Ok(client)
    }

    /// Accepts invitations of those who do that, for ever.
    pub(crate) async fn accept_invitations(self: Arc<Self>) {
        let mut news = self.picture.news();
        let mut accepted = BTreeSet::new();
        loop {
            for (id, room) in self.picture.rooms() {
                for (person, member) in &room.members {
                    let accepts = Names::is_person(person) && Generator::joins(person);
                    if member.membership != "invite" || !accepts || !accepted.insert(member.event.clone()) {
                        continue;
                    }
                    if let Ok(client) = self.person(person).await {
                        // They may have been removed in between, and then are not in.
                        let _ = client.join(&id).await;
                    }
                }
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    }

    /// A person leaves a room by their own act.
    pub(crate) async fn leave(&self, room: &str, person: &str) -> Result<()> {
        self.person(person).await?.leave(&self.id(room)?).await
    }

    /// A warden makes a change. They take turns, by a number that the caller counts up.
    pub(crate) async fn drift(&self, drift: &Drift, turn: usize) -> Result<()> {
        let warden = &self.wardens[turn % self.wardens.len()];
        let id = self.id(drift.room())?;
        match drift {
            Drift::Kick { person, .. } => warden.kick(&id, &self.names.user(person)).await,
            Drift::Stranger { person, .. } => warden.invite(&id, &self.names.user(person)).await,
            Drift::Level { person, from, to, .. } => {
                let user = self.names.user(person);
                let mut levels = warden.power_levels(&id).await?;
                let now = levels["users"][&user].as_i64().unwrap_or(0);
                ensure!(
                    now == *from,
                    "{person} has level {now} in {} and not {from}",
                    drift.room()
                );
                levels["users"][&user] = json!(to);
                warden
                    .send_state(&id, "m.room.power_levels", "", levels)
                    .await
                    .map(drop)
            }
            Drift::History { to, .. } => {
                let content = json!({ "history_visibility": to });
                warden
                    .send_state(&id, "m.room.history_visibility", "", content)
                    .await
                    .map(drop)
            }
        }
    }
}
