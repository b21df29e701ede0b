//! [`Scope`]: which rooms and groups are looked at, so that a pilot of two rooms touches two rooms.
//!
//! What is outside is neither asked for nor changed, and nothing about it is taken for gone. A group outside whose
//! people are in a room inside is unknown there: nobody is brought in by it, and nobody removed for want of it.

use std::collections::BTreeSet;

use crate::{
    desired::DesiredRoom,
    directory::Group,
    patterns::Patterns,
    room::{Binding, RoomRef},
    succession::Successors,
};

/// Which rooms and groups are looked at.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Rooms, by alias or ID.
    pub rooms: Selection,
    /// Groups that stand for rooms or are listed for one, by name, by key, or by what they are
    /// [also called](Group::also_called). Groups inside such a group always count.
    pub groups: Selection,
}

impl Scope {
    /// What is in both scopes.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            rooms: self.rooms.and(other.rooms),
            groups: self.groups.and(other.groups),
        }
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.rooms.is_everything() && self.groups.is_everything()
    }

    /// Whether a group is inside.
    pub fn has_group(&self, group: &Group) -> bool {
        let names = [&*group.name, group.key.as_str()].into_iter();
        let also_called = group.also_called.iter().map(|text| &**text);
        self.groups.is_everything() || self.groups.admits(names.chain(also_called).collect::<Vec<_>>())
    }

    /// Whether a room is inside, by everything that names it.
    pub fn has_room(&self, refs: &[RoomRef], binding: &Binding) -> bool {
        let names = refs.iter().map(|r| match r {
            RoomRef::Alias(alias) => alias.as_str(),
            RoomRef::Id(id) => id.as_str(),
        });
        let id = match binding {
            Binding::Bound(id) => Some(id.as_str()),
            Binding::Missing | Binding::Unknown(_) => None,
        };
        self.rooms.admits(names.chain(id).collect::<Vec<_>>())
    }

    /// Whether a room is inside, by everything that names it and by the IDs of the rooms whose place it has taken:
    /// who has written down an ID need not know that the room has another by now.
    pub(crate) fn has_followed_room(
        &self,
        refs: &[RoomRef],
        binding: &Binding,
        successors: &Successors,
    ) -> bool {
        let before = match binding {
            Binding::Bound(id) if !self.rooms.is_everything() => successors.before(id),
            _ => BTreeSet::new(),
        };
        if before.is_empty() {
            return self.has_room(refs, binding);
        }
        let refs: Vec<RoomRef> = refs
            .iter()
            .cloned()
            .chain(before.into_iter().map(RoomRef::Id))
            .collect();
        self.has_room(&refs, binding)
    }

    /// Whether a room that is not bound yet may turn out to be inside.
    pub(crate) fn may_have_room(&self, room: &DesiredRoom) -> bool {
        self.rooms.speaks_of_ids() || self.has_room(&room.refs, &room.binding)
    }
}

/// Names that are included, and names that are not.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// A name has to match one of each of these.
    include: Vec<Patterns>,
    /// No name may match one of these.
    exclude: Vec<Patterns>,
}

impl Selection {
    /// What one of `include` matches, or everything if that is empty; without what one of `exclude` matches.
    pub fn new(include: Patterns, exclude: Patterns) -> Self {
        let some = |patterns: Patterns| (!patterns.is_empty()).then_some(patterns);
        Self {
            include: some(include).into_iter().collect(),
            exclude: some(exclude).into_iter().collect(),
        }
    }

    /// What is in both.
    #[must_use]
    pub fn and(mut self, mut other: Self) -> Self {
        self.include.append(&mut other.include);
        self.exclude.append(&mut other.exclude);
        self
    }

    /// The patterns: a name has to match one of each of the first, and none of the second.
    pub fn lists(&self) -> (&[Patterns], &[Patterns]) {
        (&self.include, &self.exclude)
    }

    /// Whether everything is admitted.
    pub const fn is_everything(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether something with these names is admitted: one of them is included, and none excluded.
    pub fn admits<'n>(&self, names: impl AsRef<[&'n str]>) -> bool {
        let any = |patterns: &Patterns| names.as_ref().iter().any(|name| patterns.matches(name));
        self.include.iter().all(any) && !self.exclude.iter().any(any)
    }

    /// Whether what has no name at all is admitted.
    pub(crate) const fn admits_the_nameless(&self) -> bool {
        self.include.is_empty()
    }

    /// Whether a pattern is about room IDs, which are known of a room only once its alias was asked for.
    fn speaks_of_ids(&self) -> bool {
        let of_ids = |patterns: &Patterns| {
            let aliases_only = |pattern: &String| pattern.starts_with('#');
            !patterns.patterns().iter().all(aliases_only)
        };
        self.include.iter().any(of_ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{GroupKey, Part};

    fn patterns(texts: &[&str]) -> Patterns {
        Patterns::new(texts.iter().map(|text| (*text).to_owned())).unwrap()
    }

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        Selection::new(patterns(include), patterns(exclude))
    }

    #[test]
    fn nothing_said_is_everything() {
        assert!(selection(&[], &[]).is_everything());
        assert!(selection(&[], &[]).admits(["#a:x"]));
    }

    #[test]
    fn one_name_included_and_none_excluded() {
        let pilot = selection(&["#pilot-*:x", "!abc"], &["*-old:x"]);
        assert!(pilot.admits(["#pilot-a:x"]));
        assert!(pilot.admits(["#other:x", "!abc"]));
        assert!(!pilot.admits(["#other:x"]));
        assert!(!pilot.admits(["#pilot-a:x", "#a-old:x"]));
        assert!(selection(&[], &["#a:x"]).admits(["#b:x"]));
    }

    #[test]
    fn groups_by_all_that_they_are_called() {
        let group = Group {
            key: GroupKey::new("4711"),
            name: "staff".into(),
            also_called: vec!["cn=staff,o=corp".into()],
            members: Part::default(),
            owners: Part::default(),
            flattened: false,
            nested_only: false,
        };
        let has = |groups| {
            Scope {
                groups,
                ..Scope::default()
            }
            .has_group(&group)
        };
        for pattern in ["47*", "st*", "cn=*,o=corp"] {
            assert!(has(selection(&[pattern], &[])), "{pattern}");
            assert!(!has(selection(&[], &[pattern])), "{pattern}");
        }
        assert!(has(selection(&[], &[])) && !has(selection(&["other"], &[])));
    }

    #[test]
    fn both_scopes_have_to_agree() {
        let both = selection(&["#pilot-*:x"], &["#pilot-z:x"]).and(selection(&["*-a:x", "*-z:x"], &[]));
        assert!(both.admits(["#pilot-a:x"]));
        assert!(!both.admits(["#pilot-b:x"]));
        assert!(!both.admits(["#pilot-z:x"]));
    }
}
