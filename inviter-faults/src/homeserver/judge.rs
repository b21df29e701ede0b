//! What may never be, whatever goes wrong: each write, and each room after each run, is held against it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use inviter_testkit::{Recorded, digest};

use super::organisation::Organisation;
use super::site::{Room, Site};

/// What is known of the truth while faults happen.
#[derive(Debug)]
pub(crate) struct Judge {
    /// What the directory says, if it can be read.
    pub(crate) truth: Organisation,
    /// Who is not to be removed without a person's word, by room: more would go than the limits allow.
    pub(crate) capped: BTreeSet<(String, String)>,
    /// Rooms in which the bot is and that are none of its business.
    pub(crate) strange: Vec<String>,
    /// How those were.
    pub(crate) strange_before: String,
    /// Rooms as they were after the last look.
    pub(crate) rooms: BTreeMap<String, (String, Room)>,
    /// What was done that may never be.
    pub(crate) mistakes: Vec<String>,
    /// Writing requests so far.
    pub(crate) writes: u64,
    /// People who have gone out of rooms so far.
    pub(crate) removals: u64,
}

impl Judge {
    /// Looks at everything for the first time.
    pub(crate) async fn new(site: &Site, truth: Organisation, strange: Vec<String>) -> Result<Self> {
        let strange_before = digest(&site.admin, &strange).await?;
        let mut judge = Self {
            truth,
            capped: BTreeSet::new(),
            strange,
            strange_before,
            rooms: BTreeMap::new(),
            mistakes: Vec::new(),
            writes: 0,
            removals: 0,
        };
        judge.rooms = judge.look(site).await?;
        Ok(judge)
    }

    /// Whether somebody may go out of a room.
    fn may_go(&self, room: &str, who: &str) -> bool {
        let wanted = self.truth.wanted(room).contains_key(who);
        let capped = self.capped.contains(&(room.to_owned(), who.to_owned()));
        self.truth.people.contains(who) && !wanted && !capped
    }

    async fn look(&self, site: &Site) -> Result<BTreeMap<String, (String, Room)>> {
        let mut rooms = BTreeMap::new();
        for name in self.truth.rooms() {
            if let Some(id) = site.room_id(name).await? {
                let room = site.room(&id).await?;
                rooms.insert(name.to_owned(), (id, room));
            }
        }
        Ok(rooms)
    }

    /// Judges all that was sent since the last time, and how rooms are now.
    pub(crate) async fn after_a_run(&mut self, site: &Site, run: &str) -> Result<()> {
        site.proxy.settled().await;
        let writes = site.proxy.writes();
        site.proxy.clear();
        let rooms = self.look(site).await?;
        let by_id: BTreeMap<&str, &str> = rooms
            .iter()
            .map(|(name, (id, _))| (id.as_str(), name.as_str()))
            .collect();
        let mut mistakes = Vec::new();
        for write in &writes {
            self.writes += 1;
            if let Some(mistake) = self.of_write(site, write, &by_id) {
                mistakes.push(format!("{run}: {mistake}: {write}"));
            }
        }
        for (name, (id, room)) in &rooms {
            let then = self.rooms.get(name).map(|(_, then)| then);
            let there = then
                .into_iter()
                .flat_map(|then| then.members.keys().filter(|who| then.holds(who)));
            let gone = there.filter(|who| !room.holds(who)).count();
            self.removals += u64::try_from(gone).unwrap_or_default();
            mistakes.extend(
                self.of_room(name, id, room)
                    .into_iter()
                    .map(|mistake| format!("{run}: {mistake}")),
            );
        }
        let gone = self.rooms.keys().filter(|name| !rooms.contains_key(*name));
        mistakes.extend(gone.map(|name| format!("{run}: {name} has lost its alias")));
        if digest(&site.admin, &self.strange).await? != self.strange_before {
            mistakes.push(format!("{run}: a room that is none of its business has changed"));
        }
        let of_bot: BTreeSet<String> = site
            .admin
            .admin_memberships(site.bot.user_id())
            .await?
            .into_keys()
            .collect();
        let known: BTreeSet<String> = rooms
            .values()
            .map(|(id, _)| id.clone())
            .chain(self.strange.iter().cloned())
            .collect();
        if of_bot != known {
            mistakes.push(format!(
                "{run}: the bot is or was in {of_bot:?}, and rooms are {known:?}"
            ));
        }
        self.mistakes.extend(mistakes);
        self.rooms = rooms;
        Ok(())
    }

