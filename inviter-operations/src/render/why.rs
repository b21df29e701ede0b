//! Why an action is in a plan: a short clause for people, and evidence for programs.

use std::collections::BTreeSet;

use inviter::core::{
    UserId,
    action::{Action, Op, Why},
    desired::{Feed, FeedRole, GroupRef},
    directory::AccountStatus,
    evidence::{AccountWord, Evidence, giver, people},
    guard::is_loss,
    resolve::KnownAccount,
    room::RoomRef,
};
use serde_json::{Map, Value, json};

use super::{
    clean::clean,
    document::{account, group},
    word,
};

/// How many groups a line of text names.
const IN_TEXT: usize = 4;
/// How many groups an action lists in JSON; the room lists them all.
const IN_JSON: usize = 50;

/// What a reason refers to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The room.
    pub room: &'a RoomRef,
    /// The groups that feed it.
    pub feeds: &'a [Feed],
    /// What the directories say.
    pub evidence: &'a Evidence,
}

impl Place<'_> {
    /// Why an action is in the plan, cleaned.
    pub fn clause(&self, action: &Action) -> String {
        let user = people(action).next();
        match (&action.why, &action.op) {
            (
                Why::TrustedInviter,
                Op::Join {
                    invited_by: Some(invited_by),
                },
            ) => {
                format!("invited by {}", clean(invited_by.as_str()))
            }
            (Why::InGroup { feed }, Op::SetLevels { .. }) => {
                format!("given by {}", self.named(*feed)) + &self.by_way(*feed, user)
            }
            _ => self.reason(&action.why, user),
        }
    }

    /// A reason that is about this person, cleaned.
    pub fn reason(&self, why: &Why, user: Option<&UserId>) -> String {
        match why {
            Why::RoomWanted => match self.groups() {
                groups if groups.is_empty() => "configured".to_owned(),
                groups => format!("wanted by {}", groups.join(", ")),
            },
            Why::TrustedInviter => "invited by a trusted inviter".to_owned(),
            Why::Replaces { room } => format!("it is to take the place of {}", clean(room.as_str())),
            Why::InGroup { feed } => {
                let owns = self.feeds.get(usize::from(*feed)).map(|feed| feed.role) == Some(FeedRole::Owners);
                let what = if owns { "owner" } else { "member" };
                format!("{what} of {}", self.named(*feed)) + &self.by_way(*feed, user)
            }
            Why::Fixed => format!(
                "named in the configuration (room {})",
                clean(&self.room.to_string())
            ),
            Why::InNoGroup => {
                let groups = match self.groups().as_slice() {
                    [] => "in no group of this room".to_owned(),
                    [one] => format!("not in {one}"),
                    several => format!("in none of the groups {}", several.join(", ")),
                };
                match user.and_then(|user| self.account_words(user)) {
                    Some(words) => format!("{groups}; {words}"),
                    None => groups,
                }
            }
            Why::AccountDisabled => user
                .and_then(|user| self.account_words(user))
                .unwrap_or_else(|| "the account is disabled".to_owned()),
            Why::OwnerOf { feed } => format!("owner of {}", self.named(*feed)) + &self.by_way(*feed, user),
            Why::NoLongerGiven => {
                let given = match self.groups().as_slice() {
                    [] => "given by no group any more".to_owned(),
                    [one] => format!("not given by {one} any more"),
                    several => format!("given by none of the groups {} any more", several.join(", ")),
                };
                let user = user.filter(|user| self.evidence.word(user) != Some(AccountWord::Active));
                match user.and_then(|user| self.account_words(user)) {
                    Some(words) => format!("{given}; {words}"),
                    None => given,
                }
            }
            Why::LeftBehind => "not in the room any more".to_owned(),
            Why::OwnLevel => "the bot's own, kept".to_owned(),
            Why::Template => "permission template".to_owned(),
            Why::Configured => "configured".to_owned(),
            Why::ByHand => "asked for".to_owned(),
            other => word(other).replace('_', " "),
        }
    }

    /// The same for programs.
    pub fn evidence(&self, action: &Action) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
        let giver = giver(action, self.feeds);
        put("rule", word(&action.why).into());
        put("directory", giver.map(|feed| feed.group.provider.as_str()).into());
        put("group", giver.map_or(Value::Null, group));
        let user = people(action).next();
        if let (Some(feed), Some(user)) = (giver, user)
            && let Some(way) = self.evidence.way(feed, user)
        {
            put("path", way.iter().map(|name| &**name).collect());
        }
        if is_loss(action) || action.why == Why::RoomWanted {
            let listed = self.feeds.iter().take(IN_JSON).map(group);
            put("groups", listed.collect());
            put("groups_total", self.feeds.len().into());
        }
        if let (true, Some(user)) = (is_loss(action), user) {
            put("account", self.account(user));
        }
        Value::Object(object)
    }

    /// What the directories say of a person who loses something.
    fn account(&self, user: &UserId) -> Value {
        let accounts = self.evidence.accounts(user).unwrap_or_default();
        json!({
            "state": match self.evidence.word(user) {
                Some(AccountWord::Active) => "active",
                Some(AccountWord::Disabled) => "disabled",
                Some(AccountWord::Absent) => "in_no_directory",
                Some(AccountWord::Ungrouped) => "in_no_group",
                Some(AccountWord::Unknown) | None => "unknown",
            },
            "accounts": accounts.iter().map(account).collect::<Vec<_>>(),
            "incomplete": self.evidence.incomplete(),
        })
    }

    /// `active in people, disabled in ldap`; nothing for someone who was not looked up.
    pub fn account_words(&self, user: &UserId) -> Option<String> {
        let accounts = self.evidence.accounts(user)?;
        if accounts.is_empty() {
            let words = match self.evidence.word(user) {
                Some(AccountWord::Ungrouped) => "in no group",
                Some(AccountWord::Unknown) => "in no directory that could be read",
                _ => "in no directory",
            };
            return Some(words.to_owned());
        }
        let in_directory = |account: &KnownAccount| {
            format!(
                "{} in {}",
                status(account.status),
                clean(account.provider.as_str())
            )
        };
        Some(accounts.iter().map(in_directory).collect::<Vec<_>>().join(", "))
    }

    fn named(&self, feed: u16) -> String {
        let feed = self.feeds.get(usize::from(feed));
        feed.map_or_else(|| "a group".to_owned(), |feed| clean(&feed.group.to_string()))
    }

    /// The way of nesting, where it was asked for and is more than the group itself.
    fn by_way(&self, feed: u16, user: Option<&UserId>) -> String {
        let feed = self.feeds.get(usize::from(feed));
        let way = feed
            .zip(user)
            .and_then(|(feed, user)| self.evidence.way(feed, user));
        match way.filter(|way| way.len() > 1) {
            Some(way) => format!(" by {}", path(way)),
            None => String::new(),
        }
    }

    /// The groups of the room, each once whatever it feeds; of very many only the first, since this stands in each
    /// line.
    fn groups(&self) -> Vec<String> {
        let unique = unique(self.feeds);
        let mut names: Vec<String> = unique
            .iter()
            .take(IN_TEXT)
            .map(|group| clean(&group.to_string()))
            .collect();
        if unique.len() > IN_TEXT {
            names.push(format!("{} more groups", unique.len() - IN_TEXT));
        }
        names
    }
}

/// The groups among feeds, each once whatever it feeds.
pub fn unique(feeds: &[Feed]) -> BTreeSet<&GroupRef> {
    feeds.iter().map(|feed| &feed.group).collect()
}

/// A way of nesting, cleaned.
pub fn path(way: &[Box<str>]) -> String {
    let names: Vec<String> = way.iter().map(|name| clean(name)).collect();
    names.join(" › ")
}

/// A status in a word.
pub const fn status(status: Option<AccountStatus>) -> &'static str {
    match status {
        Some(AccountStatus::Active) => "active",
        Some(AccountStatus::Disabled) => "disabled",
        None => "unknown",
    }
}
