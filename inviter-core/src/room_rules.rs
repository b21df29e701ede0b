//! How a managed room is to be set up: kind, settings, and the permission template.

use std::{collections::BTreeMap, time::Duration};

use ruma_common::OwnedUserId;
use serde::{Deserialize, Serialize};

use crate::{
    directory::{GroupKey, ProviderId},
    levels::{Key, LevelRules, PowerLevels},
    room::RoomRef,
};

/// Room or space, by `type` in the create event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// A room for messages.
    #[default]
    Room,
    /// `m.space`
    Space,
}

/// `history_visibility`, ordered from the tightest to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryVisibility {
    /// From the moment that someone joined.
    Joined,
    /// From the moment that someone was invited.
    Invited,
    /// All history, for members.
    Shared,
    /// All history, for anyone in the world.
    WorldReadable,
}

impl HistoryVisibility {
    /// The value in the event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Invited => "invited",
            Self::Shared => "shared",
            Self::WorldReadable => "world_readable",
        }
    }
}

/// Whether the room stands in the homeserver's published room directory; says nothing about who may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Listed.
    Public,
    /// Not listed.
    Private,
}

/// How levels of people are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelsMode {
    /// The directory rules: raised by hand is lowered again (below 100 and below the bot).
    #[default]
    Exact,
    /// Only levels that we gave are lowered.
    Keep,
}

/// How people who belong in a room are brought into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BringIn {
    /// By an invitation, which they accept or decline.
    #[default]
    Invite,
    /// Straight in, without being asked, where they are of the bot's own homeserver and it lets the bot do so; by an
    /// invitation otherwise.
    Join,
}

/// What happens with people who belong in a room and left it by their own act (decision 21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftPolicy {
    /// Not invited until the directory brings them anew.
    #[default]
    UntilBroughtAnew,
    /// Invited on every run.
    Again,
    /// Never invited again.
    Never,
    /// Invited once so long has passed since they left, by the time that their leaving has in the room; earlier if the
    /// directory brings them anew. One invitation for each time that they leave.
    After(Duration),
}

/// Whom the directory may take out of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovePolicy {
    /// Everybody whom it does not want there.
    #[default]
    Anyone,
    /// Of those, the ones whom we have brought in: others were invited by hand, and stay.
    BroughtByUs,
}

/// The settings of a room; shared by all rooms that have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRules {
    /// Room or space, when it has to be created.
    pub kind: RoomKind,
    /// Set encryption when the room is created; never later.
    pub encrypt: bool,
    /// The history visibility to set, if any. An existing room's is only tightened, unless `history_exact`.
    pub history_visibility: Option<HistoryVisibility>,
    /// Also widen the history visibility of an existing room.
    pub history_exact: bool,
    /// Room name, given at creation and to a room that has none. `None`: localpart of the alias with `_` as space.
    pub name: Option<String>,
    /// Topic, given at creation and to a room that has none.
    pub topic: Option<String>,
    /// Listing in the room directory; `None` leaves it alone (private at creation).
    pub listing: Option<Listing>,
    /// How levels of people are kept.
    pub levels: LevelsMode,
    /// Level of an owner who is a member.
    pub owner_level: i64,
    /// The permission template for rooms of our own homeserver; `None` leaves permissions alone.
    pub template: Option<PowerTemplate>,
    /// Room version for creation; `None` takes the homeserver's default.
    pub version: Option<ruma_common::RoomVersionId>,
    /// How people are brought in.
    pub bring_in: BringIn,
    /// People who left by themselves.
    pub left: LeftPolicy,
    /// How long somebody stays who is in none of the room's groups any more; zero for not at all. Who has no account
    /// that may be used goes at once.
    pub grace: Duration,
    /// Whom the directory may take out.
    pub remove: RemovePolicy,
}

impl Default for RoomRules {
    /// The reference bot's defaults: encrypted, history `shared`, owners 50, and its permission template.
    fn default() -> Self {
        Self {
            kind: RoomKind::Room,
            encrypt: true,
            history_visibility: Some(HistoryVisibility::Shared),
            history_exact: false,
            name: None,
            topic: None,
            listing: None,
            levels: LevelsMode::Exact,
            owner_level: 50,
            template: Some(PowerTemplate::default()),
            version: None,
            bring_in: BringIn::default(),
            left: LeftPolicy::default(),
            grace: Duration::ZERO,
            remove: RemovePolicy::default(),
        }
    }
}

