//! How searches ended, and what they left open.

use std::collections::BTreeMap;

use inviter_core::directory::{Extent, Gap};

use super::{Reader, members::some};
use crate::{
    Dn,
    entry::Malformed,
    search::Ending,
    trouble::{Trouble, shortened},
};

impl Reader<'_> {
    /// Notes what a listing left open, and says whether it was complete.
    pub(super) fn ended(
        self,
        ending: Ending,
        base: &str,
        what: &str,
        listing: &mut Extent,
        failed: &mut Vec<(String, Trouble)>,
    ) -> bool {
        let mut gaps = unreadable(&ending.malformed, base);
        gaps.extend(self.elsewhere(&ending).map(|why| Gap {
            what: format!("{what} below {base}"),
            why: format!(
                "{why}; write a directory of its own for it, or list its DN in `ignore_referrals` if it holds nobody \
                 of interest"
            ),
        }));
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

    /// Why a search may have missed something, if it may.
    pub(super) fn left_open(self, ending: &Ending) -> Option<String> {
        if let Some(trouble) = &ending.trouble {
            return Some(trouble.message.clone());
        }
        let malformed = ending.malformed.first();
        let malformed = malformed.map(|entry| {
            format!(
                "an entry of the answer cannot be read, since {}; correct it in the directory",
                entry.why
            )
        });
        malformed.or_else(|| self.elsewhere(ending).next())
    }

    /// What a search says to be on other servers.
    fn elsewhere(self, ending: &Ending) -> impl Iterator<Item = String> {
        let references = ending.references.iter();
        references
            .filter(move |url| !self.is_ignored(url))
            .map(|url| match shortened(url) {
                url if url.is_empty() => "it does not say which".to_owned(),
                url => url,
            })
            .map(|server| {
                format!("a part of them is on another server ({server}), and referrals are never followed")
            })
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

/// Entries that could not be read: by what is wrong with them, since there may be many.
pub(super) fn unreadable(malformed: &[Malformed], base: &str) -> Vec<Gap> {
    let mut by_fault: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in malformed {
        let dn = entry.dn.as_deref().unwrap_or("one without a name");
        by_fault.entry(&entry.why).or_default().push(dn);
    }
    let faults = by_fault.into_iter();
    faults
        .map(|(why, names)| {
            let (entries, each, them) = match names.len() {
                1 => ("entry", "", "it"),
                _ => ("entries", "each ", "them"),
            };
            Gap {
                what: format!(
                    "{} {entries} below {base} ({})",
                    names.len(),
                    some(names.iter().copied())
                ),
                why: format!("cannot be read, {each}since {why}; correct {them} in the directory"),
            }
        })
        .collect()
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
