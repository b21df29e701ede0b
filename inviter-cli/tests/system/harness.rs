//! A site: a bot's account, people, a directory, a configuration, and a proxy that sees what the program sends.
//!
//! Tests speak of people and rooms by short names. `alice` of a site is `@alice-…:server` on the homeserver, which
//! all sites share, and `staff` is `#staff-…:server`.

mod directory;
mod room;
mod secrets;

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use inviter_testkit::{Client, Proxy, Recorded, Synapse, unique};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) use self::{directory::Directory, room::Room, secrets::found};

/// The file that [`Site::save`] writes.
pub(crate) const DIRECTORY: &str = "people.json";
/// The file that [`Site::configure`] writes.
pub(crate) const CONFIG: &str = "inviter.toml";

/// Everything that one installation has, on its own but for the homeserver.
#[derive(Debug)]
pub(crate) struct Site {
    /// The homeserver.
    pub(crate) synapse: Arc<Synapse>,
    /// Its admin, past the proxy.
    pub(crate) admin: Client,
    /// The bot's account, past the proxy.
    pub(crate) bot: Client,
    /// What the program talks to.
    pub(crate) proxy: Proxy,
    dir: TempDir,
    /// What follows a short name: `-1f0c…`.
    tag: String,
}

impl Site {
    /// A site on the homeserver that all tests share.
    pub(crate) async fn new() -> Result<Self> {
        Self::on(Arc::new(Synapse::shared().await?)).await
    }

    /// A site on this homeserver.
    pub(crate) async fn on(synapse: Arc<Synapse>) -> Result<Self> {
        Self::named(synapse, unique("")).await
    }

    /// A site on a homeserver that it has to itself, so that short names are the names: for what people will read.
    pub(crate) async fn alone_on(synapse: Arc<Synapse>) -> Result<Self> {
        Self::named(synapse, String::new()).await
    }

    async fn named(synapse: Arc<Synapse>, tag: String) -> Result<Self> {
        let site = Self {
            admin: synapse.admin(),
            bot: synapse
                .register(&if tag.is_empty() {
                    "inviter".to_owned()
                } else {
                    format!("bot{tag}")
                })
                .await?,
            proxy: Proxy::start(synapse.url()).await?,
            dir: tempfile::Builder::new().prefix("inviter-site-").tempdir()?,
            synapse,
            tag,
        };
        site.write_secret("token", site.bot.token())?;
        site.configure("", "")?;
        Ok(site)
    }

    // ---- names ----

    /// The user ID of a person of this site; one that is a user ID already stays.
    pub(crate) fn user(&self, name: &str) -> String {
        if name.starts_with('@') {
            name.to_owned()
        } else {
            self.synapse.user_id(&format!("{name}{}", self.tag))
        }
    }

    /// The alias of a room of this site; one that is an alias already stays.
    pub(crate) fn alias(&self, room: &str) -> String {
        if room.starts_with('#') {
            room.to_owned()
        } else {
            self.synapse.alias(&self.alias_name(room))
        }
    }

    /// The part of the alias before the server.
    pub(crate) fn alias_name(&self, room: &str) -> String {
        format!("{room}{}", self.tag)
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
        let localparts: Vec<String> = people
            .map(|name| format!("{}{}", name.as_ref(), self.tag))
            .collect();
        self.synapse.create_users(&localparts).await
    }

