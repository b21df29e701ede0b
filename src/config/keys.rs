//! The keys that each section knows. The sample configuration is tested against this list.

pub(super) const TOP: &[&str] = &[
    "homeserver",
    "accounts",
    "directory",
    "rooms",
    "room",
    "adopt",
    "trusted_inviters",
    "limits",
    "people",
    "state",
    "danger_allow_world_readable",
    "danger_allow_admin_levels",
];
pub(super) const HOMESERVER: &[&str] = &[
    "url",
    "user",
    "access_token_file",
    "access_token_env",
    "password_file",
    "password_env",
    "ca_file",
    "connect_timeout",
    "request_timeout",
    "sync_timeout",
    "proxy",
    "concurrency",
    "danger_allow_plain_http",
];
pub(super) const ACCOUNTS: &[&str] = &["server", "exempt"];
pub(super) const DIRECTORY: &[&str] = &[
    "name",
    "kind",
    "path",
    "decoders",
    "attribute",
    "before_at",
    "guests",
    "renames",
];
pub(super) const ROOMS: &[&str] = &[
    "encrypt",
    "history_visibility",
    "history_exact",
    "listing",
    "topic",
    "levels",
    "owner_level",
    "version",
    "manage_permissions",
    "permissions",
];
pub(super) const PERMISSIONS: &[&str] = &[
    "users_default",
    "events_default",
    "state_default",
    "invite",
    "kick",
    "ban",
    "redact",
    "events",
];
pub(super) const ROOM: &[&str] = &[
    "alias",
    "id",
    "name",
    "kind",
    "groups",
    "members",
    "encrypt",
    "history_visibility",
    "history_exact",
    "listing",
    "topic",
    "levels",
    "owner_level",
    "version",
    "manage_permissions",
    "permissions",
];
pub(super) const ROOM_GROUP: &[&str] = &["group", "directory", "level"];
pub(super) const ROOM_MEMBER: &[&str] = &["user", "level"];
pub(super) const ADOPT: &[&str] = &["any", "trusted_creators"];
pub(super) const LIMITS: &[&str] = &[
    "room_count",
    "room_percent",
    "total_count",
    "total_percent",
    "window",
];
pub(super) const PEOPLE: &[&str] = &["left", "unregistered", "invite_reason", "remove_reason"];
pub(super) const STATE: &[&str] = &["dir"];

/// Every key of the configuration file, by section; the section `""` is the top of the file. The keys of
/// `rooms.permissions.events` and `directory.renames` are free and not listed.
pub const KNOWN_KEYS: &[(&str, &[&str])] = &[
    ("", TOP),
    ("homeserver", HOMESERVER),
    ("accounts", ACCOUNTS),
    ("directory", DIRECTORY),
    ("rooms", ROOMS),
    ("rooms.permissions", PERMISSIONS),
    ("room", ROOM),
    ("room.groups", ROOM_GROUP),
    ("room.members", ROOM_MEMBER),
    ("room.permissions", PERMISSIONS),
    ("adopt", ADOPT),
    ("limits", LIMITS),
    ("people", PEOPLE),
    ("state", STATE),
];
