//! [`Links`]: who is in a list of a group, and what is known of how sure that is.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::directory::Gap;

use crate::{
    object::{Kind, Object},
    object_id::ObjectId,
};

/// How many times a list is read anew to see somebody in it who was told to have been added.
const PATIENCE: u8 = 3;

/// Who is in a list of a group.
///
/// What delta queries tell of a list is a reason to read it anew, and not the truth: it may be told late, repeatedly and
/// in any order, also from one round to another
/// ([replays](https://learn.microsoft.com/graph/delta-query-overview#replays)). The list that is read then may come from
/// a copy of the directory that lags behind what was told. So where the two differ, the list counts as incomplete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) users: BTreeSet<ObjectId>,
    pub(crate) groups: BTreeSet<ObjectId>,
    /// Objects of a type that is not known here.
    pub(crate) others: BTreeMap<ObjectId, Box<str>>,
    /// Why more may be in it. Such a list is read anew each time.
    pub(crate) gaps: Vec<Gap>,
    /// What was told of the list since it was read; a list of which something was told is read anew.
    pub(crate) told: Option<Told>,
    /// Who was told to have been added, or was in it and was not told to have been removed, and is not shown; and how many
    /// times the list was read to see them.
    awaited: BTreeMap<ObjectId, u8>,
    /// Who was told to have been removed, and is shown all the same: may be missing later without a word.
    leaving: BTreeSet<ObjectId>,
    /// Who was in it and was deleted. When they are restored, Graph need not tell that they are in it again.
    dormant: BTreeSet<ObjectId>,
}

/// What is known of how a list came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Graph tells of all changes of the list, so nobody is missing without a word: who is, is waited for like somebody
    /// who was added.
    pub(crate) tracked: bool,
    /// It was read to its end.
    pub(crate) read: bool,
}

/// What was told of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    added: BTreeSet<ObjectId>,
    removed: BTreeSet<ObjectId>,
    /// Whatever the list shows now, it may be what was before.
    pub(crate) doubtful: bool,
}

impl Links {
    /// Adds an object that the list shows.
    pub(crate) fn add(&mut self, object: &Object) {
        let Some(id) = object.id else {
            self.gap(
                "a member".to_owned(),
                "Graph gave an object without an ID".to_owned(),
            );
            return;
        };
        match &object.kind {
            Some(Kind::User) => {
                self.users.insert(id);
            }
            Some(Kind::Group) => {
                self.groups.insert(id);
            }
            Some(Kind::Thing) => {}
            Some(Kind::Other(kind)) => {
                self.others.insert(id, kind.clone());
            }
            None => {
                self.others.insert(id, "no type".into());
            }
        }
    }

    /// Notes a reason why more may be in it, once.
    pub(crate) fn gap(&mut self, what: String, why: String) {
        let gap = Gap { what, why };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.others.is_empty()
    }

    pub(crate) fn shows(&self, id: ObjectId) -> bool {
        self.users.contains(&id) || self.groups.contains(&id) || self.others.contains_key(&id)
    }

    /// Notes what a delta query told of the list. What it shows already, and things that are nobody, make no difference.
    pub(crate) fn tell(&mut self, objects: &[&Object]) {
        let mut told = Told::default();
        for object in objects {
            let Some(id) = object.id else {
                told.doubtful = true;
                continue;
            };
            match &object.kind {
                _ if object.removed => _ = told.removed.insert(id),
                Some(Kind::Thing) => {}
                Some(_) => _ = told.added.insert(id),
                None => told.doubtful = true,
            }
        }
        told.doubtful |= !told.added.is_disjoint(&told.removed);
        let news = told
            .added
            .iter()
            .any(|id| !self.shows(*id) || self.leaving.contains(id))
            || told
                .removed
                .iter()
                .any(|id| self.shows(*id) || self.awaited.contains_key(id));
        if news || told.doubtful {
            let all = self.told.get_or_insert_default();
            all.added.extend(&told.added);
            all.removed.extend(&told.removed);
            all.doubtful |= told.doubtful;
        }
    }

