//! `[rooms.permissions]` and `[room.permissions]`: changes to the permission template.

use inviter_core::{levels::MAX_LEVEL, room_rules::PowerTemplate};

use super::Setting;
use crate::{
    config::{keys, settings::Danger},
    document::{Problems, Section, Value, dotted_hint},
};

/// The template of a section: the inherited one with the changes that the section makes; `None` leaves permissions
/// alone.
pub(super) fn read(
    section: &Section<'_>,
    name: &'static str,
    inherited: Option<PowerTemplate>,
    danger: Danger,
    problems: &mut Problems,
) -> Option<PowerTemplate> {
    let manage = section.flag("manage_permissions", problems);
    let node = section.get("permissions");
    if manage == Some(false) {
        if let Some(node) = node {
            problems.add(
                node.at,
                format!("[{name}] has no effect beside `manage_permissions = false`; take one of them out"),
            );
        }
        return None;
    }
    let Some(node) = node else {
        // `true` brings the template back for one room where `[rooms]` has switched it off.
        return inherited.or_else(|| manage.map(|_| PowerTemplate::default()));
    };
    let mut template = inherited.unwrap_or_default();
    let Some(table) = Section::read(node, name, &keys::PERMISSIONS.names(), problems) else {
        return Some(template);
    };
    let keys: [(&str, &mut Option<i64>); 7] = [
        ("users_default", &mut template.users_default),
        ("events_default", &mut template.events_default),
        ("state_default", &mut template.state_default),
        ("invite", &mut template.invite),
        ("kick", &mut template.kick),
        ("ban", &mut template.ban),
        ("redact", &mut template.redact),
    ];
    for (key, slot) in keys {
        if let Some(level) = required_level(&table, key, problems) {
            *slot = level.wanted();
        }
    }
    if template
        .users_default
        .is_some_and(|level| level >= super::ADMIN_LEVEL)
    {
        // Everyone in the room would be an admin; `level` says how to allow it.
        super::level(&table, "users_default", danger, problems);
    }
    events(&table, &mut template, problems);
    Some(template)
}

fn events(table: &Section<'_>, template: &mut PowerTemplate, problems: &mut Problems) {
    let Some(node) = table.get("events") else { return };
    let Some(events) = Section::open(node, "permissions.events", problems) else {
        return;
    };
    for entry in events.entries() {
        match required_level(&events, &entry.key, problems) {
            Some(Setting::To(level)) => drop(template.events.insert(entry.key.clone().into_owned(), level)),
            Some(Setting::Keep) => drop(template.events.remove(&*entry.key)),
            None => {}
        }
    }
}

/// A level, or `"keep"`, which leaves the key as it is found; `None` if it is absent or wrong.
fn required_level(table: &Section<'_>, key: &str, problems: &mut Problems) -> Option<Setting<i64>> {
    let node = table.get(key)?;
    match &node.value {
        Value::Text(text) if text == "keep" => Some(Setting::Keep),
        Value::Integer(_) => table
            .integer(key, (-MAX_LEVEL, MAX_LEVEL), problems)
            .map(Setting::To),
        other => {
            let (kind, hint) = (other.kind(), dotted_hint(node));
            problems.add(
                node.at,
                format!(
                    "{} must be an integer or \"keep\", not {kind}{hint}",
                    table.key(key)
                ),
            );
            None
        }
    }
}
