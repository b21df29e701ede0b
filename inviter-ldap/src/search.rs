//! Searches, page by page, with every answer's end looked at: a search that gave entries may still have failed.

use inviter_core::provider::ProviderErrorKind as Kind;
use ldap3::{LdapError, LdapResult, Scope};
use tokio::time::timeout_at;
use tracing::debug;

use crate::{
    connection::Connection,
    control,
    entry::{Entry, Malformed, references},
    trouble::{Trouble, code},
};

/// Below this a smaller page is not tried.
const SMALLEST_PAGE: u32 = 10;

/// So many pages in a row with nothing new are no pages. Some in between are sound: Active Directory ends a page when
/// it has looked for long enough.
const MAX_IDLE_PAGES: usize = 1000;

/// Enough to see what there is more of.
const SAMPLE: u32 = 100;

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<'s> {
    pub(crate) base: &'s str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'s str,
    pub(crate) attributes: &'s [&'s str],
}

impl<'s> Search<'s> {
    /// One entry, by its name.
    pub(crate) const fn entry(dn: &'s str, filter: &'s str, attributes: &'s [&'s str]) -> Self {
        Self {
            base: dn,
            scope: Scope::Base,
            filter,
            attributes,
        }
    }

    /// All entries at and below a base.
    pub(crate) const fn subtree(base: &'s str, filter: &'s str, attributes: &'s [&'s str]) -> Self {
        Self {
            base,
            scope: Scope::Subtree,
            filter,
            attributes,
        }
    }
}

/// How a search ended. Whatever it gave is only a part of what there is unless [`is_complete`](Self::is_complete).
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Why it ended early.
    pub(crate) trouble: Option<Trouble>,
    /// Where the server says that the search has to go on.
    pub(crate) references: Vec<String>,
    /// Entries that could not be taken apart.
    pub(crate) malformed: Vec<Malformed>,
    /// How many entries came.
    pub(crate) entries: usize,
    /// How many searches were sent for it.
    pub(crate) searches: usize,
}

impl Ending {
    /// Whether the server said that this was all, and it could be read.
    pub(crate) fn is_complete(&self) -> bool {
        self.trouble.is_none() && self.references.is_empty() && self.malformed.is_empty()
    }
}

impl Connection {
    /// Searches to the end. `each` gets every entry, and says whether it has not had that one before.
    pub(crate) async fn search(&self, search: Search<'_>, mut each: impl FnMut(Entry) -> bool) -> Ending {
        let mut ending = Ending::default();
        let mut size = self.page_size;
        let mut paged = search.scope != Scope::Base;
        let mut cookie = Vec::new();
        let mut idle = 0;
        loop {
            let page = paged.then_some((size, &*cookie));
            let before = ending.entries;
            let (result, any_new) = match self.page(&search, page, &mut ending, &mut each).await {
                Ok(end) => end,
                Err(trouble) => {
                    ending.trouble = Some(trouble);
                    break;
                }
            };
            let came = ending.entries - before;
            let at_start = cookie.is_empty() && came == 0;
            idle = if any_new { 0 } else { idle + 1 };
            match result.rc {
                0 => {}
                code::CRITICAL_EXTENSION if paged && at_start => {
                    debug!("the server knows no pages; asking for all at once");
                    paged = false;
                    continue;
                }
                code::SIZE_LIMIT | code::ADMIN_LIMIT if paged && at_start && size > SMALLEST_PAGE => {
                    size = (size / 4).max(SMALLEST_PAGE);
                    debug!(size, "the page was larger than the server allows");
                    continue;
                }
                _ => {
                    ending.trouble = Some(Trouble::of_result(&result));
                    break;
                }
            }
            match control::next_page(&result.ctrls) {
                // Small servers leave out that there are pages, and answer with everything. What looks like a page is
                // not believed to be all.
                Ok(None) if paged && (!cookie.is_empty() || u32::try_from(came) == Ok(size)) => {
                    ending.trouble = Some(malformed(
                        "the server's answer does not say whether there is more",
                    ));
                    break;
                }
                Ok(None) => break,
                Ok(Some(next)) if next.is_empty() => break,
                Ok(Some(_)) if !paged => {
                    ending.trouble = Some(malformed(
                        "the server speaks of more pages where none were asked for",
                    ));
                    break;
                }
                Ok(Some(_)) if idle >= MAX_IDLE_PAGES => {
                    ending.trouble = Some(malformed(
                        "the server sends page after page with nothing new in it",
                    ));
                    break;
                }
                // Otherwise a server that hands out the same page for ever would be read for ever.
                Ok(Some(next)) if any_new || next != cookie => cookie = next,
                Ok(Some(_)) => {
                    ending.trouble = Some(malformed("the server repeats the same page for ever"));
                    break;
                }
                Err(()) => {
                    ending.trouble = Some(malformed(
                        "the server's answer says in no known form whether there is more",
                    ));
                    break;
                }
            }
        }
        debug!(
            base = search.base,
            filter = search.filter,
            entries = ending.entries,
            searches = ending.searches,
            complete = ending.is_complete(),
            "searched"
        );
        ending
    }

    /// How many entries a search has on its first page, roughly: to see what there is at all.
    pub(crate) async fn count_some(&self, search: Search<'_>) -> usize {
        let mut ending = Ending::default();
        let page = Some((self.page_size.min(SAMPLE), &[][..]));
        // Whatever goes wrong is told by reading everything.
        let _ = self.page(&search, page, &mut ending, &mut |_| true).await;
        ending.entries
    }

    /// One page: how it ended, and whether anything in it was new.
    async fn page(
        &self,
        search: &Search<'_>,
        page: Option<(u32, &[u8])>,
        ending: &mut Ending,
        each: &mut impl FnMut(Entry) -> bool,
    ) -> Result<(LdapResult, bool), Trouble> {
        let of_operation = |error: LdapError| self.failed(&error);
        let mut ldap = self.operation()?;
        if let Some((size, cookie)) = page {
            ldap.with_controls(vec![control::page(size, cookie)]);
        }
        ending.searches += 1;
        let attributes = search.attributes.to_vec();
        let mut stream = ldap
            .streaming_search(search.base, search.scope, search.filter, attributes)
            .await
            .map_err(of_operation)?;
        let mut any_new = false;
        loop {
            // The library's limit is for each message; a trickle would keep to it for ever.
            let next = timeout_at(self.deadline(), stream.next()).await;
            let Some(item) = next.map_err(|_| Self::too_long())?.map_err(of_operation)? else {
                break;
            };
            if item.is_intermediate() {
                continue;
            }
            if item.is_ref() {
                let mut references = references(item.0);
                if references.is_empty() {
                    // It says that there is more, whether or not it says where.
                    references.push(String::new());
                }
                ending.references.extend(references);
                continue;
            }
            ending.entries += 1;
            match Entry::read(item.0) {
                Ok(entry) => any_new |= each(entry),
                Err(malformed) => ending.malformed.push(malformed),
            }
        }
        Ok((stream.finish().await, any_new))
    }
}

fn malformed(message: &str) -> Trouble {
    Trouble::new(
        Kind::Malformed,
        format!("{message}, which is a fault of the server; look into its log"),
    )
}
