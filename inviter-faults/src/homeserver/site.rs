//! One installation of inviter before the real homeserver, with a proxy in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use inviter::{Config, Report, RunOptions, Setup};
use inviter_testkit::{Client, Proxy, Synapse, unique};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::directory::{Directory, Kind};
use super::organisation::{Names, Organisation};

/// An account of a bot, a directory, and a memory of its own.
#[derive(Debug)]
pub(crate) struct Site {
    /// The homeserver.
    pub(crate) synapse: Arc<Synapse>,
    /// Its admin, past the proxy.
    pub(crate) admin: Client,
    /// The bot's account, past the proxy.
    pub(crate) bot: Client,
    /// What inviter talks to.
    pub(crate) proxy: Proxy,
    /// Where people and groups come from.
    pub(crate) directory: Directory,
    /// What people and rooms are called.
    pub(crate) names: Names,
    dir: TempDir,
    homeserver: String,
    /// Keys before all sections.
    pub(crate) head: String,
    /// More keys of the directory's section, and sections of their own.
    pub(crate) more: String,
}

/// A room as the homeserver's admin sees it, by short names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Room {
    /// The membership of everybody it knows of.
    pub(crate) members: BTreeMap<String, String>,
    /// The entries of people in the power levels.
    pub(crate) levels: BTreeMap<String, i64>,
    /// Who made it.
    pub(crate) creator: String,
}

impl Room {
    /// Whether somebody is in or invited.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let membership = self.members.get(name).map(String::as_str);
        matches!(membership, Some("join" | "invite"))
    }

    /// Whether somebody is in.
    pub(crate) fn has_joined(&self, name: &str) -> bool {
        self.members.get(name).map(String::as_str) == Some("join")
    }

    /// Somebody's level, but for a creator's.
    pub(crate) fn level(&self, name: &str) -> i64 {
        self.levels.get(name).copied().unwrap_or(0)
    }
}

impl Site {
    /// A site whose directory says what an organisation is. `homeserver` is added to the section of the homeserver.
    pub(crate) async fn start(
        synapse: Arc<Synapse>,
        kind: Kind,
        organisation: &Organisation,
        homeserver: &str,
    ) -> Result<Self> {
        let names = Names {
            tag: unique(""),
            server: synapse.server_name().to_owned(),
        };
        let dir = tempfile::Builder::new().prefix("inviter-faults-").tempdir()?;
        let bot = synapse.register(&names.localpart("bot")).await?;
        let people: Vec<String> = organisation
            .people
            .iter()
            .map(|name| names.localpart(name))
            .collect();
        synapse.create_users(&people).await?;
        Ok(Self {
            admin: synapse.admin(),
            proxy: Proxy::start(synapse.url()).await?,
            directory: Directory::start(kind, dir.path(), &names, organisation).await?,
            bot,
            names,
            dir,
            homeserver: homeserver.to_owned(),
            head: String::new(),
            more: String::new(),
            synapse,
        })
    }

    fn config(&self) -> Result<Config> {
        let text = format!(
            "{}\n[homeserver]\nurl = {:?}\nuser = {:?}\naccess_token_env = \"TOKEN\"\nrequest_timeout = \"20s\"\n{}\n\
             {}{}\n[state]\ndir = \"state\"\n",
            self.head,
            self.proxy.url(),
            self.bot.user_id(),
            self.homeserver,
            self.directory.section(),
            self.more,
        );
        let secret = |name: &str| match name {
            "TOKEN" => Some(self.bot.token().to_owned()),
            _ => self.directory.secret(name),
        };
        Config::parse(&text, &self.dir.path().join("inviter.toml"), &secret)
            .map_err(|errors| anyhow::anyhow!("{errors}\n{text}"))
    }

    /// Connects as a program that has just been started.
    pub(crate) async fn connect(&self) -> Result<Setup> {
        Ok(Setup::connect(&self.config()?).await?)
    }

    /// One run that has to be fine in every respect.
    pub(crate) async fn fine(&self, options: &RunOptions) -> Result<Report> {
        let report = self.connect().await?.reconciler.sync(options).await?;
        let tally = report.tally();
        anyhow::ensure!(
            report.errors.is_empty() && tally.failed + tally.parked == 0,
            "a run without faults had some: {:?} {tally:?} {:?}",
            report.errors,
            report.rooms,
        );
        Ok(report)
    }

    /// Where a room's alias leads.
    pub(crate) async fn room_id(&self, room: &str) -> Result<Option<String>> {
        self.admin.resolve_alias(&self.names.alias(room)).await
    }

    /// A room by its ID.
    pub(crate) async fn room(&self, id: &str) -> Result<Room> {
        let mut room = Room::default();
        for event in self.admin.admin_room_state(id).await? {
            let content = &event["content"];
            match event["type"].as_str().context("no type")? {
                "m.room.member" => {
                    let who = event["state_key"].as_str().context("no state key")?;
                    let membership = content["membership"].as_str().context("no membership")?;
                    room.members
                        .insert(self.names.short(who).to_owned(), membership.to_owned());
                }
                "m.room.create" => {
                    let who = event["sender"].as_str().context("no sender")?;
                    self.names.short(who).clone_into(&mut room.creator);
                }
                "m.room.power_levels" => {
                    for (who, level) in content["users"].as_object().into_iter().flatten() {
                        let level = level.as_i64().context("no level")?;
                        room.levels.insert(self.names.short(who).to_owned(), level);
                    }
                }
                _ => {}
            }
        }
        Ok(room)
    }

    /// People accept their invitations into a room.
    pub(crate) async fn join(&self, room: &str, people: &[&str]) -> Result<()> {
        let id = self
            .room_id(room)
            .await?
            .with_context(|| format!("no room {room}"))?;
        for name in people {
            let person = self.synapse.login(&self.names.localpart(name)).await?;
            person.join(&id).await?;
        }
        Ok(())
    }

    /// A room that `owner` made by hand, and to which the bot is invited as an admin.
    pub(crate) async fn invited_to(&self, owner: &Client, alias: &str) -> Result<()> {
        let body = json!({
            "preset": "private_chat",
            "room_alias_name": self.names.localpart(alias),
            "invite": [self.bot.user_id()],
        });
        let id = owner.create_room(body).await?;
        let mut levels = owner.power_levels(&id).await?;
        levels["users"][self.bot.user_id()] = json!(100);
        owner.send_state(&id, "m.room.power_levels", "", levels).await?;
        Ok(())
    }

    /// A room that `owner` made by hand, with these people invited, and with the bot in it.
    pub(crate) async fn made_by_hand(
        &self,
        owner: &Client,
        alias: Option<&str>,
        people: &[&str],
        bot_is_admin: bool,
    ) -> Result<String> {
        let mut invited: Vec<String> = people.iter().map(|name| self.names.user(name)).collect();
        invited.push(self.bot.user_id().to_owned());
        let mut body = json!({ "preset": "private_chat", "invite": invited });
        if let Some(alias) = alias {
            body["room_alias_name"] = Value::from(self.names.localpart(alias));
        }
        let id = owner.create_room(body).await?;
        self.bot.join(&id).await?;
        if bot_is_admin {
            let mut levels = owner.power_levels(&id).await?;
            levels["users"][self.bot.user_id()] = json!(100);
            owner.send_state(&id, "m.room.power_levels", "", levels).await?;
        }
        Ok(id)
    }
}
