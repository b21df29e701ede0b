//! A room as the homeserver's admin sees it, in the short names of a site.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Directory, Site};

/// What a room is like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Room {
    /// Everybody the room knows of, the bot included, with `join`, `invite`, `leave`, `ban` or `knock`.
    pub(crate) members: BTreeMap<String, String>,
    /// The entries of people in the power levels, the bot's included.
    pub(crate) levels: BTreeMap<String, i64>,
    /// Everything else that has an empty state key: event type to content.
    pub(crate) settings: BTreeMap<String, Value>,
}

impl Room {
    pub(crate) async fn read(site: &Site, id: &str) -> Result<Self> {
        let mut room = Self {
            members: BTreeMap::new(),
            levels: BTreeMap::new(),
            settings: BTreeMap::new(),
        };
        for event in site.admin.admin_room_state(id).await? {
            let content = &event["content"];
            let key = event["state_key"].as_str().context("no state key")?;
            match event["type"].as_str().context("no type")? {
                "m.room.member" => {
                    let membership = content["membership"].as_str().context("no membership")?;
                    room.members
                        .insert(site.short(key).to_owned(), membership.to_owned());
                }
                kind if key.is_empty() => drop(room.settings.insert(kind.to_owned(), content.clone())),
                _ => {}
            }
            if event["type"] == "m.room.power_levels" {
                let users = content["users"].as_object();
                for (user, level) in users.into_iter().flatten() {
                    let level = level.as_i64().context("no level")?;
                    room.levels.insert(site.short(user).to_owned(), level);
                }
            }
        }
        Ok(room)
    }

    /// One field of a setting, such as `("m.room.name", "name")`.
    pub(crate) fn setting(&self, kind: &str, field: &str) -> Option<&str> {
        self.settings.get(kind)?.get(field)?.as_str()
    }

    /// Somebody's membership; `leave` for whom the room does not know.
    pub(crate) fn membership(&self, name: &str) -> &str {
        self.members.get(name).map_or("leave", String::as_str)
    }

    /// Somebody's level.
    pub(crate) fn level(&self, name: &str) -> i64 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// Joined or invited, without the bot, and without the boss, who is an admin wherever they are.
    pub(crate) fn inside(&self) -> BTreeSet<String> {
        let inside = |membership: &str| matches!(membership, "join" | "invite");
        let members = self.members.iter();
        members
            .filter(|(name, membership)| !matches!(name.as_str(), "bot" | "boss") && inside(membership))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// In what way the people of the room and their levels are not those that the directory wants.
    pub(crate) fn differs(&self, directory: &Directory, name: &str) -> Option<String> {
        let wanted = directory.wanted(name);
        let names: BTreeSet<String> = wanted.keys().cloned().collect();
        let inside = self.inside();
        if inside != names {
            return Some(format!("{name}: {inside:?} are in, {names:?} are to be"));
        }
        let wrong = wanted.iter().find(|(name, level)| self.level(name) != **level);
        wrong.map(|(who, level)| format!("{name}: {who} has {} and is to have {level}", self.level(who)))
    }
}
