//! Which groups feed which room: names that decode, and the explicit list.

use std::collections::BTreeMap;

use ruma_common::UserId;

use super::{
    Source,
    gaps::GapSet,
    names::{Names, Table, find},
    people::index,
    several,
};
use crate::{
    decode::{Decoded, normalise_alias},
    desired::{DesiredRoom, FeedRole, GroupRef, Role},
    directory::ProviderId,
    finding::{Finding, FindingKind, Subject},
    room::RoomRef,
    room_rules::{RoomRules, RoomSpec, SpecGroup},
    scope::Scope,
};

/// How many undecodable groups of one directory are told one by one.
const UNDECODABLE_LISTED: usize = 50;

/// A room before anybody is counted.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    /// Settings of an explicit entry, with their precedence.
    pub(super) settings: Option<(u32, &'a RoomRules)>,
    pub(super) feeds: BTreeMap<FeedKey, FeedUse>,
    /// People of explicit entries.
    pub(super) fixed: BTreeMap<&'a UserId, Option<i64>>,
    /// What is unknown besides the groups' own gaps.
    pub(super) members: GapSet,
    pub(super) owners: GapSet,
    /// Groups outside the scope, with the role of their members.
    outside: Vec<(usize, u32, Role)>,
    /// A group is listed for it that is within the scope and was not found.
    awaits_group: bool,
    /// See [`DesiredRoom::in_scope`].
    pub(super) in_scope: bool,
}

impl Draft<'_> {
    /// Decides whether the room is within the scope, and what groups outside mean for it: gaps in a room inside, and
    /// feeds as any others in a room outside, so that it is known who has a place there.
    fn settle(&mut self, sources: &[Source<'_>], names: &[Names<'_>], scope: &Scope) {
        let fed = self.feeds.keys().any(|key| key.role == FeedRole::Members);
        self.in_scope =
            fed || self.awaits_group || self.outside.is_empty() && scope.groups.admits_the_nameless();
        for (source, group, role) in std::mem::take(&mut self.outside) {
            if self.in_scope {
                let name = &sources[source].directory.groups[group as usize].name;
                let provider = sources[source].provider;
                let gap = GapSet::one(
                    format!("group {name} of directory {provider}"),
                    "it is outside the configured scope",
                );
                self.members.absorb(&gap);
                self.owners.absorb(&gap);
            } else {
                add_feed(self, &sources[source], &names[source], source, group, role);
            }
        }
    }
}

/// A group of a source in a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FeedKey {
    pub(super) source: usize,
    pub(super) group: u32,
    pub(super) role: FeedRole,
}

/// What such a group gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedUse {
    /// The role of its members, where it feeds those.
    pub(super) level: Role,
    /// The owners that it names are the room's owners.
    pub(super) named_owners: bool,
    /// Its members are the room's owners.
    pub(super) members_own: bool,
}

/// Collects the rooms of all sources and of the explicit list.
pub(super) struct Drafts<'a> {
    sources: &'a [Source<'a>],
    scope: &'a Scope,
    names: Vec<Names<'a>>,
    pub(super) rooms: BTreeMap<RoomRef, Draft<'a>>,
    findings: &'a mut Vec<Finding>,
    next_precedence: u32,
}

