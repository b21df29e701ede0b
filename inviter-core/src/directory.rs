//! What an identity provider answers: accounts and groups as the directory has them.
//!
//! No Matrix knowledge is in here but one exception: an attribute may hold a whole Matrix ID. Each part says how
//! much of it is known, because "unknown" must never look like "empty".

use std::{fmt, sync::Arc};

use ruma_common::OwnedUserId;
use serde::{Deserialize, Serialize};

use crate::room_rules::RoomSpec;

/// The name that the configuration gives a directory; unique within a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// Names a directory.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The stable identifier of a group within its directory (DN, entryUUID, object id).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupKey(Arc<str>);

impl GroupKey {
    /// Wraps the directory's own identifier.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that one read of a directory gave.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Accounts; groups refer to them by index.
    pub accounts: Vec<Account>,
    /// Groups; they refer to each other by index.
    pub groups: Vec<Group>,
    /// Rooms that the source names itself, for sources that know rooms and not only groups.
    pub rooms: Vec<RoomSpec>,
    /// Whether `groups` are all there are. A group that is absent has vanished only if this is [`Extent::Complete`].
    pub listing: Extent,
    /// Whether `accounts` are all there are. Member lists are unknown where somebody missing may be in them; that is
    /// for each list to say.
    pub accounts_extent: Extent,
    /// The source has more accounts than it tells: only those in its groups, since listing all others would cost what
    /// nobody needs. Somebody who is not in `accounts` may then still have one.
    pub only_grouped_accounts: bool,
    /// What a person should know about the answer, and what makes nothing unknown.
    pub remarks: Vec<Remark>,
}

/// One thing about an answer that a person should know: entries that lead to people who are gone for good, say. It is
/// told as a finding and changes nothing. Many of a kind are one remark, with their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What it is about: a group, an account, a part of the directory.
    pub what: String,
    /// What there is to know, with what to do where there is something: a clause without a full stop.
    pub why: String,
}

impl Remark {
    /// A remark.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// How much of something is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Extent {
    /// All of it.
    #[default]
    Complete,
    /// At least what is given: it may add people, and never removes anyone. The gaps say why.
    AtLeast(Vec<Gap>),
}

impl Extent {
    /// Incomplete for one reason.
    pub fn gap(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::AtLeast(vec![Gap {
            what: what.into(),
            why: why.into(),
        }])
    }

    /// Whether nothing is missing.
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }

    /// The gaps; empty when complete.
    pub fn gaps(&self) -> &[Gap] {
        match self {
            Self::Complete => &[],
            Self::AtLeast(gaps) => gaps,
        }
    }

    /// Takes over the gaps of something this depends on, each once.
    pub fn absorb(&mut self, other: &Self) {
        for gap in other.gaps() {
            self.add(gap.clone());
        }
    }

    /// Adds one gap unless it is known already.
    pub fn add(&mut self, gap: Gap) {
        match self {
            Self::Complete => *self = Self::AtLeast(vec![gap]),
            Self::AtLeast(gaps) if !gaps.contains(&gap) => gaps.push(gap),
            Self::AtLeast(_) => {}
        }
    }
}

/// One thing that could not be read, and why: a sentence's object and its reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// What is missing: a DN, a group name, an account, a page.
    pub what: String,
    /// Why, with the remedy where one is known.
    pub why: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Values together with how complete they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T> {
    /// The values read.
    pub values: Vec<T>,
    /// Whether these are all.
    pub extent: Extent,
}

impl<T> Part<T> {
    /// All values.
    pub const fn complete(values: Vec<T>) -> Self {
        Self {
            values,
            extent: Extent::Complete,
        }
    }
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self::complete(Vec::new())
    }
}

/// Index of an account in the [`Directory`] that holds it; means nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountIx(pub u32);

/// Index of a group in the [`Directory`] that holds it; means nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupIx(pub u32);

/// A person in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The stable identifier within the directory; what people are told is [`Account::shown`].
    pub key: Box<str>,
    /// What people call the account in that directory, where `key` is opaque: a DN or a login, where the key is an
    /// entryUUID. It may change, and nothing is found by it.
    pub label: Option<Box<str>>,
    /// What was read of the account, for minting the user ID.
    pub attributes: Attributes,
    /// Whether the account may be used; `None` if the directory did not say.
    pub status: Option<AccountStatus>,
    /// The whole Matrix ID, where the directory has it.
    pub matrix_id: Option<OwnedUserId>,
}

impl Account {
    /// What people are told of the account: its label, or else its key.
    pub fn shown(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.key)
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountStatus {
    /// May be used.
    Active,
    /// Disabled, locked or expired: contributes nothing.
    Disabled,
}

/// Attributes of an account: few, so a flat list beats a map. Names compare without regard to ASCII case, as
/// LDAP's do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(Vec<(Arc<str>, Box<str>)>);

impl Attributes {
    /// Adds a value; an attribute may have several.
    pub fn push(&mut self, name: Arc<str>, value: impl Into<Box<str>>) {
        self.0.push((name, value.into()));
    }

    /// The first value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| &**v)
    }

    /// All values of an attribute, in the order they were read.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| &**v)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(iter: I) -> Self {
        Self(
            iter.into_iter()
                .map(|(n, v)| (Arc::from(n), Box::from(v)))
                .collect(),
        )
    }
}

/// A group in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The stable identifier.
    pub key: GroupKey,
    /// The name that the decoders read.
    pub name: Box<str>,
    /// Other texts by which a configuration may mean the group, such as a DN where the key is an entryUUID. They may
    /// change, and nothing is remembered by them.
    pub also_called: Vec<Box<str>>,
    /// Direct members, or all members where `flattened`.
    pub members: Part<Member>,
    /// Owners as an attribute of the group; empty and complete where the directory has none.
    pub owners: Part<Member>,
    /// The server has expanded nested groups already.
    pub flattened: bool,
    /// The group counts only as a part of groups that contain it: whatever its name, it stands for no room and for
    /// nobody's owners, and no entry of the configuration finds it.
    pub nested_only: bool,
}

/// One entry of a group's member list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// A person.
    Account(AccountIx),
    /// A group within the group.
    Group(GroupIx),
    /// An entry that leads to nothing that was read; the group is incomplete because of it.
    Unresolved(Box<str>),
}
