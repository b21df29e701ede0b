//! `kind` of a `[[directory]]`, and the keys that are for one kind only.

use std::path::{Path, PathBuf};

use crate::{
    config::{Environment, path_in},
    document::{Problems, Section},
};

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
    /// A Microsoft Entra tenant: see [`EntraDirectory`](crate::azure::EntraDirectory).
    #[cfg(feature = "azure")]
    Entra(Box<crate::config::EntraDirectoryConfig>),
}

impl DirectoryKind {
    /// The attribute that user IDs are usually made of in such a directory.
    pub(super) const fn usual_attribute(&self) -> &'static str {
        match self {
            Self::File { .. } => "uid",
            #[cfg(feature = "ldap")]
            Self::Ldap(config) => config.schema.preset.user_attribute(),
            #[cfg(feature = "azure")]
            Self::Entra(_) => inviter_azure::EntraConfig::PROPERTY,
        }
    }

    /// Whether such a directory can have an attribute of this name at all.
    #[cfg_attr(
        not(any(feature = "ldap", feature = "azure")),
        expect(unused_variables, clippy::unnecessary_wraps, reason = "files take any")
    )]
    pub(super) fn check_attribute(&self, attribute: &str) -> Result<(), String> {
        match self {
            Self::File { .. } => Ok(()),
            #[cfg(feature = "ldap")]
            Self::Ldap(_) => crate::config::ldap::attribute(attribute).map(drop),
            #[cfg(feature = "azure")]
            Self::Entra(_) => crate::config::entra::property(attribute).map(drop),
        }
    }

    /// The same, which reads the attribute that user IDs are made of.
    #[cfg_attr(
        not(any(feature = "ldap", feature = "azure")),
        expect(unused_variables, reason = "files have any")
    )]
    pub(super) fn reading(mut self, attribute: &str) -> Self {
        match &mut self {
            Self::File { .. } => {}
            #[cfg(feature = "ldap")]
            Self::Ldap(config) => config.attributes = vec![attribute.to_owned()],
            #[cfg(feature = "azure")]
            Self::Entra(config) => config.entra.properties = vec![attribute.to_owned()],
        }
        self
    }
}

/// The kinds that a configuration may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindWord {
    File,
    #[cfg(feature = "ldap")]
    Ldap,
    #[cfg(feature = "azure")]
    Entra,
    /// Known, and not in this program.
    #[cfg(not(all(feature = "ldap", feature = "azure")))]
    NotBuilt {
        kind: &'static str,
        /// What it needs.
        feature: &'static str,
    },
}

pub(super) const KINDS: [(&str, KindWord); 3] = [
    ("file", KindWord::File),
    #[cfg(feature = "ldap")]
    ("ldap", KindWord::Ldap),
    #[cfg(not(feature = "ldap"))]
    (
        "ldap",
        KindWord::NotBuilt {
            kind: "ldap",
            feature: "ldap",
        },
    ),
    #[cfg(feature = "azure")]
    ("entra", KindWord::Entra),
    #[cfg(not(feature = "azure"))]
    (
        "entra",
        KindWord::NotBuilt {
            kind: "entra",
            feature: "azure",
        },
    ),
];

/// Keys that are for one kind only, and which that is.
const OF_ONE_KIND: [(&str, &str); 3] = [("path", "file"), ("ldap", "ldap"), ("entra", "entra")];

/// `None` only together with a problem.
#[cfg_attr(
    not(any(feature = "ldap", feature = "azure")),
    expect(unused_variables, reason = "files need no secrets")
)]
pub(super) fn read(
    section: &Section<'_>,
    word: KindWord,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<DirectoryKind> {
    match word {
        KindWord::File => {
            refuse_others(section, "file", problems);
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
            refuse_others(section, "ldap", problems);
            let config = crate::config::ldap::read(section, base, env, problems)?;
            Some(DirectoryKind::Ldap(Box::new(config)))
        }
        #[cfg(feature = "azure")]
        KindWord::Entra => {
            refuse_others(section, "entra", problems);
            let config = crate::config::entra::read(section, base, env, problems)?;
            Some(DirectoryKind::Entra(Box::new(config)))
        }
        #[cfg(not(all(feature = "ldap", feature = "azure")))]
        KindWord::NotBuilt { kind, feature } => {
            problems.add(
                section.at("kind"),
                format!(
                    "`kind` in [directory]: this program was built without `{kind}`; use one that was built with it \
                     (cargo feature `{feature}`), or `kind = \"file\"`"
                ),
            );
            None
        }
    }
}

/// What is for another kind of directory would have no effect, and whoever wrote it thinks that it has.
fn refuse_others(section: &Section<'_>, kind: &str, problems: &mut Problems) {
    for (key, of) in OF_ONE_KIND {
        if of != kind && section.get(key).is_some() {
            let name = section.key(key);
            problems.add(
                section.at(key),
                format!("{name} is for `kind = \"{of}\"`; leave it out, or correct `kind`"),
            );
        }
    }
}
