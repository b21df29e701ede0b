//! Members named by logins that no listed account has: who they are.

use inviter_core::directory::Extent;

use super::{
    Reader,
    accounts::{Accounts, folded},
    endings::unreadable,
    groups::Groups,
    lookup::Found,
};
use crate::search::Search;

/// How many login names one search is about.
const LOGINS_PER_SEARCH: usize = 50;

impl Reader<'_> {
    /// What login names lead to. By login: what it is. Says whether the connection was lost.
    pub(super) async fn look_up_logins(
        self,
        accounts: &mut Accounts<'_>,
        groups: &Groups<'_>,
        extent: &mut Extent,
    ) -> (Vec<Found>, bool) {
        let mut found: Vec<Found> = Vec::with_capacity(groups.logins.list.len());
        let mut lost = false;
        for chunk in groups.logins.list.chunks(LOGINS_PER_SEARCH) {
            let mut open: Vec<(usize, &str)> = Vec::new();
            for (login, written) in chunk {
                // Accounts that were looked up since may have it.
                let account = of_account(accounts, login);
                if account.is_none() {
                    open.push((found.len(), written));
                }
                found.push(account.unwrap_or(Found::NoSuchObject));
            }
            for base in &self.config.user_bases {
                // Each base may have another account with the same login; those that are known now have been told.
                open.retain(|(at, _)| found[*at] == Found::NoSuchObject);
                if !open.is_empty() {
                    lost |= self.logins_below(base, &open, &mut found, accounts, extent).await;
                }
            }
        }
        (found, lost)
    }

    async fn logins_below(
        self,
        base: &str,
        open: &[(usize, &str)],
        found: &mut [Found],
        accounts: &mut Accounts<'_>,
        extent: &mut Extent,
    ) -> bool {
        let login = &self.config.schema.login;
        let any = |open: &[(usize, &str)]| {
            let logins = open.iter();
            let logins = logins.map(|(_, written)| format!("({login}={})", ldap3::ldap_escape(*written)));
            format!("(|{})", logins.collect::<String>())
        };
        // People first: not being listed does not mean that the filter leaves them out.
        let filter = format!("(&{}{})", self.config.schema.user_filter, any(open));
        let names = accounts.attributes();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let before = accounts.len();
        let search = Search::subtree(base, &filter, &names);
        let mut ending = self.connection.search(search, |entry| accounts.add(entry)).await;
        ending.malformed.append(&mut accounts.malformed);
        for gap in unreadable(&ending.malformed, base) {
            extent.add(gap);
        }
        let mut lost = ending.trouble.as_ref().is_some_and(|trouble| trouble.lost);
        if accounts.len() > before {
            lost |= self
                .disabled_below(base, Some(&any(open)), accounts, extent)
                .await;
        }
        let mut nobody = Vec::new();
        for &(at, written) in open {
            match of_account(accounts, &folded(written)) {
                Some(account) => found[at] = account,
                None => nobody.push((at, written)),
            }
        }
        if let Some(why) = self.left_open(&ending) {
            for (at, _) in nobody {
                found[at] = Found::Unknown(why.clone());
            }
            return lost;
        }
        if nobody.is_empty() {
            return lost;
        }
        // What is there and is no person is nobody, and not gone.
        let filter = any(&nobody);
        let mut there: Vec<Box<str>> = Vec::new();
        let names = [login.as_str()];
        let search = Search::subtree(base, &filter, &names);
        let ending = self
            .connection
            .search(search, |entry| {
                let before = there.len();
                let values = entry.values(login).iter();
                let values: Vec<Box<str>> = values
                    .map(|value| folded(&String::from_utf8_lossy(value)))
                    .collect();
                let asked = |value: &str| nobody.iter().any(|(_, written)| *folded(written) == *value);
                if !values.iter().any(|value| asked(value)) {
                    // Of somebody in a spelling that only the server takes for the same, or it shows nothing.
                    there.push(Box::default());
                }
                for value in values {
                    if !there.contains(&value) && asked(&value) {
                        there.push(value);
                    }
                }
                there.dedup();
                there.len() > before
            })
            .await;
        let why = self.left_open(&ending).or_else(|| {
            there.iter().any(|value| value.is_empty()).then(|| {
                format!(
                    "the server finds somebody whose login name it spells otherwise, or does not show; correct the \
                     entries, or give the bot the right to read `{login}`"
                )
            })
        });
        for (at, written) in nobody {
            if there.contains(&folded(written)) {
                found[at] = Found::Nobody { outside: false };
            } else if let Some(why) = &why {
                found[at] = Found::Unknown(why.clone());
            }
        }
        lost | ending.trouble.is_some_and(|trouble| trouble.lost)
    }
}

/// The account with a login name, or that there are several.
fn of_account(accounts: &Accounts<'_>, login: &str) -> Option<Found> {
    Some(match accounts.find_login(login)? {
        Ok(account) => Found::Account(account),
        Err(()) => Found::Unknown("the login name of several accounts; give each its own".to_owned()),
    })
}
