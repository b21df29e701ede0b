//! Groups within groups: who is in a group by any way, and what is not known about that.
//!
//! Nothing here recurses on the call stack, so nesting may be as deep as the directory likes.

use std::sync::Arc;

use super::{
    gaps::GapSet,
    people::{Slot, Slots, index},
};
use crate::{
    desired::PersonIx,
    directory::{Directory, Gap, Group, Member, Part},
};

/// The nesting of one directory.
#[derive(Debug)]
pub(super) struct Nesting {
    /// By group: people that it holds directly.
    people: Rows,
    /// By group: groups that it holds directly.
    nested: Rows,
    /// By group: what is not known about it and all that it contains.
    gaps: Vec<GapSet>,
    /// By group: what the directory itself left open, without accounts that no ID can be made for.
    pub(super) unread: Vec<GapSet>,
    /// Groups that contain each other, each set once.
    pub(super) cycles: Vec<Vec<u32>>,
}

/// Rows of indices, end to end.
#[derive(Debug, Default)]
struct Rows {
    ends: Vec<usize>,
    values: Vec<u32>,
}

impl Rows {
    fn close(&mut self) {
        self.ends.push(self.values.len());
    }

    fn row(&self, at: u32) -> &[u32] {
        let at = at as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.values[start..self.ends[at]]
    }
}

/// One list of members taken apart.
struct Entries<'a> {
    directory: &'a Directory,
    slots: &'a Slots,
    group: &'a Group,
    /// What the list is of the group.
    part: &'static str,
    unread: GapSet,
    gaps: GapSet,
    stray: bool,
}

impl<'a> Entries<'a> {
    fn new(directory: &'a Directory, slots: &'a Slots, group: &'a Group, part: &'static str) -> Self {
        Self {
            directory,
            slots,
            group,
            part,
            unread: GapSet::default(),
            gaps: GapSet::default(),
            stray: false,
        }
    }

    /// How gaps call the list.
    fn what(&self) -> String {
        format!("{} of group {}", self.part, self.group.name)
    }

    /// Hands out a list's people and groups and keeps what is not known.
    fn take(&mut self, list: &Part<Member>, mut person: impl FnMut(PersonIx), mut group: impl FnMut(u32)) {
        if !list.extent.is_complete() {
            self.unread.absorb_extent(&list.extent, &self.what());
        }
        for member in &list.values {
            match member {
                Member::Account(account) => match self.slots.get(*account) {
                    Some(Slot::Person(ix)) => person(ix),
                    Some(Slot::Nobody) => {}
                    Some(Slot::Unknown(gap)) => self.gaps.add(Arc::clone(gap)),
                    None => self.stray = true,
                },
                Member::Group(ix) if (ix.0 as usize) < self.directory.groups.len() => group(ix.0),
                Member::Group(_) => self.stray = true,
                Member::Unresolved(entry) => self.unread.add(Arc::new(Gap {
                    what: entry.to_string(),
                    why: "is a member entry that leads to nothing that could be read; remove the entry, or give \
                          the bot the right to read it"
                        .to_owned(),
                })),
            }
        }
    }

    /// What the directory left open, and all that is unknown.
    fn finish(mut self) -> (GapSet, GapSet) {
        if self.stray {
            self.unread.absorb(&GapSet::one(
                self.what(),
                "refers to an account or group that is not in the answer, which is a fault of the provider",
            ));
        }
        self.gaps.absorb(&self.unread);
        (self.unread, self.gaps)
    }
}

impl Nesting {
    pub(super) fn new(directory: &Directory, slots: &Slots) -> Self {
        let (mut people, mut nested) = (Rows::default(), Rows::default());
        let (mut own, mut unread) = (Vec::new(), Vec::new());
        for group in &directory.groups {
            let mut entries = Entries::new(directory, slots, group, "members");
            entries.take(
                &group.members,
                |person| people.values.push(person.0),
                |inner| {
                    // The members of nested groups are in a flattened list already.
                    if !group.flattened {
                        nested.values.push(inner);
                    }
                },
            );
            people.close();
            nested.close();
            if directory.accounts.is_empty() {
                // Members that the bot may not see look like no members at all.
                entries.gaps.absorb(&GapSet::one(
                    entries.what(),
                    "cannot be known while the directory shows no account",
                ));
            }
            let (left_open, all) = entries.finish();
            unread.push(left_open);
            own.push(all);
        }
        let components = components(&nested, directory.groups.len());
        let mut nesting = Self {
            people,
            nested,
            gaps: own,
            unread,
            cycles: Vec::new(),
        };
        nesting.pass_gaps_up(&components);
        nesting
    }

