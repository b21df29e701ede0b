//! From checked entries to a [`Directory`]: references become indices, or gaps where they lead nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use inviter_core::directory::{
    Account, AccountIx, AccountStatus, Attributes, Directory, Extent, Gap, Group, GroupIx, GroupKey, Member,
    Part,
};

use super::entries::{Raw, RawGroup, RawPerson};

/// Where references lead.
struct Index<'n> {
    file: String,
    people: BTreeMap<&'n str, AccountIx>,
    groups: BTreeMap<&'n str, GroupIx>,
    /// Groups by name; `None` for a name that several have.
    names: BTreeMap<&'n str, Option<GroupIx>>,
}

pub(super) fn directory(raw: Raw<'_>, file: &Path) -> Directory {
    // The size limit of the file keeps both far below 2³².
    let people = (0_u32..).zip(&raw.people);
    let groups = || (0_u32..).zip(&raw.groups);
    let mut names = BTreeMap::new();
    for (ix, group) in groups() {
        names
            .entry(group.name)
            .and_modify(|known| *known = None)
            .or_insert(Some(GroupIx(ix)));
    }
    let index = Index {
        file: file.display().to_string(),
        people: people.map(|(ix, person)| (person.id, AccountIx(ix))).collect(),
        groups: groups().map(|(ix, group)| (group.key, GroupIx(ix))).collect(),
        names,
    };
    let groups = raw.groups.iter().map(|group| index.group(group)).collect();
    // One string for each name of an attribute, not one for each value.
    let mut attribute_names = BTreeMap::new();
    let accounts = raw
        .people
        .into_iter()
        .map(|person| account(person, &mut attribute_names))
        .collect();
    Directory {
        accounts,
        groups,
        rooms: Vec::new(),
        listing: Extent::Complete,
        accounts_extent: Extent::Complete,
        only_grouped_accounts: false,
        remarks: Vec::new(),
    }
}

fn account<'n>(person: RawPerson<'n>, names: &mut BTreeMap<&'n str, Arc<str>>) -> Account {
    let mut attributes = Attributes::default();
    for (name, value) in person.attributes {
        let name = names.entry(name).or_insert_with(|| Arc::from(name));
        attributes.push(Arc::clone(name), value);
    }
    Account {
        key: person.id.into(),
        label: None,
        attributes,
        status: Some(if person.enabled {
            AccountStatus::Active
        } else {
            AccountStatus::Disabled
        }),
        matrix_id: person.matrix_id,
    }
}

impl Index<'_> {
    fn group(&self, group: &RawGroup<'_>) -> Group {
        let mut members = self.people(&group.members, "members", group.name);
        self.nested(group, &mut members);
        Group {
            key: GroupKey::new(group.key),
            name: group.name.into(),
            also_called: Vec::new(),
            members,
            owners: self.people(&group.owners, "owners", group.name),
            flattened: false,
            nested_only: false,
        }
    }

    /// People by id, each once and in the order of the file.
    fn people(&self, ids: &[&str], list: &str, group: &str) -> Part<Member> {
        let mut seen = BTreeSet::new();
        let mut part = Part::default();
        for id in ids.iter().filter(|id| seen.insert(**id)) {
            if let Some(ix) = self.people.get(id) {
                part.values.push(Member::Account(*ix));
            } else {
                let why = format!(
                    "listed in `{list}` of the group `{group}` in {}, and nobody there has this id; correct it, or add \
                     the person",
                    self.file
                );
                unresolved(&mut part, id, why);
            }
        }
        part
    }

    fn nested(&self, group: &RawGroup<'_>, members: &mut Part<Member>) {
        let mut seen = BTreeSet::new();
        for reference in &group.groups {
            let by_name = || self.names.get(reference).copied();
            let found = self.groups.get(reference).map(|ix| Some(*ix)).or_else(by_name);
            let problem = match found {
                Some(Some(ix)) => {
                    if seen.insert(ix) {
                        members.values.push(Member::Group(ix));
                    }
                    continue;
                }
                Some(None) => "several groups there have this name; write the id of one",
                None => "no group there has this id or name; correct it, or add the group",
            };
            let why = format!(
                "listed in `groups` of the group `{}` in {}, and {problem}",
                group.name, self.file
            );
            unresolved(members, reference, why);
        }
    }
}

fn unresolved(part: &mut Part<Member>, reference: &str, why: String) {
    part.values.push(Member::Unresolved(reference.into()));
    part.extent.add(Gap {
        what: reference.to_owned(),
        why,
    });
}
