//! The configuration: one TOML file, checked as a whole before anything is contacted.
//!
//! [`Config::load`] answers with a [`Config`] in which everything is of its right type and consistent, or with
//! [`ConfigErrors`]: every error at once, each with file, line and column. `inviter.sample.toml` shows and
//! explains every key; [`SectionKeys::top`] is the table of them.
//!
//! # Overrides
//!
//! Every key can be overridden by a variable of the [`Environment`] that is handed in: `INVITER__HOMESERVER__URL` is
//! `url` in `[homeserver]`. Two underscores stand before each key, in capitals or not; `INVITER__DIRECTORY__0__PATH` is
//! `path` of the first `[[directory]]`, and the number behind the last one appends another. Where keys are free, they
//! are taken as written, or in lower case if there are only capitals. The value is written without quotation marks;
//! lists and tables are written as TOML (`["a", "b"]`), and lists of strings also with commas between them (`a,b`).

mod bot;
mod decoders;
mod directories;
#[cfg(feature = "azure")]
mod entra;
mod environment;
mod errors;
mod explain;
mod homeserver;
mod keys;
#[cfg(feature = "ldap")]
mod ldap;
mod overrides;
mod policy;
mod rooms;
mod schema;
mod secrets;
mod settings;
mod source;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use inviter_core::{
    OwnedServerName,
    guard::Limits,
    patterns::Patterns,
    policy::{Adoption, UnregisteredPolicy},
    reason::Reason,
    room_rules::{RoomRules, RoomSpec},
    room_template::RoomTemplate,
    scope::Scope,
};

pub use bot::{BotConfig, LogFormat, LogLevel};
pub use decoders::DecoderKind;
pub use directories::{DirectoryConfig, DirectoryKind};
#[cfg(feature = "azure")]
pub use entra::EntraDirectoryConfig;
pub use environment::{Environment, OVERRIDE_PREFIX, is_override};
pub use errors::{ConfigError, ConfigErrors};
pub use explain::{Explained, ExplainedSection, Origin, Setting, SettingValue};
pub use homeserver::{Credentials, HomeserverConfig};
pub use keys::{Fallback, Key, Kind, SectionKeys};
pub use source::Place;

use crate::{
    bounded_file,
    document::{self, Node, Problems, Section},
};
use source::Source;