    /// Whether somebody was told to have been added who is not shown yet.
    pub(crate) fn expects(&self, id: ObjectId) -> bool {
        let told = self.told.as_ref();
        self.awaited.contains_key(&id) || told.is_some_and(|told| told.added.contains(&id))
    }

    /// Notes that a group which is in it, or was told to be, is no more, though the list was not told to be without it.
    pub(crate) fn tell_deleted(&mut self, id: ObjectId) {
        if self.groups.remove(&id) || self.expects(id) {
            self.dormant.insert(id);
            self.awaited.remove(&id);
            let told = self.told.get_or_insert_default();
            told.added.remove(&id);
            told.removed.insert(id);
        }
    }

    /// Notes that it is not known whether something that is in it is there at all.
    pub(crate) fn tell_doubtful(&mut self, id: ObjectId) {
        if self.shows(id) {
            self.dormant.insert(id);
            self.told.get_or_insert_default().doubtful = true;
        }
    }

    /// Notes that something which was deleted is there again. Where it was known to be `gone`, the list has to show it.
    pub(crate) fn tell_restored(&mut self, id: ObjectId, gone: bool) {
        if self.dormant.contains(&id) {
            let told = self.told.get_or_insert_default();
            if gone {
                told.added.insert(id);
            }
        }
    }

    /// Takes the place of what was known before, and says whether what was told in between is to be seen.
    /// `deleted` says who may have been deleted: nobody waits for them.
    #[must_use]
    pub(crate) fn follow(
        &mut self,
        before: Option<Self>,
        known: Known,
        deleted: impl Fn(&ObjectId) -> bool,
    ) -> bool {
        let Some(before) = before else { return true };
        let told = before.told.unwrap_or_default();
        // Who was told to be back since is not leaving any more.
        let leaving = before.leaving.difference(&told.added);
        let removed: BTreeSet<ObjectId> = told.removed.iter().chain(leaving).copied().collect();
        let once = u8::from(known.read);
        let waited = before
            .awaited
            .into_iter()
            .map(|(id, times)| (id, times.saturating_add(once)));
        let shown = before.users.iter().chain(&before.groups);
        let untold = shown.filter(|id| known.tracked && !removed.contains(*id) && !deleted(id));
        let added = told.added.iter().chain(untold).map(|id| (*id, once));
        let awaited = added
            .chain(waited)
            .filter(|(id, times)| *times <= PATIENCE && !removed.contains(id) && !self.shows(*id));
        let awaited: BTreeMap<ObjectId, u8> = awaited.collect();
        let was = before.users.into_iter().chain(before.groups).chain(told.added);
        let dormant = was.filter(deleted).chain(before.dormant);
        self.dormant = dormant.filter(|id| !self.shows(*id)).collect();
        self.awaited = awaited;
        self.leaving = removed.into_iter().filter(|id| self.shows(*id)).collect();
        !told.doubtful && !told.removed.iter().any(|id| self.shows(*id))
    }

    /// Takes over who may be in it again when they are restored, from what was known before. In between, nothing was
    /// told.
    pub(crate) fn remember(&mut self, before: &Self) {
        if self.gaps.is_empty() {
            let was = before.users.iter().chain(&before.groups).chain(&before.dormant);
            let dormant: Vec<ObjectId> = was.filter(|id| !self.shows(**id)).copied().collect();
            self.dormant.extend(dormant);
        }
    }

    /// Takes over for whom another picture of the same time waits.
    pub(crate) fn wait_like(&mut self, other: &Self) {
        let awaited = other.awaited.iter().filter(|(id, _)| !self.shows(**id));
        let awaited: Vec<(ObjectId, u8)> = awaited.map(|(id, times)| (*id, *times)).collect();
        self.awaited.extend(awaited);
    }

    /// Who has to be in it by all that was told, and is neither shown nor gone.
    pub(crate) fn awaited(&self, gone: &BTreeSet<ObjectId>) -> Vec<ObjectId> {
        let all = self.awaited.keys().copied();
        all.filter(|id| !gone.contains(id)).collect()
    }

    /// Everybody who is not shown, and may be in it.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = ObjectId> {
        self.awaited.keys().chain(&self.dormant).copied()
    }
}
