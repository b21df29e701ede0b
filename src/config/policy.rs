//! From the configuration to the core's [`Policy`].

use std::sync::Arc;

use inviter_core::{
    OwnedServerName, UserId,
    decode::{MtrxDecoder, RoomDecoder, XxxDecoder},
    policy::{Policy, SourcePolicy},
};

use super::{Config, DecoderKind};

impl Config {
    /// The policy for the account `bot`, which says where the bot is at home.
    pub fn policy(&self, bot: &UserId) -> Policy {
        let homeserver = bot.server_name().to_owned();
        let accounts_server = self.accounts_server.clone().unwrap_or_else(|| homeserver.clone());
        let sources = self.directories.iter().map(|directory| SourcePolicy {
            provider: directory.name.clone(),
            decoders: directory
                .decoders
                .iter()
                .map(|kind| kind.decoder([&homeserver, &accounts_server]))
                .collect(),
            minting: directory.minting(accounts_server.clone()),
        });
        Policy {
            sources: sources.collect(),
            rooms: self.rooms.clone(),
            templates: self.templates.clone(),
            scope: self.scope.clone(),
            defaults: self.defaults.clone(),
            exempt: self.exempt.clone(),
            adopt: self.adopt.clone(),
            trusted_inviters: self.trusted_inviters.clone(),
            unregistered: self.unregistered,
            danger_allow_world_readable: self.danger_allow_world_readable,
            danger_allow_admin_levels: self.danger_allow_admin_levels,
            danger_manage_admins: self.danger_manage_admins,
            danger_vanished_groups_are_empty: self.danger_vanished_groups_are_empty,
            invite_reason: self.invite_reason.clone(),
            remove_reason: self.remove_reason.clone(),
            history: self.history,
            accounts_server,
            homeserver,
        }
    }
}

impl DecoderKind {
    /// The decoder itself; `servers` decide between several readings of an ambiguous name.
    pub fn decoder<'s>(
        &self,
        servers: impl IntoIterator<Item = &'s OwnedServerName>,
    ) -> Arc<dyn RoomDecoder> {
        match self {
            Self::Mtrx => Arc::new(MtrxDecoder::default()),
            Self::Pattern(decoder) => Arc::new(decoder.clone()),
            Self::Xxx => Arc::new(XxxDecoder::default().known_servers(servers.into_iter().cloned())),
        }
    }
}