/// Levels required for actions. Every key is optional: an absent one is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PowerTemplate {
    /// `users_default`
    pub users_default: Option<i64>,
    /// `events_default`
    pub events_default: Option<i64>,
    /// `state_default`
    pub state_default: Option<i64>,
    /// `invite`
    pub invite: Option<i64>,
    /// `kick`
    pub kick: Option<i64>,
    /// `ban`
    pub ban: Option<i64>,
    /// `redact`
    pub redact: Option<i64>,
    /// `events.*`. `m.room.tombstone` is left out by default: it is 100 before version 12 and stays at the
    /// spec's 150 from version 12 on, unless it is named here.
    pub events: BTreeMap<String, i64>,
}

impl Default for PowerTemplate {
    fn default() -> Self {
        let events = [
            ("m.room.name", 50),
            ("m.room.power_levels", 100),
            ("m.room.history_visibility", 100),
            ("m.room.canonical_alias", 100),
            ("m.room.avatar", 50),
            ("m.room.topic", 50),
            ("m.room.pinned_events", 0),
            ("m.reaction", 0),
            ("m.room.redaction", 100),
        ];
        Self {
            users_default: Some(0),
            events_default: Some(0),
            state_default: Some(50),
            invite: Some(100),
            kick: Some(100),
            ban: Some(100),
            redact: Some(100),
            events: events.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        }
    }
}

const TOMBSTONE: &str = "m.room.tombstone";
/// Before version 12, where nothing else is said.
const TOMBSTONE_LEVEL: i64 = 100;

impl PowerTemplate {
    /// The entries of `events` for a room version: `m.room.tombstone` is 100 before version 12, and from version
    /// 12 on left at the spec's 150, unless the template names it.
    pub fn events_for(&self, rules: LevelRules) -> BTreeMap<&str, i64> {
        let mut events: BTreeMap<&str, i64> = self
            .events
            .iter()
            .map(|(kind, level)| (kind.as_str(), *level))
            .collect();
        if !rules.privileged_creators {
            events.entry(TOMBSTONE).or_insert(TOMBSTONE_LEVEL);
        }
        events
    }

    /// Whether a room has all that the template says already.
    pub(crate) fn holds_in(&self, levels: &PowerLevels) -> bool {
        let tombstone = || {
            levels.rules().privileged_creators
                || self.events.contains_key(TOMBSTONE)
                || levels.event(TOMBSTONE) == TOMBSTONE_LEVEL
        };
        self.keys().all(|(key, to)| levels.key(key) == to)
            && self.events.iter().all(|(kind, to)| levels.event(kind) == *to)
            && tombstone()
    }

    /// The single-valued keys that are set.
    pub fn keys(&self) -> impl Iterator<Item = (Key, i64)> {
        [
            (Key::UsersDefault, self.users_default),
            (Key::EventsDefault, self.events_default),
            (Key::StateDefault, self.state_default),
            (Key::Invite, self.invite),
            (Key::Kick, self.kick),
            (Key::Ban, self.ban),
            (Key::Redact, self.redact),
        ]
        .into_iter()
        .filter_map(|(key, level)| Some((key, level?)))
    }
}

/// One room of the explicit list: which groups make it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSpec {
    /// The room: an alias, or the ID of one that exists.
    pub room: RoomRef,
    /// Groups whose members belong in it.
    pub groups: Vec<SpecGroup>,
    /// People named one by one.
    pub members: Vec<FixedMember>,
    /// The settings.
    pub rules: RoomRules,
}

/// A group of an explicit room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecGroup {
    /// The directory; `None` means the one directory that has a group of this key or name.
    pub provider: Option<ProviderId>,
    /// Key (DN, object id) or name of the group.
    pub group: GroupKey,
    /// The level of its members; `None` is an ordinary member, without an entry of their own.
    pub level: Option<i64>,
}

/// A person named in the configuration; may be foreign. Invited and given the level, never removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedMember {
    /// Who.
    pub user_id: OwnedUserId,
    /// The level, overriding that of every group; `None` leaves the directory's.
    pub level: Option<i64>,
}
