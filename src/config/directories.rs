//! `[[directory]]`: where people and groups come from, and how their names are read.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

#[cfg(feature = "ldap")]
use inviter_core::room_template::RoomTemplate;
use inviter_core::{
    OwnedServerName, UserId,
    directory::{GroupKey, ProviderId},
    mint::{GuestRule, Minting},
};

use super::{
    Environment,
    decoders::{self, DecoderKind},
    keys, path_in,
};
use crate::document::{Problems, Section, Value, dotted_hint, nearest};

/// One directory of the configuration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DirectoryConfig {
    /// Its name, unique in the file.
    pub name: ProviderId,
    /// What it is, and how it is reached.
    pub kind: DirectoryKind,
    /// How group names become rooms; the first that recognises a name decides.
    pub decoders: Vec<DecoderKind>,
    /// The attribute that user IDs are made of.
    pub attribute: String,
    /// Take only what stands before the first `@` of the attribute.
    pub before_at: bool,
    /// What to do with guests of another tenant.
    pub guests: GuestRule,
    /// New localpart → localpart of the Matrix ID that stays.
    pub renames: BTreeMap<String, String>,
}

impl DirectoryConfig {
    /// How accounts become user IDs of `server`.
    pub fn minting(&self, server: OwnedServerName) -> Minting {
        Minting {
            server,
            attribute: self.attribute.clone(),
            before_at: self.before_at,
            guests: self.guests,
            renames: self.renames.clone(),
        }
    }
}

/// What a directory is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DirectoryKind {
    /// A file: see [`FileDirectory`](crate::FileDirectory).
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// An LDAP server: see [`LdapDirectory`](crate::ldap::LdapDirectory).
    #[cfg(feature = "ldap")]
    Ldap(Box<inviter_ldap::LdapConfig>),
}

impl DirectoryKind {
    /// The attribute that user IDs are usually made of in such a directory.
    const fn usual_attribute(&self) -> &'static str {
        match self {
            Self::File { .. } => "uid",
            #[cfg(feature = "ldap")]
            Self::Ldap(config) => config.schema.preset.user_attribute(),
        }
    }

    /// The same, which reads the attribute that user IDs are made of.
    #[cfg_attr(
        not(feature = "ldap"),
        expect(unused_variables, unused_mut, reason = "files have it anyway")
    )]
    fn reading(mut self, attribute: &str) -> Self {
        #[cfg(feature = "ldap")]
        if let Self::Ldap(config) = &mut self {
            config.attributes = vec![attribute.to_owned()];
        }
        self
    }
}

/// The kinds that a configuration may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KindWord {
    File,
    #[cfg(feature = "ldap")]
    Ldap,
    /// Known, and not in this program; what it needs.
    NotBuilt(&'static str),
}

const KINDS: [(&str, KindWord); 3] = [
    ("file", KindWord::File),
    #[cfg(feature = "ldap")]
    ("ldap", KindWord::Ldap),
    #[cfg(not(feature = "ldap"))]
    ("ldap", KindWord::NotBuilt("ldap")),
    ("entra", KindWord::NotBuilt("entra")),
];
const GUESTS: [(&str, GuestRule); 2] = [("skip", GuestRule::Skip), ("strip", GuestRule::Strip)];