impl<'a> Drafts<'a> {
    pub(super) fn new(sources: &'a [Source<'a>], scope: &'a Scope, findings: &'a mut Vec<Finding>) -> Self {
        Self {
            sources,
            scope,
            names: Vec::new(),
            rooms: BTreeMap::new(),
            findings,
            next_precedence: 0,
        }
    }

    /// `unread` are directories that are configured and could not be read: a group that is not found may be there.
    pub(super) fn collect(
        mut self,
        explicit: &'a [RoomSpec],
        unread: &[&ProviderId],
    ) -> BTreeMap<RoomRef, Draft<'a>> {
        let mut decoded = Vec::new();
        for source in self.sources {
            let (names, rooms) = self.decode(source);
            self.names.push(names);
            decoded.push(rooms);
        }
        for spec in explicit {
            self.add_spec(spec, unread);
        }
        for (index, (source, rooms)) in self.sources.iter().zip(decoded).enumerate() {
            for spec in &source.directory.rooms {
                self.add_spec(spec, unread);
            }
            for (room, group) in rooms {
                let draft = self.rooms.entry(room).or_default();
                if self.scope.has_group(&source.directory.groups[group as usize]) {
                    add_feed(draft, source, &self.names[index], index, group, Role::Member);
                } else {
                    draft.outside.push((index, group, Role::Member));
                }
            }
        }
        for draft in self.rooms.values_mut() {
            draft.settle(self.sources, &self.names, self.scope);
        }
        self.rooms
    }

    fn decode(&mut self, source: &'a Source<'a>) -> (Names<'a>, Vec<(RoomRef, u32)>) {
        let mut names = Names::new(&source.directory.groups);
        let (mut rooms, mut invalid) = (Vec::new(), Vec::new());
        for (at, group) in source.directory.groups.iter().enumerate() {
            let Some(at) = index(at) else { break };
            if group.nested_only {
                continue;
            }
            let decoders = source.policy.decoders.iter();
            match decoders
                .map(|d| d.decode(group))
                .find(|d| *d != Decoded::NotARoom)
            {
                Some(Decoded::Room(alias)) => rooms.push((RoomRef::Alias(normalise_alias(&alias)), at)),
                Some(Decoded::OwnersOf(base)) => names.owners_of.entry(base).or_default().push(at),
                Some(Decoded::Invalid(why)) => invalid.push((source.group_ref(at), why)),
                Some(Decoded::NotARoom) | None => {}
            }
        }
        for (base, groups) in &names.owners_of {
            if source.groups_listed && find(names.by_name(), base).next().is_none() {
                let what = if names.is_only_nested(base) {
                    "counts only within other groups"
                } else {
                    "is no group"
                };
                for &group in groups {
                    let group = source.group_ref(group);
                    let why = format!(
                        "the group `{}` is for owners of `{base}`, which {what}",
                        group.name
                    );
                    invalid.push((group, why));
                }
            }
        }
        self.report_undecodable(source.provider, invalid);
        (names, rooms)
    }

    fn report_undecodable(&mut self, provider: &ProviderId, mut invalid: Vec<(GroupRef, String)>) {
        invalid.sort_unstable();
        let more = invalid.len().saturating_sub(UNDECODABLE_LISTED);
        let listed = invalid.into_iter().take(UNDECODABLE_LISTED);
        self.findings.extend(
            listed.map(|(group, why)| Finding::new(Subject::Group(group), FindingKind::Undecodable, why)),
        );
        if more > 0 {
            self.findings.push(Finding::new(
                Subject::Directory(provider.clone()),
                FindingKind::Undecodable,
                format!(
                    "{more} more groups of directory {provider} look like rooms and lead to no valid alias"
                ),
            ));
        }
    }

    fn add_spec(&mut self, spec: &'a RoomSpec, unread: &[&ProviderId]) {
        let precedence = self.next_precedence;
        self.next_precedence = precedence.saturating_add(1).min(DesiredRoom::BY_DEFAULT - 1);
        let room = match &spec.room {
            RoomRef::Alias(alias) => RoomRef::Alias(normalise_alias(alias)),
            RoomRef::Id(id) => RoomRef::Id(id.clone()),
        };
        let mut draft = self.rooms.remove(&room).unwrap_or_default();
        let mut conflicts = Vec::new();
        match draft.settings {
            None => draft.settings = Some((precedence, &spec.rules)),
            Some((_, rules)) if *rules != spec.rules => conflicts.push("settings".to_owned()),
            Some(_) => {}
        }
        for member in &spec.members {
            let level = draft.fixed.entry(&member.user_id).or_default();
            match (*level, member.level) {
                (None, given) => *level = given,
                (Some(first), Some(given)) if first != given => {
                    conflicts.push(format!("levels for {}", member.user_id));
                }
                (Some(_), _) => {}
            }
        }
        if !conflicts.is_empty() {
            self.findings.push(Finding::new(
                Subject::Room(room.clone()),
                FindingKind::ConflictingSettings,
                format!(
                    "{room} is listed more than once with different {}; the first entry counts",
                    conflicts.join(" and ")
                ),
            ));
        }
        for wanted in &spec.groups {
            let role = wanted.level.map_or(Role::Member, Role::Level);
            match self.find_group(wanted, unread) {
                Ok((source, group))
                    if !self
                        .scope
                        .has_group(&self.sources[source].directory.groups[group as usize]) =>
                {
                    draft.outside.push((source, group, role));
                }
                Ok((source, group)) => {
                    add_feed(
                        &mut draft,
                        &self.sources[source],
                        &self.names[source],
                        source,
                        group,
                        role,
                    );
                }
                Err(why) => {
                    let gap = GapSet::one(format!("group {} of room {room}", wanted.group), &*why);
                    draft.awaits_group |= self.scope.groups.admits([wanted.group.as_str()]);
                    // Whoever is in it is neither removed nor lowered.
                    draft.members.absorb(&gap);
                    draft.owners.absorb(&gap);
                    self.findings.push(Finding::new(
                        Subject::Room(room.clone()),
                        FindingKind::Incomplete,
                        format!(
                            "{room} is to have the members of group {}, but {why}; nobody is removed from it until then",
                            wanted.group
                        ),
                    ));
                }
            }
        }
        self.rooms.insert(room, draft);
    }

    /// The one group that an explicit entry means: by key if there is one, then by what groups are also called, by name
    /// otherwise.
    fn find_group(&self, wanted: &SpecGroup, unread: &[&ProviderId]) -> Result<(usize, u32), String> {
        let asked = |source: &Source<'_>| wanted.provider.as_ref().is_none_or(|p| p == source.provider);
        let search = |table: for<'n> fn(&'n Names<'a>) -> &'n Table<'a>| -> Vec<(usize, u32)> {
            let sources = self.sources.iter().zip(&self.names).enumerate();
            sources
                .filter(|(_, (source, _))| asked(source))
                .flat_map(|(at, (_, names))| {
                    find(table(names), wanted.group.as_str()).map(move |group| (at, group))
                })
                .collect()
        };
        let mut found = search(Names::by_key);
        for table in [Names::also_called, Names::by_name] {
            if found.is_empty() {
                found = search(table);
            }
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(self.why_not_found(wanted, unread)),
            many => {
                let groups: Vec<String> = many
                    .iter()
                    .map(|&(source, group)| {
                        let group = self.sources[source].group_ref(group);
                        format!("{} ({})", group.key, group.provider)
                    })
                    .collect();
                let groups = several("group", "groups", groups.iter().map(String::as_str));
                Err(format!("that means {groups}; name the directory and the key"))
            }
        }
    }

    fn why_not_found(&self, wanted: &SpecGroup, unread: &[&ProviderId]) -> String {
        let group = &wanted.group;
        match &wanted.provider {
            Some(provider) if unread.contains(&provider) => {
                return format!("directory {provider} could not be read");
            }
            None if !unread.is_empty() => {
                let unread: Vec<&str> = unread.iter().map(|p| p.as_str()).collect();
                return format!(
                    "it may be in directory {}, which could not be read",
                    unread.join(" or ")
                );
            }
            _ => {}
        }
        let asked = |source: &Source<'_>| wanted.provider.as_ref().is_none_or(|p| p == source.provider);
        let sources = self.sources.iter().zip(&self.names);
        let mut asked = sources.filter(|(source, _)| asked(source));
        if let Some((source, _)) = asked.find(|(_, names)| names.is_only_nested(group.as_str())) {
            return format!(
                "the group `{group}` of directory {} counts only within groups that contain it; list one of those, or \
                 have the directory read it as a group of its own",
                source.provider
            );
        }
        match &wanted.provider {
            Some(provider) if self.sources.iter().any(|s| s.provider == provider) => {
                format!("there is no group `{group}` in directory {provider}; check the name")
            }
            Some(provider) => {
                format!("there is no directory {provider} in the configuration; check its name")
            }
            None => format!("there is no group `{group}` in any directory; check the name"),
        }
    }
}

/// Lets a group's members, and its owners, into a room.
fn add_feed(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    names: &Names<'_>,
    at: usize,
    group: u32,
    level: Role,
) {
    let entry = &source.directory.groups[group as usize];
    let members = feed(draft, at, group, FeedRole::Members, level);
    members.level = members.level.max(level);
    if !entry.owners.values.is_empty() || !entry.owners.extent.is_complete() {
        feed(draft, at, group, FeedRole::Owners, Role::Member).named_owners = true;
    }
    match names.owners_of.get(&entry.name) {
        Some(siblings) => {
            for &sibling in siblings {
                feed(draft, at, sibling, FeedRole::Owners, Role::Member).members_own = true;
            }
        }
        None if !source.groups_listed => draft.owners.absorb(&GapSet::one(
            format!("owners of group {}", entry.name),
            "may be in a group that was not listed",
        )),
        None => {}
    }
}

fn feed<'d>(
    draft: &'d mut Draft<'_>,
    source: usize,
    group: u32,
    role: FeedRole,
    level: Role,
) -> &'d mut FeedUse {
    draft
        .feeds
        .entry(FeedKey { source, group, role })
        .or_insert(FeedUse {
            level,
            named_owners: false,
            members_own: false,
        })
}
