//! Actions: what a plan would do, each with its evidence.

use std::fmt;

use ruma_common::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    levels::{LevelChange, LevelRules, Lowering},
    room_rules::{HistoryVisibility, Listing, PowerTemplate, RoomKind},
};

/// One thing to do in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What to do.
    pub op: Op,
    /// Why.
    pub why: Why,
    /// What the person of an [`Op::SetLevels`] loses by it, if they lose something. The plan works that out, since the
    /// entries alone do not tell: it knows who is in the room, and what level those without an entry have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowers: Option<Lowering>,
}

impl Action {
    /// An action that lowers nobody.
    pub const fn new(op: Op, why: Why) -> Self {
        Self {
            op,
            why,
            lowers: None,
        }
    }

    /// The order within a room: what makes the room usable first, then levels, then settings, then people.
    pub const fn phase(&self) -> u8 {
        match self.op {
            Op::CreateRoom(_) => 0,
            Op::Join { .. } => 1,
            Op::SetLevels { .. } => 2,
            Op::SetHistoryVisibility { .. }
            | Op::SetName { .. }
            | Op::SetTopic { .. }
            | Op::SetListing { .. } => 3,
            Op::Invite { .. } | Op::Add { .. } => 4,
            Op::Remove { .. } => 5,
            Op::Leave => 6,
        }
    }
}

/// What can be done to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Op {
    /// Create it, in one request.
    CreateRoom(Box<Blueprint>),
    /// Accept an invitation, or join.
    Join {
        /// Whose invitation it is; without one, the room has to let the bot in by its join rule.
        invited_by: Option<OwnedUserId>,
    },
    /// Change power levels; one event, merged into what is there (decision 28).
    SetLevels {
        /// The changes, sorted by slot.
        changes: Vec<LevelChange>,
    },
    /// Set `m.room.history_visibility`.
    SetHistoryVisibility {
        /// What was seen.
        from: Option<HistoryVisibility>,
        /// What is wanted.
        to: HistoryVisibility,
    },
    /// Give a name to a room that has none.
    SetName {
        /// The name.
        to: String,
    },
    /// Give a topic to a room that has none.
    SetTopic {
        /// The topic.
        to: String,
    },
    /// List the room in the homeserver's room directory, or take it out.
    SetListing {
        /// What is wanted.
        to: Listing,
    },
    /// Invite someone.
    Invite {
        /// Whom.
        user: OwnedUserId,
        /// Shown to them.
        reason: Option<String>,
    },
    /// Put someone of the bot's own homeserver straight in, without asking them; where that is not possible, invite
    /// them. Whoever is invited already joins; that is no harm, and no plan asks for it (decision 21).
    Add {
        /// Whom.
        user: OwnedUserId,
        /// Shown to them if they have to be invited; the homeserver takes none otherwise.
        reason: Option<String>,
    },
    /// Remove someone (kick): from the room, or withdraw their invitation.
    Remove {
        /// Whom.
        user: OwnedUserId,
        /// They are invited and not joined.
        invitation: bool,
        /// Shown in the room.
        reason: Option<String>,
    },
    /// Leave it, as the bot. Only a person's word asks for this: no plan does, and `apply` does not send it.
    Leave,
}

impl Op {
    /// Who is invited or put in by this.
    pub const fn brings_in(&self) -> Option<&OwnedUserId> {
        match self {
            Self::Invite { user, .. } | Self::Add { user, .. } => Some(user),
            _ => None,
        }
    }
}

/// Everything that the creation of a room needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    /// The alias, of our own homeserver.
    pub alias: OwnedRoomAliasId,
    /// Room or space.
    pub kind: RoomKind,
    /// The version; `None` takes the homeserver's default.
    pub version: Option<RoomVersionId>,
    /// The name.
    pub name: Option<String>,
    /// The topic.
    pub topic: Option<String>,
    /// Encrypted from the start.
    pub encrypt: bool,
    /// History visibility.
    pub history_visibility: Option<HistoryVisibility>,
    /// Listing in the room directory.
    pub listing: Listing,
    /// The permission template.
    pub template: Option<PowerTemplate>,
    /// Levels of the people who will be invited, sorted by user, without the bot.
    pub levels: Vec<(OwnedUserId, i64)>,
}

/// State events that nobody below an admin should send. Naming the level of any event replaces the homeserver's own
/// list as a whole, so these are said again; `m.room.tombstone` is, too, with the level of the room's version.
const KEPT_HIGH: [(&str, i64); 2] = [("m.room.server_acl", 100), ("m.room.encryption", 100)];

