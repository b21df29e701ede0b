//! `[bot]`: what the daemon does by itself, and who may command it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use inviter_core::{OwnedRoomId, decode::parse_alias, room::RoomRef};

use super::{homeserver::timeout, keys, path_in, settings::section};
use crate::document::{Problems, Section};

const MINUTE: u64 = 60;

/// What the daemon does by itself, and who may command it.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the section")]
pub struct BotConfig {
    /// The room in which commands are taken, if there is one.
    pub admin_room: Option<RoomRef>,
    /// The power level that a member of that room needs to command.
    pub command_level: i64,
    /// `!sync` is a command, and not only `!inviter sync`.
    pub plain_commands: bool,
    /// From the beginning of a scheduled run to the next one.
    pub interval: Duration,
    /// By how much at most a scheduled run is put off, by chance.
    pub jitter: Duration,
    /// The first run begins at once.
    pub run_at_start: bool,
    /// Removals wait for a person's own command (decision 27).
    pub cautious: bool,
    /// Rooms are put right as soon as somebody changes them.
    pub real_time: bool,
    /// The longest pause before a directory that keeps failing is asked again.
    pub quarantine_max: Duration,
    /// How long a command waits for its confirmation.
    pub confirm_within: Duration,
    /// Where health, readiness and metrics are served.
    pub listen: Option<SocketAddr>,
    /// To which file actions are appended.
    pub audit_file: Option<PathBuf>,
    /// How much is logged.
    pub log: LogLevel,
    /// How it is logged.
    pub log_format: LogFormat,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what is doubtful.
    Warn,
    /// And what is done.
    #[default]
    Info,
    /// And how.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name of the level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// A JSON document in each line.
    Json,
}

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const FORMATS: [(&str, LogFormat); 2] = [("human", LogFormat::Human), ("json", LogFormat::Json)];

pub(super) fn read(top: &Section<'_>, base: &Path, problems: &mut Problems) -> BotConfig {
    let section = section(top, &keys::BOT, problems);
    let minutes = |count: u64| Duration::from_secs(count * MINUTE);
    BotConfig {
        admin_room: section.parsed("admin_room", room, problems),
        command_level: section
            .integer("command_level", (0_i64, 100), problems)
            .unwrap_or(0),
        plain_commands: section.flag("plain_commands", problems).unwrap_or(true),
        interval: pause(&section, "interval", minutes(30), problems),
        jitter: section.duration("jitter", problems).unwrap_or(minutes(1)),
        run_at_start: section.flag("run_at_start", problems).unwrap_or(true),
        cautious: section.flag("cautious", problems).unwrap_or(true),
        real_time: section.flag("real_time", problems).unwrap_or(true),
        quarantine_max: quarantine_max(&section, minutes(60), problems),
        confirm_within: pause(&section, "confirm_within", minutes(10), problems),
        listen: section.parsed("listen", address, problems),
        audit_file: section
            .text("audit_file", problems)
            .map(|(_, text)| path_in(base, text)),
        log: section.word("log", &LEVELS, problems).unwrap_or_default(),
        log_format: section.word("log_format", &FORMATS, problems).unwrap_or_default(),
    }
}

/// A duration that must not be 0.
fn pause(section: &Section<'_>, key: &str, default: Duration, problems: &mut Problems) -> Duration {
    timeout(section, key, default, problems)
}

/// The first pause is a sixtieth of this, so that a directory is asked once a second at the very most, and one that
/// refuses the bot once a minute.
const SHORTEST_QUARANTINE_MAX: Duration = Duration::from_secs(MINUTE);

fn quarantine_max(section: &Section<'_>, default: Duration, problems: &mut Problems) -> Duration {
    let key = "quarantine_max";
    let value = section.duration(key, problems).unwrap_or(default);
    if value < SHORTEST_QUARANTINE_MAX {
        problems.add(
            section.at(key),
            format!(
                "{} must be at least 1m, since a directory that refuses the bot would be asked again and again, and \
                 accounts are locked for that; leave it out for 1h",
                section.key(key)
            ),
        );
    }
    value
}

fn room(text: &str) -> Result<RoomRef, String> {
    let hint = "write an alias like \"#inviter-admin:example.com\" or a room ID like \"!abc:example.com\"";
    if text.starts_with('!') {
        return OwnedRoomId::try_from(text)
            .map(RoomRef::Id)
            .map_err(|error| format!("`{text}` is not a room ID ({error}); {hint}"));
    }
    parse_alias(text)
        .map(RoomRef::Alias)
        .map_err(|why| format!("`{text}` {why}; {hint}"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not an address with a port; write it like \"127.0.0.1:9170\" or \"[::1]:9170\"")
    })
}
