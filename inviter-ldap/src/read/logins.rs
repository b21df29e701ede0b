//! Members named by logins that no listed account has: who they are.

use inviter_core::directory::Extent;

use super::{
    Reader,
    accounts::{Accounts, folded},
    endings::unreadable,
    groups::Groups,
    lookup::{Found, unclear_person},
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
        let there = self.logins_there(base, &filter, &nobody).await;
        lost |= there.lost;
        // A filter about what is hidden fits neither way (RFC 4511 section 4.5.1.7).
        let mut certain = LoginsThere::default();
        if !there.logins.is_empty() {
            let filter = format!("(&(!{}){filter})", self.config.schema.user_filter);
            certain = self.logins_there(base, &filter, &nobody).await;
            lost |= certain.lost;
        }
        for (at, written) in nobody {
            let login = folded(written);
            if certain.logins.contains(&login) {
                found[at] = Found::Nobody { outside: false };
            } else if there.logins.contains(&login) {
                found[at] = Found::Unknown(certain.why.clone().unwrap_or_else(unclear_person));
            } else if let Some(why) = &there.why {
                found[at] = Found::Unknown(why.clone());
            }
        }
        lost
    }

    /// Which of some login names are there below a base, of entries that a filter fits.
    async fn logins_there(self, base: &str, filter: &str, asked: &[(usize, &str)]) -> LoginsThere {
        let login = &self.config.schema.login;
        let asked: Vec<Box<str>> = asked.iter().map(|(_, written)| folded(written)).collect();
        let mut logins: Vec<Box<str>> = Vec::new();
        let mut otherwise = false;
        let names = [login.as_str()];
        let ending = self
            .connection
            .search(Search::subtree(base, filter, &names), |entry| {
                let before = (logins.len(), otherwise);
                let values = entry.values(login).iter();
                let mut own = values
                    .map(|value| folded(&String::from_utf8_lossy(value)))
                    .filter(|value| asked.contains(value))
                    .peekable();
                // Of somebody in a spelling that only the server takes for the same, or it shows nothing.
                otherwise |= own.peek().is_none();
                for value in own {
                    if !logins.contains(&value) {
                        logins.push(value);
                    }
                }
                before != (logins.len(), otherwise)
            })
            .await;
        let why = self.left_open(&ending).or_else(|| {
            otherwise.then(|| {
                format!(
                    "the server finds somebody whose login name it spells otherwise, or does not show; correct the \
                     entries, or give the bot the right to read `{login}`"
                )
            })
        });
        LoginsThere {
            logins,
            why,
            lost: ending.trouble.is_some_and(|trouble| trouble.lost),
        }
    }
}

/// Login names that are there.
#[derive(Debug, Default)]
struct LoginsThere {
    logins: Vec<Box<str>>,
    /// Why there may be more, if there may.
    why: Option<String>,
    lost: bool,
}

/// The account with a login name, or that there are several.
fn of_account(accounts: &Accounts<'_>, login: &str) -> Option<Found> {
    Some(match accounts.find_login(login)? {
        Ok(account) => Found::Account(account),
        Err(()) => Found::Unknown("the login name of several accounts; give each its own".to_owned()),
    })
}
