//! Who belongs in a listed room: its groups and the people named one by one.

use std::collections::BTreeSet;

use inviter_core::room_rules::{FixedMember, SpecGroup};

use crate::{
    config::{
        directories::{self, DirectoryConfig},
        keys,
        settings::{Danger, user_id},
    },
    document::{Node, Problems, Section, Value, text_of},
};

/// `groups`: names or keys of groups, or tables with more about each.
pub(super) fn groups(
    room: &Section<'_>,
    directories: &[DirectoryConfig],
    danger: Danger,
    problems: &mut Problems,
) -> Vec<SpecGroup> {
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for node in room.list("groups", problems) {
        let Some(group) = group(node, directories, danger, problems) else {
            continue;
        };
        if seen.insert((group.provider.clone(), group.group.clone())) {
            groups.push(group);
        } else {
            problems.add(
                node.at,
                format!(
                    "the group `{}` is listed twice in this room; keep one",
                    group.group
                ),
            );
        }
    }
    groups
}

fn group(
    node: &Node<'_>,
    directories: &[DirectoryConfig],
    danger: Danger,
    problems: &mut Problems,
) -> Option<SpecGroup> {
    if !matches!(node.value, Value::Table(_)) {
        let name = text_of(node, || "each of the room's `groups`".to_owned(), problems)?;
        return Some(SpecGroup {
            provider: None,
            group: directories::group_key(name, None, directories),
            level: None,
        });
    }
    let section = Section::read(node, "room.groups", &keys::ROOM_GROUP.names(), problems)?;
    if section.get("group").is_none() {
        problems.add(
            section.at,
            "`group` in [room.groups] is missing; write the group's name or key in its directory",
        );
    }
    let provider = section.parsed("directory", |name| directories::find(name, directories), problems);
    let group = section
        .text("group", problems)
        .map(|(_, name)| directories::group_key(name, provider.as_ref(), directories));
    let level = super::level(&section, "level", danger, problems);
    Some(SpecGroup {
        provider,
        group: group?,
        level,
    })
}

/// `members`: user IDs, or tables with a level for each.
pub(super) fn members(room: &Section<'_>, danger: Danger, problems: &mut Problems) -> Vec<FixedMember> {
    let mut seen = BTreeSet::new();
    let mut members = Vec::new();
    for node in room.list("members", problems) {
        let Some(member) = member(node, danger, problems) else {
            continue;
        };
        if seen.insert(member.user_id.clone()) {
            members.push(member);
        } else {
            problems.add(
                node.at,
                format!("`{}` is listed twice in this room; keep one", member.user_id),
            );
        }
    }
    members
}

fn member(node: &Node<'_>, danger: Danger, problems: &mut Problems) -> Option<FixedMember> {
    if !matches!(node.value, Value::Table(_)) {
        let text = text_of(node, || "each of the room's `members`".to_owned(), problems)?;
        let user = user_id(text).map_err(|error| problems.add(node.at, error)).ok()?;
        return Some(FixedMember {
            user_id: user,
            level: None,
        });
    }
    let section = Section::read(node, "room.members", &keys::ROOM_MEMBER.names(), problems)?;
    if section.get("user").is_none() {
        problems.add(section.at, "`user` in [room.members] is missing; write a user ID");
    }
    let user = section.parsed("user", user_id, problems);
    let level = super::level(&section, "level", danger, problems);
    Some(FixedMember {
        user_id: user?,
        level,
    })
}
