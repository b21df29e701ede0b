//! Identifiers of the simulated world. They are made of letters and digits, so none can be invalid.

use inviter_core::{OwnedRoomAliasId, OwnedServerName, OwnedUserId, RoomAliasId, ServerName, UserId};

/// The homeserver.
pub(super) const SERVER: &str = "example.org";

/// The homeserver's name.
#[expect(clippy::expect_used, reason = "made here, of letters and a dot")]
pub(super) fn server() -> OwnedServerName {
    ServerName::parse(SERVER).expect("a server name")
}

/// A person of the homeserver.
#[expect(clippy::expect_used, reason = "made here, of letters and digits")]
pub(super) fn user(name: &str) -> OwnedUserId {
    UserId::parse(format!("@{name}:{SERVER}")).expect("a user ID")
}

/// A person of another server.
#[expect(clippy::expect_used, reason = "made here, of letters and digits")]
pub(super) fn foreigner(name: &str) -> OwnedUserId {
    UserId::parse(format!("@{name}:elsewhere.org")).expect("a user ID")
}

/// An alias of the homeserver.
#[expect(clippy::expect_used, reason = "made here, of letters and digits")]
pub(super) fn alias(name: &str) -> OwnedRoomAliasId {
    RoomAliasId::parse(format!("#{name}:{SERVER}")).expect("an alias")
}

/// The group that stands for a room.
pub(super) fn room_group(name: &str) -> String {
    format!("MTRX #{name}:{SERVER}")
}

/// The group that stands for a room, in the form of directories in which `#` and `:` are awkward.
pub(super) fn spelled_group(name: &str) -> String {
    format!("xxx{name}xxx{SERVER}")
}

/// The group of those who own the room that a group of that form stands for.
pub(super) fn owners_group(group: &str) -> String {
    format!("{group}_owners")
}

/// The name of the room that a group of either form stands for.
pub(super) fn room_name(group: &str) -> Option<&str> {
    let plain = || {
        group
            .strip_prefix("MTRX #")?
            .strip_suffix(SERVER)?
            .strip_suffix(':')
    };
    let spelled = || {
        group
            .strip_prefix("xxx")?
            .strip_suffix(SERVER)?
            .strip_suffix("xxx")
    };
    plain().or_else(spelled)
}

/// Whether a user is of the homeserver.
pub(super) fn is_ours(user: &UserId) -> bool {
    user.server_name() == SERVER
}
