//! A site: a bot's account, an administration room, people, a directory, a configuration, and a proxy that sees what
//! the bot sends.
//!
//! Tests speak of people and rooms by short names. `alice` of a site is `@alice-…:server` on the homeserver, which
//! all sites share, and `staff` is `#staff-…:server`.

mod bot;
mod configuration;
mod directory;
mod room;
mod waiting;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, Proxy, Recorded, Synapse, enc, expect_ok, unique};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::{
    bot::Bot,
    configuration::{CONFIG, Configuration, DIRECTORY},
    directory::Directory,
    room::Room,
    waiting::{LONG, eventually, healed},
};

/// Longer than the bot puts off looking at what has changed, and then some.
const QUIET: Duration = Duration::from_millis(2_500);

/// Everything that one installation has, on its own but for the homeserver.
#[derive(Debug)]
pub(crate) struct Site {
    /// The homeserver.
    pub(crate) synapse: Arc<Synapse>,
    /// Its admin, past the proxy.
    pub(crate) admin: Client,
    /// The bot's account, past the proxy.
    pub(crate) bot: Client,
    /// A trusted inviter, who made the administration room and may command there; past the proxy.
    pub(crate) boss: Client,
    /// The administration room, into which the bot is invited.
    pub(crate) admin_room: String,
    /// What the bot talks to.
    pub(crate) proxy: Proxy,
    dir: TempDir,
    /// What follows a short name: `-1f0c…`.
    tag: String,
}

impl Site {
    /// A site on the homeserver that all tests share, with [`Configuration::default`].
    pub(crate) async fn new() -> Result<Self> {
        Self::on(Arc::new(Synapse::shared().await?)).await
    }

    /// A site on this homeserver.
    pub(crate) async fn on(synapse: Arc<Synapse>) -> Result<Self> {
        let tag = unique("");
        let (bot, boss) = tokio::try_join!(async { synapse.register(&format!("bot{tag}")).await }, async {
            synapse.register(&format!("boss{tag}")).await
        },)?;
        let body = json!({
            "preset": "private_chat", "room_alias_name": format!("inviter{tag}"), "invite": [bot.user_id()],
        });
        let site = Self {
            admin: synapse.admin(),
            admin_room: boss.create_room(body).await?,
            bot,
            boss,
            proxy: Proxy::start(synapse.url()).await?,
            dir: tempfile::Builder::new().prefix("inviter-site-").tempdir()?,
            synapse,
            tag,
        };
        site.write_secret("token", site.bot.token())?;
        site.configure(&Configuration::default())?;
        Ok(site)
    }

    /// The homeserver, if the site has it to itself.
    pub(crate) fn own_synapse(&mut self) -> Result<&mut Synapse> {
        Arc::get_mut(&mut self.synapse).context("others use this homeserver, too")
    }

    // ---- names ----

    /// The user ID of a person of this site; one that is a user ID already stays.
    pub(crate) fn user(&self, name: &str) -> String {
        if name.starts_with('@') {
            name.to_owned()
        } else {
            self.synapse.user_id(&self.localpart(name))
        }
    }

    /// The part of a person's user ID before the server, or of a room's alias.
    pub(crate) fn localpart(&self, name: &str) -> String {
        format!("{name}{}", self.tag)
    }

    /// The alias of a room of this site.
    pub(crate) fn alias(&self, room: &str) -> String {
        self.synapse.alias(&self.localpart(room))
    }