    /// Components come innermost first, so what a group contains is settled before the group itself.
    fn pass_gaps_up(&mut self, components: &[Vec<u32>]) {
        for component in components {
            let mut all = GapSet::default();
            for &group in component {
                all.absorb(&self.gaps[group as usize]);
                for &inner in self.nested.row(group) {
                    all.absorb(&self.gaps[inner as usize]);
                }
            }
            if component.len() > 1 || self.nested.row(component[0]).contains(&component[0]) {
                self.cycles.push(component.clone());
            }
            if !all.is_empty() {
                for &group in component {
                    self.gaps[group as usize] = all.clone();
                }
            }
        }
    }

    /// What is not known about a group and all that it contains.
    pub(super) fn gaps(&self, group: u32) -> &GapSet {
        &self.gaps[group as usize]
    }

    /// The owners that a group names itself: the people, the groups whose members own it, and what of all that is
    /// not known (first what the directory left open).
    pub(super) fn owners(&self, directory: &Directory, slots: &Slots, group: &Group) -> Owners {
        let (mut people, mut groups) = (Vec::new(), Vec::new());
        let mut entries = Entries::new(directory, slots, group, "owners");
        entries.take(&group.owners, |p| people.push(p), |g| groups.push(g));
        let (_, mut gaps) = entries.finish();
        for &inner in &groups {
            gaps.absorb(self.gaps(inner));
        }
        Owners { people, groups, gaps }
    }
}

/// See [`Nesting::owners`].
#[derive(Debug)]
pub(super) struct Owners {
    pub(super) people: Vec<PersonIx>,
    pub(super) groups: Vec<u32>,
    pub(super) gaps: GapSet,
}

/// Visits each group below others once; reused, so that a visit costs what it touches and not the directory.
#[derive(Debug)]
pub(super) struct Walker {
    seen: Vec<u32>,
    round: u32,
    stack: Vec<u32>,
}

impl Walker {
    pub(super) fn new(groups: usize) -> Self {
        Self {
            seen: vec![0; groups],
            round: 0,
            stack: Vec::new(),
        }
    }

    /// Calls `visit` for everyone who is in one of the groups by any way; more than once for who is in by several.
    pub(super) fn walk(&mut self, nesting: &Nesting, from: &[u32], mut visit: impl FnMut(PersonIx)) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            // After 2^32 walks the marks of the first would count again.
            self.seen.fill(0);
            self.round = 1;
        }
        for &group in from {
            self.reach(group);
        }
        while let Some(group) = self.stack.pop() {
            for &person in nesting.people.row(group) {
                visit(PersonIx(person));
            }
            for &inner in nesting.nested.row(group) {
                self.reach(inner);
            }
        }
    }

    fn reach(&mut self, group: u32) {
        let seen = &mut self.seen[group as usize];
        if *seen != self.round {
            *seen = self.round;
            self.stack.push(group);
        }
    }
}

/// Strongly connected components, innermost first (Tarjan's algorithm with its own stack).
fn components(edges: &Rows, nodes: usize) -> Vec<Vec<u32>> {
    const UNSEEN: u32 = u32::MAX;
    let Some(nodes) = index(nodes) else {
        // Indices of this model have 32 bits; no member entry can refer to what lies beyond.
        return Vec::new();
    };
    let mut order = vec![UNSEEN; nodes as usize];
    let mut low = vec![0_u32; nodes as usize];
    let mut on_stack = vec![false; nodes as usize];
    let mut stack = Vec::new();
    let mut calls: Vec<(u32, usize)> = Vec::new();
    let mut next = 0;
    let mut found = Vec::new();
    for root in 0..nodes {
        if order[root as usize] != UNSEEN {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, edge)) = calls.last_mut() {
            let at = *node as usize;
            if *edge == 0 && order[at] == UNSEEN {
                order[at] = next;
                low[at] = next;
                next += 1;
                stack.push(*node);
                on_stack[at] = true;
            }
            if let Some(&target) = edges.row(*node).get(*edge) {
                *edge += 1;
                if order[target as usize] == UNSEEN {
                    calls.push((target, 0));
                } else if on_stack[target as usize] {
                    low[at] = low[at].min(order[target as usize]);
                }
                continue;
            }
            let node = *node;
            calls.pop();
            if let Some((parent, _)) = calls.last() {
                let parent = *parent as usize;
                low[parent] = low[parent].min(low[at]);
            }
            if low[at] == order[at] {
                let start = stack.iter().rposition(|&n| n == node).unwrap_or(0);
                let component = stack.split_off(start);
                for &member in &component {
                    on_stack[member as usize] = false;
                }
                found.push(component);
            }
        }
    }
    found
}
