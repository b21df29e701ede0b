//! `[rooms]` and `[[room]]`: settings of rooms, and the rooms that are listed one by one.

mod permissions;
mod seats;

use std::collections::BTreeSet;

use inviter_core::{
    OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, RoomVersionId,
    levels::{LevelRules, MAX_LEVEL},
    room::RoomRef,
    room_rules::{
        FixedMember, HistoryVisibility, LevelsMode, Listing, RoomKind, RoomRules, RoomSpec, SpecGroup,
    },
    room_template::{Argument, RoomTemplate, TemplateGroup},
};

use super::{
    directories::DirectoryConfig,
    keys,
    settings::{self as small, Danger, People},
};
use crate::document::{Problems, Section, Value};

/// From this level on someone is an admin, whom nobody can lower again before room version 12.
const ADMIN_LEVEL: i64 = 100;

/// `[rooms]`
pub(super) fn defaults(
    top: &Section<'_>,
    people: &People,
    danger: Danger,
    problems: &mut Problems,
) -> RoomRules {
    let section = super::settings::section(top, &keys::ROOMS, problems);
    let rules = RoomRules {
        bring_in: people.bring_in,
        left: people.left,
        grace: people.grace,
        remove: people.remove,
        ..RoomRules::default()
    };
    settings(&section, "rooms.permissions", rules, danger, problems)
}

/// `[[room]]`
pub(super) fn listed(
    top: &Section<'_>,
    defaults: &RoomRules,
    directories: &[DirectoryConfig],
    danger: Danger,
    problems: &mut Problems,
) -> (Vec<RoomSpec>, Vec<RoomTemplate>) {
    let (mut rooms, mut templates) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for node in top.list("room", problems) {
        let Some(section) = Section::read(node, "room", &keys::ROOM.names(), problems) else {
            continue;
        };
        let template = alias_with_placeholder(&section);
        let room = match template {
            Some(_) => None,
            None => room_ref(&section, problems),
        };
        let mut rules = settings(&section, "room.permissions", defaults.clone(), danger, problems);
        rules.name = section.text("name", problems).map(|(_, name)| name.to_owned());
        rules.kind = section.word("kind", &KINDS, problems).unwrap_or(rules.kind);
        let has_groups = section.get("groups").is_some();
        let has_members = section.get("members").is_some();
        if !has_groups && !has_members {
            problems.add(
                section.at,
                "this [[room]] has neither `groups` nor `members`, so nobody would belong in it",
            );
        }
        let groups = seats::groups(&section, directories, danger, problems);
        let members = seats::members(&section, danger, problems);
        let arguments = section.parsed_list("arguments", Argument::parse, problems);
        if let Some(alias) = template {
            templates.extend(room_template(
                &section,
                alias,
                (groups, members, rules),
                arguments,
                problems,
            ));
            continue;
        }
        if let Some((at, _)) = arguments.first() {
            problems.add(
                *at,
                format!(
                    "{} needs a placeholder such as <1> in `alias`",
                    section.key("arguments")
                ),
            );
        }
        let Some(room) = room else { continue };
        if let Some(group) = groups
            .iter()
            .find(|g| RoomTemplate::has_placeholder(g.group.as_str()))
        {
            problems.add(
                section.at("groups"),
                format!(
                    "the group `{}` has a placeholder, and the alias has none; two arguments would be one room",
                    group.group
                ),
            );
        }
        if !seen.insert(room.clone()) {
            let key = if section.get("alias").is_some() {
                "alias"
            } else {
                "id"
            };
            problems.add(
                section.at(key),
                format!("the room `{room}` is listed twice; put all its groups under one [[room]]"),
            );
        }
        rooms.push(RoomSpec {
            room,
            groups,
            members,
            rules,
        });
    }
    (rooms, templates)
}

fn alias_with_placeholder<'n>(section: &Section<'n>) -> Option<&'n str> {
    match &section.get("alias")?.value {
        Value::Text(text) if section.get("id").is_none() && RoomTemplate::has_placeholder(text) => Some(text),
        _ => None,
    }
}

/// `None` only together with a problem.
fn room_template(
    section: &Section<'_>,
    alias: &str,
    (groups, members, rules): (Vec<SpecGroup>, Vec<FixedMember>, RoomRules),
    arguments: Vec<(usize, Argument)>,
    problems: &mut Problems,
) -> Option<RoomTemplate> {
    let groups = groups.into_iter().map(|group| TemplateGroup {
        provider: group.provider,
        group: group.group.as_str().to_owned(),
        level: group.level,
    });
    let mut unique: Vec<Argument> = Vec::new();
    for (at, argument) in arguments {
        if unique.contains(&argument) {
            problems.add(at, format!("{} has `{argument}` twice", section.key("arguments")));
        } else {
            unique.push(argument);
        }
    }
    match RoomTemplate::new(alias, groups.collect(), members, rules, unique) {
        Ok(template) => Some(template),
        Err(why) => {
            problems.add(section.at("alias"), format!("{}: {why}", section.key("alias")));
            None
        }
    }
}

