//! Groups and their properties; objects of other kinds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extension;
use crate::shown::{Column, Columns, Shown};

/// A group, as the directory keeps it, but for its members and owners. In JSON its fields have Graph's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Group {
    /// The name that people read. Not unique.
    pub display_name: String,
    /// A description.
    pub description: Option<String>,
    /// `Private`, `Public` or `HiddenMembership`.
    pub visibility: Option<String>,
    /// Whether it can be used for access.
    pub security_enabled: bool,
    /// Whether it has a mailbox.
    pub mail_enabled: bool,
    /// `Unified`, `DynamicMembership`, both or neither.
    pub group_types: Vec<String>,
    /// Its address.
    pub mail: Option<String>,
    /// The alias of the mailbox.
    pub mail_nickname: Option<String>,
    /// Further addresses.
    pub proxy_addresses: Vec<String>,
    /// The rule of a dynamic group.
    pub membership_rule: Option<String>,
    /// `On` or `Paused`, of a dynamic group.
    pub membership_rule_processing_state: Option<String>,
    /// Whether it is bound to roles of the directory.
    pub is_assignable_to_role: Option<bool>,
    /// Of a group that comes from Active Directory.
    pub on_premises_sam_account_name: Option<String>,
    /// Of a group that comes from Active Directory.
    pub on_premises_security_identifier: Option<String>,
    /// Of a group that comes from Active Directory.
    pub on_premises_domain_name: Option<String>,
    /// Whether the group comes from Active Directory.
    pub on_premises_sync_enabled: Option<bool>,
    /// Made from the id, if there is none, when the group comes into a tenant.
    pub security_identifier: Option<String>,
    /// When it was made.
    pub created_date_time: Option<String>,
    /// Directory extensions, by their full names.
    #[serde(flatten, deserialize_with = "extension::only")]
    pub extensions: BTreeMap<String, Value>,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            display_name: String::new(),
            description: None,
            visibility: None,
            security_enabled: true,
            mail_enabled: false,
            group_types: Vec::new(),
            mail: None,
            mail_nickname: None,
            proxy_addresses: Vec::new(),
            membership_rule: None,
            membership_rule_processing_state: None,
            is_assignable_to_role: None,
            on_premises_sam_account_name: None,
            on_premises_security_identifier: None,
            on_premises_domain_name: None,
            on_premises_sync_enabled: None,
            security_identifier: None,
            created_date_time: Some("2024-03-01T08:00:00Z".to_owned()),
            extensions: BTreeMap::new(),
        }
    }
}

impl Group {
    /// A security group with this name.
    pub fn new(display_name: &str) -> Self {
        Self {
            display_name: display_name.to_owned(),
            ..Self::default()
        }
    }

    /// A Microsoft 365 group with this name.
    pub fn unified(display_name: &str) -> Self {
        Self {
            security_enabled: false,
            mail_enabled: true,
            group_types: vec!["Unified".to_owned()],
            visibility: Some("Private".to_owned()),
            ..Self::new(display_name)
        }
    }

    /// A Microsoft 365 group that hides its members from everyone without `Member.Read.Hidden`.
    pub fn hidden(display_name: &str) -> Self {
        Self {
            visibility: Some("HiddenMembership".to_owned()),
            ..Self::unified(display_name)
        }
    }

    /// Whether members are hidden.
    pub fn hides_members(&self) -> bool {
        self.visibility
            .as_deref()
            .is_some_and(|visibility| visibility.eq_ignore_ascii_case("HiddenMembership"))
    }
}

impl From<&str> for Group {
    fn from(display_name: &str) -> Self {
        Self::new(display_name)
    }
}

impl From<String> for Group {
    fn from(display_name: String) -> Self {
        Self {
            display_name,
            ..Self::default()
        }
    }
}

impl From<&String> for Group {
    fn from(display_name: &String) -> Self {
        Self::new(display_name)
    }
}

macro_rules! column {
    ($name:literal, $default:literal, $group:ident => $value:expr) => {
        Column {
            name: $name,
            get: |$group| $value,
            default: $default,
        }
    };
}

impl Columns for Group {
    const COLUMNS: &'static [Column<Self>] = &[
        column!("deletedDateTime", true, _g => Shown::Null),
        column!("classification", true, _g => Shown::Null),
        column!("createdDateTime", true, g => Shown::text(g.created_date_time.as_ref())),
        column!("creationOptions", true, _g => Shown::Texts(&[])),
        column!("description", true, g => Shown::text(g.description.as_ref())),
        column!("displayName", true, g => Shown::Text(&g.display_name)),
        column!("expirationDateTime", true, _g => Shown::Null),
        column!("groupTypes", true, g => Shown::Texts(&g.group_types)),
        column!("isAssignableToRole", true, g => Shown::flag(g.is_assignable_to_role)),
        column!("mail", true, g => Shown::text(g.mail.as_ref())),
        column!("mailEnabled", true, g => Shown::Flag(g.mail_enabled)),
        column!("mailNickname", true, g => Shown::text(g.mail_nickname.as_ref())),
        column!("membershipRule", true, g => Shown::text(g.membership_rule.as_ref())),
        column!("membershipRuleProcessingState", true,
            g => Shown::text(g.membership_rule_processing_state.as_ref())),
        column!("onPremisesDomainName", true, g => Shown::text(g.on_premises_domain_name.as_ref())),
        column!("onPremisesLastSyncDateTime", true, _g => Shown::Null),
        column!("onPremisesNetBiosName", true, _g => Shown::Null),
        column!("onPremisesSamAccountName", true,
            g => Shown::text(g.on_premises_sam_account_name.as_ref())),
        column!("onPremisesSecurityIdentifier", true,
            g => Shown::text(g.on_premises_security_identifier.as_ref())),
        column!("onPremisesProvisioningErrors", true, _g => Shown::Texts(&[])),
        column!("onPremisesSyncEnabled", true, g => Shown::flag(g.on_premises_sync_enabled)),
        column!("preferredDataLocation", true, _g => Shown::Null),
        column!("preferredLanguage", true, _g => Shown::Null),
        column!("proxyAddresses", true, g => Shown::Texts(&g.proxy_addresses)),
        column!("renewedDateTime", true, g => Shown::text(g.created_date_time.as_ref())),
        column!("resourceBehaviorOptions", true, _g => Shown::Texts(&[])),
        column!("resourceProvisioningOptions", true, _g => Shown::Texts(&[])),
        column!("securityEnabled", true, g => Shown::Flag(g.security_enabled)),
        column!("securityIdentifier", true, g => Shown::text(g.security_identifier.as_ref())),
        column!("theme", true, _g => Shown::Null),
        column!("uniqueName", true, _g => Shown::Null),
        column!("visibility", true, g => Shown::text(g.visibility.as_ref())),
    ];

    fn extensions(&self) -> &BTreeMap<String, Value> {
        &self.extensions
    }
}

/// An object that is neither a user nor a group: a device, a contact, a service principal, or anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    /// What follows `#microsoft.graph.` in `@odata.type`, such as `device`.
    pub kind: String,
    /// The name that people read.
    pub display_name: String,
    /// Further properties.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
}

impl Columns for Other {
    const COLUMNS: &'static [Column<Self>] = &[Column {
        name: "displayName",
        get: |other| Shown::Text(&other.display_name),
        default: true,
    }];

    fn extensions(&self) -> &BTreeMap<String, Value> {
        &self.properties
    }
}
