//! What the application is allowed to do.

use anyhow::Result;

use super::tenancy::Tenancy;
use crate::harness::Site;

pub(super) const GROUPS: &str = "GroupMember.Read.All";
pub(super) const USERS: &str = "User.Read.All";
pub(super) const HIDDEN: &str = "Member.Read.Hidden";

/// Everything that reading needs.
pub(super) const ALL: [&str; 3] = [GROUPS, USERS, HIDDEN];

/// The application has these permissions from now on.
pub(super) fn grant(permissions: &'static [&str]) -> impl Fn(&mut Tenancy, &Site) -> Result<()> {
    move |tenancy, _| {
        tenancy.emulator.grant(permissions);
        Ok(())
    }
}
