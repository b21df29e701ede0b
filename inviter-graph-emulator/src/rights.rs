//! What an application may read.

use std::collections::BTreeSet;

use crate::object::Kind;

/// How much of users may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserRights {
    None,
    /// Only the basic profile.
    Basic,
    Full,
}

/// What the permissions in force come to.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of object")]
pub(crate) struct Rights {
    pub(crate) users: UserRights,
    pub(crate) groups: bool,
    pub(crate) devices: bool,
    pub(crate) contacts: bool,
    pub(crate) applications: bool,
    pub(crate) others: bool,
    pub(crate) hidden_members: bool,
    pub(crate) organization: bool,
}

impl Rights {
    pub(crate) fn of(granted: &BTreeSet<String>) -> Self {
        // The right to write includes that to read.
        let has =
            |name: &str| granted.contains(name) || granted.contains(&name.replace(".Read.", ".ReadWrite."));
        let directory = has("Directory.Read.All");
        let users = if directory || has("User.Read.All") {
            UserRights::Full
        } else if has("User.ReadBasic.All") {
            UserRights::Basic
        } else {
            UserRights::None
        };
        Self {
            users,
            groups: directory || has("GroupMember.Read.All") || has("Group.Read.All"),
            devices: directory || has("Device.Read.All"),
            contacts: directory || has("OrgContact.Read.All"),
            applications: directory || has("Application.Read.All"),
            others: directory,
            hidden_members: has("Member.Read.Hidden"),
            organization: directory || has("Organization.Read.All"),
        }
    }

    /// Whether anything but the id of such an object may be read.
    pub(crate) fn see(self, kind: &Kind) -> bool {
        match kind {
            Kind::User => self.users != UserRights::None,
            Kind::Group => self.groups,
            Kind::Other(kind) => match &**kind {
                "device" => self.devices,
                "orgContact" => self.contacts,
                "servicePrincipal" => self.applications,
                _ => self.others,
            },
        }
    }
}
