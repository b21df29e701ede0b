//! The groups of listed rooms, which Entra directories have to be told: nobody reads all groups of a tenant.

use inviter_core::{directory::ProviderId, room_rules::RoomSpec, room_template::RoomTemplate};

use super::{DirectoryConfig, DirectoryKind, groups::is_object_id};
use crate::{
    config::explain::get,
    document::{Node, Problems, Section, Value},
};

/// The directories, of which those of Entra also read what rooms list by its object ID: with the directory's name,
/// or without any, which may mean each of them. One that has no group to read then is a problem.
pub(in crate::config) fn with_listed(
    mut directories: Vec<DirectoryConfig>,
    top: &Section<'_>,
    rooms: &[RoomSpec],
    templates: &[RoomTemplate],
    problems: &mut Problems,
) -> Vec<DirectoryConfig> {
    for directory in &mut directories {
        let name = &directory.name;
        let DirectoryKind::Entra(config) = &mut directory.kind else {
            continue;
        };
        let ids = &mut config.entra.rooms.ids;
        for (provider, group) in references(rooms, templates) {
            let is_meant = provider.is_none_or(|provider| provider == name);
            if is_meant && is_object_id(group) && !ids.iter().any(|id| id == group) {
                ids.push(group.to_owned());
            }
        }
        // What is wrong with a room or with a key may be the reason why there is none.
        let may_be_told = top.get("room").is_none() || problems.is_empty();
        if config.entra.rooms.is_empty()
            && may_be_told
            && let Some(section) = section_of(top, name)
            && !names_groups(section)
        {
            problems.add(
                section.at,
                "[directory.entra] names no group that could stand for a room; write `root_group`, `group_prefix` \
                 or `groups`, or list groups by their object IDs in a [[room]]",
            );
        }
    }
    directories
}

fn references<'r>(
    rooms: &'r [RoomSpec],
    templates: &'r [RoomTemplate],
) -> impl Iterator<Item = (Option<&'r ProviderId>, &'r str)> {
    let of_rooms = rooms.iter().flat_map(|room| &room.groups);
    let of_templates = templates.iter().flat_map(|template| &template.groups);
    of_rooms
        .map(|group| (group.provider.as_ref(), group.group.as_str()))
        .chain(of_templates.map(|group| (group.provider.as_ref(), group.group.as_str())))
}

/// `[directory.entra]` of the directory of this name.
fn section_of<'n>(top: &Section<'n>, directory: &ProviderId) -> Option<&'n Node<'n>> {
    let Value::List(directories) = &top.get("directory")?.value else {
        return None;
    };
    directories.iter().find_map(|node| {
        let name = get(node, "name").map(|name| &name.value);
        let is_it = matches!(name, Some(Value::Text(name)) if name == directory.as_str());
        get(node, "entra").filter(|_| is_it)
    })
}

/// Whether a key is about groups, though maybe a wrong one.
fn names_groups(section: &Node<'_>) -> bool {
    let listed = get(section, "groups").is_some_and(|node| match &node.value {
        Value::List(items) => !items.is_empty(),
        _ => true,
    });
    listed
        || ["root_group", "group_prefix"]
            .iter()
            .any(|key| get(section, key).is_some())
}
