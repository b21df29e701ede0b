//! The rest of attributes that the server hands out in ranges ([MS-ADTS] 3.1.1.3.1.3.3).

use inviter_core::directory::Gap;

use super::{Reader, accounts::Accounts, groups::Groups};
use crate::{
    Dn,
    entry::{Entry, ValueRange},
    search::Search,
    trouble::{Trouble, shortened},
};

/// How often an attribute is begun anew that changes while it is read.
const ATTEMPTS: usize = 3;

/// Why an attribute could not be read to its end.
#[derive(Debug)]
enum Stopped {
    /// It changed; beginning anew may help.
    Changed,
    /// The server hands out no more, and does not say that this was all.
    Stuck,
    Trouble(Trouble),
}

impl Reader<'_> {
    /// Asks for the rest of all lists from `first` on that were not handed out whole. Says whether the connection was
    /// lost.
    pub(super) async fn complete_ranges(
        self,
        groups: &mut Groups<'_>,
        accounts: &Accounts<'_>,
        first: usize,
    ) -> bool {
        let mut lost = false;
        for at in first..groups.list.len() {
            for owners in [false, true] {
                let draft = &mut groups.list[at];
                let slots = if owners {
                    &mut draft.owners
                } else {
                    &mut draft.members
                };
                if slots.rest.is_empty() {
                    continue;
                }
                let mut slots = std::mem::take(slots);
                let dn = draft.written.clone();
                for (attribute, range) in std::mem::take(&mut slots.rest) {
                    let (values, stopped) = self.whole(&dn, &attribute, range).await;
                    groups.add_dns(&mut slots, &values, accounts);
                    if let Some(stopped) = stopped {
                        lost |= matches!(&stopped, Stopped::Trouble(trouble) if trouble.lost);
                        slots.extent.add(gap(&dn, &attribute, values.len(), stopped));
                    }
                }
                let draft = &mut groups.list[at];
                *(if owners {
                    &mut draft.owners
                } else {
                    &mut draft.members
                }) = slots;
            }
        }
        lost
    }

    /// All values of an attribute, of which a range is known; or those that were read, and why there are no more.
    async fn whole(self, dn: &str, attribute: &str, first: ValueRange) -> (Vec<Vec<u8>>, Option<Stopped>) {
        let mut range = Some(first);
        let mut values = Vec::new();
        let mut stopped = Stopped::Changed;
        for _ in 0..ATTEMPTS {
            let start = match range.take() {
                Some(range) => Ok(range),
                None => self.range(dn, attribute, 0).await,
            };
            stopped = match start {
                Ok(range) => match self.rest(dn, attribute, range, &mut values).await {
                    Ok(()) => return (values, None),
                    Err(stopped) => stopped,
                },
                Err(stopped) => stopped,
            };
            if !matches!(stopped, Stopped::Changed) {
                break;
            }
        }
        (values, Some(stopped))
    }

    /// Each range is asked for from the last value that is known, which has to come again: if it does not, one before
    /// it was removed in between, and another has slipped through.
    async fn rest(
        self,
        dn: &str,
        attribute: &str,
        first: ValueRange,
        values: &mut Vec<Vec<u8>>,
    ) -> Result<(), Stopped> {
        if first.start != 0 {
            return Err(Stopped::Stuck);
        }
        let mut more = first.end.is_some();
        *values = first.values;
        while more {
            let Some(last) = values.len().checked_sub(1) else {
                return Err(Stopped::Stuck);
            };
            let range = self.range(dn, attribute, last).await?;
            let mut next = range.values.into_iter();
            if range.start != last || next.next().as_ref() != values.last() {
                return Err(Stopped::Changed);
            }
            values.extend(next);
            more = range.end.is_some();
            if more && values.len() == last + 1 {
                return Err(Stopped::Stuck);
            }
        }
        Ok(())
    }

    async fn range(self, dn: &str, attribute: &str, start: usize) -> Result<ValueRange, Stopped> {
        let asked = format!("{attribute};range={start}-*");
        let asked = [asked.as_str()];
        let mut found: Option<Entry> = None;
        let search = Search::entry(dn, "(objectClass=*)", &asked);
        let own = Dn::parse(dn).ok();
        let ending = self.connection.search(search, |entry| {
            // Values of any other entry are not of this group.
            if Dn::parse(&entry.dn).ok() == own {
                found = Some(entry);
            }
            true
        });
        if let Some(trouble) = ending.await.trouble {
            return Err(Stopped::Trouble(trouble));
        }
        let mut entry = found.ok_or(Stopped::Changed)?;
        if let Some(range) = entry.take_range(attribute) {
            return Ok(range);
        }
        // A server that has all of it in one answer after all may leave the range out.
        match entry.take(attribute) {
            values if !values.is_empty() && start == 0 => Ok(ValueRange {
                start,
                end: None,
                values,
            }),
            _ => Err(Stopped::Changed),
        }
    }
}

fn gap(dn: &str, attribute: &str, read: usize, stopped: Stopped) -> Gap {
    let why = match stopped {
        Stopped::Changed => "changed again and again while it was read; the next run tries anew".to_owned(),
        Stopped::Stuck => {
            "the server hands out no more of it, and does not say that this is all; look into its log"
                .to_owned()
        }
        Stopped::Trouble(trouble) => trouble.message,
    };
    Gap {
        what: format!("`{attribute}` of {} after {read} values", shortened(dn)),
        why,
    }
}
