//! What is known of a tenant, in a form that can be compared: as the directory answers it, and as it is.

use std::collections::{BTreeMap, BTreeSet};

use inviter_azure::{EntraConfig, RoomGroups};
use inviter_core::directory::{AccountStatus, Directory, Member};
use inviter_graph_emulator::{Id, Kind, Tenant, User};
use serde_json::Value;

/// People and groups, by their object IDs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) groups: BTreeMap<String, Group>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The user principal name.
    pub(crate) name: String,
    pub(crate) active: bool,
    /// By their names, but for those without a value.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) matrix_id: Option<String>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Whether it stands for a room, and does not only count inside others.
    pub(crate) room: bool,
    /// Direct members by their object IDs; `?` is before the ID of those who are nothing that is known.
    pub(crate) members: BTreeSet<String>,
    /// Likewise.
    pub(crate) owners: BTreeSet<String>,
}

impl Facts {
    /// As the directory answers.
    pub(crate) fn of_directory(directory: &Directory) -> Self {
        let key = |member: &Member| match member {
            Member::Account(at) => directory.accounts[at.0 as usize].key.to_string(),
            Member::Group(at) => directory.groups[at.0 as usize].key.to_string(),
            Member::Unresolved(id) => format!("?{id}"),
        };
        let people = directory.accounts.iter().map(|account| {
            let attribute = |name: &str| Some((name.to_owned(), account.attributes.get(name)?.to_owned()));
            let person = Person {
                name: account.shown().to_owned(),
                active: account.status == Some(AccountStatus::Active),
                attributes: ATTRIBUTES.iter().filter_map(|name| attribute(name)).collect(),
                matrix_id: account.matrix_id.as_ref().map(ToString::to_string),
            };
            (account.key.to_string(), person)
        });
        let groups = directory.groups.iter().map(|group| {
            assert!(!group.flattened && group.also_called.is_empty());
            let found = Group {
                name: group.name.to_string(),
                room: !group.nested_only,
                members: group.members.values.iter().map(key).collect(),
                owners: group.owners.values.iter().map(key).collect(),
            };
            assert_eq!(
                found.members.len(),
                group.members.values.len(),
                "twice in {}",
                group.name
            );
            assert_eq!(
                found.owners.len(),
                group.owners.values.len(),
                "twice in {}",
                group.name
            );
            (group.key.to_string(), found)
        });
        let facts = Self {
            people: people.collect(),
            groups: groups.collect(),
        };
        assert_eq!(
            facts.people.len(),
            directory.accounts.len(),
            "accounts come twice"
        );
        assert_eq!(facts.groups.len(), directory.groups.len(), "groups come twice");
        facts
    }

    /// As it is, where everything is shown.
    pub(crate) fn of_tenant(tenant: &Tenant, config: &EntraConfig) -> Self {
        let rooms = room_groups(tenant, &config.rooms);
        let mut feeding = rooms.clone();
        for room in &rooms {
            feeding.extend(
                tenant
                    .below(*room)
                    .into_iter()
                    .filter(|id| tenant.group(*id).is_some()),
            );
        }
        let mut people = BTreeSet::new();
        let mut groups = BTreeMap::new();
        for id in feeding {
            let room = rooms.contains(&id);
            let known = |id: &Id| matches!(tenant.kind(*id), Some(Kind::User | Kind::Group));
            let members: BTreeSet<Id> = tenant.members(id).filter(known).collect();
            // Groups own nothing.
            let owners: BTreeSet<Id> = tenant
                .owners(id)
                .filter(|id| room && tenant.user(*id).is_some())
                .collect();
            people.extend(
                members
                    .iter()
                    .chain(&owners)
                    .copied()
                    .filter(|id| tenant.user(*id).is_some()),
            );
            let group = Group {
                name: tenant.group(id).unwrap().display_name.clone(),
                room,
                members: members.iter().map(ToString::to_string).collect(),
                owners: owners.iter().map(ToString::to_string).collect(),
            };
            groups.insert(id.to_string(), group);
        }
        let person = |id: Id| (id.to_string(), person(tenant.user(id).unwrap(), config));
        Self {
            people: people.into_iter().map(person).collect(),
            groups,
        }
    }

