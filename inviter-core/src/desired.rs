//! What the directories want: people, and rooms with their seats.

use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::Arc};

use ruma_common::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    directory::{Extent, GroupKey, ProviderId},
    finding::Finding,
    room::{Binding, RoomRef},
    room_rules::RoomRules,
};

/// The outcome of `resolve`, and after `unite` of the bindings too.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Every person that a directory knows, sorted by user ID, each once.
    pub people: Vec<Person>,
    /// The rooms, sorted by their first reference.
    pub rooms: Vec<DesiredRoom>,
    /// Every group that was listed, and whether it and all it contains was read completely.
    pub groups: BTreeMap<GroupRef, Extent>,
    /// Each directory, in the order of the configuration.
    pub sources: Vec<SourceOutcome>,
    /// What a person should be told.
    pub findings: Vec<Finding>,
}

impl Desired {
    /// The person with this user ID.
    pub fn person(&self, user: &UserId) -> Option<&Person> {
        self.people
            .binary_search_by(|p| (*p.user_id).cmp(user))
            .ok()
            .map(|ix| &self.people[ix])
    }

    /// The user ID behind a seat.
    pub fn user(&self, seat: &Seat) -> &OwnedUserId {
        &self.people[seat.person.0 as usize].user_id
    }

    /// What is known about a group that fed a room at an earlier run.
    pub fn group_standing(&self, group: &GroupRef) -> GroupStanding<'_> {
        if let Some(extent) = self.groups.get(group) {
            return GroupStanding::Present(extent);
        }
        let source = self.sources.iter().find(|s| s.provider == group.provider);
        // A directory that was taken out of the configuration is gone with its groups: the guard asks a person.
        if source.is_none_or(SourceOutcome::is_complete) {
            GroupStanding::Vanished
        } else {
            GroupStanding::Unknown
        }
    }
}

/// What is known about one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStanding<'a> {
    /// Listed; the extent covers its members and all nested groups.
    Present(&'a Extent),
    /// Its directory was listed completely, and it is not there.
    Vanished,
    /// Its directory could not be listed.
    Unknown,
}

/// How one directory fared.
#[derive(Debug, Clone)]
pub struct SourceOutcome {
    /// Which.
    pub provider: ProviderId,
    /// How complete its listing is; `None` if nothing could be read.
    pub listing: Option<Extent>,
    /// Accounts that may be used.
    pub active_accounts: u64,
    /// Whether their number says anything. It does not where accounts come with the groups that they are in, and some
    /// groups are not known completely: whoever is missing is missing there, and those rooms lose nobody.
    pub size_known: bool,
    /// Whether it tells of people in groups only, so that somebody whom it does not name may have an account all the
    /// same ([`Directory::only_grouped_accounts`](crate::directory::Directory::only_grouped_accounts)).
    pub only_grouped_accounts: bool,
    /// Why nothing could be read.
    pub error: Option<String>,
}

impl SourceOutcome {
    /// Read, and all of it.
    pub fn is_complete(&self) -> bool {
        self.listing.as_ref().is_some_and(Extent::is_complete)
    }

    /// Whether whoever is not among its accounts has none there.
    pub fn names_everybody(&self) -> bool {
        self.is_complete() && self.size_known && !self.only_grouped_accounts
    }
}

/// A person by Matrix ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The minted or given ID.
    pub user_id: OwnedUserId,
    /// What the directories say of the account.
    pub standing: PersonStanding,
}

/// What the directories say of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonStanding {
    /// At least one directory has an active account, or the configuration names the person and no directory has
    /// more than disabled accounts.
    Active,
    /// Every directory that knows the person has disabled the account.
    Disabled,
    /// Two accounts of one directory map to this ID, or the directory does not say whether it may be used: nobody
    /// is added, removed, raised or lowered on the strength of it.
    Uncertain,
}

/// Index into [`Desired::people`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonIx(pub u32);

/// A room as the directories want it.
#[derive(Debug, Clone)]
pub struct DesiredRoom {
    /// What names it; several may lead to one room.
    pub refs: Vec<RoomRef>,
    /// Where the references lead; `Unknown` until `unite`.
    pub binding: Binding,
    /// Who belongs in it, sorted by person (and so by user ID), each once.
    pub seats: Vec<Seat>,
    /// Who may have a place, or a level, by an alias that cannot be asked, and why that is not known: they are neither
    /// removed nor lowered.
    pub in_doubt: BTreeMap<PersonIx, Arc<str>>,
    /// Whether the seats are all.
    pub members: Extent,
    /// Whether the owners are all.
    pub owners: Extent,
    /// The settings.
    pub rules: Arc<RoomRules>,
    /// Where in the configuration the settings stand; the lowest wins where rooms turn out to be one.
    /// [`DesiredRoom::BY_DEFAULT`] if nothing but a group's name asks for the room.
    pub precedence: u32,
    /// The groups that feed it, in a fixed order; seats refer to them by index.
    pub feeds: Arc<[Feed]>,
    /// Whether the groups that feed it are within the [scope](crate::scope::Scope), as far as that is about groups.
    /// In a room that is inside, a group outside is a gap and no feed; a room outside has all of its seats.
    pub in_scope: bool,
}

impl DesiredRoom {
    /// The precedence of a room that has the default settings because no explicit entry names it.
    pub const BY_DEFAULT: u32 = u32::MAX;
}

/// A group that feeds a room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feed {
    /// The group.
    pub group: GroupRef,
    /// What it feeds.
    pub role: FeedRole,
}

/// What a group feeds in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedRole {
    /// Its members.
    Members,
    /// Its owners.
    Owners,
}

/// A group, across directories. Ordered and compared by directory and key; the name is for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupRef {
    /// The directory.
    pub provider: ProviderId,
    /// The group's stable key there.
    pub key: GroupKey,
    /// Its name when it was read.
    pub name: Arc<str>,
}

impl PartialEq for GroupRef {
    fn eq(&self, other: &Self) -> bool {
        self.provider == other.provider && self.key == other.key
    }
}

impl Eq for GroupRef {}

impl PartialOrd for GroupRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GroupRef {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.provider, &self.key).cmp(&(&other.provider, &other.key))
    }
}

impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.provider)
    }
}

/// One person's place in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub person: PersonIx,
    /// Index of the feed that gave the place (and the level, where one was given); `None` for a fixed member.
    pub feed: Option<u16>,
    /// The role.
    pub role: Role,
    /// The configuration itself says the level, whatever the directory gives.
    pub level_fixed: bool,
}

impl Seat {
    /// Whether the person is named in the configuration: never removed.
    pub const fn is_fixed(&self) -> bool {
        self.feed.is_none()
    }
}

/// What a person is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Has the room's `users_default`.
    Member,
    /// Has this power level.
    Level(i64),
}

impl Role {
    /// The higher of two; an ordinary member counts as 0.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.exceeds(self) { other } else { self }
    }

    /// Whether this is higher; an ordinary member counts as 0.
    pub const fn exceeds(self, other: Self) -> bool {
        self.value() > other.value()
    }

    /// Which is higher; an ordinary member counts as 0.
    pub(crate) fn order(self, other: Self) -> Ordering {
        self.value().cmp(&other.value())
    }

    const fn value(self) -> i64 {
        match self {
            Self::Member => 0,
            Self::Level(level) => level,
        }
    }
}
