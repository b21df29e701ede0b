//! A tenant with some of everything, and what a client has to see of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use inviter_graph_emulator::{Group, Id, Kind, Tenant, User};

/// The users' properties that are asked for: those by which inviter knows people, and some of other types.
pub(crate) const SELECTED: [&str; 12] = [
    "id",
    "userPrincipalName",
    "displayName",
    "mail",
    "accountEnabled",
    "userType",
    "onPremisesSamAccountName",
    "onPremisesExtensionAttributes",
    "businessPhones",
    "proxyAddresses",
    "createdDateTime",
    "jobTitle",
];

/// The groups that tests ask for by what is special about them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Groups {
    /// More than two pages of members.
    pub(crate) large: Id,
    /// The three of a cycle, each with members of its own.
    pub(crate) cycle: [Id; 3],
    /// One member of every kind.
    pub(crate) mixed: Id,
    /// Two users and a service principal own it.
    pub(crate) owned: Id,
    /// It has nobody.
    pub(crate) empty: Id,
}

/// 320 users, 130 groups, and objects of other kinds.
pub(crate) fn tenant() -> (Tenant, Groups) {
    let mut tenant = Tenant::new();
    let users: Vec<Id> = (0..320).map(|number| tenant.add_user(user(number))).collect();
    let large = tenant.add_group(Group::new("Large"));
    for user in &users[..257] {
        tenant.add_member(large, *user);
    }
    let cycle = ["Cycle A", "Cycle B", "Cycle C"].map(|name| tenant.add_group(Group::unified(name)));
    for (index, group) in cycle.into_iter().enumerate() {
        tenant.add_member(group, cycle[(index + 1) % 3]);
        for user in &users[index * 40..index * 40 + 50] {
            tenant.add_member(group, *user);
        }
    }
    let service = tenant.add_service_principal("A service");
    let mixed = tenant.add_group(Group {
        description: Some("Some of everything".to_owned()),
        mail_nickname: Some("mixed".to_owned()),
        ..Group::new("Mixed")
    });
    let device = tenant.add_device("A device");
    let contact = tenant.add_contact("A contact");
    for member in [device, contact, service, users[3], users[7], cycle[0], large] {
        tenant.add_member(mixed, member);
    }
    let owned = tenant.add_group(Group::unified("Owned"));
    for owner in [users[300], users[7], service] {
        tenant.add_owner(owned, owner);
    }
    let empty = tenant.add_group(Group::new("Empty"));
    for (number, user) in users[..123].iter().enumerate() {
        let group = tenant.add_group(Group::new(&format!("Small {number:03}")));
        tenant.add_member(group, *user);
    }
    let groups = Groups {
        large,
        cycle,
        mixed,
        owned,
        empty,
    };
    (tenant, groups)
}

/// Every tenth is a guest, every seventh disabled, every third comes from Active Directory.
fn user(number: usize) -> User {
    let mut user = User::new(&format!("person{number:03}@example.org"));
    user.display_name = Some(format!("Person «{number}» O'Neil"));
    user.business_phones = vec![format!("+49 30 {number}"); number % 3];
    user.proxy_addresses = vec![format!("SMTP:person{number:03}@example.org")];
    user.account_enabled = !number.is_multiple_of(7);
    if number.is_multiple_of(10) {
        user.user_principal_name = format!("person{number:03}_other.test#EXT#@example.org");
        user.user_type = Some("Guest".to_owned());
        user.mail = Some(format!("person{number:03}@other.test"));
    }
    if number.is_multiple_of(3) {
        user.on_premises_sam_account_name = Some(format!("P{number:03}"));
        user.set_extension_attribute(1, Some(&format!("@person{number}:example.org")));
        user.set_extension_attribute(15, Some("last"));
    }
    if number.is_multiple_of(11) {
        user.mail = None;
        user.job_title = Some("Zugführerin".to_owned());
    }
    user
}

/// The client's class for objects of a kind.
pub(crate) fn class(kind: &Kind) -> String {
    let name = kind.as_str();
    name[..1].to_uppercase() + &name[1..]
}

/// A user's properties, as the client's object has to hold them: without those that are null.
pub(crate) fn user_properties(tenant: &Tenant, id: Id, names: &[&str]) -> Value {
    let mut all = json!(tenant.user(id));
    all["id"] = json!(id);
    // Graph has an object of fifteen properties for these.
    let attributes = all["onPremisesExtensionAttributes"].take();
    let attributes = attributes.as_array().into_iter().flatten().enumerate();
    let attributes: Map<String, Value> = attributes
        .filter(|(_, value)| !value.is_null())
        .map(|(index, value)| (format!("extensionAttribute{}", index + 1), value.clone()))
        .collect();
    all["onPremisesExtensionAttributes"] = Value::Object(attributes);
    picked(&all, names)
}

/// The properties of a group that it has besides members and owners.
pub(crate) fn group_properties(tenant: &Tenant, id: Id) -> Value {
    let mut all = json!(tenant.group(id));
    all["id"] = json!(id);
    let properties = all.as_object().into_iter().flatten();
    let names: Vec<&str> = properties.map(|(name, _)| name.as_str()).collect();
    picked(&all, &names)
}

fn picked(all: &Value, names: &[&str]) -> Value {
    let properties = names.iter().map(|name| ((*name).to_owned(), all[name].clone()));
    Value::Object(properties.filter(|(_, value)| !value.is_null()).collect())
}

/// What the client held of an object, without annotations, and with times as the directory has them.
pub(crate) fn seen_properties(held: &Value) -> Value {
    let properties = held["json"].as_object().into_iter().flatten();
    let properties = properties
        .filter(|(name, _)| !name.contains('@'))
        .map(|(name, value)| {
            let value = match value.as_str().and_then(|text| text.strip_suffix("+00:00")) {
                Some(time) => json!(format!("{time}Z")),
                None => value.clone(),
            };
            (name.clone(), value)
        });
    Value::Object(properties.collect())
}

/// The objects of a list by their ids; none may come twice.
pub(crate) fn by_id<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, &'a Value> {
    let mut found = BTreeMap::new();
    for object in objects {
        let id = object["json"]["id"].as_str().unwrap_or_default().to_owned();
        assert!(found.insert(id, object).is_none(), "{object} came twice");
    }
    found
}

/// All objects of all pages.
pub(crate) fn all(pages: &Value) -> impl Iterator<Item = &Value> {
    let pages = pages["pages"].as_array().into_iter().flatten();
    pages.flat_map(|page| page.as_array().into_iter().flatten())
}

/// The ids of objects with the classes that the client has to take for them.
pub(crate) fn classes(tenant: &Tenant, ids: impl IntoIterator<Item = Id>) -> BTreeSet<(String, String)> {
    ids.into_iter()
        .map(|id| (id.to_string(), tenant.kind(id).map(class).unwrap_or_default()))
        .collect()
}

/// The ids of objects with the classes that the client took for them.
pub(crate) fn seen_classes<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeSet<(String, String)> {
    by_id(objects)
        .into_iter()
        .map(|(id, object)| (id, object["class"].as_str().unwrap_or_default().to_owned()))
        .collect()
}