    /// What is wrong with a writing request, whether or not it reached the homeserver.
    fn of_write(&self, site: &Site, write: &Recorded, rooms: &BTreeMap<&str, &str>) -> Option<String> {
        let (path, body) = (write.decoded_path(), write.json());
        if path.ends_with("/createRoom") {
            let alias = body["room_alias_name"].as_str().unwrap_or_default();
            let known = self.truth.rooms().any(|room| site.names.localpart(room) == alias);
            return (!known).then(|| format!("a room {alias:?} is created that nobody wants"));
        }
        let room = rooms
            .iter()
            .find(|(id, _)| path.contains(**id))
            .map(|(_, name)| *name);
        let Some(room) = room else {
            let alias = self
                .truth
                .rooms()
                .any(|room| path.ends_with(&site.names.alias(room)));
            let joins_known = alias && path.contains("/join/");
            return (!joins_known).then(|| "it is about no room of the directory".to_owned());
        };
        let who = body["user_id"].as_str().map(|user| site.names.short(user));
        let verb = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        match (verb, who) {
            ("kick", Some(who)) if self.may_go(room, who) => None,
            ("kick", who) => Some(format!("{who:?} is removed from {room} by mistake")),
            ("invite", Some(who)) if self.truth.wanted(room).contains_key(who) => None,
            ("invite", who) => Some(format!(
                "{who:?} is invited into {room} and does not belong there"
            )),
            ("m.room.power_levels", None) => self.of_levels(site, room, &body),
            _ if path.contains("/state/") => None,
            ("join", None) => None,
            _ => Some("nothing asks for such a request".to_owned()),
        }
    }

    fn of_levels(&self, site: &Site, room: &str, body: &serde_json::Value) -> Option<String> {
        let wanted = self.truth.wanted(room);
        let (_, before) = self.rooms.get(room).cloned().unwrap_or_default();
        for (user, level) in body["users"].as_object()? {
            let who = site.names.short(user);
            let level = level.as_i64()?;
            let right = before.level(who) == level || wanted.get(who) == Some(&level) || who == "bot";
            if !right {
                return Some(format!("{who} gets level {level} in {room}"));
            }
        }
        let bot = body["users"][site.bot.user_id()].as_i64();
        let lowered = before.levels.contains_key("bot") && bot.is_none_or(|level| level < 100);
        lowered.then(|| format!("the bot gives up its own level in {room}"))
    }

    /// What is wrong with a room after a run.
    fn of_room(&self, name: &str, id: &str, room: &Room) -> Vec<String> {
        let mut wrong = Vec::new();
        // One that somebody else has made may wait for the bot to come in.
        let was_there = self
            .rooms
            .get(name)
            .is_some_and(|(_, then)| then.has_joined("bot"));
        if (was_there || room.creator == "bot") && !room.has_joined("bot") {
            wrong.push(format!("the bot is not in {name}"));
        }
        if room.creator != "bot" && room.level("bot") < 100 {
            wrong.push(format!("the bot has level {} in {name}", room.level("bot")));
        }
        if let Some((before, then)) = self.rooms.get(name) {
            if before != id {
                wrong.push(format!("{name} is another room now"));
            }
            let gone = then
                .members
                .keys()
                .filter(|who| then.holds(who) && !room.holds(who));
            let by_mistake = gone.filter(|who| !self.may_go(name, who));
            wrong.extend(by_mistake.map(|who| format!("{who} is not in {name} any more, by mistake")));
            if then.creator != "bot" && room.level(&then.creator) != then.level(&then.creator) {
                wrong.push(format!("{}'s level in {name} has changed", then.creator));
            }
        }
        wrong
    }

    /// In what way rooms are not as the directory wants them; who is held by a limit may be in or out.
    pub(crate) fn differences(&self) -> Vec<String> {
        let mut different = Vec::new();
        for name in self.truth.rooms() {
            let Some((_, room)) = self.rooms.get(name) else {
                different.push(format!("there is no room {name}"));
                continue;
            };
            if !room.has_joined("bot") {
                different.push(format!("the bot is not in {name}"));
            }
            let wanted = self.truth.wanted(name);
            for (who, level) in &wanted {
                if !room.holds(who) {
                    different.push(format!("{who} is not in {name}"));
                } else if room.level(who) != *level && room.creator != *who {
                    different.push(format!(
                        "{who} has level {} in {name}, and not {level}",
                        room.level(who)
                    ));
                }
            }
            for who in room.members.keys().filter(|who| room.holds(who)) {
                let capped = self.capped.contains(&(name.to_owned(), who.clone()));
                if who != "bot" && !wanted.contains_key(who) && *who != room.creator && !capped {
                    different.push(format!("{who} is still in {name}"));
                }
            }
        }
        different
    }

    /// Whether somebody has gone out of a room.
    pub(crate) fn has_gone(&self, room: &str, who: &str) -> Result<bool> {
        let (_, room) = self
            .rooms
            .get(room)
            .with_context(|| format!("there is no room {room}"))?;
        Ok(!room.holds(who))
    }
}
