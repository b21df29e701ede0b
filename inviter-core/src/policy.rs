//! What the administrator decided: scope, decoders, minting, adoption, exemptions.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ruma_common::{OwnedServerName, OwnedUserId, ServerName, UserId};

use crate::{
    decode::RoomDecoder,
    directory::ProviderId,
    mint::Minting,
    patterns::Patterns,
    reason::Reason,
    room_rules::{RoomRules, RoomSpec},
    room_template::RoomTemplate,
    scope::Scope,
};

/// The decisions that hold for a whole run.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct Policy {
    /// The bot's own homeserver.
    pub homeserver: OwnedServerName,
    /// The server whose user IDs are minted and managed: the scope. Normally the same.
    pub accounts_server: OwnedServerName,
    /// One entry for each directory, in the order of the configuration: the first wins where settings conflict.
    pub sources: Vec<SourcePolicy>,
    /// The explicit list of rooms.
    pub rooms: Vec<RoomSpec>,
    /// Rooms of the explicit list with placeholders; each argument makes a room of it.
    pub templates: Vec<RoomTemplate>,
    /// Which rooms and groups are looked at: all, or those of a pilot.
    pub scope: Scope,
    /// The settings of rooms that group names decode to.
    pub defaults: RoomRules,
    /// Who is never removed or lowered.
    pub exempt: Patterns,
    /// Which existing rooms may be managed.
    pub adopt: Adoption,
    /// Whose invitations the bot accepts.
    pub trusted_inviters: BTreeSet<OwnedUserId>,
    /// People of whom the homeserver says that they have no account (decision 23).
    pub unregistered: UnregisteredPolicy,
    /// Accepts `world_readable` history. Off: such a setting is an error.
    pub danger_allow_world_readable: bool,
    /// Accepts levels of 100 and more for people. Off: such a setting is an error.
    pub danger_allow_admin_levels: bool,
    /// The directory also rules over people at level 100 and more, as far as they are below the bot. Off: they are left
    /// alone. Creators of version 12 always are (decision 20).
    pub danger_manage_admins: bool,
    /// A group that fed a room and is gone counts as one without members, so that its people go like those of any other
    /// group. Off: they stay until a person releases them (decision 2).
    pub danger_vanished_groups_are_empty: bool,
    /// Reason shown in the room with an invitation.
    pub invite_reason: Option<Reason>,
    /// Reason shown in the room with a removal.
    pub remove_reason: Option<Reason>,
    /// How long it is remembered what we did with people, for whoever asks later; zero for not at all.
    pub history: Duration,
}

impl Policy {
    /// How long it is remembered what we did with people, where nothing else is said.
    pub const HISTORY: Duration = Duration::from_secs(180 * 24 * 60 * 60);

    /// The defaults for a bot on `homeserver`, without any directory or room.
    pub fn new(homeserver: OwnedServerName) -> Self {
        Self {
            accounts_server: homeserver.clone(),
            homeserver,
            sources: Vec::new(),
            rooms: Vec::new(),
            templates: Vec::new(),
            scope: Scope::default(),
            defaults: RoomRules::default(),
            exempt: Patterns::default(),
            adopt: Adoption::default(),
            trusted_inviters: BTreeSet::new(),
            unregistered: UnregisteredPolicy::default(),
            danger_allow_world_readable: false,
            danger_allow_admin_levels: false,
            danger_manage_admins: false,
            danger_vanished_groups_are_empty: false,
            invite_reason: Some(Reason::for_invitations()),
            remove_reason: Some(Reason::for_removals()),
            history: Self::HISTORY,
        }
    }

    /// The explicit list with each template as the rooms of its arguments.
    pub fn listed_rooms(&self) -> Vec<RoomSpec> {
        let made = self.templates.iter().flat_map(|template| {
            let arguments = template.arguments.iter();
            // One that makes no valid alias was refused when the template was made.
            arguments.filter_map(|argument| template.expand(argument).ok())
        });
        self.rooms.iter().cloned().chain(made).collect()
    }

    /// Whether the user is one whose membership we manage.
    pub fn in_scope(&self, user: &UserId) -> bool {
        is_of(user, &self.accounts_server)
    }
}

/// Whether a user is of a server. Asked for every seat and every member, so without a search for the server's name:
/// it can only stand at the end. (A server whose name is a number could be taken for another one's port there.)
fn is_of(user: &UserId, server: &ServerName) -> bool {
    let (id, name) = (user.as_bytes(), server.as_bytes());
    if name.iter().all(u8::is_ascii_digit) {
        return user.server_name() == server;
    }
    id.strip_suffix(name)
        .is_some_and(|before| before.last() == Some(&b':'))
}

/// How one directory's names are read.
#[derive(Debug, Clone)]
pub struct SourcePolicy {
    /// Which directory.
    pub provider: ProviderId,
    /// Turn group names into rooms; the first that recognises a name decides.
    pub decoders: Vec<Arc<dyn RoomDecoder>>,
    /// Turns accounts into user IDs.
    pub minting: Minting,
}

/// Which existing rooms may be managed (decision 9). Rooms that the bot created always may, but those that a person has
/// given away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Any room that an alias leads to, as the reference bot does.
    pub any: bool,
    /// Rooms created by one of these.
    pub trusted_creators: BTreeSet<OwnedUserId>,
}

/// What happens with people who are wanted and have no account on the homeserver, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnregisteredPolicy {
    /// Not invited before they have one, with a finding.
    #[default]
    Hold,
    /// Invited; the invitation waits for the account. Deactivated accounts are not invited in any case.
    Invite,
}

#[cfg(test)]
mod tests {
    use ruma_common::{server_name, user_id};

    use super::*;

    #[test]
    fn a_user_is_of_the_server_after_the_first_colon() {
        let users = [
            user_id!("@a:x.org"),
            user_id!("@a:x.org:8448"),
            user_id!("@a:ax.org"),
            user_id!("@x.org:y.org"),
            user_id!("@a:8448"),
            user_id!("@a:[::1]:8448"),
            user_id!("@:x.org"),
        ];
        let servers = [
            server_name!("x.org"),
            server_name!("x.org:8448"),
            server_name!("8448"),
            server_name!("[::1]:8448"),
            server_name!("org"),
            server_name!("1"),
        ];
        for user in users {
            for server in servers {
                assert_eq!(
                    is_of(user, server),
                    user.server_name() == server,
                    "{user} {server}"
                );
            }
        }
    }
}
