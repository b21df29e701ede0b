//! Groups as the lists of rooms mean them.

use inviter_core::directory::{GroupKey, ProviderId};
#[cfg(feature = "ldap")]
use inviter_core::room_template::RoomTemplate;

use super::DirectoryConfig;
#[cfg(any(feature = "ldap", feature = "azure"))]
use super::DirectoryKind;
use crate::document::nearest;

/// A group as a room's list means it, in one of the directories or in this one. Of a DN or an object ID there is one
/// spelling that directories call their groups by.
#[cfg_attr(
    not(any(feature = "ldap", feature = "azure")),
    expect(unused_variables, reason = "files take names as they are")
)]
pub(in crate::config) fn group_key(
    text: &str,
    directory: Option<&ProviderId>,
    directories: &[DirectoryConfig],
) -> GroupKey {
    #[cfg(any(feature = "ldap", feature = "azure"))]
    let meant = || {
        directories
            .iter()
            .filter(|d| directory.is_none_or(|name| *name == d.name))
            .map(|d| &d.kind)
    };
    #[cfg(feature = "azure")]
    if is_object_id(text) && meant().any(|kind| matches!(kind, DirectoryKind::Entra(_))) {
        return GroupKey::new(text.to_ascii_lowercase());
    }
    // A name may have a `=` in it; two of them, with a `,` between, are no name that anybody gives. Placeholders would
    // be escaped, and their values are not known yet: there it has to be written as the server does.
    #[cfg(feature = "ldap")]
    if text.contains(',')
        && !RoomTemplate::has_placeholder(text)
        && meant().any(|kind| matches!(kind, DirectoryKind::Ldap(_)))
        && let Ok(dn) = inviter_ldap::Dn::parse(text)
    {
        return GroupKey::new(dn.as_str());
    }
    GroupKey::new(text)
}

/// A directory by its name, as rooms refer to it.
pub(in crate::config) fn find(name: &str, directories: &[DirectoryConfig]) -> Result<ProviderId, String> {
    let names: Vec<&str> = directories.iter().map(|d| d.name.as_str()).collect();
    if let Some(directory) = directories.iter().find(|d| d.name.as_str() == name) {
        return Ok(directory.name.clone());
    }
    Err(match nearest(name, &names) {
        Some(right) => format!("there is no [[directory]] called `{name}`, did you mean `{right}`?"),
        None => format!("there is no [[directory]] called `{name}`"),
    })
}

#[cfg(feature = "azure")]
pub(super) fn is_object_id(text: &str) -> bool {
    inviter_azure::check_object_id(text).is_ok()
}
