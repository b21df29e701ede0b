//! The keys of all sections but those of directories and rooms.

use super::{
    Fallback::{Required, Said, Value},
    Key, Kind, SectionKeys,
    bot::BOT,
    directory::DIRECTORY,
    rooms::{ROOM, ROOMS},
};

/// Any number of people.
const COUNT: Kind = Kind::Integer {
    least: 0,
    most: u32::MAX as i64,
};
const PERCENT: Kind = Kind::Integer { least: 0, most: 100 };
const TEXTS: Kind = Kind::List {
    words: &[],
    tables: None,
};

pub(in crate::config) static TOP: SectionKeys = SectionKeys {
    name: "",
    keys: &[
        Key::new(
            "trusted_inviters",
            TEXTS,
            Value("[]"),
            "User IDs whose invitations into rooms the bot accepts",
        ),
        Key::new(
            "danger_allow_world_readable",
            Kind::Flag,
            Value("false"),
            "Allows `history_visibility = \"world_readable\"`, which shows a room's history to everyone in the world",
        ),
        Key::new(
            "danger_allow_admin_levels",
            Kind::Flag,
            Value("false"),
            "Allows levels of 100 and more for people",
        ),
        Key::new(
            "homeserver",
            Kind::Table(&HOMESERVER),
            Required,
            "The bot's account, and how it logs in",
        ),
        Key::new(
            "accounts",
            Kind::Table(&ACCOUNTS),
            Said("the defaults of its keys"),
            "Whose membership is managed",
        ),
        Key::new(
            "directory",
            Kind::Tables(&DIRECTORY),
            Said("none"),
            "Where people and groups come from; the first wins where settings conflict",
        ),
        Key::new(
            "rooms",
            Kind::Table(&ROOMS),
            Said("the defaults of its keys"),
            "The settings of rooms that group names decode to, and the defaults of each [[room]]",
        ),
        Key::new(
            "room",
            Kind::Tables(&ROOM),
            Said("none"),
            "Rooms that are listed one by one",
        ),
        Key::new(
            "scope",
            Kind::Table(&SCOPE),
            Said("everything"),
            "Which rooms and groups are looked at; what is outside is neither asked about nor changed",
        ),
        Key::new(
            "adopt",
            Kind::Table(&ADOPT),
            Said("the defaults of its keys"),
            "Which existing rooms may be managed without a person's word",
        ),
        Key::new(
            "limits",
            Kind::Table(&LIMITS),
            Said("the defaults of its keys"),
            "Beyond which removals are held until a person releases them",
        ),
        Key::new(
            "people",
            Kind::Table(&PEOPLE),
            Said("the defaults of its keys"),
            "How people are invited and removed",
        ),
        Key::new(
            "state",
            Kind::Table(&STATE),
            Said("the defaults of its keys"),
            "Where things are remembered between runs",
        ),
        Key::new(
            "bot",
            Kind::Table(&BOT),
            Said("the defaults of its keys"),
            "What the bot does by itself, and who may command it; the command line does not look at it",
        ),
    ],
};

pub(in crate::config) static HOMESERVER: SectionKeys = SectionKeys {
    name: "homeserver",
    keys: &[
        Key::new(
            "url",
            Kind::Text,
            Required,
            "Base URL of the client-server API; must be https, except to this machine itself",
        ),
        Key::new(
            "user",
            Kind::Text,
            Said("whoever the access token belongs to"),
            "The bot's user ID; needed with a password, and checked against the token's",
        ),
        Key::new(
            "access_token_file",
            Kind::Text,
            Said("another of the four keys of secrets"),
            "File with the bot's access token, closed to other users",
        ),
        Key::new(
            "access_token_env",
            Kind::Text,
            Said("another of the four keys of secrets"),
            "Name of the environment variable with the bot's access token",
        ),
        Key::new(
            "password_file",
            Kind::Text,
            Said("another of the four keys of secrets"),
            "File with the bot's password, closed to other users",
        ),
        Key::new(
            "password_env",
            Kind::Text,
            Said("another of the four keys of secrets"),
            "Name of the environment variable with the bot's password",
        ),
        Key::new(
            "ca_file",
            Kind::Text,
            Said("only the system's certificates"),
            "Certificates (PEM) to trust in addition to the system's",
        ),
        Key::new(
            "connect_timeout",
            Kind::Duration,
            Value("\"10s\""),
            "How long establishing a connection may take",
        ),
        Key::new(
            "request_timeout",
            Kind::Duration,
            Value("\"60s\""),
            "How long one request may take",
        ),
        Key::new(
            "sync_timeout",
            Kind::Duration,
            Value("\"15m\""),
            "How long reading all rooms may take",
        ),
        Key::new(
            "proxy",
            Kind::Text,
            Said("none; the environment is not asked for one"),
            "An HTTP proxy to go through",
        )
        .with_password(),
        Key::new(
            "concurrency",
            Kind::Integer { least: 1, most: 256 },
            Value("8"),
            "How many requests run at the same time",
        ),
        Key::new(
            "danger_allow_plain_http",
            Kind::Flag,
            Value("false"),
            "Allows an http:// URL to another machine, though everybody on the way can read the bot's token",
        ),
    ],
};

pub(in crate::config) static ACCOUNTS: SectionKeys = SectionKeys {
    name: "accounts",
    keys: &[
        Key::new(
            "server",
            Kind::Text,
            Said("the bot's own server"),
            "The server of the user IDs that are made from directory accounts",
        ),
        Key::new(
            "exempt",
            TEXTS,
            Value("[]"),
            "Patterns of user IDs that are never removed or lowered; * and ? stand for any text and any character",
        ),
    ],
};

