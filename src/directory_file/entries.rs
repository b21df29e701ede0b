//! The entries of a directory file, checked one by one; references are not followed here.

use std::collections::BTreeSet;

use inviter_core::{OwnedUserId, UserId};

use crate::document::{Node, Problems, Section, Value, text_of};

const TOP: &[&str] = &["people", "groups"];
const PERSON: &[&str] = &[
    "id",
    "enabled",
    "matrix_id",
    "uid",
    "mail",
    "userPrincipalName",
    "attributes",
];
/// Attributes that have a key of their own, because nearly every directory has them.
const COMMON: [&str; 3] = ["uid", "mail", "userPrincipalName"];
const GROUP: &[&str] = &["id", "name", "members", "groups", "owners"];

/// All of a file.
#[derive(Debug)]
pub(super) struct Raw<'n> {
    pub(super) people: Vec<RawPerson<'n>>,
    pub(super) groups: Vec<RawGroup<'n>>,
}

#[derive(Debug)]
pub(super) struct RawPerson<'n> {
    pub(super) id: &'n str,
    pub(super) enabled: bool,
    pub(super) matrix_id: Option<OwnedUserId>,
    /// Names and values; an attribute may come several times.
    pub(super) attributes: Vec<(&'n str, &'n str)>,
}

#[derive(Debug)]
pub(super) struct RawGroup<'n> {
    /// The id, or the name where there is none.
    pub(super) key: &'n str,
    pub(super) name: &'n str,
    pub(super) members: Vec<&'n str>,
    pub(super) groups: Vec<&'n str>,
    pub(super) owners: Vec<&'n str>,
}

/// `None` only together with a problem.
pub(super) fn read<'n>(tree: &'n Node<'n>, problems: &mut Problems) -> Option<Raw<'n>> {
    let top = Section::read(tree, "", TOP, problems)?;
    let mut ids = BTreeSet::new();
    let people = top
        .list("people", problems)
        .iter()
        .filter_map(|node| {
            let section = Section::read(node, "people", PERSON, problems)?;
            let person = person(&section, problems)?;
            if !ids.insert(person.id) {
                let message = format!("two people have the id `{}`; ids must be unique", person.id);
                problems.add(section.at("id"), message);
            }
            Some(person)
        })
        .collect();
    let mut keys = BTreeSet::new();
    let groups = top
        .list("groups", problems)
        .iter()
        .filter_map(|node| {
            let section = Section::read(node, "groups", GROUP, problems)?;
            let group = group(&section, problems)?;
            if !keys.insert(group.key) {
                let (key, remedy) = match section.get("id") {
                    Some(_) => ("id", "ids must be unique"),
                    None => ("name", "give each an `id` of its own, or make them one group"),
                };
                let message = format!("two groups have the id `{}`; {remedy}", group.key);
                problems.add(section.at(key), message);
            }
            Some(group)
        })
        .collect();
    Some(Raw { people, groups })
}

fn person<'n>(section: &Section<'n>, problems: &mut Problems) -> Option<RawPerson<'n>> {
    if section.get("id").is_none() {
        problems.add(section.at, "a person has no `id`; give them one that stays");
    }
    let id = section.text("id", problems).map(|(_, id)| id);
    let enabled = section.flag("enabled", problems).unwrap_or(true);
    let matrix_id = section.parsed("matrix_id", user_id, problems);
    let mut attributes = Vec::new();
    for name in COMMON {
        if let Some(node) = section.get(name) {
            values(name, node, &mut attributes, problems);
        }
    }
    if let Some(node) = section.get("attributes")
        && let Some(table) = Section::open(node, "attributes", problems)
    {
        for entry in table.entries() {
            // Names compare without regard to case, so that a second spelling would be a second value.
            if attributes
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(&entry.key))
            {
                let message = format!("the attribute `{}` is given twice for this person", entry.key);
                problems.add(entry.at, message);
                continue;
            }
            values(&entry.key, &entry.node, &mut attributes, problems);
        }
    }
    let id = id?;
    if !attributes
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("uid"))
    {
        attributes.push(("uid", id));
    }
    Some(RawPerson {
        id,
        enabled,
        matrix_id,
        attributes,
    })
}

fn user_id(text: &str) -> Result<OwnedUserId, String> {
    UserId::parse(text)
        .map_err(|error| format!("`{text}` is not a user ID ({error}); write it like \"@name:example.com\""))
}

/// One value, or a list of them.
fn values<'n>(
    name: &'n str,
    node: &'n Node<'n>,
    attributes: &mut Vec<(&'n str, &'n str)>,
    problems: &mut Problems,
) {
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for node in nodes {
        if let Some(value) = text_of(node, || format!("the attribute `{name}`"), problems) {
            attributes.push((name, value));
        }
    }
}

fn group<'n>(section: &Section<'n>, problems: &mut Problems) -> Option<RawGroup<'n>> {
    if section.get("name").is_none() {
        problems.add(
            section.at,
            "a group has no `name`; it says which room the group stands for",
        );
    }
    let name = section.text("name", problems).map(|(_, name)| name);
    let id = section.text("id", problems).map(|(_, id)| id);
    let members = references(section, "members", problems);
    let groups = references(section, "groups", problems);
    let owners = references(section, "owners", problems);
    let name = name?;
    Some(RawGroup {
        key: id.unwrap_or(name),
        name,
        members,
        groups,
        owners,
    })
}

fn references<'n>(section: &Section<'n>, key: &str, problems: &mut Problems) -> Vec<&'n str> {
    let texts = section.texts(key, problems);
    texts.into_iter().map(|(_, text)| text).collect()
}