pub(super) fn read(
    top: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Vec<DirectoryConfig> {
    let mut directories = Vec::new();
    let mut names = BTreeSet::new();
    for node in top.list("directory", problems) {
        let Some(section) = Section::read(node, "directory", &keys::DIRECTORY.names(), problems) else {
            continue;
        };
        if let Some(directory) = read_one(&section, base, env, problems) {
            if !names.insert(directory.name.clone()) {
                problems.add(
                    section.at("name"),
                    format!(
                        "two directories are called `{}`; give each a name of its own",
                        directory.name
                    ),
                );
            }
            directories.push(directory);
        }
    }
    directories
}

/// `None` only together with a problem.
fn read_one(
    section: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<DirectoryConfig> {
    let required = [
        ("name", "reports speak of the directory by it"),
        ("kind", "write \"file\" or \"ldap\""),
    ];
    for (key, why) in required {
        if section.get(key).is_none() {
            problems.add(section.at, format!("{} is missing; {why}", section.key(key)));
        }
    }
    let name = section
        .text("name", problems)
        .map(|(_, name)| ProviderId::new(name));
    let kind = section.word("kind", &KINDS, problems);
    let kind = kind.and_then(|word| read_kind(section, word, base, env, problems));
    let usual = kind.as_ref().map_or("uid", DirectoryKind::usual_attribute);
    let attribute = section
        .text("attribute", problems)
        .map_or(usual, |(_, attribute)| attribute);
    #[cfg(feature = "ldap")]
    if let Some(DirectoryKind::Ldap(_)) = kind
        && let Err(why) = super::ldap::attribute(attribute)
    {
        problems.add(
            section.at("attribute"),
            format!("{}: {why}", section.key("attribute")),
        );
    }
    // These two are of the form `name@domain` everywhere; a uid with an @ is meant as it stands.
    let of_form_at = ["userPrincipalName", "mail"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(attribute));
    let directory = DirectoryConfig {
        decoders: decoders::read(section, problems),
        attribute: attribute.to_owned(),
        before_at: section.flag("before_at", problems).unwrap_or(of_form_at),
        guests: section.word("guests", &GUESTS, problems).unwrap_or_default(),
        renames: renames(section, problems),
        name: name?,
        kind: kind?.reading(attribute),
    };
    Some(directory)
}

#[cfg_attr(
    not(feature = "ldap"),
    expect(unused_variables, reason = "files need no secrets")
)]
fn read_kind(
    section: &Section<'_>,
    word: KindWord,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<DirectoryKind> {
    match word {
        KindWord::File => {
            refuse_other(section, "ldap", "ldap", problems);
            if section.get("path").is_none() {
                problems.add(
                    section.at("kind"),
                    "`path` in [directory] is missing; write where the directory file is, such as \"people.toml\"",
                );
            }
            let (_, path) = section.text("path", problems)?;
            Some(DirectoryKind::File {
                path: path_in(base, path),
            })
        }
        #[cfg(feature = "ldap")]
        KindWord::Ldap => {
            refuse_other(section, "path", "file", problems);
            let config = super::ldap::read(section, base, env, problems)?;
            Some(DirectoryKind::Ldap(Box::new(config)))
        }
        KindWord::NotBuilt(kind) => {
            problems.add(
                section.at("kind"),
                format!(
                    "`kind` in [directory]: this program was built without `{kind}`; use one that was built with it \
                     (cargo feature `{kind}`), or `kind = \"file\"`"
                ),
            );
            None
        }
    }
}

/// What is for another kind of directory would have no effect, and whoever wrote it thinks that it has.
fn refuse_other(section: &Section<'_>, key: &str, kind: &str, problems: &mut Problems) {
    if section.get(key).is_some() {
        let name = section.key(key);
        problems.add(
            section.at(key),
            format!("{name} is for `kind = \"{kind}\"`; leave it out, or correct `kind`"),
        );
    }
}

fn renames(section: &Section<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut renames = BTreeMap::new();
    let mut kept = BTreeMap::new();
    let Some(node) = section.get("renames") else {
        return renames;
    };
    let Some(table) = Section::open(node, "directory.renames", problems) else {
        return renames;
    };
    for entry in table.entries() {
        if let Value::Table(_) = entry.node.value {
            let (key, hint) = (table.key(&entry.key), dotted_hint(&entry.node));
            problems.add(entry.at, format!("{key} must be a string, not a table{hint}"));
            continue;
        }
        let Some((at, old)) = table.text(&entry.key, problems) else {
            continue;
        };
        for localpart in [&*entry.key, old] {
            // Any server will do: only the localpart is in question here.
            if localpart.starts_with('@') || UserId::parse(format!("@{localpart}:example.com")).is_err() {
                problems.add(
                    entry.at,
                    format!(
                        "`{localpart}` in [directory.renames] is not a localpart; write what stands between `@` and `:` \
                         of the user ID"
                    ),
                );
            }
        }
        if entry.key.chars().any(char::is_uppercase) {
            problems.add(
                entry.at,
                format!(
                    "`{}` in [directory.renames] can never match, since user IDs are made in lower case; write it in \
                     lower case",
                    entry.key
                ),
            );
        }
        if let Some(other) = kept.insert(old, &*entry.key) {
            problems.add(
                at,
                format!(
                    "`{other}` and `{}` in [directory.renames] both become `{old}`, which would make two people one",
                    entry.key
                ),
            );
        }
        renames.insert(entry.key.clone().into_owned(), old.to_owned());
    }
    renames
}

/// A group as a room's list means it, in one of the directories or in this one. A DN is written as DNs compare, since
/// that is what an LDAP directory calls its groups by.
#[cfg_attr(not(feature = "ldap"), expect(unused_variables, reason = "only LDAP has DNs"))]
pub(super) fn group_key(
    text: &str,
    directory: Option<&ProviderId>,
    directories: &[DirectoryConfig],
) -> GroupKey {
    #[cfg(feature = "ldap")]
    {
        let is_ldap = |d: &DirectoryConfig| matches!(d.kind, DirectoryKind::Ldap(_));
        let mut meant = directories
            .iter()
            .filter(|d| directory.is_none_or(|name| *name == d.name));
        // A name may have a `=` in it; two of them, with a `,` between, are no name that anybody gives. Placeholders
        // would be escaped, and their values are not known yet: there it has to be written as the server does.
        if text.contains(',')
            && !RoomTemplate::has_placeholder(text)
            && meant.any(is_ldap)
            && let Ok(dn) = inviter_ldap::Dn::parse(text)
        {
            return GroupKey::new(dn.as_str());
        }
    }
    GroupKey::new(text)
}

/// A directory by its name, as rooms refer to it.
pub(super) fn find(name: &str, directories: &[DirectoryConfig]) -> Result<ProviderId, String> {
    let names: Vec<&str> = directories.iter().map(|d| d.name.as_str()).collect();
    if let Some(directory) = directories.iter().find(|d| d.name.as_str() == name) {
        return Ok(directory.name.clone());
    }
    Err(match nearest(name, &names) {
        Some(right) => format!("there is no [[directory]] called `{name}`, did you mean `{right}`?"),
        None => format!("there is no [[directory]] called `{name}`"),
    })
}
