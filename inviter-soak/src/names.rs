//! Short names, and the identifiers that they stand for.

/// The server's part of all identifiers.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    server: String,
}

impl Names {
    /// The bot's account.
    pub(crate) const BOT: &'static str = "bot";

    /// Those of a server.
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
        }
    }

    /// The user ID of somebody.
    pub(crate) fn user(&self, name: &str) -> String {
        format!("@{name}:{}", self.server)
    }

    /// The alias of a room.
    pub(crate) fn alias(&self, room: &str) -> String {
        format!("#{room}:{}", self.server)
    }

    /// The account of somebody who makes changes in rooms.
    pub(crate) fn warden(number: usize) -> String {
        format!("warden-{number}")
    }

    /// Whether somebody is managed, or would be: not the bot and no warden.
    pub(crate) fn is_person(name: &str) -> bool {
        name != Self::BOT && !name.starts_with("warden-")
    }

    /// The name in an identifier of this server; another stays as it is.
    pub(crate) fn short(&self, id: &str) -> String {
        let local = id
            .strip_suffix(self.server.as_str())
            .and_then(|rest| rest.strip_suffix(':'));
        local.and_then(|rest| rest.get(1..)).unwrap_or(id).to_owned()
    }
}
