//! Reading a directory: people, groups, who is in them, and what of all that is not known.

mod accounts;
mod by_name;
mod endings;
mod groups;
mod logins;
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

pub(crate) use self::endings::percent_decoded;
use self::{accounts::Accounts, groups::Groups};
use crate::{Dn, config::LdapConfig, connection::Connection, tls, trouble::Trouble};

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
    let mut refused = None;
    let mut failed: Vec<ProviderError> = Vec::new();
    for url in &config.urls {
        let connection = match connect(url, &config, Arc::clone(&tls), deadline).await {
            Ok(connection) => connection,
            Err(trouble) => {
                // Another server would refuse the same password, and count it as one more wrong one.
                let ends = !trouble.lost && matches!(trouble.kind, Kind::Denied | Kind::Misconfigured);
                let kind = trouble.kind;
                failed.push(trouble.about(url));
                if ends {
                    // Whatever was wrong with those before: it is not to be sent again and again.
                    refused = Some(kind);
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
        let outgrown = connection.outgrown();
        connection.close().await;
        if let Some(trouble) = outgrown {
            failed.push(trouble.about(url));
            break;
        }
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
        (None, _) => Err(none_of(&failed, refused.unwrap_or(failed[0].kind))),
    }
}

/// The words of all, as a failure of this kind.
fn none_of(failed: &[ProviderError], kind: Kind) -> ProviderError {
    let urls: Vec<&str> = failed.iter().map(|error| error.about.as_str()).collect();
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
            let filter = &self.config.schema.user_filter;
            let search = crate::search::Search::subtree(base, filter, &names);
            let mut ending = self.connection.search(search, |entry| accounts.add(entry)).await;
            ending.malformed.append(&mut accounts.malformed);
            // Those that another base gave as well are people of this one too.
            let people = ending.entries.saturating_sub(ending.malformed.len());
            let complete = self.ended(ending, base, "people", extent, &mut failed);
            // Validated with the configuration.
            if let Ok(dn) = Dn::parse(base) {
                accounts.bases.push(BaseRead { dn, complete, people });
            }
        }
        if accounts.len() == 0
            && let Some(error) = self.nothing(&mut failed)
        {
            return Err(error);
        }
        // Where no base gave anybody, some may still be found as members.
        for base in accounts
            .bases
            .iter()
            .filter(|base| base.complete && base.people == 0)
        {
            extent.add(no_entries("people", base.dn.as_str()));
        }
        if let Some(gap) = accounts.doubt_matrix_ids() {
            extent.add(gap);
        }
        let mut lost = failed.iter().any(|(_, trouble)| trouble.lost);
        for base in &self.config.user_bases {
            lost |= self.disabled_below(base, None, &mut accounts, extent).await;
        }
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
            let mut ending = self
                .connection
                .search(search, |entry| groups.add(entry, false, accounts))
                .await;
            ending.malformed.append(&mut groups.malformed);
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

    /// The error of a listing that gave nothing because searches failed.
    fn nothing(self, failed: &mut Vec<(String, Trouble)>) -> Option<ProviderError> {
        if failed.is_empty() {
            return None;
        }
        let (base, trouble) = failed.remove(0);
        let about = if trouble.lost { self.url.to_owned() } else { base };
        Some(trouble.about(about))
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
