//! A tree of entries made of a directory, in the layout of the reference system: people in `ou=people`, groups in
//! `ou=groups`, and a group `xxxroomxxxserver` with its owners in `xxxroomxxxserver_owners`.

use std::collections::{BTreeMap, BTreeSet};

use inviter_testkit::{Ldif, rdn};

use crate::harness::{Directory, Site};

/// The top of the tree.
pub(crate) const SUFFIX: &str = "dc=example,dc=test";
/// How a directory stands in a tree: the names of entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    /// What stands between the alias's name or a login and its rest: see [`Site::alias_name`].
    tag: String,
    server: String,
    /// The units of people and groups that are not in `ou=people` or `ou=groups`.
    elsewhere: BTreeMap<String, &'static str>,
    /// Groups that are `posixGroup`s.
    posix: BTreeSet<String>,
}

impl Tree {
    pub(crate) fn of(site: &Site) -> Self {
        Self {
            tag: site.alias_name(""),
            server: site.synapse.server_name().to_owned(),
            elsewhere: BTreeMap::new(),
            posix: BTreeSet::new(),
        }
    }

    /// A person or group is in this unit.
    pub(crate) fn put<S: Into<String>>(&mut self, unit: &'static str, names: impl IntoIterator<Item = S>) {
        self.elsewhere
            .extend(names.into_iter().map(|name| (name.into(), unit)));
    }

    /// These groups are `posixGroup`s.
    pub(super) fn make_posix(&mut self, groups: Vec<String>) {
        self.posix.extend(groups);
    }

    fn unit(&self, name: &str, usual: &'static str) -> &'static str {
        self.elsewhere.get(name).copied().unwrap_or(usual)
    }

    /// The login name of a person.
    pub(crate) fn uid(&self, person: &str) -> String {
        format!("{person}{}", self.tag)
    }

    /// The DN of a person.
    pub(crate) fn person(&self, person: &str) -> String {
        format!(
            "{},ou={},{SUFFIX}",
            rdn("uid", &self.uid(person)),
            self.unit(person, "people")
        )
    }

    /// `xxxroomxxxserver` of a room.
    pub(crate) fn room(&self, room: &str) -> String {
        format!("xxx{room}{}xxx{}", self.tag, self.server)
    }

    /// The DN of a group.
    pub(crate) fn group(&self, directory: &Directory, name: &str) -> String {
        let is_room = directory.groups()[name].is_room();
        let cn = if is_room { self.room(name) } else { name.to_owned() };
        format!("cn={cn},ou={},{SUFFIX}", self.unit(name, "groups"))
    }

    /// The DN of the group with a room's owners.
    pub(crate) fn owners(&self, room: &str) -> String {
        let cn = self.room(room);
        format!("cn={cn}_owners,ou={},{SUFFIX}", self.unit(room, "groups"))
    }

    /// All entries below the units. A group comes before the ones after it in the alphabet, its owners right behind it.
    pub(crate) fn entries(&self, directory: &Directory) -> BTreeMap<String, Vec<(String, String)>> {
        let mut entries = BTreeMap::new();
        for person in directory.everybody() {
            let mut attributes = vec![
                ("objectClass".to_owned(), "inetOrgPerson".to_owned()),
                ("objectClass".to_owned(), "lockableAccount".to_owned()),
            ];
            for name in ["uid", "cn", "sn"] {
                attributes.push((name.to_owned(), self.uid(&person)));
            }
            if directory.is_disabled(&person) {
                attributes.push(("nsAccountLock".to_owned(), "TRUE".to_owned()));
            }
            entries.insert(self.person(&person), attributes);
        }
        for (name, group) in directory.groups() {
            if self.posix.contains(name) {
                let logins = group
                    .members
                    .iter()
                    .map(|person| ("memberUid".to_owned(), self.uid(person)));
                let head = [("objectClass", "posixGroup"), ("gidNumber", "1000")];
                let head = head.map(|(name, value)| (name.to_owned(), value.to_owned()));
                entries.insert(
                    self.group(directory, name),
                    head.into_iter().chain(logins).collect(),
                );
                continue;
            }
            let people = group.members.iter().map(|person| self.person(person));
            let groups = group.groups.iter().map(|nested| self.group(directory, nested));
            let members: Vec<String> = people.chain(groups).collect();
            entries.insert(self.group(directory, name), of_names(&members));
            if !group.owners.is_empty() {
                let owners: Vec<String> = group.owners.iter().map(|person| self.person(person)).collect();
                entries.insert(self.owners(name), of_names(&owners));
            }
        }
        entries
    }
}

/// A `groupOfNames`; the empty name where there is no member, since the class demands one.
fn of_names(members: &[String]) -> Vec<(String, String)> {
    let mut attributes = vec![("objectClass".to_owned(), "groupOfNames".to_owned())];
    let nobody = [String::new()];
    let members = if members.is_empty() { &nobody[..] } else { members };
    attributes.extend(members.iter().map(|dn| ("member".to_owned(), dn.clone())));
    attributes
}

/// The attributes of an entry, and the entry's name among them.
pub(crate) fn add(ldif: &mut Ldif, dn: &str, attributes: &[(String, String)]) {
    let attributes: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    ldif.entry(dn, &attributes);
}

/// The values of an attribute.
pub(super) fn values(attributes: &[(String, String)], name: &str) -> Vec<String> {
    let named = attributes.iter().filter(|(own, _)| own == name);
    named.map(|(_, value)| value.clone()).collect()
}

/// What makes one tree of another.
pub(crate) fn changes(
    before: &BTreeMap<String, Vec<(String, String)>>,
    after: &BTreeMap<String, Vec<(String, String)>>,
) -> Ldif {
    let mut ldif = Ldif::new(SUFFIX);
    for (dn, attributes) in after {
        let Some(old) = before.get(dn) else {
            add(&mut ldif, dn, attributes);
            continue;
        };
        for name in ["member", "memberUid", "nsAccountLock"] {
            let now = values(attributes, name);
            if values(old, name) != now {
                ldif.replace_values(dn, name, &now);
            }
        }
    }
    // Last, so that refint has nothing left to take out of groups.
    for dn in before.keys().filter(|dn| !after.contains_key(*dn)) {
        ldif.delete(dn);
    }
    ldif
}
