//! Member entries that lead to nothing that was listed: asked for one by one, to tell what they are.

use futures_util::{StreamExt as _, stream};
use inviter_core::directory::Extent;

use super::{Reader, accounts::Accounts, groups::Groups};
use crate::{
    Dn,
    entry::Entry,
    search::Search,
    trouble::{Trouble, code},
};

/// How many entries are asked for one by one at the most. Where more are needed, the bases do not fit the groups.
const MAX_LOOKUPS: usize = 20_000;
/// How many of these run at a time on the one connection.
const AT_ONCE: usize = 16;
/// How many login names one search is about.
const LOGINS_PER_SEARCH: usize = 50;

/// What a member entry leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Account(u32),
    Group(u32),
    /// It stands in the group only because that may not be empty.
    Placeholder,
    /// Something that is no person by the configuration: within the bases of people, or outside.
    Nobody {
        outside: bool,
    },
    /// The server says that there is no such entry.
    NoSuchObject,
    /// That cannot be told, and why.
    Unknown(String),
}

/// What one entry is.
enum Looked {
    Group(Box<Entry>),
    Account(Box<Entry>),
    Other(Found),
}

impl Reader<'_> {
    /// Looks up every name that groups refer to and that is not known; groups found that way may refer to more. By
    /// name: what it is. Says whether the connection was lost.
    pub(super) async fn look_up(
        self,
        accounts: &mut Accounts<'_>,
        groups: &mut Groups<'_>,
        (accounts_extent, listing): (&mut Extent, &mut Extent),
    ) -> (Vec<Found>, bool) {
        let placeholders: Vec<Dn> = self
            .config
            .schema
            .placeholders
            .iter()
            .filter_map(|dn| Dn::parse(dn).ok())
            .collect();
        let mut found: Vec<Found> = Vec::new();
        let mut asked = 0;
        let mut lost = false;
        // Names come in while groups are added, always at the end.
        while found.len() < groups.names.list.len() {
            let known = found.len();
            let mut open = Vec::new();
            for (dn, written) in &groups.names.list[known..] {
                found.push(if dn.as_str().is_empty() || placeholders.contains(dn) {
                    Found::Placeholder
                } else if let Some(account) = accounts.find(dn) {
                    Found::Account(account)
                } else if let Some(group) = groups.find(dn) {
                    Found::Group(group)
                } else {
                    open.push((found.len(), dn.clone(), written.clone()));
                    Found::Unknown(format!(
                        "more than {MAX_LOOKUPS} entries would have to be asked for one by one; widen `user_bases` and \
                         `group_bases` so that they hold the members"
                    ))
                });
            }
            open.truncate(MAX_LOOKUPS - asked);
            asked += open.len();
            let first_new = groups.list.len();
            let looked: Vec<_> = {
                let (accounts, groups) = (&*accounts, &*groups);
                let attributes = (accounts.attributes(), groups.attributes());
                let attributes = &attributes;
                stream::iter(open)
                    .map(|(at, dn, written)| async move {
                        let looked = self.entry(&dn, &written, accounts, groups, attributes).await;
                        (at, dn, looked)
                    })
                    .buffered(AT_ONCE)
                    .collect()
                    .await
            };
            for (at, dn, looked) in looked {
                found[at] = match looked {
                    Ok(Looked::Other(other)) => other,
                    Ok(Looked::Account(entry)) => {
                        accounts.add(*entry, accounts_extent);
                        let account = accounts.find(&dn);
                        account.map_or_else(renamed, Found::Account)
                    }
                    Ok(Looked::Group(entry)) => {
                        groups.add(*entry, true, accounts, listing);
                        groups.find(&dn).map_or_else(renamed, Found::Group)
                    }
                    Err(trouble) => {
                        lost |= trouble.lost;
                        Found::Unknown(trouble.message)
                    }
                };
            }
            lost |= self.complete_ranges(groups, accounts, first_new).await;
        }
        (found, lost)
    }

    /// What one entry is.
    async fn entry(
        self,
        dn: &Dn,
        written: &str,
        accounts: &Accounts<'_>,
        groups: &Groups<'_>,
        (of_account, of_group): &(Vec<String>, Vec<String>),
    ) -> Result<Looked, Trouble> {
        let names: Vec<&str> = of_group.iter().map(String::as_str).collect();
        let Some(entry) = self
            .one(Search::entry(written, "(objectClass=*)", &names))
            .await?
        else {
            return Ok(Looked::Other(Found::NoSuchObject));
        };
        let Some(entry) = entry else {
            return Ok(Looked::Other(Found::Unknown(
                "the server says that they are there and shows nothing of them; give the bot the right to read them"
                    .to_owned(),
            )));
        };
        match groups.is_group(&entry) {
            Some(true) => return Ok(Looked::Group(Box::new(entry))),
            None => {
                return Ok(Looked::Other(Found::Unknown(
                    "it cannot be told whether they are groups; give the bot the right to read `objectClass`"
                        .to_owned(),
                )));
            }
            Some(false) => {}
        }
        if !accounts.bases.iter().any(|base| dn.is_within(&base.dn)) {
            if accounts.may_have_moved() {
                return Ok(Looked::Other(Found::Unknown(
                    "are outside `user_bases`, of which not all hold people that the bot can see, so people may have \
                     moved there; correct `user_bases`"
                        .to_owned(),
                )));
            }
            return Ok(Looked::Other(Found::Nobody { outside: true }));
        }
        // Not listed, because it is no person; or because it was not there yet, or the listing was cut off.
        let names: Vec<&str> = of_account.iter().map(String::as_str).collect();
        let filter = &self.config.schema.user_filter;
        let person = self.one(Search::entry(written, filter, &names)).await?;
        Ok(match person {
            Some(Some(entry)) => Looked::Account(Box::new(entry)),
            Some(None) => Looked::Other(Found::Nobody { outside: false }),
            None => Looked::Other(renamed()),
        })
    }

    /// One entry: `None` if there is none, `Some(None)` if the filter does not fit, or nothing of it is shown.
    async fn one(self, search: Search<'_>) -> Result<Option<Option<Entry>>, Trouble> {
        let mut found = None;
        let ending = self
            .connection
            .search(search, |entry| {
                found = Some(entry);
                true
            })
            .await;
        match ending.trouble {
            Some(trouble) if trouble.code == Some(code::NO_SUCH_OBJECT) => return Ok(None),
            Some(trouble) => return Err(trouble),
            None => {}
        }
        if let Some(url) = ending.references.first() {
            return Err(Trouble::new(
                inviter_core::provider::ProviderErrorKind::Misconfigured,
                format!("they are on another server ({url}), and referrals are never followed"),
            ));
        }
        if let Some(malformed) = ending.malformed.first() {
            return Err(Trouble::new(
                inviter_core::provider::ProviderErrorKind::Malformed,
                format!(
                    "what the server says of them cannot be read, since {}",
                    malformed.why
                ),
            ));
        }
        Ok(Some(found))
    }

    /// What login names lead to that no listed account has. By login: what it is.
    pub(super) async fn look_up_logins(self, groups: &Groups<'_>) -> (Vec<Found>, bool) {
        let login = &self.config.schema.login;
        let mut found: Vec<Found> = vec![Found::NoSuchObject; groups.logins.list.len()];
        let mut lost = false;
        for (at, chunk) in groups.logins.list.chunks(LOGINS_PER_SEARCH).enumerate() {
            let start = at * LOGINS_PER_SEARCH;
            let any: Vec<String> = chunk
                .iter()
                .map(|(_, written)| format!("({login}={})", ldap3::ldap_escape(&**written)))
                .collect();
            let filter = format!("(|{})", any.concat());
            for base in &self.config.user_bases {
                let mut there = Vec::new();
                let ending = self
                    .connection
                    .search(Search::subtree(base, &filter, &[login]), |entry| {
                        let values = entry.values(login).iter();
                        there.extend(values.map(|value| String::from_utf8_lossy(value).to_lowercase()));
                        true
                    })
                    .await;
                for (found, (key, _)) in found[start..].iter_mut().zip(chunk) {
                    if there.iter().any(|login| **login == **key) {
                        *found = Found::Nobody { outside: false };
                    }
                }
                if let Some(trouble) = ending.trouble {
                    lost |= trouble.lost;
                    for found in found[start..].iter_mut().take(chunk.len()) {
                        if *found == Found::NoSuchObject {
                            *found = Found::Unknown(trouble.message.clone());
                        }
                    }
                }
            }
        }
        (found, lost)
    }
}

/// It was there a moment ago.
fn renamed() -> Found {
    Found::Unknown("they were renamed or removed while they were read; the next run tries anew".to_owned())
}