    /// Logs a person in.
    pub(crate) async fn person(&self, name: &str) -> Result<Client> {
        self.synapse.login(&format!("{name}{}", self.tag)).await
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

    // ---- files ----

    /// A file in the site's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the site's directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Writes a file that others may not read, as the program demands of secrets.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// A configuration for the proxy, the bot's token and one directory file. `top` stands before all sections,
    /// `sections` after them.
    pub(crate) fn config_text(&self, top: &str, sections: &str) -> String {
        format!(
            "{top}\n[homeserver]\nurl = \"{url}\"\nuser = \"{bot}\"\naccess_token_file = \"token\"\n\n\
             [[directory]]\nname = \"people\"\nkind = \"file\"\npath = \"{DIRECTORY}\"\n\n\
             [state]\ndir = \"state\"\n\n{sections}\n",
            url = self.proxy.url(),
            bot = self.bot.user_id(),
        )
    }

    /// Writes [`config_text`](Self::config_text) to its file.
    pub(crate) fn configure(&self, top: &str, sections: &str) -> Result<()> {
        self.write(CONFIG, &self.config_text(top, sections)).map(drop)
    }

    /// Writes the directory file.
    pub(crate) fn save(&self, directory: &Directory) -> Result<()> {
        let text = serde_json::to_string_pretty(&directory.json(self))?;
        self.write(DIRECTORY, &text).map(drop)
    }

    // ---- the program ----

    /// The program with these arguments and this site's configuration, in an environment without surprises.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inviter"));
        command
            .args(args)
            .arg("--config")
            .arg(self.path(CONFIG))
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the program.
    pub(crate) fn start(&self, args: &[&str]) -> Result<Child> {
        self.command(args).spawn().context("inviter")
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<Output> {
        Output::of(args, self.start(args)?.wait_with_output().await?)
    }

    /// Runs the program, which has to be fine.
    pub(crate) async fn fine(&self, args: &[&str]) -> Result<Output> {
        Ok(self.run(args).await?.exits(0))
    }

    /// What is sent while the program runs.
    pub(crate) async fn requests_of(&self, args: &[&str]) -> Result<(Output, Vec<Recorded>)> {
        self.proxy.clear();
        let output = self.run(args).await?;
        self.proxy.settled().await;
        Ok((output, self.proxy.requests()))
    }

    /// The writing requests among [`requests_of`](Self::requests_of).
    pub(crate) async fn writes_of(&self, args: &[&str]) -> Result<(Output, Vec<Recorded>)> {
        let (output, requests) = self.requests_of(args).await?;
        Ok((
            output,
            requests.into_iter().filter(|request| request.writing).collect(),
        ))
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

    /// A room that a person made by hand: private, under its alias, with these people in it, and with the bot as an
    /// admin. `extra` is laid over the request that creates it.
    pub(crate) async fn made_by(
        &self,
        owner: &Client,
        room: &str,
        people: &[&str],
        extra: &Value,
    ) -> Result<String> {
        let mut invited: Vec<String> = people.iter().map(|name| self.user(name)).collect();
        invited.push(self.bot.user_id().to_owned());
        let mut body = json!({
            "preset": "private_chat", "room_alias_name": self.alias_name(room), "invite": invited,
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let id = owner.create_room(body).await?;
        self.bot.join(&id).await?;
        self.join(room, people).await?;
        let mut levels = owner.power_levels(&id).await?;
        levels["users"][self.bot.user_id()] = json!(100);
        owner.send_state(&id, "m.room.power_levels", "", levels).await?;
        Ok(id)
    }

    /// All rooms in which the bot is or was.
    pub(crate) async fn rooms_of_bot(&self) -> Result<Vec<String>> {
        let rooms = self.admin.admin_memberships(self.bot.user_id()).await?;
        Ok(rooms.into_keys().collect())
    }

    /// All state of the bot's rooms as text; any change is seen in it.
    pub(crate) async fn digest(&self) -> Result<String> {
        inviter_testkit::digest(&self.admin, &self.rooms_of_bot().await?).await
    }
}

/// What a run of the program came to.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    args: String,
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            args,
            status,
            stdout,
            stderr,
            ..
        } = self;
        write!(
            f,
            "inviter {args}: {status}\n-- stdout\n{stdout}\n-- stderr\n{stderr}"
        )
    }
}

impl Output {
    /// What a run with these arguments came to.
    pub(crate) fn of(args: &[&str], done: std::process::Output) -> Result<Self> {
        Ok(Self {
            args: args.join(" "),
            code: done.status.code(),
            status: done.status,
            stdout: String::from_utf8(done.stdout)?,
            stderr: String::from_utf8(done.stderr)?,
        })
    }

    /// Fails with everything that was printed unless the exit code is this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The one JSON document that `--json` prints.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document = serde_json::from_str(&self.stdout);
        assert!(document.is_ok(), "{document:?}\n{self}");
        document.unwrap_or_default()
    }
}

/// Such as `PUT /_matrix/client/v3/rooms/!…/state/m.room.name`, to compare requests with.
pub(crate) fn lines(requests: &[Recorded]) -> Vec<String> {
    let line = |request: &Recorded| format!("{} {}", request.method, request.decoded_path());
    requests.iter().map(line).collect()
}

/// The files below a directory, for what a run must not leave behind.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
