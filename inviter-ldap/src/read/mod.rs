//! Reading a directory: people, groups, who is in them, and what of all that is not known.

mod accounts;
mod by_name;
mod groups;
mod lookup;
mod members;
mod ranges;

use std::sync::Arc;

use inviter_core::{
    directory::{Directory, Extent, Gap},
    provider::{ProviderError, ProviderErrorKind as Kind},
    time::Timestamp,
};
use tokio::time::Instant;
use tracing::debug;

use self::{accounts::Accounts, groups::Groups};
use crate::{
    Dn,
    config::LdapConfig,
    connection::Connection,
    search::Ending,
    tls,
    trouble::{Trouble, shortened},
};

/// What one read came to.
pub(crate) struct Reading {
    pub(crate) directory: Directory,
    /// The connection was lost in between; another server may give more.
    lost: bool,
}

/// Reads from the first server that answers; from the next where one fails in the middle.
pub(crate) async fn read(config: Arc<LdapConfig>, now: Timestamp) -> Result<Directory, ProviderError> {
    let first = config.urls.first().cloned().unwrap_or_default();
    config
        .check()
        .map_err(|error| ProviderError::new(Kind::Misconfigured, first.clone(), error.to_string()))?;
    let deadline = Instant::now() + config.read_timeout;
    let tls = tls_of(&config).await.map_err(|trouble| trouble.about(first))?;
    let mut partial = None;
    let mut failed: Vec<ProviderError> = Vec::new();
    for url in &config.urls {
        let connection = match connect(url, &config, Arc::clone(&tls), deadline).await {
            Ok(connection) => connection,
            Err(trouble) => {
                // Another server would refuse the same password, and count it as one more wrong one.
                let ends = !trouble.lost;
                failed.push(trouble.about(url));
                if ends {
                    break;
                }
                continue;
            }
        };
        let reading = Reader {
            connection: &connection,
            config: &config,
            now,
            url,
        }
        .read()
        .await;
        connection.close().await;
        match reading {
            Ok(reading) if !reading.lost => return Ok(reading.directory),
            Ok(reading) => partial = partial.or(Some(reading.directory)),
            Err(error) => failed.push(error),
        }
    }
    match (partial, failed.len()) {
        (Some(directory), _) => Ok(directory),
        (None, 0) => Err(ProviderError::new(Kind::Misconfigured, "LDAP", "no URL is given")),
        (None, 1) => Err(failed.remove(0)),
        (None, _) => Err(none_of(&failed)),
    }
}

/// The first failure's kind, and the words of all.
fn none_of(failed: &[ProviderError]) -> ProviderError {
    let (kind, urls): (_, Vec<&str>) = (
        failed[0].kind,
        failed.iter().map(|error| error.about.as_str()).collect(),
    );
    let about = urls.join(", ");
    let messages: Vec<String> = failed.iter().map(ToString::to_string).collect();
    ProviderError::new(
        kind,
        about,
        format!("none of these could be read: {}", messages.join("; ")),
    )
}

/// Certificates are files.
pub(crate) async fn tls_of(config: &Arc<LdapConfig>) -> Result<Arc<rustls::ClientConfig>, Trouble> {
    let config = Arc::clone(config);
    let read = tokio::task::spawn_blocking(move || tls::client_config(&config)).await;
    read.unwrap_or_else(|error| {
        Err(Trouble::new(Kind::Unavailable, "reading certificates was interrupted").caused_by(&error))
    })
}

/// A connection that is logged in.
pub(crate) async fn connect(
    url: &str,
    config: &LdapConfig,
    tls: Arc<rustls::ClientConfig>,
    deadline: Instant,
) -> Result<Connection, Trouble> {
    let connection = Connection::open(url, config, tls, deadline).await?;
    connection.bind(&config.bind).await?;
    Ok(connection)
}

/// One subtree with people, and how reading it went.
#[derive(Debug)]
pub(crate) struct BaseRead {
    pub(crate) dn: Dn,
    /// The server said that this was all.
    pub(crate) complete: bool,
    pub(crate) people: usize,
}

/// Reading over one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'r> {
    pub(crate) connection: &'r Connection,
    pub(crate) config: &'r LdapConfig,
    pub(crate) now: Timestamp,
    pub(crate) url: &'r str,
}

impl<'r> Reader<'r> {
    async fn read(self) -> Result<Reading, ProviderError> {
        let (mut accounts_extent, mut listing) = (Extent::Complete, Extent::Complete);
        let (accounts, mut lost) = self.accounts(&mut accounts_extent).await?;
        let (groups, groups_lost) = self.groups(&accounts, &mut listing).await?;
        lost |= groups_lost;
        let (directory, members_lost) = self.resolve(accounts, groups, (accounts_extent, listing)).await;
        lost |= members_lost;
        debug!(
            accounts = directory.accounts.len(),
            groups = directory.groups.len(),
            complete = directory.accounts_extent.is_complete() && directory.listing.is_complete(),
            lost,
            "directory read"
        );
        Ok(Reading { directory, lost })
    }

