//! Defaults that depend on something else.

use std::time::Duration;

use inviter_core::room_rules::{BringIn, LeftPolicy, RemovePolicy};

#[cfg(any(feature = "ldap", feature = "azure"))]
use crate::config::DirectoryKind;
use crate::config::{Config, SettingValue};

fn bring_in(how: BringIn) -> &'static str {
    match how {
        BringIn::Invite => "invite",
        BringIn::Join => "join",
    }
}

fn left(policy: LeftPolicy) -> String {
    match policy {
        LeftPolicy::UntilBroughtAnew => "until_brought_anew".to_owned(),
        LeftPolicy::Again => "again".to_owned(),
        LeftPolicy::Never => "never".to_owned(),
        LeftPolicy::After(time) => format!("after {}", duration(time)),
    }
}

fn duration(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{}s", time.as_secs())
    } else {
        format!("{}ms", time.as_millis())
    }
}

fn remove(policy: RemovePolicy) -> &'static str {
    match policy {
        RemovePolicy::Anyone => "anyone",
        RemovePolicy::BroughtByUs => "brought_by_us",
    }
}

fn number(value: impl Into<i64>) -> SettingValue {
    SettingValue::Integer(value.into())
}

/// What holds for a key of a section, which is the entry `entry` of a list, or within that entry.
pub(super) fn worked_out(
    config: &Config,
    section: &str,
    entry: Option<usize>,
    key: &str,
) -> Option<SettingValue> {
    match (section, key) {
        ("directory", "before_at") => {
            let directory = config.directories.get(entry?)?;
            Some(SettingValue::Flag(directory.before_at))
        }
        ("directory", "attribute") => {
            let directory = config.directories.get(entry?)?;
            Some(SettingValue::Text(directory.attribute.clone()))
        }
        #[cfg(any(feature = "ldap", feature = "azure"))]
        ("directory.ldap" | "directory.entra", key) => match &config.directories.get(entry?)?.kind {
            DirectoryKind::File { .. } => None,
            #[cfg(feature = "ldap")]
            DirectoryKind::Ldap(config) => crate::config::ldap::worked_out(config, key),
            #[cfg(feature = "azure")]
            DirectoryKind::Entra(config) => crate::config::entra::worked_out(config, key),
        },
        ("limits", "directory_count") => Some(number(config.limits.directory_count)),
        ("limits", "directory_percent") => Some(number(config.limits.directory_percent)),
        ("limits", "shrink_count") => Some(number(config.limits.shrink_count)),
        ("limits", "shrink_percent") => Some(number(config.limits.shrink_percent)),
        ("rooms", "bring_in") => Some(SettingValue::Text(bring_in(config.defaults.bring_in).to_owned())),
        ("rooms", "grace") => Some(SettingValue::Text(duration(config.defaults.grace))),
        ("rooms", "remove") => Some(SettingValue::Text(remove(config.defaults.remove).to_owned())),
        ("rooms", "left") => Some(SettingValue::Text(left(config.defaults.left))),
        ("state", "dir") => {
            let dir = config.state_dir.to_str()?;
            Some(SettingValue::Text(dir.to_owned()))
        }
        _ => None,
    }
}
