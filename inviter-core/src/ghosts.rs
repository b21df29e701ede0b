//! Ghosts: accounts that bridges make for the people of other networks. They are in no group of any directory, so a
//! room that is put under management would lose them. Told by their names, which bridges choose by custom.

use std::collections::BTreeMap;

use ruma_common::{OwnedUserId, ServerName, UserId};
use serde::Serialize;

/// What stands before `_` in the names that well-known bridges give their ghosts; with `bot` behind it, it is
/// mostly the bridge's own bot. Sorted.
const NETWORKS: [&str; 39] = [
    "bluesky",
    "discord",
    "facebook",
    "gitter",
    "gmessages",
    "googlechat",
    "groupme",
    "gvoice",
    "hangouts",
    "hbirc",
    "heisenbridge",
    "imessage",
    "instagram",
    "irc",
    "kakaotalk",
    "keybase",
    "line",
    "linkedin",
    "mastodon",
    "mattermost",
    "messenger",
    "meta",
    "mqtt",
    "msteams",
    "rocketchat",
    "signal",
    "skype",
    "slack",
    "sms",
    "smsmatrix",
    "steam",
    "teams",
    "telegram",
    "twitter",
    "viber",
    "wechat",
    "whatsapp",
    "xmpp",
    "zulip",
];

/// Bots of bridges whose names are made in no common way. Sorted.
const BOTS: [&str; 3] = ["appservice-irc", "heisenbridge", "hookshot"];

/// So many are named; the rest is counted.
const NAMED: usize = 5;

/// The pattern of user IDs that a ghost's or bridge bot's belongs to, such as `@telegram_*:example.com`; `None` for
/// anybody else.
pub fn pattern(user: &UserId) -> Option<String> {
    let local = user.localpart();
    let server = user.server_name();
    if let Some(rest) = local.strip_prefix('_') {
        // Application services own a namespace by custom: `_irc_`, `_xmpp_`, `_discord_`.
        return Some(match rest.split_once('_') {
            Some((name, _)) if !name.is_empty() => format!("@_{name}_*:{server}"),
            _ => format!("@_*:{server}"),
        });
    }
    if let Some((network, _)) = local.split_once('_') {
        return is_network(network).then(|| format!("@{network}_*:{server}"));
    }
    let bot = BOTS.binary_search(&local).is_ok() || local.strip_suffix("bot").is_some_and(is_network);
    bot.then(|| user.to_string())
}

fn is_network(name: &str) -> bool {
    NETWORKS.binary_search(&name).is_ok()
}

/// Ghosts of one pattern in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ghosts {
    /// The pattern that keeps them, for `exempt`.
    pub pattern: String,
    /// How many there are.
    pub count: u32,
    /// The first few.
    pub first: Vec<OwnedUserId>,
}

/// The ghosts of `server` among these people, by pattern.
pub fn among<'a>(people: impl IntoIterator<Item = &'a UserId>, server: &ServerName) -> Vec<Ghosts> {
    let mut by_pattern: BTreeMap<String, Ghosts> = BTreeMap::new();
    for user in people {
        if user.server_name() != server {
            continue;
        }
        let Some(pattern) = pattern(user) else { continue };
        let ghosts = by_pattern.entry(pattern).or_insert_with_key(|pattern| Ghosts {
            pattern: pattern.clone(),
            count: 0,
            first: Vec::new(),
        });
        ghosts.count += 1;
        if ghosts.first.len() < NAMED {
            ghosts.first.push(user.to_owned());
        }
    }
    by_pattern.into_values().collect()
}

#[cfg(test)]
mod tests {
    use ruma_common::{server_name, user_id};

    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(NETWORKS.is_sorted() && BOTS.is_sorted());
    }

    #[test]
    fn ghosts_and_bots_by_their_names() {
        let of = |local: &str| pattern(&UserId::parse(format!("@{local}:x.org")).unwrap());
        let is = |local: &str, expected: &str| assert_eq!(of(local).as_deref(), Some(expected), "{local}");
        is("telegram_123", "@telegram_*:x.org");
        is("whatsapp_49-1", "@whatsapp_*:x.org");
        is("_irc_libera_ada", "@_irc_*:x.org");
        is("_neb", "@_*:x.org");
        is("__odd", "@_*:x.org");
        is("telegrambot", "@telegrambot:x.org");
        is("heisenbridge", "@heisenbridge:x.org");
        for person in [
            "ada",
            "ada_telegram",
            "telegram",
            "robot",
            "bot",
            "meta.world",
            "my_bot",
            "bob_1",
        ] {
            assert_eq!(of(person), None, "{person}");
        }
    }

    #[test]
    fn they_are_grouped_and_the_first_are_named() {
        let mut people: Vec<OwnedUserId> = (0..7)
            .map(|n| UserId::parse(format!("@signal_{n}:x.org")).unwrap())
            .collect();
        people.push(user_id!("@ada:x.org").to_owned());
        people.push(user_id!("@discordbot:x.org").to_owned());
        people.push(user_id!("@signal_9:other.org").to_owned());
        let ghosts = among(people.iter().map(|user| &**user), server_name!("x.org"));
        let seen: Vec<_> = ghosts
            .iter()
            .map(|g| (&*g.pattern, g.count, g.first.len()))
            .collect();
        assert_eq!(seen, [("@discordbot:x.org", 1, 1), ("@signal_*:x.org", 7, 5)]);
        assert_eq!(ghosts[1].first[0], "@signal_0:x.org");
    }
}
