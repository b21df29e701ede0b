//! Users and their properties.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extension;
use crate::shown::{Column, Columns, Shown};

/// A user, as the directory keeps it. In JSON its fields have Graph's names.
///
/// `None` is a property that was never set, or was cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// Such as `alice@example.org`.
    pub user_principal_name: String,
    /// The name that people read.
    pub display_name: Option<String>,
    /// The primary address.
    pub mail: Option<String>,
    /// The alias of the mailbox.
    pub mail_nickname: Option<String>,
    /// Whether the account can sign in.
    pub account_enabled: bool,
    /// `Member` or `Guest`; nothing for some old accounts.
    pub user_type: Option<String>,
    /// Of an account that comes from Active Directory.
    pub on_premises_sam_account_name: Option<String>,
    /// Of an account that comes from Active Directory.
    pub on_premises_user_principal_name: Option<String>,
    /// Of an account that comes from Active Directory.
    pub on_premises_immutable_id: Option<String>,
    /// Of an account that comes from Active Directory.
    pub on_premises_domain_name: Option<String>,
    /// Of an account that comes from Active Directory.
    pub on_premises_distinguished_name: Option<String>,
    /// Of an account that comes from Active Directory.
    pub on_premises_security_identifier: Option<String>,
    /// Whether the account comes from Active Directory.
    pub on_premises_sync_enabled: Option<bool>,
    /// `extensionAttribute1` to `extensionAttribute15`.
    #[serde(
        rename = "onPremisesExtensionAttributes",
        deserialize_with = "extension::attributes"
    )]
    pub extension_attributes: [Option<String>; 15],
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub surname: Option<String>,
    /// Position.
    pub job_title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Company.
    pub company_name: Option<String>,
    /// Number in the organization.
    pub employee_id: Option<String>,
    /// Kind of employment.
    pub employee_type: Option<String>,
    /// Number of a mobile telephone.
    pub mobile_phone: Option<String>,
    /// Numbers of telephones.
    pub business_phones: Vec<String>,
    /// Room or house.
    pub office_location: Option<String>,
    /// Such as `en-US`.
    pub preferred_language: Option<String>,
    /// Such as `DE`.
    pub usage_location: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Further addresses.
    pub other_mails: Vec<String>,
    /// Such as `SMTP:alice@example.org`.
    pub proxy_addresses: Vec<String>,
    /// Such as `Invitation`.
    pub creation_type: Option<String>,
    /// Of an invited guest, such as `PendingAcceptance`.
    pub external_user_state: Option<String>,
    /// When it was made.
    pub created_date_time: Option<String>,
    /// Directory extensions, by their full names (`extension_<32 hexadecimal digits>_<name>`).
    #[serde(flatten, deserialize_with = "extension::only")]
    pub extensions: BTreeMap<String, Value>,
}

impl Default for User {
    fn default() -> Self {
        Self {
            user_principal_name: String::new(),
            display_name: None,
            mail: None,
            mail_nickname: None,
            account_enabled: true,
            user_type: Some("Member".to_owned()),
            on_premises_sam_account_name: None,
            on_premises_user_principal_name: None,
            on_premises_immutable_id: None,
            on_premises_domain_name: None,
            on_premises_distinguished_name: None,
            on_premises_security_identifier: None,
            on_premises_sync_enabled: None,
            extension_attributes: Default::default(),
            given_name: None,
            surname: None,
            job_title: None,
            department: None,
            company_name: None,
            employee_id: None,
            employee_type: None,
            mobile_phone: None,
            business_phones: Vec::new(),
            office_location: None,
            preferred_language: None,
            usage_location: None,
            city: None,
            country: None,
            other_mails: Vec::new(),
            proxy_addresses: Vec::new(),
            creation_type: None,
            external_user_state: None,
            created_date_time: Some("2024-03-01T08:00:00Z".to_owned()),
            extensions: BTreeMap::new(),
        }
    }
}

impl User {
    /// An enabled member with this user principal name, with address, nickname and display name made from it.
    pub fn new(user_principal_name: &str) -> Self {
        let local = user_principal_name
            .split_once('@')
            .map_or(user_principal_name, |(local, _)| local);
        Self {
            user_principal_name: user_principal_name.to_owned(),
            display_name: Some(local.to_owned()),
            mail: Some(user_principal_name.to_owned()),
            mail_nickname: Some(local.to_owned()),
            ..Self::default()
        }
    }

