//! A room as the homeserver's admin sees it, in the short names of a site.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Directory, Site};

/// What a room is like, without identifiers that differ from one run to the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Room {
    /// The room version.
    pub(crate) version: String,
    /// Who made it.
    pub(crate) creator: String,
    /// Everybody the room knows of, the bot included, with `join`, `invite`, `leave`, `ban` or `knock`.
    pub(crate) members: BTreeMap<String, String>,
    /// The entries of people in the power levels, the bot's included.
    pub(crate) levels: BTreeMap<String, i64>,
    /// The power levels without those of people.
    pub(crate) permissions: Value,
    /// Name, topic, history visibility, join rule, canonical alias, encryption, and whatever else there is: event
    /// type to content.
    pub(crate) settings: BTreeMap<String, Value>,
    /// The local aliases.
    pub(crate) aliases: Vec<String>,
    /// Whether the room directory lists it.
    pub(crate) listing: String,
}

impl Room {
    pub(super) async fn read(site: &Site, id: &str) -> Result<Self> {
        let state = site.admin.admin_room_state(id).await?;
        let mut room = Self {
            version: String::new(),
            creator: String::new(),
            members: BTreeMap::new(),
            levels: BTreeMap::new(),
            permissions: Value::Null,
            settings: BTreeMap::new(),
            aliases: Vec::new(),
            listing: site.admin.directory_visibility(id).await?,
        };
        for alias in site.admin.aliases(id).await? {
            room.aliases.push(site.short(&alias).to_owned());
        }
        for event in &state {
            room.take(site, event)
                .with_context(|| format!("{event} in {id}"))?;
        }
        Ok(room)
    }

    fn take(&mut self, site: &Site, event: &Value) -> Result<()> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not a text");
        // Names and aliases in it are told in short, too.
        let content = event["content"].to_string().replace(&site.tag, "");
        let mut content: Value = serde_json::from_str(&content)?;
        match event["type"].as_str().context("no type")? {
            "m.room.create" => {
                site.short(&text(&event["sender"])?).clone_into(&mut self.creator);
                self.version = content["room_version"].as_str().unwrap_or("1").to_owned();
            }
            "m.room.member" => {
                let name = site.short(&text(&event["state_key"])?).to_owned();
                self.members.insert(name, text(&content["membership"])?);
            }
            "m.room.power_levels" => {
                let users = event["content"]["users"].as_object();
                for (user, level) in users.into_iter().flatten() {
                    self.levels.insert(site.short(user).to_owned(), number(level)?);
                }
                content.as_object_mut().context("levels")?.remove("users");
                self.permissions = content;
            }
            kind => drop(self.settings.insert(kind.to_owned(), content)),
        }
        Ok(())
    }

    /// One field of a setting, such as `("m.room.name", "name")`.
    pub(crate) fn setting(&self, kind: &str, field: &str) -> Option<&str> {
        self.settings.get(kind)?.get(field)?.as_str()
    }

    /// Joined or invited, without the bot.
    pub(crate) fn inside(&self) -> BTreeSet<String> {
        let inside = |membership: &str| matches!(membership, "join" | "invite");
        let members = self.members.iter();
        members
            .filter(|(name, membership)| *name != "bot" && inside(membership))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Fails unless the room has exactly the people that the directory wants, at their levels, with no entry
    /// beyond those needed. The level of whoever made the room is theirs, and so is the bot's.
    #[track_caller]
    pub(crate) fn is_as_wanted(&self, directory: &Directory, name: &str) {
        let wanted = directory.wanted(name);
        let names: BTreeSet<String> = wanted.keys().cloned().collect();
        assert_eq!(self.inside(), names, "people of {name}: {:?}", self.members);
        let given = |name: &str| name != "bot" && name != self.creator;
        let mut expected = wanted;
        expected.retain(|name, level| *level != 0 && given(name));
        let mut levels = self.levels.clone();
        levels.retain(|name, _| given(name));
        assert_eq!(levels, expected, "levels of {name}");
        // Creators of version 12 are above all levels and not among them.
        let bot = (self.version != "12" || self.creator != "bot").then_some(100);
        assert_eq!(self.levels.get("bot").copied(), bot, "the bot in {name}");
    }
}

/// Old room versions also have levels in quotes.
fn number(level: &Value) -> Result<i64> {
    let text = level.as_str().map(str::trim).map(str::parse);
    match (level.as_i64(), text) {
        (Some(level), _) => Ok(level),
        (None, Some(level)) => Ok(level?),
        (None, None) => Err(anyhow::anyhow!("{level} is no level")),
    }
}
