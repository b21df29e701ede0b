//! [`Schema`]: where a directory keeps people, groups and their memberships.

/// A schema that is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// `groupOfNames` with `member` (RFC 4519 section 3.5): OpenLDAP, 389 Directory Server and others.
    GroupOfNames,
    /// `groupOfUniqueNames` with `uniqueMember` (RFC 4519 section 3.6).
    GroupOfUniqueNames,
    /// `posixGroup` with `memberUid`, which holds login names (RFC 2307).
    PosixGroup,
    /// Active Directory, and Samba as a domain controller.
    ActiveDirectory,
    /// FreeIPA and its relatives.
    FreeIpa,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::GroupOfNames,
        Self::GroupOfUniqueNames,
        Self::PosixGroup,
        Self::ActiveDirectory,
        Self::FreeIpa,
    ];

    /// The name in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GroupOfNames => "group_of_names",
            Self::GroupOfUniqueNames => "group_of_unique_names",
            Self::PosixGroup => "posix_group",
            Self::ActiveDirectory => "active_directory",
            Self::FreeIpa => "freeipa",
        }
    }

    /// The attribute that user IDs are usually made of.
    pub const fn user_attribute(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "sAMAccountName",
            _ => "uid",
        }
    }
}

/// How an account's primary group is kept, which no member attribute names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PrimaryGroup {
    /// There is none, or it does not count.
    #[default]
    Ignored,
    /// Active Directory's: `primaryGroupID` is the last part of the group's `objectSid` ([MS-ADA3] 2.120).
    PrimaryGroupId,
    /// Unix's: `gidNumber` of account and group (RFC 2307).
    GidNumber,
}

/// An attribute that says that an account may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DisabledBy {
    /// `nsAccountLock` is `TRUE`: 389 Directory Server, FreeIPA.
    NsAccountLock,
    /// `userAccountControl` has the bit `ACCOUNTDISABLE` ([MS-ADTS] 2.2.16): Active Directory.
    UserAccountControl,
    /// `accountExpires` has passed ([MS-ADA1] 2.1): Active Directory.
    AccountExpires,
    /// `pwdAccountLockedTime` is `000001010000Z`, locked until an administrator unlocks it (draft-behera-ldap-password-policy
    /// section 5.3.3). A lock after wrong passwords does not count: anybody could bring that about for anybody else.
    PwdAccountLockedTime,
    /// `shadowExpire` has passed, in days since 1970 (RFC 2307, `shadow(5)`).
    ShadowExpire,
}

impl DisabledBy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NsAccountLock,
        Self::UserAccountControl,
        Self::AccountExpires,
        Self::PwdAccountLockedTime,
        Self::ShadowExpire,
    ];

    /// The attribute's name.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::NsAccountLock => "nsAccountLock",
            Self::UserAccountControl => "userAccountControl",
            Self::AccountExpires => "accountExpires",
            Self::PwdAccountLockedTime => "pwdAccountLockedTime",
            Self::ShadowExpire => "shadowExpire",
        }
    }
}

/// Where a directory keeps people, groups and memberships. Begins as a [`Preset`]; every part can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The preset that this began as.
    pub preset: Preset,
    /// Which entries below the bases of people are people (RFC 4515).
    pub user_filter: String,
    /// Which entries below the bases of groups are groups (RFC 4515); nested groups may be anywhere.
    pub group_filter: String,
    /// The attribute with a group's name, which the decoders read.
    pub group_name: String,
    /// Attributes of a group with the DNs of its members.
    pub members: Vec<String>,
    /// Attributes of a group with the login names of its members.
    pub member_logins: Vec<String>,
    /// The attribute of an account with its login name, for `member_logins`.
    pub login: String,
    /// Attributes of a group with the DNs of its owners.
    pub owners: Vec<String>,
    /// Attributes with an identifier that survives renaming; the first that an entry has counts, and its DN if it has
    /// none.
    pub ids: Vec<String>,
    /// Whether primary groups count, and how they are kept.
    pub primary_group: PrimaryGroup,
    /// What says that an account may not be used.
    pub disabled_by: Vec<DisabledBy>,
    /// A filter that fits accounts which may not be used, besides `disabled_by` (RFC 4515).
    pub disabled_filter: Option<String>,
    /// A group without any member is believed to be empty. `groupOfNames` and `groupOfUniqueNames` always have one on
    /// most servers, so there it means that the bot may not read them.
    pub empty_groups: bool,
    /// DNs that stand in groups only because a group may not be empty.
    pub placeholders: Vec<String>,
}

impl Schema {
    /// The schema of this name.
    pub fn new(preset: Preset) -> Self {
        let texts = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let base = Self {
            preset,
            user_filter: "(|(objectClass=person)(objectClass=posixAccount))".to_owned(),
            group_filter: "(objectClass=groupOfNames)".to_owned(),
            group_name: "cn".to_owned(),
            members: texts(&["member"]),
            member_logins: Vec::new(),
            login: "uid".to_owned(),
            owners: texts(&["owner"]),
            ids: texts(&["entryUUID", "nsUniqueId"]),
            primary_group: PrimaryGroup::Ignored,
            disabled_by: vec![
                DisabledBy::NsAccountLock,
                DisabledBy::PwdAccountLockedTime,
                DisabledBy::ShadowExpire,
            ],
            disabled_filter: None,
            empty_groups: false,
            placeholders: Vec::new(),
        };
        match preset {
            Preset::GroupOfNames => base,
            Preset::GroupOfUniqueNames => Self {
                group_filter: "(objectClass=groupOfUniqueNames)".to_owned(),
                members: texts(&["uniqueMember"]),
                ..base
            },
            Preset::PosixGroup => Self {
                user_filter: "(objectClass=posixAccount)".to_owned(),
                group_filter: "(objectClass=posixGroup)".to_owned(),
                members: Vec::new(),
                member_logins: texts(&["memberUid"]),
                owners: Vec::new(),
                empty_groups: true,
                ..base
            },
            Preset::ActiveDirectory => Self {
                user_filter: "(&(objectCategory=person)(objectClass=user))".to_owned(),
                group_filter: "(objectClass=group)".to_owned(),
                login: "sAMAccountName".to_owned(),
                owners: texts(&["managedBy"]),
                ids: texts(&["objectGUID"]),
                primary_group: PrimaryGroup::PrimaryGroupId,
                disabled_by: vec![DisabledBy::UserAccountControl, DisabledBy::AccountExpires],
                empty_groups: true,
                ..base
            },
            Preset::FreeIpa => Self {
                user_filter: "(objectClass=posixAccount)".to_owned(),
                group_filter: "(|(objectClass=ipaUserGroup)(objectClass=groupOfNames))".to_owned(),
                owners: texts(&["memberManager"]),
                ids: texts(&["ipaUniqueID", "nsUniqueId"]),
                disabled_by: vec![DisabledBy::NsAccountLock],
                empty_groups: true,
                ..base
            },
        }
    }
}
