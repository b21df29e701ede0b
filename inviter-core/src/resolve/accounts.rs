//! From Matrix IDs back to the accounts behind them; worked out when asked, stored nowhere.

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{OwnedUserId, UserId};

use super::ReadOutcome;
use crate::{
    directory::{AccountIx, AccountStatus, Directory, ProviderId},
    mint::Minted,
    policy::Policy,
};

/// An account that leads to some Matrix ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// The directory.
    pub provider: ProviderId,
    /// Its place in what the directory answered.
    pub account: AccountIx,
    /// The stable identifier there.
    pub key: Box<str>,
    /// What people call it there, where the key is opaque.
    pub label: Option<Box<str>>,
    /// Whether it may be used; `None` if the directory does not say.
    pub status: Option<AccountStatus>,
}

impl KnownAccount {
    /// What people are told of the account: its label, or else its key.
    pub fn shown(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.key)
    }
}

/// The accounts of all configured directories that lead to these Matrix IDs, in the order of the configuration. An ID
/// that no account leads to has an empty list. Every account is minted once more for this: ask for many IDs at once.
pub fn accounts_of(
    directories: &[ReadOutcome],
    policy: &Policy,
    users: &BTreeSet<&UserId>,
) -> BTreeMap<OwnedUserId, Vec<KnownAccount>> {
    let mut known: BTreeMap<OwnedUserId, Vec<KnownAccount>> = users
        .iter()
        .map(|user| ((*user).to_owned(), Vec::new()))
        .collect();
    if known.is_empty() {
        return known;
    }
    for source in &policy.sources {
        let Some(directory) = directory_of(directories, &source.provider) else {
            continue;
        };
        for (at, account) in (0..).zip(&directory.accounts) {
            if let Ok(Minted::User(user)) = source.minting.mint(account)
                && let Some(accounts) = known.get_mut(&user)
            {
                accounts.push(KnownAccount {
                    provider: source.provider.clone(),
                    account: AccountIx(at),
                    key: account.key.clone(),
                    label: account.label.clone(),
                    status: account.status,
                });
            }
        }
    }
    known
}

/// What a directory answered, if it could be read.
pub(crate) fn directory_of<'d>(
    directories: &'d [ReadOutcome],
    provider: &ProviderId,
) -> Option<&'d Directory> {
    let read = directories.iter().find(|read| read.provider == *provider)?;
    read.result.as_ref().ok()
}