impl Blueprint {
    /// The `power_level_content_override` of the creation, laid over the homeserver's own levels key by key; `None`
    /// if those stay as they are. The bot is in `users` before version 12, and never from then on (decision 16).
    pub fn power_levels(&self, rules: LevelRules, bot: &UserId) -> Option<Map<String, Value>> {
        let mut content = Map::new();
        let others = self.levels.iter().filter(|(user, _)| user != bot);
        let mut users: Map<String, Value> = others
            .map(|(user, level)| (user.to_string(), (*level).into()))
            .collect();
        if !users.is_empty() {
            if !rules.privileged_creators {
                users.insert(bot.to_string(), 100.into());
            }
            content.insert("users".to_owned(), users.into());
        }
        if let Some(template) = self.template.as_ref().filter(|_| self.kind == RoomKind::Room) {
            content.extend(
                template
                    .keys()
                    .map(|(key, level)| (key.as_str().to_owned(), level.into())),
            );
            if !template.events.is_empty() {
                // Without an entry anyone with `state_default` could close the room.
                let tombstone = (
                    "m.room.tombstone",
                    if rules.privileged_creators { 150 } else { 100 },
                );
                let kept = KEPT_HIGH
                    .into_iter()
                    .chain([tombstone])
                    .map(|(kind, level)| (kind.to_owned(), level));
                let events = kept.chain(template.events.clone());
                let events: Map<String, Value> = events.map(|(kind, level)| (kind, level.into())).collect();
                content.insert("events".to_owned(), events.into());
            }
        }
        (!content.is_empty()).then_some(content)
    }
}

/// Why an action is in the plan. Group indices point into the feeds of the room's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The room is wanted by its groups.
    RoomWanted,
    /// Invited by a trusted inviter.
    TrustedInviter,
    /// The room is to take the place of this managed one, which was closed for it.
    Replaces {
        /// The room that was closed.
        room: OwnedRoomId,
    },
    /// A member of this group.
    InGroup {
        /// Index into the feeds.
        feed: u16,
    },
    /// Named in the configuration.
    Fixed,
    /// In none of the groups that feed the room.
    InNoGroup,
    /// Every directory that knows them has disabled the account.
    AccountDisabled,
    /// An owner of this group.
    OwnerOf {
        /// Index into the feeds.
        feed: u16,
    },
    /// No group gives this level any more.
    NoLongerGiven,
    /// A level left behind by someone who is not in the room, or is about to be removed.
    LeftBehind,
    /// The bot's own level, written down so that the room's first levels event does not take it away.
    OwnLevel,
    /// The permission template.
    Template,
    /// A setting of the configuration.
    Configured,
    /// A person asked for it.
    ByHand,
}

/// One room's place in a plan or report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomTarget {
    /// A room that exists.
    Existing(OwnedRoomId),
    /// One that is to be created under this alias.
    New(OwnedRoomAliasId),
}

impl fmt::Display for RoomTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Existing(id) => id.as_str(),
            Self::New(alias) => alias.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use ruma_common::{owned_room_alias_id, user_id};
    use serde_json::json;

    use super::*;

    fn made(template: Option<PowerTemplate>, people: &[(&str, i64)], version: &str) -> Option<Value> {
        let blueprint = Blueprint {
            alias: owned_room_alias_id!("#a:x"),
            kind: RoomKind::Room,
            version: None,
            name: None,
            topic: None,
            encrypt: false,
            history_visibility: None,
            listing: Listing::Private,
            template,
            levels: people
                .iter()
                .map(|(user, level)| (UserId::parse(user).unwrap(), *level))
                .collect(),
        };
        let rules = LevelRules::of(&RoomVersionId::try_from(version).unwrap()).unwrap();
        blueprint
            .power_levels(rules, user_id!("@bot:x"))
            .map(Value::Object)
    }

    #[test]
    fn nothing_wanted_is_nothing_sent() {
        assert_eq!(made(None, &[], "11"), None);
        assert_eq!(made(None, &[], "12"), None);
        // A template without events leaves the homeserver's.
        let template = PowerTemplate {
            events: std::collections::BTreeMap::new(),
            ..PowerTemplate::default()
        };
        assert!(made(Some(template), &[], "11").unwrap().get("events").is_none());
    }

    #[test]
    fn the_bot_is_in_the_list_before_version_12_and_never_from_then_on() {
        let users = |people, version| made(None, people, version).map(|levels| levels["users"].clone());
        assert_eq!(
            users(&[("@a:x", 50)], "11"),
            Some(json!({ "@a:x": 50, "@bot:x": 100 }))
        );
        assert_eq!(users(&[("@a:x", 50)], "12"), Some(json!({ "@a:x": 50 })));
        assert_eq!(users(&[("@bot:x", 50)], "12"), None);
        // The homeserver itself names the creator when the list is left to it.
        assert_eq!(users(&[("@bot:x", 50)], "11"), None);
    }

    #[test]
    fn replacing_the_events_keeps_what_must_stay_high() {
        let events = |version| made(Some(PowerTemplate::default()), &[], version).unwrap()["events"].clone();
        assert_eq!(events("11")["m.room.tombstone"], 100);
        assert_eq!(events("12")["m.room.tombstone"], 150);
        assert_eq!(events("12")["m.room.encryption"], 100);
        let mut template = PowerTemplate::default();
        template.events.insert("m.room.tombstone".to_owned(), 50);
        assert_eq!(
            made(Some(template), &[], "12").unwrap()["events"]["m.room.tombstone"],
            50
        );
    }
}
