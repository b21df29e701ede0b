//! [`Page`]: lists that come in parts.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, de::DeserializeOwned};

use super::{Graph, GraphError, GraphErrorKind, links::Link};

/// So many pages in a row without anything are no pages. Many are sound: where much has changed that was not asked for, a
/// list of changes has them.
const MAX_EMPTY_PAGES: usize = 10_000;

/// A part of a list. Whatever lacks `value` is none: an error's body must not pass for an empty list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) value: Vec<T>,
    /// Where the list goes on, if it does.
    #[serde(rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
    /// Where what has changed since can be asked for: on the last page of a list of changes.
    #[serde(rename = "@odata.deltaLink")]
    pub(crate) delta: Option<String>,
}

impl<T> fmt::Debug for Page<T> {
    /// The links hold tokens, the items people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("items", &self.value.len())
            .field("next", &self.next.is_some())
            .field("delta", &self.delta.is_some())
            .finish()
    }
}

impl Graph {
    /// Reads a list to its end. `each` gets the items page by page: those that `first` holds still, and those of all
    /// pages after it; it is not called with nothing. Returns the delta link of the last page, if it has one.
    pub(crate) async fn rest<T: DeserializeOwned + Send>(
        &self,
        first: Page<T>,
        each: &mut (dyn FnMut(Vec<T>) + Send),
    ) -> Result<Option<Link>, GraphError> {
        self.rest_with(first, each, MAX_EMPTY_PAGES).await
    }

    async fn rest_with<T: DeserializeOwned + Send>(
        &self,
        first: Page<T>,
        each: &mut (dyn FnMut(Vec<T>) + Send),
        max_empty: usize,
    ) -> Result<Option<Link>, GraphError> {
        let mut seen = BTreeSet::new();
        let mut empty = 0;
        let mut page = first;
        loop {
            if page.value.is_empty() {
                empty += 1;
            } else {
                empty = 0;
                each(page.value);
            }
            // An empty page with a link after it is not the last one.
            let Some(next) = &page.next else {
                return page.delta.as_deref().map(|delta| self.link(delta)).transpose();
            };
            let next = self.link(next)?;
            let wrong =
                |message| GraphError::new(GraphErrorKind::Malformed, self.about_get(&next.0), message);
            if seen.contains(&next) {
                return Err(wrong("Graph's pages lead in a circle"));
            }
            if empty > max_empty {
                return Err(wrong("Graph gives page after page with nothing in it"));
            }
            page = self.follow(&next).await?;
            seen.insert(next);
        }
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