    /// Sets `extensionAttribute<number>`, 1 to 15; other numbers do nothing.
    pub fn set_extension_attribute(&mut self, number: usize, value: Option<&str>) {
        let place = number
            .checked_sub(1)
            .and_then(|index| self.extension_attributes.get_mut(index));
        if let Some(place) = place {
            *place = value.map(str::to_owned);
        }
    }
}

impl From<&str> for User {
    fn from(user_principal_name: &str) -> Self {
        Self::new(user_principal_name)
    }
}

macro_rules! column {
    ($name:literal, $default:literal, $user:ident => $value:expr) => {
        Column {
            name: $name,
            get: |$user| $value,
            default: $default,
        }
    };
}

/// Those that `User.ReadBasic.All` shows, besides the id.
pub(crate) const BASIC: &[&str] = &["displayName", "givenName", "mail", "surname", "userPrincipalName"];

impl Columns for User {
    const COLUMNS: &'static [Column<Self>] = &[
        column!("businessPhones", true, u => Shown::Texts(&u.business_phones)),
        column!("displayName", true, u => Shown::text(u.display_name.as_ref())),
        column!("givenName", true, u => Shown::text(u.given_name.as_ref())),
        column!("jobTitle", true, u => Shown::text(u.job_title.as_ref())),
        column!("mail", true, u => Shown::text(u.mail.as_ref())),
        column!("mobilePhone", true, u => Shown::text(u.mobile_phone.as_ref())),
        column!("officeLocation", true, u => Shown::text(u.office_location.as_ref())),
        column!("preferredLanguage", true, u => Shown::text(u.preferred_language.as_ref())),
        column!("surname", true, u => Shown::text(u.surname.as_ref())),
        column!("userPrincipalName", true, u => Shown::Text(&u.user_principal_name)),
        column!("accountEnabled", false, u => Shown::Flag(u.account_enabled)),
        column!("city", false, u => Shown::text(u.city.as_ref())),
        column!("companyName", false, u => Shown::text(u.company_name.as_ref())),
        column!("country", false, u => Shown::text(u.country.as_ref())),
        column!("createdDateTime", false, u => Shown::text(u.created_date_time.as_ref())),
        column!("creationType", false, u => Shown::text(u.creation_type.as_ref())),
        column!("deletedDateTime", false, _u => Shown::Null),
        column!("department", false, u => Shown::text(u.department.as_ref())),
        column!("employeeId", false, u => Shown::text(u.employee_id.as_ref())),
        column!("employeeType", false, u => Shown::text(u.employee_type.as_ref())),
        column!("externalUserState", false, u => Shown::text(u.external_user_state.as_ref())),
        column!("mailNickname", false, u => Shown::text(u.mail_nickname.as_ref())),
        column!("onPremisesDistinguishedName", false,
            u => Shown::text(u.on_premises_distinguished_name.as_ref())),
        column!("onPremisesDomainName", false, u => Shown::text(u.on_premises_domain_name.as_ref())),
        column!("onPremisesExtensionAttributes", false, u => Shown::Attributes(&u.extension_attributes)),
        column!("onPremisesImmutableId", false, u => Shown::text(u.on_premises_immutable_id.as_ref())),
        column!("onPremisesSamAccountName", false,
            u => Shown::text(u.on_premises_sam_account_name.as_ref())),
        column!("onPremisesSecurityIdentifier", false,
            u => Shown::text(u.on_premises_security_identifier.as_ref())),
        column!("onPremisesSyncEnabled", false, u => Shown::flag(u.on_premises_sync_enabled)),
        column!("onPremisesUserPrincipalName", false,
            u => Shown::text(u.on_premises_user_principal_name.as_ref())),
        column!("otherMails", false, u => Shown::Texts(&u.other_mails)),
        column!("proxyAddresses", false, u => Shown::Texts(&u.proxy_addresses)),
        column!("usageLocation", false, u => Shown::text(u.usage_location.as_ref())),
        column!("userType", false, u => Shown::text(u.user_type.as_ref())),
    ];

    fn extensions(&self) -> &BTreeMap<String, Value> {
        &self.extensions
    }
}