/// `None` only together with a problem.
fn room_ref(section: &Section<'_>, problems: &mut Problems) -> Option<RoomRef> {
    match (section.get("alias"), section.get("id")) {
        (Some(_), None) => section.parsed("alias", alias, problems).map(RoomRef::Alias),
        (None, Some(_)) => section.parsed("id", room_id, problems).map(RoomRef::Id),
        (Some(_), Some(_)) => {
            problems.add(
                section.at("id"),
                "this [[room]] has both `alias` and `id`; keep the one that names the room",
            );
            None
        }
        (None, None) => {
            problems.add(
                section.at,
                "this [[room]] has neither `alias` nor `id`; write `alias = \"#room:example.com\"`",
            );
            None
        }
    }
}

fn alias(text: &str) -> Result<OwnedRoomAliasId, String> {
    RoomAliasId::parse(text).map_err(|error| {
        format!("`{text}` is not a room alias ({error}); write it like \"#room:example.com\"")
    })
}

fn room_id(text: &str) -> Result<OwnedRoomId, String> {
    RoomId::parse(text).map_err(|error| format!("`{text}` is not a room ID ({error}); those begin with `!`"))
}

fn version(text: &str) -> Result<RoomVersionId, String> {
    RoomVersionId::try_from(text)
        .ok()
        .filter(|version| LevelRules::of(version).is_some())
        .ok_or_else(|| {
            format!("`{text}` is not a room version that this program knows; leave it out for the homeserver's default")
        })
}

/// A setting that can also be left as it is found.
#[derive(Debug, Clone, Copy)]
enum Setting<T> {
    Keep,
    To(T),
}

impl<T> Setting<T> {
    fn wanted(self) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::To(value) => Some(value),
        }
    }
}

const KINDS: [(&str, RoomKind); 2] = [("room", RoomKind::Room), ("space", RoomKind::Space)];
const HISTORY: [(&str, Setting<HistoryVisibility>); 5] = [
    ("joined", Setting::To(HistoryVisibility::Joined)),
    ("invited", Setting::To(HistoryVisibility::Invited)),
    ("shared", Setting::To(HistoryVisibility::Shared)),
    ("world_readable", Setting::To(HistoryVisibility::WorldReadable)),
    ("keep", Setting::Keep),
];
const LISTING: [(&str, Setting<Listing>); 3] = [
    ("public", Setting::To(Listing::Public)),
    ("private", Setting::To(Listing::Private)),
    ("keep", Setting::Keep),
];
const LEVELS: [(&str, LevelsMode); 2] = [("exact", LevelsMode::Exact), ("keep", LevelsMode::Keep)];

/// The settings that `[rooms]` and `[[room]]` share, on top of `rules`.
fn settings(
    section: &Section<'_>,
    permissions: &'static str,
    mut rules: RoomRules,
    danger: Danger,
    problems: &mut Problems,
) -> RoomRules {
    if let Some(encrypt) = section.flag("encrypt", problems) {
        rules.encrypt = encrypt;
    }
    if let Some(history) = section.word("history_visibility", &HISTORY, problems) {
        rules.history_visibility = history.wanted();
        if rules.history_visibility == Some(HistoryVisibility::WorldReadable) && !danger.world_readable {
            problems.add(
                section.at("history_visibility"),
                format!(
                    "{}: `world_readable` shows the room's history to everyone in the world; if that is meant, set \
                     `danger_allow_world_readable = true` at the top of the file",
                    section.key("history_visibility")
                ),
            );
        }
    }
    if let Some(exact) = section.flag("history_exact", problems) {
        rules.history_exact = exact;
    }
    if let Some(listing) = section.word("listing", &LISTING, problems) {
        rules.listing = listing.wanted();
    }
    if let Some((_, topic)) = section.text("topic", problems) {
        rules.topic = Some(topic.to_owned());
    }
    if let Some(levels) = section.word("levels", &LEVELS, problems) {
        rules.levels = levels;
    }
    if let Some(level) = level(section, "owner_level", danger, problems) {
        rules.owner_level = level;
    }
    if let Some(version) = section.parsed("version", version, problems) {
        rules.version = Some(version);
    }
    rules.bring_in = small::bring_in(section, problems).unwrap_or(rules.bring_in);
    rules.left = small::left(section, problems).unwrap_or(rules.left);
    rules.grace = section.duration("grace", problems).unwrap_or(rules.grace);
    rules.remove = small::remove(section, problems).unwrap_or(rules.remove);
    rules.template = permissions::read(section, permissions, rules.template, danger, problems);
    rules
}

/// A level that people get.
fn level(section: &Section<'_>, key: &str, danger: Danger, problems: &mut Problems) -> Option<i64> {
    let level = section.integer(key, (-MAX_LEVEL, MAX_LEVEL), problems)?;
    if level >= ADMIN_LEVEL && !danger.admin_levels {
        problems.add(
            section.at(key),
            format!(
                "{}: with {level} people would be admins, which cannot be taken back in rooms before version 12; if \
                 that is meant, set `danger_allow_admin_levels = true` at the top of the file",
                section.key(key)
            ),
        );
    }
    Some(level)
}
