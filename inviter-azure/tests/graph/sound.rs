//! Answers that do not know everything, and say so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    facts::Facts,
    harness::{Picture, World},
};

impl World {
    /// Fails if a picture says anything that is not so, or calls anything complete that lacks something; what it says
    /// not to know it may lack, or have too much.
    #[track_caller]
    pub(crate) fn assert_sound(&self, picture: &Picture, about: &str) {
        let all = self
            .emulator
            .tenant(|tenant| Facts::of_everything(tenant, &self.config));
        let (truth, told) = (self.truth(), &picture.facts);
        for (id, person) in &told.people {
            let expected = all.people.get(id);
            assert!(
                expected.is_none_or(|expected| expected == person),
                "{about}: {person:?}"
            );
        }
        let rooms = |facts: &Facts| -> BTreeSet<String> {
            let rooms = facts.groups.iter().filter(|(_, group)| group.room);
            rooms.map(|(id, _)| id.clone()).collect()
        };
        if picture.directory.listing.is_complete() {
            assert_eq!(rooms(told), rooms(&truth), "{about}");
        }
        for group in &picture.directory.groups {
            let id = group.key.to_string();
            let found = &told.groups[&id];
            let expected = all.groups.get(&id);
            let parts = [
                (
                    &group.members.extent,
                    &found.members,
                    expected.map(|group| &group.members),
                ),
                (
                    &group.owners.extent,
                    &found.owners,
                    expected.map(|group| &group.owners),
                ),
            ];
            for (extent, found, expected) in parts.into_iter().take(1 + usize::from(!group.nested_only)) {
                if extent.is_complete() {
                    assert_eq!(
                        Some(found),
                        expected,
                        "{about}: {} is called complete",
                        group.name
                    );
                }
            }
        }
        if picture.is_complete() {
            told.assert_are(&truth, about);
        } else {
            assert_ne!(picture.accounts_gaps(), "", "{about}");
        }
    }
}

impl Picture {
    /// Whether everything is known.
    pub(crate) fn is_complete(&self) -> bool {
        self.listing().is_empty() && self.incomplete().is_empty() && self.incomplete_owners().is_empty()
    }

    /// Everything that is not known of lists and of the listing.
    pub(crate) fn unknown(&self) -> String {
        let lists = [self.incomplete(), self.incomplete_owners()];
        let lists = lists.iter().flat_map(BTreeMap::values).cloned();
        lists
            .chain([self.listing()])
            .filter(|gaps| !gaps.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Fails where a gap does not say that it may pass by itself.
#[track_caller]
pub(crate) fn assert_passes(gaps: &str, about: &str) {
    let words = ["asks again", "run again later", "does not have it any more"];
    for gap in gaps.lines() {
        assert!(words.iter().any(|words| gap.contains(words)), "{about}: {gap}");
    }
}
