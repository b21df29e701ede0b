//! The keys of `[rooms]`, `[[room]]` and their permissions.

use inviter_core::levels::MAX_LEVEL;

use super::{
    Fallback::{self, Required, Said, Value},
    Key, Kind, SectionKeys,
};

/// A level that people get.
const LEVEL: Kind = Kind::Integer {
    least: -MAX_LEVEL,
    most: MAX_LEVEL,
};

/// A setting that `[rooms]` and `[[room]]` share.
struct Shared {
    name: &'static str,
    kind: Kind,
    default: Fallback,
    about: &'static str,
}

impl Shared {
    const fn of_rooms(&self) -> Key {
        Key::new(self.name, self.kind, self.default, self.about)
    }

    const fn of_room(&self) -> Key {
        Key::new(self.name, self.kind, Fallback::AsInRooms, self.about)
    }
}

const ENCRYPT: Shared = Shared {
    name: "encrypt",
    kind: Kind::Flag,
    default: Value("true"),
    about: "Encrypt rooms that are created; existing ones are left as they are",
};
const HISTORY_VISIBILITY: Shared = Shared {
    name: "history_visibility",
    kind: Kind::Word(&["joined", "invited", "shared", "world_readable", "keep"]),
    default: Value("\"shared\""),
    about: "Who can read what was said before; \"keep\" leaves it as it is",
};
const HISTORY_EXACT: Shared = Shared {
    name: "history_exact",
    kind: Kind::Flag,
    default: Value("false"),
    about: "Also widen the history visibility of existing rooms, which is otherwise only tightened",
};
const LISTING: Shared = Shared {
    name: "listing",
    kind: Kind::Word(&["public", "private", "keep"]),
    default: Value("\"keep\""),
    about: "Whether rooms stand in the homeserver's room directory; \"keep\" leaves that alone",
};
const TOPIC: Shared = Shared {
    name: "topic",
    kind: Kind::Text,
    default: Said("none"),
    about: "The topic for rooms that have none",
};
const LEVELS: Shared = Shared {
    name: "levels",
    kind: Kind::Word(&["exact", "keep"]),
    default: Value("\"exact\""),
    about: "Whether the directory decides all levels below 100, or only those that the bot gave",
};
const OWNER_LEVEL: Shared = Shared {
    name: "owner_level",
    kind: LEVEL,
    default: Value("50"),
    about: "The level of a group's owners",
};
const VERSION: Shared = Shared {
    name: "version",
    kind: Kind::Text,
    default: Said("the homeserver's"),
    about: "The version of rooms that are created",
};
const BRING_IN: Shared = Shared {
    name: "bring_in",
    kind: super::BRING_IN,
    default: Said("as in [people]"),
    about: "How people come in: by an invitation, or straight in where the bot is a server administrator",
};
const GRACE: Shared = Shared {
    name: "grace",
    kind: Kind::Duration,
    default: Said("as in [people]"),
    about: "How long people stay who are in none of the room's groups any more",
};
const REMOVE: Shared = Shared {
    name: "remove",
    kind: super::REMOVE,
    default: Said("as in [people]"),
    about: "Whom the directory may take out: anyone, or those alone whom we have brought in",
};
const LEFT: Shared = Shared {
    name: "left",
    kind: super::LEFT,
    default: Said("as in [people]"),
    about: "When people who left by their own act are invited again",
};
const MANAGE_PERMISSIONS: Shared = Shared {
    name: "manage_permissions",
    kind: Kind::Flag,
    default: Value("true"),
    about: "Whether the permissions of rooms are set at all",
};
const ABOUT_PERMISSIONS: &str = "Which level may do what in rooms on the bot's own homeserver";

pub(in crate::config) static ROOMS: SectionKeys = SectionKeys {
    name: "rooms",
    keys: &[
        ENCRYPT.of_rooms(),
        HISTORY_VISIBILITY.of_rooms(),
        HISTORY_EXACT.of_rooms(),
        LISTING.of_rooms(),
        TOPIC.of_rooms(),
        LEVELS.of_rooms(),
        OWNER_LEVEL.of_rooms(),
        VERSION.of_rooms(),
        BRING_IN.of_rooms(),
        LEFT.of_rooms(),
        GRACE.of_rooms(),
        REMOVE.of_rooms(),
        MANAGE_PERMISSIONS.of_rooms(),
        Key::new(
            "permissions",
            Kind::Table(&PERMISSIONS),
            Said("the defaults of its keys"),
            ABOUT_PERMISSIONS,
        ),
    ],
};