    /// All people and all groups of a tenant, as if each group stood for a room.
    pub(crate) fn of_everything(tenant: &Tenant, config: &EntraConfig) -> Self {
        let known = |id: &Id| matches!(tenant.kind(*id), Some(Kind::User | Kind::Group));
        let groups = tenant.groups().map(|(id, group)| {
            let members = tenant.members(id).filter(known);
            let owners = tenant.owners(id).filter(|id| tenant.user(*id).is_some());
            let group = Group {
                name: group.display_name.clone(),
                room: true,
                members: members.map(|id| id.to_string()).collect(),
                owners: owners.map(|id| id.to_string()).collect(),
            };
            (id.to_string(), group)
        });
        let people = tenant.users();
        Self {
            people: people
                .map(|(id, user)| (id.to_string(), person(user, config)))
                .collect(),
            groups: groups.collect(),
        }
    }

    /// Fails with what differs, and not with everything.
    #[track_caller]
    pub(crate) fn assert_are(&self, expected: &Self, about: &str) {
        let mut told = String::new();
        differences("person", &self.people, &expected.people, &mut told);
        differences("group", &self.groups, &expected.groups, &mut told);
        assert!(told.is_empty(), "{about}:\n{told}");
    }
}

fn differences<T: std::fmt::Debug + PartialEq>(
    what: &str,
    found: &BTreeMap<String, T>,
    expected: &BTreeMap<String, T>,
    told: &mut String,
) {
    let ids: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let differing = ids.into_iter().filter(|id| found.get(*id) != expected.get(*id));
    for id in differing.take(5) {
        let line = format!(
            "{what} {id}:\n  found    {:?}\n  expected {:?}\n",
            found.get(id),
            expected.get(id)
        );
        told.push_str(&line);
    }
}

/// The properties that tests read.
const ATTRIBUTES: &[&str] = &[
    "userPrincipalName",
    "mail",
    "mailNickname",
    "onPremisesSamAccountName",
    EXTENSION_ATTRIBUTE,
    EXTENSION,
];

pub(crate) const EXTENSION_ATTRIBUTE: &str = "onPremisesExtensionAttributes/extensionAttribute7";
pub(crate) const EXTENSION: &str = "extension_0123456789abcdef0123456789abcdef_matrixId";

/// A property of a user, if it has a value.
fn property(user: &User, name: &str) -> Option<String> {
    let value = match name {
        "userPrincipalName" => Some(user.user_principal_name.clone()),
        "mail" => user.mail.clone(),
        "mailNickname" => user.mail_nickname.clone(),
        "onPremisesSamAccountName" => user.on_premises_sam_account_name.clone(),
        EXTENSION_ATTRIBUTE => user.extension_attributes[6].clone(),
        EXTENSION => user
            .extensions
            .get(EXTENSION)
            .and_then(Value::as_str)
            .map(str::to_owned),
        other => panic!("{other} is nothing that tests read"),
    };
    value.filter(|value| !value.is_empty())
}

/// A person of a tenant, where somebody has a Matrix ID if such are read at all.
fn person(user: &User, config: &EntraConfig) -> Person {
    let names = config
        .properties
        .iter()
        .map(String::as_str)
        .chain(["userPrincipalName"]);
    let attributes = names.filter_map(|name| Some((name.to_owned(), property(user, name)?)));
    Person {
        name: user.user_principal_name.clone(),
        active: user.account_enabled,
        attributes: attributes.collect(),
        matrix_id: config
            .matrix_id_property
            .as_deref()
            .and_then(|name| property(user, name)),
    }
}

fn room_groups(tenant: &Tenant, rooms: &RoomGroups) -> BTreeSet<Id> {
    let root = rooms.root.iter().filter_map(|root| root.parse().ok());
    let mut found: BTreeSet<Id> = root.flat_map(|root: Id| tenant.members(root)).collect();
    if let Some(prefix) = &rooms.name_prefix {
        let prefix = prefix.to_lowercase();
        let named = |name: &str| name.to_lowercase().starts_with(&prefix);
        found.extend(
            tenant
                .groups()
                .filter(|(_, group)| named(&group.display_name))
                .map(|(id, _)| id),
        );
    }
    found.extend(rooms.ids.iter().filter_map(|id| id.parse::<Id>().ok()));
    found.retain(|id| tenant.group(*id).is_some());
    found
}
