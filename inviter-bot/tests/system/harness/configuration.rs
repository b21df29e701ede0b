//! A bot's configuration.

use std::{collections::BTreeMap, fmt::Write as _};

use super::Site;

/// The file with the configuration.
pub(crate) const CONFIG: &str = "inviter.toml";
/// The directory file.
pub(crate) const DIRECTORY: &str = "people.json";

/// What stands in it beside the addresses and names of the site.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    trusted: Vec<String>,
    credentials: String,
    bot: BTreeMap<String, String>,
    sections: String,
}

impl Default for Configuration {
    /// The bot does everything by itself that it may, and the schedule does not get into the way: an hour. People whom
    /// the boss invites are in, since the boss is a trusted inviter.
    fn default() -> Self {
        let configuration = Self {
            trusted: Vec::new(),
            credentials: "access_token_file = \"token\"".to_owned(),
            bot: BTreeMap::new(),
            sections: String::new(),
        };
        configuration
            .bot("interval", "\"1h\"")
            .bot("jitter", "\"0s\"")
            .bot("cautious", "false")
            // A port of its own; the log says which.
            .bot("listen", "\"127.0.0.1:0\"")
            .bot("audit_file", "\"audit.jsonl\"")
    }
}

impl Configuration {
    /// Another trusted inviter beside the boss.
    pub(crate) fn trusts(mut self, user: &str) -> Self {
        self.trusted.push(user.to_owned());
        self
    }

    /// The line that says how the bot logs in; by default the file `token`.
    pub(crate) fn credentials(mut self, line: &str) -> Self {
        line.clone_into(&mut self.credentials);
        self
    }

    /// A key of `[bot]`, with its value as TOML, in place of the one before.
    pub(crate) fn bot(mut self, key: &str, value: &str) -> Self {
        self.bot.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Further sections.
    pub(crate) fn sections(mut self, sections: &str) -> Self {
        sections.clone_into(&mut self.sections);
        self
    }

    /// The file's text.
    pub(crate) fn text(&self, site: &Site) -> String {
        let Self {
            trusted,
            credentials,
            bot,
            sections,
        } = self;
        let mut trusted = trusted.clone();
        trusted.push(site.boss.user_id().to_owned());
        let bot = bot.iter().fold(String::new(), |mut lines, (key, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{key} = {value}");
            lines
        });
        format!(
            "trusted_inviters = {trusted:?}\n\n\
             [homeserver]\nurl = \"{url}\"\nuser = \"{me}\"\n{credentials}\n\n\
             [[directory]]\nname = \"people\"\nkind = \"file\"\npath = \"{DIRECTORY}\"\n\n\
             [state]\ndir = \"state\"\n\n\
             [bot]\nadmin_room = \"{room}\"\n{bot}\n{sections}\n",
            url = site.proxy.url(),
            me = site.bot.user_id(),
            room = site.alias("inviter"),
        )
    }
}
