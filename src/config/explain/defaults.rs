//! Defaults that depend on something else.

#[cfg(any(feature = "ldap", feature = "azure"))]
use crate::config::DirectoryKind;
use crate::config::{Config, SettingValue};

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
        ("state", "dir") => {
            let dir = config.state_dir.to_str()?;
            Some(SettingValue::Text(dir.to_owned()))
        }
        _ => None,
    }
}
