//! Which groups of a source a text means.

use std::{cell::OnceCell, collections::BTreeMap, iter};

use crate::directory::Group;

/// Groups by one of their texts, in order, so that lookups are binary searches and ties come in a fixed order.
pub(super) type Table<'a> = [(&'a str, u32)];

/// What is looked up in a source by text. Groups that count only within others have a table of their own.
pub(super) struct Names<'a> {
    groups: &'a [Group],
    /// Tables are made when first asked for: where names alone say which group is which room's, nobody asks.
    by_key: OnceCell<Vec<(&'a str, u32)>>,
    also_called: OnceCell<Vec<(&'a str, u32)>>,
    by_name: OnceCell<Vec<(&'a str, u32)>>,
    only_nested: OnceCell<Vec<(&'a str, u32)>>,
    /// Name of a room's group → groups that hold its owners.
    pub(super) owners_of: BTreeMap<Box<str>, Vec<u32>>,
}

impl<'a> Names<'a> {
    pub(super) const fn new(groups: &'a [Group]) -> Self {
        Self {
            groups,
            by_key: OnceCell::new(),
            also_called: OnceCell::new(),
            by_name: OnceCell::new(),
            only_nested: OnceCell::new(),
            owners_of: BTreeMap::new(),
        }
    }

    pub(super) fn by_key(&self) -> &Table<'a> {
        self.by_key.get_or_init(|| self.table(false, key))
    }

    pub(super) fn also_called(&self) -> &Table<'a> {
        self.also_called.get_or_init(|| self.table(false, others))
    }

    pub(super) fn by_name(&self) -> &Table<'a> {
        self.by_name.get_or_init(|| self.table(false, name))
    }

    /// Whether a text means a group that counts only within others, in whichever way.
    pub(super) fn is_only_nested(&self, text: &str) -> bool {
        let all = |group| key(group).chain(others(group)).chain(name(group));
        let table = self.only_nested.get_or_init(|| self.table(true, all));
        find(table, text).next().is_some()
    }

    fn table<T: Iterator<Item = &'a str>>(
        &self,
        nested_only: bool,
        texts: impl Fn(&'a Group) -> T,
    ) -> Vec<(&'a str, u32)> {
        let groups = self.groups.iter().zip(0..u32::MAX);
        let mut table: Vec<(&str, u32)> = groups
            .filter(|(group, _)| group.nested_only == nested_only)
            .flat_map(|(group, at)| texts(group).map(move |text| (text, at)))
            .collect();
        table.sort_unstable();
        // One group is no more ambiguous for being called the same thing twice.
        table.dedup();
        table
    }
}

fn key(group: &Group) -> impl Iterator<Item = &str> {
    iter::once(group.key.as_str())
}

fn name(group: &Group) -> impl Iterator<Item = &str> {
    iter::once(&*group.name)
}

fn others(group: &Group) -> impl Iterator<Item = &str> {
    group.also_called.iter().map(|text| &**text)
}

/// The groups with exactly this text.
pub(super) fn find<'i>(table: &'i Table<'_>, text: &str) -> impl Iterator<Item = u32> + 'i {
    let start = table.partition_point(|(name, _)| *name < text);
    let count = table[start..].partition_point(|(name, _)| *name <= text);
    table[start..start + count].iter().map(|(_, group)| *group)
}