    /// Lists all people.
    async fn accounts(self, extent: &mut Extent) -> Result<(Accounts<'r>, bool), ProviderError> {
        let mut accounts = Accounts::new(self.config, self.now);
        let names = accounts.attributes();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut failed = Vec::new();
        for base in &self.config.user_bases {
            let before = accounts.len();
            let filter = &self.config.schema.user_filter;
            let search = crate::search::Search::subtree(base, filter, &names);
            let ending = self
                .connection
                .search(search, |entry| accounts.add(entry, extent))
                .await;
            let people = accounts.len() - before;
            let complete = self.ended(ending, base, "people", extent, &mut failed);
            // Validated with the configuration.
            if let Ok(dn) = Dn::parse(base) {
                accounts.bases.push(BaseRead { dn, complete, people });
            }
        }
        if accounts.len() == 0 {
            if let Some(error) = self.nothing(&mut failed) {
                return Err(error);
            }
        } else {
            // Where no base gave anybody, that is told of the whole directory.
            for base in accounts
                .bases
                .iter()
                .filter(|base| base.complete && base.people == 0)
            {
                extent.add(no_entries("people", base.dn.as_str()));
            }
        }
        let lost = failed.iter().any(|(_, trouble)| trouble.lost);
        self.disabled(&mut accounts, extent).await;
        Ok((accounts, lost))
    }

    /// Lists all groups that may stand for rooms.
    async fn groups(
        self,
        accounts: &Accounts<'_>,
        listing: &mut Extent,
    ) -> Result<(Groups<'r>, bool), ProviderError> {
        let mut groups = Groups::new(self.config);
        let mut empty = Vec::new();
        let names = groups.attributes();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut failed = Vec::new();
        for base in &self.config.group_bases {
            let search = crate::search::Search::subtree(base, &self.config.schema.group_filter, &names);
            let ending = self
                .connection
                .search(search, |entry| groups.add(entry, false, accounts, listing))
                .await;
            let entries = ending.entries;
            if self.ended(ending, base, "groups", listing, &mut failed) && entries == 0 {
                empty.push(base);
            }
        }
        if groups.list.is_empty()
            && let Some(error) = self.nothing(&mut failed)
        {
            return Err(error);
        }
        if !groups.list.is_empty() {
            for base in empty {
                listing.add(no_entries("groups", base));
            }
        }
        Ok((groups, failed.iter().any(|(_, trouble)| trouble.lost)))
    }

    /// Notes what a listing left open, and says whether it was complete.
    fn ended(
        self,
        ending: Ending,
        base: &str,
        what: &str,
        listing: &mut Extent,
        failed: &mut Vec<(String, Trouble)>,
    ) -> bool {
        let mut gaps = Vec::new();
        for malformed in &ending.malformed {
            let dn = malformed.dn.as_deref().map_or("an entry".to_owned(), shortened);
            gaps.push(Gap {
                what: format!("{dn} (below {base})"),
                why: format!(
                    "cannot be read, since {}; correct it in the directory",
                    malformed.why
                ),
            });
        }
        for reference in ending.references.iter().filter(|url| !self.is_ignored(url)) {
            gaps.push(Gap {
                what: format!("{what} below {base}"),
                why: format!(
                    "a part of them is on another server ({}), and referrals are never followed; write a directory \
                     of its own for it, or list its DN in `ignore_referrals` if it holds nobody of interest",
                    shortened(reference)
                ),
            });
        }
        if let Some(trouble) = ending.trouble {
            gaps.push(Gap {
                what: format!("{what} below {base}"),
                why: trouble.message.clone(),
            });
            failed.push((base.to_owned(), trouble));
        }
        let complete = gaps.is_empty();
        for gap in gaps {
            listing.add(gap);
        }
        complete
    }

    /// The error of a listing that gave nothing because searches failed.
    fn nothing(self, failed: &mut Vec<(String, Trouble)>) -> Option<ProviderError> {
        if failed.is_empty() {
            return None;
        }
        let (base, trouble) = failed.remove(0);
        let about = if trouble.lost { self.url.to_owned() } else { base };
        Some(trouble.about(about))
    }

    /// Whether a referral leads to where nobody is: by the configuration, or because Active Directory keeps its own
    /// data there.
    fn is_ignored(self, url: &str) -> bool {
        let Some(dn) = dn_of_url(url) else { return false };
        let of_active_directory = ["dc=domaindnszones,", "dc=forestdnszones,", "cn=configuration,"];
        of_active_directory
            .iter()
            .any(|start| dn.as_str().starts_with(start))
            || self
                .config
                .ignore_referrals
                .iter()
                .any(|ignored| Dn::parse(ignored).is_ok_and(|ignored| dn.is_within(&ignored)))
    }
}

/// A search that succeeds with nothing: lost rights look like that (decision 1).
fn no_entries(what: &str, base: &str) -> Gap {
    Gap {
        what: format!("{what} below {base}"),
        why: "the server shows none; check the filter and the rights of the bot's account, or take the base out of the \
              configuration if it is meant to be empty"
            .to_owned(),
    }
}

/// The DN in `ldap://host/dc=example,dc=com??sub`.
fn dn_of_url(url: &str) -> Option<Dn> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let path = path.split('?').next()?;
    let decoded = percent_decoded(path)?;
    Dn::parse(&decoded).ok()
}

pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let pair = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(pair, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_referrals_lead() {
        let of = |url| dn_of_url(url).map(|dn| dn.to_string());
        assert_eq!(
            of("ldap://a.example.com/DC=DomainDnsZones,DC=example,DC=com"),
            Some("dc=domaindnszones,dc=example,dc=com".to_owned())
        );
        assert_eq!(of("ldap://a/ou=a%20b,dc=x??sub"), Some("ou=a b,dc=x".to_owned()));
        assert_eq!(of("ldap://a/ou=a%2,dc=x"), None);
        assert_eq!(of("ldap://a"), None);
        assert_eq!(of("nonsense"), None);
    }
}
