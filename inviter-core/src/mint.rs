//! Minting: from an account of a directory to a Matrix user ID (decision 22).

use std::collections::BTreeMap;

use ruma_common::OwnedServerName;

/// How user IDs are made, in this order: attribute, guest rule, lower case, escape, renames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minting {
    /// The server part.
    pub server: OwnedServerName,
    /// The attribute to take, such as `uid` or `userPrincipalName`.
    pub attribute: String,
    /// Take only what stands before the first `@`.
    pub before_at: bool,
    /// What to do with guests of another tenant (`name_domain#EXT#@tenant`).
    pub guests: GuestRule,
    /// New localpart → localpart of the Matrix ID that stays.
    pub renames: BTreeMap<String, String>,
}

/// What to do with guest accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuestRule {
    /// Leave them out, with a finding.
    #[default]
    Skip,
    /// `jane_corp.com#EXT#@tenant` → `jane`, as the reference bot does. Can map an outsider onto an employee.
    Strip,
}
