//! The keys of `[bot]`.

use super::{
    Fallback::{Said, Value},
    Key, Kind, SectionKeys,
};

pub(in crate::config) static BOT: SectionKeys = SectionKeys {
    name: "bot",
    keys: &[
        Key::new(
            "admin_room",
            Kind::Text,
            Said("none, and no commands are taken"),
            "The room in which the bot takes commands, by alias or ID; neither public nor readable for the world",
        ),
        Key::new(
            "command_level",
            Kind::Integer { least: 0, most: 100 },
            Value("0"),
            "The power level that a member of the administration room needs to command",
        ),
        Key::new(
            "plain_commands",
            Kind::Flag,
            Value("true"),
            "Takes `!sync` as well as `!inviter sync`; false where several bots share the administration room",
        ),
        Key::new(
            "interval",
            Kind::Duration,
            Value("\"30m\""),
            "How long after the beginning of a scheduled run the next one begins",
        ),
        Key::new(
            "jitter",
            Kind::Duration,
            Value("\"1m\""),
            "By how much at most a scheduled run is put off, by chance, so that several bots do not ask at once",
        ),
        Key::new(
            "run_at_start",
            Kind::Flag,
            Value("true"),
            "Begins the first run at once, and not after the interval",
        ),
        Key::new(
            "cautious",
            Kind::Flag,
            Value("true"),
            "Lists removals as pending until a person's own command, instead of doing them on schedule",
        ),
        Key::new(
            "real_time",
            Kind::Flag,
            Value("true"),
            "Puts a room right within seconds when somebody changes it, and not with the next scheduled run only",
        ),
        Key::new(
            "quarantine_max",
            Kind::Duration,
            Value("\"1h\""),
            "The longest pause before a directory that keeps failing is asked again, at least 1m; the first one is a sixtieth of it, and of one that refuses the bot ten minutes",
        ),
        Key::new(
            "confirm_within",
            Kind::Duration,
            Value("\"10m\""),
            "How long a command that takes something from people waits for its confirmation",
        ),
        Key::new(
            "listen",
            Kind::Text,
            Said("none, and nothing is served"),
            "Address and port on which health, readiness and metrics are served by HTTP, such as 127.0.0.1:9170",
        ),
        Key::new(
            "audit_file",
            Kind::Text,
            Said("none"),
            "A file to which each action is appended as a line of JSON",
        ),
        Key::new(
            "log",
            Kind::Word(&["error", "warn", "info", "debug", "trace"]),
            Value("\"info\""),
            "How much the bot writes to its log, on standard error",
        ),
        Key::new(
            "log_format",
            Kind::Word(&["human", "json"]),
            Value("\"human\""),
            "How the log is written: for people, or a JSON document in each line",
        ),
    ],
};
