//! Gaps as they pass from a group to every group above it.

use std::sync::Arc;

use crate::directory::{Extent, Gap};

/// How many gaps are told by name for one group or room. A group with a thousand dangling entries is no better
/// understood from a thousand sentences, and they would be copied to each group above it.
const LISTED: usize = 16;

/// A set of gaps: the smallest few of them, and whether there are more. The smallest of a union are among the
/// smallest of its parts, so the outcome does not depend on the order in which gaps come together.
#[derive(Debug, Clone, Default)]
pub(super) struct GapSet {
    listed: Vec<Arc<Gap>>,
    more: bool,
}

impl GapSet {
    pub(super) fn one(what: impl Into<String>, why: impl Into<String>) -> Self {
        let mut set = Self::default();
        set.add(Arc::new(Gap {
            what: what.into(),
            why: why.into(),
        }));
        set
    }

    pub(super) const fn is_empty(&self) -> bool {
        // `more` is set only if the list is full.
        self.listed.is_empty()
    }

    pub(super) fn add(&mut self, gap: Arc<Gap>) {
        if let Err(at) = self.listed.binary_search(&gap) {
            if at < LISTED {
                self.listed.insert(at, gap);
                self.more |= self.listed.len() > LISTED;
                self.listed.truncate(LISTED);
            } else {
                self.more = true;
            }
        }
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        for gap in &other.listed {
            self.add(Arc::clone(gap));
        }
        self.more |= other.more;
    }

    /// Takes over what is missing from something; an incomplete one that does not say why still counts.
    pub(super) fn absorb_extent(&mut self, extent: &Extent, what: &str) {
        for gap in extent.gaps() {
            self.add(Arc::new(gap.clone()));
        }
        if !extent.is_complete() && extent.gaps().is_empty() {
            self.add(Arc::new(Gap {
                what: what.to_owned(),
                why: "was not read completely, and the directory does not say why".to_owned(),
            }));
        }
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = &Gap> {
        self.listed.iter().map(|gap| &**gap)
    }

    pub(super) fn to_extent(&self) -> Extent {
        if self.is_empty() {
            return Extent::Complete;
        }
        let mut gaps: Vec<Gap> = self.listed().cloned().collect();
        if self.more {
            gaps.push(Gap {
                what: "further gaps".to_owned(),
                why: format!("there are more than {LISTED}"),
            });
        }
        Extent::AtLeast(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: impl IntoIterator<Item = usize>) -> GapSet {
        let mut set = GapSet::default();
        for n in numbers {
            set.absorb(&GapSet::one(format!("{n:03}"), "why"));
        }
        set
    }

    #[test]
    fn keeps_the_smallest_whatever_the_order() {
        let forward = set(0..40).to_extent();
        assert_eq!(forward, set((0..40).rev()).to_extent());
        assert_eq!(forward.gaps().len(), LISTED + 1);
        assert_eq!(forward.gaps()[0].what, "000");
        assert_eq!(set((0..LISTED).chain(0..LISTED)).to_extent().gaps().len(), LISTED);
    }

    #[test]
    fn incomplete_without_a_reason_stays_incomplete() {
        let mut set = GapSet::default();
        set.absorb_extent(&Extent::Complete, "x");
        assert!(set.to_extent().is_complete());
        set.absorb_extent(&Extent::AtLeast(Vec::new()), "x");
        assert!(!set.to_extent().is_complete());
    }
}
