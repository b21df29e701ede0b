//! Every key of the configuration: what it takes, what holds without it, and what it is for.
//!
//! The table says; the readers read. Tests hold the two and the sample to each other. Overrides from the environment,
//! `inviter config` and the JSON Schema are made from the table.

mod bot;
mod directory;
mod entra;
mod ldap;
mod rooms;
mod table;

pub(super) use bot::BOT;
pub(super) use directory::{DECODER, DIRECTORY};
#[cfg(feature = "azure")]
pub(super) use entra::ENTRA;
#[cfg(feature = "ldap")]
pub(super) use ldap::LDAP;
pub(super) use rooms::{PERMISSIONS, ROOM, ROOM_GROUP, ROOM_MEMBER, ROOMS};
pub(super) use table::{ACCOUNTS, ADOPT, HOMESERVER, LIMITS, PEOPLE, SCOPE, STATE, TOP};

/// How people are brought in: for all rooms, or for some.
const BRING_IN: Kind = Kind::Word(&["invite", "join"]);
/// Whom the directory may take out: for all rooms, or for some.
const REMOVE: Kind = Kind::Word(&["anyone", "brought_by_us"]);
/// People who left by their own act: for all rooms, or for some.
const LEFT: Kind = Kind::WordOrAfter(&["until_brought_anew", "again", "never"]);

/// A table of the configuration and the keys that it knows.
#[derive(Debug)]
#[non_exhaustive]
pub struct SectionKeys {
    /// Its place, as in `rooms.permissions`; empty for the top of the file.
    pub name: &'static str,
    /// Its keys, in the order in which they are shown.
    pub keys: &'static [Key],
}

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Key {
    /// How it is written.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds where it is left out.
    pub fallback: Fallback,
    /// A password can be part of it, so it is masked where it is shown.
    pub secret: bool,
    /// What it is for: one sentence without a full stop.
    pub about: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Kind {
    /// A string that is not empty.
    Text,
    /// A string that may be empty, which is a decision too.
    AnyText,
    /// An integer within these bounds, both included.
    Integer {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A power level, or `"keep"`.
    LevelOrKeep,
    /// `true` or `false`.
    Flag,
    /// A string such as `"30s"` or `"1h 30m"`.
    Duration,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// One of these strings, or `after` and a duration, such as `"after 7d"`.
    WordOrAfter(&'static [&'static str]),
    /// A list of strings, and of tables where there is a section for them.
    List {
        /// The only strings that are taken; none means any that is not empty.
        words: &'static [&'static str],
        /// The keys of the tables.
        tables: Option<&'static SectionKeys>,
    },
    /// A table.
    Table(&'static SectionKeys),
    /// A list of tables, written as `[[name]]`.
    Tables(&'static SectionKeys),
    /// A table whose keys are free, with values of one kind.
    Free(&'static Kind),
}

/// What holds where a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// The configuration is wrong without it.
    Required,
    /// This value, as TOML.
    Value(&'static str),
    /// What the same key of `[rooms]` has.
    AsInRooms,
    /// No single value: what happens then, to follow "by default".
    Said(&'static str),
}

impl SectionKeys {
    /// The names of all keys.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// A key by its name.
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys at the top of a configuration, from which every other section can be reached.
    pub const fn top() -> &'static Self {
        &TOP
    }

    /// This section and all below it, each once, outer ones first.
    pub fn all(&'static self) -> Vec<&'static Self> {
        let mut found = vec![self];
        for key in self.keys {
            let below = match key.kind {
                Kind::Table(section) | Kind::Tables(section) => Some(section),
                Kind::List { tables, .. } => tables,
                _ => None,
            };
            found.extend(below.into_iter().flat_map(Self::all));
        }
        found
    }
}

impl Key {
    /// A key that may be left out, with what happens then.
    const fn new(name: &'static str, kind: Kind, fallback: Fallback, about: &'static str) -> Self {
        Self {
            name,
            kind,
            fallback,
            secret: false,
            about,
        }
    }

    /// The same with a password in it.
    const fn with_password(mut self) -> Self {
        self.secret = true;
        self
    }
}
