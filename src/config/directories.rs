//! `[[directory]]`: where people and groups come from, and how their names are read.

mod groups;
mod kinds;
#[cfg(feature = "azure")]
mod listed;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use inviter_core::{
    OwnedServerName, UserId,
    directory::ProviderId,
    mint::{GuestRule, Minting},
};

use super::{
    Environment,
    decoders::{self, DecoderKind},
    keys,
};
use crate::document::{Problems, Section, Value, dotted_hint};
pub(super) use groups::{find, group_key};
pub use kinds::DirectoryKind;
#[cfg(feature = "azure")]
pub(super) use listed::with_listed;

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
        ("kind", "write \"file\", \"ldap\" or \"entra\""),
    ];
    for (key, why) in required {
        if section.get(key).is_none() {
            problems.add(section.at, format!("{} is missing; {why}", section.key(key)));
        }
    }
    let name = section
        .text("name", problems)
        .map(|(_, name)| ProviderId::new(name));
    let kind = section.word("kind", &kinds::KINDS, problems);
    let kind = kind.and_then(|word| kinds::read(section, word, base, env, problems));
    let usual = kind.as_ref().map_or("uid", DirectoryKind::usual_attribute);
    let attribute = section
        .text("attribute", problems)
        .map_or(usual, |(_, attribute)| attribute);
    if let Some(kind) = &kind
        && let Err(why) = kind.check_attribute(attribute)
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