/// A configuration that has been checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct Config {
    /// `[homeserver]`: where the bot's account is and how it logs in.
    pub homeserver: HomeserverConfig,
    /// `[accounts] server`: whose user IDs are minted and managed; `None` means the bot's own server.
    pub accounts_server: Option<OwnedServerName>,
    /// `[accounts] exempt`: who is never removed or lowered.
    pub exempt: Patterns,
    /// `[[directory]]`, in the order of the file: the first wins where settings conflict.
    pub directories: Vec<DirectoryConfig>,
    /// `[rooms]`: settings of rooms that group names decode to, and defaults of the listed ones; `bring_in` and `left` of
    /// `[people]` are in it.
    pub defaults: RoomRules,
    /// `[[room]]`: rooms listed one by one.
    pub rooms: Vec<RoomSpec>,
    /// `[[room]]` with placeholders: rooms that arguments make.
    pub templates: Vec<RoomTemplate>,
    /// `[scope]`: which rooms and groups are looked at.
    pub scope: Scope,
    /// `[adopt]`: which existing rooms may be managed without a person's word.
    pub adopt: Adoption,
    /// `trusted_inviters`: whose invitations the bot accepts.
    pub trusted_inviters: std::collections::BTreeSet<inviter_core::OwnedUserId>,
    /// `[limits]`: when removals are held.
    pub limits: Limits,
    /// `[people] unregistered`: what happens with people who have no account on the homeserver, by its own word.
    pub unregistered: UnregisteredPolicy,
    /// `[people] invite_reason`: shown with invitations.
    pub invite_reason: Option<Reason>,
    /// `[people] remove_reason`: shown with removals.
    pub remove_reason: Option<Reason>,
    /// `[state] dir`: where the memory of earlier runs and the lock are kept.
    pub state_dir: PathBuf,
    /// `[state] history`: how long it is remembered what we did with people; zero for not at all.
    pub history: Duration,
    /// `[bot]`: what the daemon does by itself, and who may command it.
    pub bot: BotConfig,
    /// `danger_allow_world_readable`
    pub danger_allow_world_readable: bool,
    /// `danger_allow_admin_levels`
    pub danger_allow_admin_levels: bool,
    /// `[people] danger_manage_admins`
    pub danger_manage_admins: bool,
    /// `[limits] danger_vanished_groups_are_empty`
    pub danger_vanished_groups_are_empty: bool,
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
        Self::parse(&read_file(path)?, path, env)
    }

    /// Checks a text as if it stood in the file `path`, which need not exist.
    ///
    /// # Errors
    /// All errors of the text at once.
    pub fn parse(text: &str, path: &Path, env: &dyn Environment) -> Result<Self, ConfigErrors> {
        let variables = env.overrides();
        Ok(Self::examine(&source_of(text, path, &variables), env)?.0)
    }

    /// Takes all keys from variables, without any file. Relative paths are relative to `base`.
    ///
    /// # Errors
    /// All errors at once.
    pub fn from_environment(base: &Path, env: &dyn Environment) -> Result<Self, ConfigErrors> {
        let variables = env.overrides();
        Ok(Self::examine(&source_of_variables(base, &variables), env)?.0)
    }

    /// Reads a source, and hands out the document too, with the overrides in it.
    fn examine<'t>(source: &Source<'t>, env: &dyn Environment) -> Result<(Self, Node<'t>), ConfigErrors> {
        let mut problems = Problems::default();
        let mut tree = document::parse_toml(source.text, &mut problems);
        if !problems.is_empty() {
            // What follows a syntax error may be misread, and would only be blamed for it.
            return Err(ConfigErrors::locate(source, problems));
        }
        overrides::lay_over(&mut tree, source, &mut problems);
        let config = Self::read(&tree, source.base, env, &mut problems);
        match config {
            Some(config) if problems.is_empty() => {
                let file = source.file.map(|file| file.display().to_string());
                tracing::debug!(file, overrides = source.variables.len(), "configuration read");
                Ok((config, tree))
            }
            _ => Err(ConfigErrors::locate(source, problems)),
        }
    }

    /// `None` only together with a problem.
    fn read(tree: &Node<'_>, base: &Path, env: &dyn Environment, problems: &mut Problems) -> Option<Self> {
        let top = Section::read(tree, "", &keys::TOP.names(), problems)?;
        let danger = settings::Danger::read(&top, problems);
        let homeserver = homeserver::read(&top, base, env, problems);
        let (accounts_server, exempt) = settings::accounts(&top, problems);
        let directories = directories::read(&top, base, env, problems);
        let people = settings::people(&top, problems);
        let defaults = rooms::defaults(&top, &people, danger, problems);
        let (rooms, templates) = rooms::listed(&top, &defaults, &directories, danger, problems);
        #[cfg(feature = "azure")]
        let directories = directories::with_listed(directories, &top, &rooms, &templates, problems);
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
        let (state_dir, history) = settings::state(&top, base, env, problems);
        let (limits, vanished_are_empty) = settings::limits(&top, problems);
        Some(Self {
            accounts_server,
            exempt,
            directories,
            defaults,
            rooms,
            templates,
            scope: settings::scope(&top, problems),
            adopt: settings::adopt(&top, problems),
            trusted_inviters: settings::users(&top, "trusted_inviters", problems),
            limits,
            unregistered: people.unregistered,
            invite_reason: people.invite_reason,
            remove_reason: people.remove_reason,
            history,
            bot: bot::read(&top, base, problems),
            danger_allow_world_readable: danger.world_readable,
            danger_allow_admin_levels: danger.admin_levels,
            danger_manage_admins: people.manage_admins,
            danger_vanished_groups_are_empty: vanished_are_empty,
            homeserver: homeserver?,
            state_dir: state_dir?,
        })
    }
}

/// The text of a file.
fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    let bytes = bounded_file::read(path, bounded_file::CONFIGURATION).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such file; copy inviter.sample.toml and edit the copy".to_owned()
            }
            std::io::ErrorKind::FileTooLarge => {
                format!("cannot be a configuration: {error}; name the right file")
            }
            _ => format!("cannot be read: {error}"),
        };
        ConfigErrors::of_file(path, message)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let mut problems = Problems::default();
        problems.add(valid, "not UTF-8 from here on; save the file as UTF-8");
        ConfigErrors::locate(&source_of(&text, path, &[]), problems)
    })
}

/// A text as if it stood in a file, and the variables that are laid over it.
fn source_of<'t>(text: &'t str, path: &'t Path, variables: &'t [(String, String)]) -> Source<'t> {
    Source {
        file: Some(path),
        base: path.parent().unwrap_or(Path::new("")),
        text,
        variables,
    }
}

/// Variables without a file.
const fn source_of_variables<'t>(base: &'t Path, variables: &'t [(String, String)]) -> Source<'t> {
    Source {
        file: None,
        base,
        text: "",
        variables,
    }
}

/// A path of the file, relative to the directory that the file is in.
fn path_in(base: &Path, text: &str) -> PathBuf {
    base.join(text)
}
