//! Tenants as files: a readable description, by names.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::group::{Group, Other};
use crate::id::Id;
use crate::tenant::Tenant;
use crate::user::User;

/// A tenant as a file describes it.
///
/// ```json
/// {
///   "domain": "example.org",
///   "root": "Matrix rooms",
///   "prefix": "MTRX ",
///   "users": [{ "userPrincipalName": "alice@example.org", "displayName": "Alice" }],
///   "groups": [
///     { "displayName": "Matrix rooms", "members": ["MTRX #walks:example.org"] },
///     { "displayName": "MTRX #walks:example.org", "members": ["alice@example.org"], "owners": ["alice@example.org"] }
///   ]
/// }
/// ```
///
/// Users and groups have Graph's properties. Members are named by user principal name, display name or id.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantFile {
    /// The domain of the organization.
    pub domain: Option<String>,
    /// The name of the group above all groups of rooms.
    pub root: Option<String>,
    /// What the names of rooms' groups begin with. The emulator only repeats it.
    pub prefix: Option<String>,
    #[serde(default)]
    users: Vec<FileUser>,
    #[serde(default)]
    groups: Vec<FileGroup>,
    #[serde(default)]
    others: Vec<Other>,
}

#[derive(Debug, Clone, Deserialize)]
struct FileUser {
    id: Option<Id>,
    #[serde(flatten)]
    user: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct FileGroup {
    id: Option<Id>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    owners: Vec<String>,
    #[serde(flatten)]
    group: serde_json::Map<String, serde_json::Value>,
}

impl TenantFile {
    /// Reads a description.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("not the description of a tenant")
    }

    /// Makes the tenant.
    pub fn tenant(&self) -> Result<Tenant> {
        let mut tenant = Tenant::new();
        if let Some(domain) = &self.domain {
            tenant.set_domain(domain);
        }
        let mut names = HashMap::new();
        for entry in &self.users {
            let user: User = serde_json::from_value(entry.user.clone().into()).context("a user")?;
            if user.user_principal_name.is_empty() {
                bail!("a user has no userPrincipalName");
            }
            let name = user.user_principal_name.to_lowercase();
            let id = match entry.id {
                Some(id) => tenant.add_user_as(id, user),
                None => tenant.add_user(user),
            };
            names.insert(name, id);
        }
        let mut groups = Vec::new();
        for entry in &self.groups {
            let group: Group = serde_json::from_value(entry.group.clone().into()).context("a group")?;
            let name = group.display_name.to_lowercase();
            let id = match entry.id {
                Some(id) => tenant.add_group_as(id, group),
                None => tenant.add_group(group),
            };
            names.insert(name, id);
            groups.push(id);
        }
        for other in &self.others {
            let name = other.display_name.to_lowercase();
            names.insert(name, tenant.add_object(other.clone()));
        }
        let find = |name: &str| {
            let found = names.get(&name.to_lowercase()).copied();
            found
                .or_else(|| name.parse().ok())
                .with_context(|| format!("nothing is called {name:?}"))
        };
        for (entry, group) in self.groups.iter().zip(groups) {
            for member in &entry.members {
                tenant.add_member(group, find(member)?);
            }
            for owner in &entry.owners {
                tenant.add_owner(group, find(owner)?);
            }
        }
        if let Some(root) = &self.root {
            tenant.set_root(find(root)?);
        }
        Ok(tenant)
    }
}