    /// The short name in a user ID or alias of this site; all of anything else.
    pub(crate) fn short<'a>(&self, id: &'a str) -> &'a str {
        let local = id
            .strip_suffix(self.synapse.server_name())
            .and_then(|rest| rest.strip_suffix(':'))
            .and_then(|rest| rest.strip_suffix(&self.tag));
        local.map_or(id, |name| &name[1..])
    }

    // ---- people ----

    /// Registers people, in bulk.
    pub(crate) async fn register<S: AsRef<str>>(&self, people: impl IntoIterator<Item = S>) -> Result<()> {
        let people = people.into_iter();
        let localparts: Vec<String> = people.map(|name| self.localpart(name.as_ref())).collect();
        self.synapse.create_users(&localparts).await
    }

    /// Logs a person in.
    pub(crate) async fn person(&self, name: &str) -> Result<Client> {
        self.synapse.login(&self.localpart(name)).await
    }

    /// People accept their invitations into a room.
    pub(crate) async fn join<S: AsRef<str>>(
        &self,
        room: &str,
        people: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        let room = self.room_id(room).await?;
        for name in people {
            self.person(name.as_ref()).await?.join(&room).await?;
        }
        Ok(())
    }

    /// The boss comes into a room as an admin beside the bot: nothing is done about people of level 100.
    pub(crate) async fn boss_in(&self, room: &str) -> Result<String> {
        self.raise(room, "boss", 100).await?;
        let id = self.room_id(room).await?;
        self.bot.invite(&id, self.boss.user_id()).await?;
        self.boss.join(&id).await?;
        Ok(id)
    }

    /// Gives somebody this level in a room, as the bot itself: nothing that the bot would notice as another's doing.
    pub(crate) async fn raise(&self, room: &str, user: &str, level: i64) -> Result<()> {
        let room = self.room_id(room).await?;
        let mut levels = self.bot.power_levels(&room).await?;
        levels["users"][self.user(user)] = json!(level);
        self.bot
            .send_state(&room, "m.room.power_levels", "", levels)
            .await
            .map(drop)
    }

    // ---- files ----

    /// A file in the site's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the site's directory, all of it at once for whoever reads it meanwhile.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        let draft = self.path(&format!("{name}.new"));
        std::fs::write(&draft, text).with_context(|| draft.display().to_string())?;
        std::fs::rename(&draft, &path).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Writes a file that others may not read, as the bot demands of secrets.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, configuration: &Configuration) -> Result<()> {
        self.write(CONFIG, &configuration.text(self)).map(drop)
    }

    /// Writes the directory file.
    pub(crate) fn save(&self, directory: &Directory) -> Result<()> {
        let text = serde_json::to_string_pretty(&directory.json(self))?;
        self.write(DIRECTORY, &text).map(drop)
    }

    // ---- the bot ----

    /// Starts the bot, and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<Bot> {
        Bot::start(self).await
    }

    /// Starts the bot and waits until it has made the directory's rooms, with everybody in them who belongs there.
    pub(crate) async fn start_with(&self, directory: &Directory) -> Result<Bot> {
        self.register(directory.everybody()).await?;
        self.save(directory)?;
        let bot = self.start().await?;
        self.is_as_wanted(directory).await?;
        Ok(bot)
    }

    /// Waits until all rooms are as the directory wants them.
    pub(crate) async fn is_as_wanted(&self, directory: &Directory) -> Result<()> {
        for room in directory.rooms() {
            eventually(&format!("{room} as wanted"), LONG, async || {
                let Some(id) = self.admin.resolve_alias(&self.alias(&room)).await? else {
                    return Ok(None);
                };
                let now = Room::read(self, &id).await?;
                Ok(now.differs(directory, &room).is_none().then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    // ---- what the bot sends ----

    /// Waits until the bot has sent nothing for a while but the long polls by which it follows the homeserver: whatever
    /// has come to it is done with.
    pub(crate) async fn quiet(&self) -> Result<()> {
        let busy = || {
            self.proxy
                .requests()
                .iter()
                .filter(|request| !is_poll(request))
                .count()
        };
        let mut last = (busy(), Instant::now());
        eventually("the bot is quiet", LONG, async || {
            let now = busy();
            if now != last.0 {
                last = (now, Instant::now());
            }
            Ok((last.1.elapsed() > QUIET).then_some(()))
        })
        .await
        .map(drop)
    }

    // ---- rooms ----

    /// Where the room's alias leads.
    pub(crate) async fn room_id(&self, room: &str) -> Result<String> {
        let alias = self.alias(room);
        let id = self.admin.resolve_alias(&alias).await?;
        id.with_context(|| format!("{alias} leads nowhere"))
    }

    /// The room behind the alias as the homeserver's admin sees it.
    pub(crate) async fn room(&self, room: &str) -> Result<Room> {
        Room::read(self, &self.room_id(room).await?).await
    }

    /// All events of a room, the oldest first.
    pub(crate) async fn history(&self, room: &str) -> Result<Vec<Value>> {
        let path = format!("/_synapse/admin/v1/rooms/{}/messages?dir=b&limit=1000", enc(room));
        let answer = expect_ok(&path, self.admin.get(&path).await?)?;
        let mut events = answer["chunk"].as_array().context("no chunk")?.clone();
        events.reverse();
        let whole = events.iter().any(|event| event["type"] == "m.room.create");
        anyhow::ensure!(whole, "the history of {room} is longer than one page");
        Ok(events)
    }

    /// What the bot has said in the administration room, the oldest first.
    pub(crate) async fn said(&self) -> Result<Vec<String>> {
        let events = self.history(&self.admin_room).await?;
        let said = events.iter().filter(|event| {
            event["type"] == "m.room.message" && event["sender"].as_str() == Some(self.bot.user_id())
        });
        Ok(said
            .filter_map(|event| event["content"]["body"].as_str())
            .map(str::to_owned)
            .collect())
    }

    /// The boss types something in the administration room.
    pub(crate) async fn types(&self, text: &str) -> Result<()> {
        self.boss.send_text(&self.admin_room, text).await.map(drop)
    }

    /// Waits until the bot has said something with all these words in the administration room; answers with it.
    pub(crate) async fn told(&self, words: &[&str]) -> Result<String> {
        let what = format!("told {words:?}");
        let (text, _) = eventually(&what, LONG, async || {
            let said = self.said().await?;
            Ok(said
                .into_iter()
                .find(|text| words.iter().all(|word| text.contains(word))))
        })
        .await?;
        Ok(text)
    }
}

/// Whether it is one of the long polls by which the bot follows the homeserver.
pub(crate) fn is_poll(request: &Recorded) -> bool {
    let asks = |word: &str| request.query.as_deref().is_some_and(|query| query.contains(word));
    request.path.ends_with("/sync") && asks("since=") && !asks("timeout=0")
}

/// Such as `PUT /_matrix/client/v3/rooms/!…/state/m.room.name`, to compare requests with.
pub(crate) fn lines(requests: &[Recorded]) -> Vec<String> {
    let line = |request: &Recorded| format!("{} {}", request.method, request.decoded_path());
    requests.iter().map(line).collect()
}
