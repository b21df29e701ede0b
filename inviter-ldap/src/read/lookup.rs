//! Member entries that lead to nothing that was listed: asked for one by one, to tell what they are.

use futures_util::{StreamExt as _, stream};
use inviter_core::provider::ProviderErrorKind as Kind;

use super::{Reader, accounts::Accounts, groups::Groups};
use crate::{
    Dn,
    entry::Entry,
    search::Search,
    trouble::{Trouble, code, shortened},
};

/// How many entries are asked for one by one at the most. Where more are needed, the bases do not fit the groups.
const MAX_LOOKUPS: usize = 20_000;
/// How many of these run at a time on the one connection.
const AT_ONCE: usize = 16;

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
    /// Also whether the filter for disabled accounts fits; `None` if that cannot be told.
    Account(Box<Entry>, Option<bool>),
    Other(Found),
}

impl Reader<'_> {
    /// Looks up every name that groups refer to and that is not known; groups found that way may refer to more. By
    /// name: what it is. Says whether the connection was lost.
    pub(super) async fn look_up(
        self,
        accounts: &mut Accounts<'_>,
        groups: &mut Groups<'_>,
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
                } else if accounts.is_twofold(dn.as_str()) || groups.is_twofold(dn) {
                    Found::Unknown(
                        "several entries have this name, and differ in case or spaces only; rename one".to_owned(),
                    )
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
                    Ok(Looked::Account(entry, disabled)) => {
                        accounts.add(*entry);
                        let account = accounts.find(&dn);
                        if let Some(account) = account {
                            accounts.restrict(account, disabled);
                        }
                        account.map_or_else(renamed, Found::Account)
                    }
                    Ok(Looked::Group(entry)) => {
                        groups.add(*entry, true, accounts);
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
                "the server says that something is there and shows nothing of it; give the bot the right to read it"
                    .to_owned(),
            )));
        };
        match groups.is_group(&entry) {
            Some(true) => return Ok(Looked::Group(Box::new(entry))),
            None => {
                return Ok(Looked::Other(Found::Unknown(
                    "whether it is a group cannot be told; give the bot the right to read `objectClass`"
                        .to_owned(),
                )));
            }
            Some(false) => {}
        }
        if !accounts.bases.iter().any(|base| dn.is_within(&base.dn)) {
            if accounts.may_have_moved() {
                return Ok(Looked::Other(Found::Unknown(
                    "outside `user_bases`, of which not all hold people that the bot can see, so people may have \
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
            Some(Some(entry)) => {
                let disabled = match &self.config.schema.disabled_filter {
                    None => Some(false),
                    Some(filter) => {
                        let fits = self.one(Search::entry(written, filter, &["1.1"])).await;
                        fits.ok().flatten().map(|fits| fits.is_some())
                    }
                };
                Looked::Account(Box::new(entry), disabled)
            }
            Some(None) => {
                // A filter about what is hidden fits neither way (RFC 4511 section 4.5.1.7).
                let not = format!("(!{filter})");
                let certain = self.one(Search::entry(written, &not, &["1.1"])).await?;
                Looked::Other(if certain.flatten().is_some() {
                    Found::Nobody { outside: false }
                } else {
                    Found::Unknown(unclear_person())
                })
            }
            None => Looked::Other(renamed()),
        })
    }

    /// One entry: `None` if there is none, `Some(None)` if the filter does not fit, or nothing of it is shown.
    async fn one(self, search: Search<'_>) -> Result<Option<Option<Entry>>, Trouble> {
        let mut found = None;
        let mut others = false;
        let asked = Dn::parse(search.base).ok();
        let ending = self
            .connection
            .search(search, |entry| {
                if Dn::parse(&entry.dn).ok() == asked {
                    found = Some(entry);
                } else {
                    others = true;
                }
                true
            })
            .await;
        match ending.trouble {
            Some(trouble) if trouble.code == Some(code::NO_SUCH_OBJECT) => return Ok(None),
            Some(trouble) => return Err(trouble),
            None => {}
        }
        let unclear = |why: String| Err(Trouble::new(Kind::Malformed, why));
        if let Some(url) = ending.references.first() {
            return unclear(format!(
                "on another server ({}), and referrals are never followed",
                shortened(url)
            ));
        }
        if let Some(malformed) = ending.malformed.first() {
            return unclear(format!(
                "what the server says of it cannot be read, since {}; correct it in the directory",
                malformed.why
            ));
        }
        if others {
            return unclear(
                "the server answers with other entries than were asked for; look into its log".to_owned(),
            );
        }
        Ok(Some(found))
    }
}

/// The filter for people fits neither way.
pub(super) fn unclear_person() -> String {
    "whether `user_filter` fits cannot be told; give the bot the right to read what it is about".to_owned()
}

/// It was there a moment ago.
fn renamed() -> Found {
    Found::Unknown("renamed or removed while it was read; the next run tries anew".to_owned())
}