pub(in crate::config) static ROOM: SectionKeys = SectionKeys {
    name: "room",
    keys: &[
        Key::new(
            "alias",
            Kind::Text,
            Said("none, and the room needs an `id`"),
            "The room, by its alias; a room of the bot's own server is created if there is none",
        ),
        Key::new(
            "arguments",
            Kind::List {
                words: &[],
                tables: None,
            },
            Value("[]"),
            "What takes the place of <1> in alias, name, topic and groups: one room for each; with commas between for <1>, <2> and so on",
        ),
        Key::new(
            "id",
            Kind::Text,
            Said("none, and the room needs an `alias`"),
            "The room, by the ID of one that exists",
        ),
        Key::new(
            "name",
            Kind::Text,
            Said("the alias with \"_\" as space"),
            "The name for a room that has none",
        ),
        Key::new(
            "kind",
            Kind::Word(&["room", "space"]),
            Value("\"room\""),
            "What is created if there is no room",
        ),
        Key::new(
            "groups",
            Kind::List {
                words: &[],
                tables: Some(&ROOM_GROUP),
            },
            Value("[]"),
            "Groups whose members belong in it, by name or key, or as tables with their directory and a level",
        ),
        Key::new(
            "members",
            Kind::List {
                words: &[],
                tables: Some(&ROOM_MEMBER),
            },
            Value("[]"),
            "People who belong in it whatever the directories say, as user IDs or as tables with a level",
        ),
        ENCRYPT.of_room(),
        HISTORY_VISIBILITY.of_room(),
        HISTORY_EXACT.of_room(),
        LISTING.of_room(),
        TOPIC.of_room(),
        LEVELS.of_room(),
        OWNER_LEVEL.of_room(),
        VERSION.of_room(),
        BRING_IN.of_room(),
        LEFT.of_room(),
        GRACE.of_room(),
        REMOVE.of_room(),
        MANAGE_PERMISSIONS.of_room(),
        Key::new(
            "permissions",
            Kind::Table(&ROOM_PERMISSIONS),
            Fallback::AsInRooms,
            ABOUT_PERMISSIONS,
        ),
    ],
};

pub(in crate::config) static ROOM_GROUP: SectionKeys = SectionKeys {
    name: "room.groups",
    keys: &[
        Key::new("group", Kind::Text, Required, "The group's name or key"),
        Key::new(
            "directory",
            Kind::Text,
            Said("the one directory that has a group of this name"),
            "The directory that has the group",
        ),
        Key::new(
            "level",
            LEVEL,
            Said("that of an ordinary member"),
            "The level of its members",
        ),
    ],
};

pub(in crate::config) static ROOM_MEMBER: SectionKeys = SectionKeys {
    name: "room.members",
    keys: &[
        Key::new("user", Kind::Text, Required, "The user ID"),
        Key::new(
            "level",
            LEVEL,
            Said("what the directories say"),
            "The level, which overrides that of every group",
        ),
    ],
};

/// A single-valued permission of `[rooms.permissions]`.
const fn permission(name: &'static str, default: &'static str, about: &'static str) -> Key {
    Key::new(name, Kind::LevelOrKeep, Value(default), about)
}

/// The same in `[room.permissions]`.
const fn in_room(key: Key) -> Key {
    Key {
        fallback: Fallback::AsInRooms,
        ..key
    }
}

const USERS_DEFAULT: Key = permission(
    "users_default",
    "0",
    "The level of people without one of their own",
);
const EVENTS_DEFAULT: Key = permission("events_default", "0", "The level for events such as messages");
const STATE_DEFAULT: Key = permission("state_default", "50", "The level for changes to the room's state");
const INVITE: Key = permission("invite", "100", "The level for inviting");
const KICK: Key = permission("kick", "100", "The level for removing people");
const BAN: Key = permission("ban", "100", "The level for banning");
const REDACT: Key = permission("redact", "100", "The level for redacting what others wrote");
const EVENTS: Key = Key::new(
    "events",
    Kind::Free(&Kind::LevelOrKeep),
    Value(
        "{ \"m.reaction\" = 0, \"m.room.avatar\" = 50, \"m.room.canonical_alias\" = 100, \
         \"m.room.history_visibility\" = 100, \"m.room.name\" = 50, \"m.room.pinned_events\" = 0, \
         \"m.room.power_levels\" = 100, \"m.room.redaction\" = 100, \"m.room.topic\" = 50 }",
    ),
    "Levels for single types of event, in addition to the default ones",
);

pub(in crate::config) static PERMISSIONS: SectionKeys = SectionKeys {
    name: "rooms.permissions",
    keys: &[
        USERS_DEFAULT,
        EVENTS_DEFAULT,
        STATE_DEFAULT,
        INVITE,
        KICK,
        BAN,
        REDACT,
        EVENTS,
    ],
};

pub(in crate::config) static ROOM_PERMISSIONS: SectionKeys = SectionKeys {
    name: "room.permissions",
    keys: &[
        in_room(USERS_DEFAULT),
        in_room(EVENTS_DEFAULT),
        in_room(STATE_DEFAULT),
        in_room(INVITE),
        in_room(KICK),
        in_room(BAN),
        in_room(REDACT),
        in_room(EVENTS),
    ],
};
