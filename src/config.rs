//! The configuration: one TOML file, checked as a whole before anything is contacted.
//!
//! [`Config::load`] answers with a [`Config`] in which everything is of its right type and consistent, or with
//! [`ConfigErrors`]: every error at once, each with file, line and column. `inviter.sample.toml` shows and
//! explains every key; [`KNOWN_KEYS`] lists them.

mod directories;
mod errors;
mod homeserver;
mod keys;
mod policy;
mod rooms;
mod secrets;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
};

use inviter_core::{
    OwnedServerName,
    guard::Limits,
    patterns::Patterns,
    policy::{Adoption, LeftPolicy, UnregisteredPolicy},
    room_rules::{RoomRules, RoomSpec},
};

pub use directories::{DecoderKind, DirectoryConfig, DirectoryKind};
pub use errors::{ConfigError, ConfigErrors};
pub use homeserver::{Credentials, HomeserverConfig};
pub use keys::KNOWN_KEYS;

use crate::document::{self, Node, Problems, Section};

/// Reads environment variables on behalf of the library, which never does so by itself.
///
/// Any closure will do: `&|name: &str| std::env::var(name).ok()` in a program, `&|_: &str| None` in a test.
pub trait Environment {
    /// The value of a variable, if it is set.
    fn var(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// `[homeserver]`: where the bot's account is and how it logs in.
    pub homeserver: HomeserverConfig,
    /// `[accounts] server`: whose user IDs are minted and managed; `None` means the bot's own server.
    pub accounts_server: Option<OwnedServerName>,
    /// `[accounts] exempt`: who is never removed or lowered.
    pub exempt: Patterns,
    /// `[[directory]]`, in the order of the file: the first wins where settings conflict.
    pub directories: Vec<DirectoryConfig>,
    /// `[rooms]`: settings of rooms that group names decode to, and defaults of the listed ones.
    pub defaults: RoomRules,
    /// `[[room]]`: rooms listed one by one.
    pub rooms: Vec<RoomSpec>,
    /// `[adopt]`: which existing rooms may be managed without a person's word.
    pub adopt: Adoption,
    /// `trusted_inviters`: whose invitations the bot accepts.
    pub trusted_inviters: std::collections::BTreeSet<inviter_core::OwnedUserId>,
    /// `[limits]`: when removals are held.
    pub limits: Limits,
    /// `[people] left`: what happens with people who left by their own act.
    pub left: LeftPolicy,
    /// `[people] unregistered`: what happens with people who have no account on the homeserver, by its own word.
    pub unregistered: UnregisteredPolicy,
    /// `[people] invite_reason`: shown with invitations.
    pub invite_reason: Option<String>,
    /// `[people] remove_reason`: shown with removals.
    pub remove_reason: Option<String>,
    /// `[state] dir`: where the memory of earlier runs and the lock are kept.
    pub state_dir: PathBuf,
    /// `danger_allow_world_readable`
    pub danger_allow_world_readable: bool,
    /// `danger_allow_admin_levels`
    pub danger_allow_admin_levels: bool,
}

impl Config {
    /// Reads and checks a file. Relative paths in it are relative to the directory that it is in.
    ///
    /// Files and variables that hold secrets are read here too, so that everything is known to be there before
    /// the first connection. Blocks on the file system.
    ///
    /// # Errors
    /// All errors of the file at once.
    pub fn load(path: &Path, env: &dyn Environment) -> Result<Self, ConfigErrors> {
        let bytes = fs::read(path).map_err(|error| {
            let message = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is no such file; copy inviter.sample.toml and edit the copy".to_owned()
                }
                _ => format!("cannot be read: {error}"),
            };
            ConfigErrors::of_file(path, message)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            ConfigErrors::locate(path, &text, {
                let mut problems = Problems::default();
                problems.add(valid, "not UTF-8 from here on; save the file as UTF-8");
                problems
            })
        })?;
        Self::parse(&text, path, env)
    }

    /// Checks a text as if it stood in the file `path`, which need not exist.
    ///
    /// # Errors
    /// All errors of the text at once.
    pub fn parse(text: &str, path: &Path, env: &dyn Environment) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::default();
        let tree = document::parse_toml(text, &mut problems);
        if !problems.is_empty() {
            // What follows a syntax error may be misread, and would only be blamed for it.
            return Err(ConfigErrors::locate(path, text, problems));
        }
        let base = path.parent().unwrap_or(Path::new(""));
        let config = Self::read(&tree, base, env, &mut problems);
        match config {
            Some(config) if problems.is_empty() => {
                tracing::debug!(file = %path.display(), "configuration read");
                Ok(config)
            }
            _ => Err(ConfigErrors::locate(path, text, problems)),
        }
    }

    /// `None` only together with a problem.
    fn read(tree: &Node<'_>, base: &Path, env: &dyn Environment, problems: &mut Problems) -> Option<Self> {
        let top = Section::read(tree, "", keys::TOP, problems)?;
        let danger = settings::Danger::read(&top, problems);
        let homeserver = homeserver::read(&top, base, env, problems);
        let (accounts_server, exempt) = settings::accounts(&top, problems);
        let directories = directories::read(&top, base, problems);
        let defaults = rooms::defaults(&top, danger, problems);
        let rooms = rooms::listed(&top, &defaults, &directories, danger, problems);
        if directories.is_empty()
            && top.get("directory").is_none()
            && rooms.is_empty()
            && top.get("room").is_none()
        {
            problems.add(
                top.at,
                "there is neither a [[directory]] nor a [[room]], so there is nothing to do; add a [[directory]]",
            );
        }
        let people = settings::people(&top, problems);
        let state_dir = settings::state_dir(&top, base, env, problems);
        Some(Self {
            accounts_server,
            exempt,
            directories,
            defaults,
            rooms,
            adopt: settings::adopt(&top, problems),
            trusted_inviters: settings::users(&top, "trusted_inviters", problems),
            limits: settings::limits(&top, problems),
            left: people.left,
            unregistered: people.unregistered,
            invite_reason: people.invite_reason,
            remove_reason: people.remove_reason,
            danger_allow_world_readable: danger.world_readable,
            danger_allow_admin_levels: danger.admin_levels,
            homeserver: homeserver?,
            state_dir: state_dir?,
        })
    }
}

/// A path of the file, relative to the directory that the file is in.
fn path_in(base: &Path, text: &str) -> PathBuf {
    base.join(text)
}