pub(in crate::config) static SCOPE: SectionKeys = SectionKeys {
    name: "scope",
    keys: &[
        Key::new(
            "include_rooms",
            TEXTS,
            Value("[]"),
            "Only rooms whose alias or ID matches one of these patterns; all if there is none",
        ),
        Key::new(
            "exclude_rooms",
            TEXTS,
            Value("[]"),
            "No room whose alias or ID matches one of these patterns",
        ),
        Key::new(
            "include_groups",
            TEXTS,
            Value("[]"),
            "Only rooms of groups whose name or key matches one of these patterns; all if there is none",
        ),
        Key::new(
            "exclude_groups",
            TEXTS,
            Value("[]"),
            "No room of groups whose name or key matches one of these patterns",
        ),
    ],
};

pub(in crate::config) static ADOPT: SectionKeys = SectionKeys {
    name: "adopt",
    keys: &[
        Key::new(
            "any",
            Kind::Flag,
            Value("false"),
            "Manage every room that an alias leads to, whoever created it",
        ),
        Key::new(
            "trusted_creators",
            TEXTS,
            Value("[]"),
            "Manage rooms that one of these user IDs created",
        ),
    ],
};

pub(in crate::config) static LIMITS: SectionKeys = SectionKeys {
    name: "limits",
    keys: &[
        Key::new(
            "room_count",
            COUNT,
            Value("3"),
            "A room is held if more people than this would go, and more than room_percent; 0 lets nobody go",
        ),
        Key::new(
            "room_percent",
            PERCENT,
            Value("25"),
            "A room is held if a greater part than this would go, and more than room_count; 0 lets nobody go",
        ),
        Key::new(
            "directory_count",
            COUNT,
            Said("that of total_count"),
            "All rooms that a directory feeds are held if more people than this would go from them, and more than directory_percent; 0 lets nobody go",
        ),
        Key::new(
            "directory_percent",
            PERCENT,
            Said("that of total_percent"),
            "All rooms that a directory feeds are held if a greater part than this would go from them, and more than directory_count; 0 lets nobody go",
        ),
        Key::new(
            "total_count",
            COUNT,
            Value("10"),
            "Everything is held if more people than this would go, and more than total_percent; 0 lets nobody go",
        ),
        Key::new(
            "total_percent",
            PERCENT,
            Value("5"),
            "Everything is held if a greater part than this would go, and more than total_count; 0 lets nobody go",
        ),
        Key::new(
            "shrink_count",
            COUNT,
            Said("that of total_count"),
            "All rooms that a directory feeds are held if it has lost more accounts than this since its last good read, and more than shrink_percent; with 0, if it has lost any",
        ),
        Key::new(
            "shrink_percent",
            PERCENT,
            Said("that of total_percent"),
            "All rooms that a directory feeds are held if it has lost a greater part of its accounts than this since its last good read, and more than shrink_count; with 0, if it has lost any",
        ),
        Key::new(
            "window",
            Kind::Duration,
            Value("\"24h\""),
            "The time over which removals are counted together, at least 1h",
        ),
        Key::new(
            "danger_vanished_groups_are_empty",
            Kind::Flag,
            Value("false"),
            "Lets the people of a group that is gone from the directory go like those of an empty one, within the limits",
        ),
    ],
};

pub(in crate::config) static PEOPLE: SectionKeys = SectionKeys {
    name: "people",
    keys: &[
        Key::new(
            "bring_in",
            super::BRING_IN,
            Value("\"invite\""),
            "How people come into rooms: by an invitation, or straight in where the bot is a server administrator",
        ),
        Key::new(
            "left",
            super::LEFT,
            Value("\"until_brought_anew\""),
            "When people who left a room by their own act are invited again",
        ),
        Key::new(
            "grace",
            Kind::Duration,
            Value("\"0s\""),
            "How long people stay who are in none of a room's groups any more; those without an account that may be used go at once",
        ),
        Key::new(
            "remove",
            super::REMOVE,
            Value("\"anyone\""),
            "Whom the directory may take out of rooms: anyone, or those alone whom we have brought in",
        ),
        Key::new(
            "unregistered",
            Kind::Word(&["hold", "invite"]),
            Value("\"hold\""),
            "Whether people without an account on the homeserver are left out or invited",
        ),
        Key::new(
            "danger_manage_admins",
            Kind::Flag,
            Value("false"),
            "Lets the directory remove and lower people at level 100 and more as well, where the bot is above them",
        ),
        Key::new(
            "invite_reason",
            Kind::AnyText,
            Value("\"You are on the list of this room's members\""),
            "Shown with invitations to whoever is in the room, with {room} and {groups} filled in; \"\" shows none",
        ),
        Key::new(
            "remove_reason",
            Kind::AnyText,
            Value("\"You are no longer on the list of this room's members\""),
            "Shown with removals to whoever is in the room, with {room} and {groups} filled in; \"\" shows none",
        ),
    ],
};

pub(in crate::config) static STATE: SectionKeys = SectionKeys {
    name: "state",
    keys: &[
        Key::new(
            "dir",
            Kind::Text,
            Said("$XDG_STATE_HOME/inviter, or ~/.local/state/inviter"),
            "Where the memory of earlier runs and the lock are kept",
        ),
        Key::new(
            "history",
            Kind::Duration,
            Value("\"180d\""),
            "How long it is remembered what we did with people, for explain; 0s remembers nothing of it",
        ),
    ],
};
