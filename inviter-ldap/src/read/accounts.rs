//! People: what an entry says of one, and by what groups refer to them.

use std::{collections::HashMap, sync::Arc};

use inviter_core::{
    OwnedUserId, UserId,
    directory::{Account, AccountStatus, Attributes, Extent, Gap, Remark},
    time::Timestamp,
};

use super::{BaseRead, Reader, by_name::ByName};
use crate::{
    Dn,
    config::LdapConfig,
    entry::Entry,
    ids::{self, Sid},
    schema::PrimaryGroup,
    search::Search,
    status::status,
    trouble::shortened,
};

/// The people of a directory.
#[derive(Debug)]
pub(super) struct Accounts<'c> {
    config: &'c LdapConfig,
    now: Timestamp,
    /// Shared by all accounts.
    names: Vec<Arc<str>>,
    pub(super) list: Vec<Account>,
    by_dn: ByName,
    /// By login name in lower case; `None` where several accounts have it.
    by_login: HashMap<Box<str>, Option<u32>>,
    /// By what marks the group: see [`primary_mark`].
    pub(super) by_primary_group: HashMap<Box<str>, Vec<u32>>,
    pub(super) bases: Vec<BaseRead>,
    /// What is wrong with single entries, and makes nothing else unknown.
    pub(super) remarks: Vec<Remark>,
}

impl<'c> Accounts<'c> {
    pub(super) fn new(config: &'c LdapConfig, now: Timestamp) -> Self {
        Self {
            config,
            now,
            names: config.attributes.iter().map(|name| Arc::from(&**name)).collect(),
            list: Vec::new(),
            by_dn: ByName::default(),
            by_login: HashMap::new(),
            by_primary_group: HashMap::new(),
            bases: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// The attributes to ask for; no others.
    pub(super) fn attributes(&self) -> Vec<String> {
        let schema = &self.config.schema;
        let mut names = self.config.attributes.clone();
        names.extend(self.config.matrix_id_attribute.clone());
        names.extend(schema.ids.iter().cloned());
        names.extend(schema.disabled_by.iter().map(|rule| rule.attribute().to_owned()));
        if !schema.member_logins.is_empty() {
            names.push(schema.login.clone());
        }
        let primary: &[&str] = match schema.primary_group {
            PrimaryGroup::Ignored => &[],
            PrimaryGroup::PrimaryGroupId => &["primaryGroupID", "objectSid"],
            PrimaryGroup::GidNumber => &["gidNumber"],
        };
        names.extend(primary.iter().map(|&name| name.to_owned()));
        each_once(names)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn find(&self, dn: &Dn) -> Option<u32> {
        self.by_dn.find(dn.as_str())
    }

    /// The accounts with names in canonical form.
    pub(super) fn find_all(&self, names: &[&str]) -> Vec<Option<u32>> {
        self.by_dn.find_all(names)
    }

    /// The account with a login name; an error if there are several.
    pub(super) fn find_login(&self, login: &str) -> Option<Result<u32, ()>> {
        let found = self.by_login.get(&*login.to_lowercase())?;
        Some(found.ok_or(()))
    }

    /// Whether every base could be read to its end.
    pub(super) fn all_complete(&self) -> bool {
        self.bases.iter().all(|base| base.complete)
    }

    /// Whether people may be elsewhere than where the bases say: one could not be read, or nobody is there any more.
    pub(super) fn may_have_moved(&self) -> bool {
        !self.bases.iter().all(|base| base.complete && base.people > 0)
    }

    /// Adds a person, unless it is there already.
    pub(super) fn add(&mut self, mut entry: Entry, extent: &mut Extent) -> bool {
        let dn = match Dn::parse(&entry.dn) {
            Ok(dn) => dn,
            Err(why) => {
                extent.add(Gap {
                    what: format!("the account `{}`", shortened(&entry.dn)),
                    why: format!("has a name that cannot be understood, since {why}; rename it"),
                });
                return true;
            }
        };
        if self.find(&dn).is_some() {
            return false;
        }
        // Beyond 32 bits nothing could refer to an account.
        let Ok(index) = u32::try_from(self.list.len()) else {
            return false;
        };
        self.refer(&entry, index);
        let account = self.account(&mut entry, &dn);
        self.list.push(account);
        self.by_dn.push(dn);
        true
    }

    fn account(&mut self, entry: &mut Entry, dn: &Dn) -> Account {
        let config = self.config;
        let mut attributes = Attributes::default();
        for name in &self.names {
            for value in entry.texts(name, dn) {
                attributes.push(Arc::clone(name), value);
            }
        }
        let matrix_id = self.matrix_id(entry).unwrap_or_else(|()| {
            // Without anything to make an ID of, nobody can be taken for somebody else.
            attributes = Attributes::default();
            None
        });
        let key = ids::stable(entry, &config.schema.ids).unwrap_or_else(|| dn.as_str().into());
        Account {
            key,
            attributes,
            status: status(entry, &config.schema.disabled_by, self.now),
            matrix_id,
            label: Some(std::mem::take(&mut entry.dn).into()),
        }
    }

    /// The whole Matrix ID, where the directory has it; an error if what it has is none.
    fn matrix_id(&mut self, entry: &Entry) -> Result<Option<OwnedUserId>, ()> {
        let Some(name) = &self.config.matrix_id_attribute else {
            return Ok(None);
        };
        let values = entry.values(name);
        let ids: Vec<_> = values
            .iter()
            .filter_map(|value| UserId::parse(std::str::from_utf8(value).ok()?).ok())
            .collect();
        match (values, ids.as_slice()) {
            ([], _) => Ok(None),
            ([_], [id]) => Ok(Some(id.clone())),
            _ => {
                self.remarks.push(Remark::new(
                    format!("`{name}` of {}", shortened(&entry.dn)),
                    "is not exactly one Matrix ID, so nothing is done with the account; correct it in the directory",
                ));
                Err(())
            }
        }
    }

    /// Notes by what groups may refer to an account.
    fn refer(&mut self, entry: &Entry, index: u32) {
        let schema = &self.config.schema;
        if !schema.member_logins.is_empty() {
            let logins = entry.values(&schema.login).iter();
            for login in logins.filter_map(|value| std::str::from_utf8(value).ok()) {
                let slot = self.by_login.entry(login.to_lowercase().into());
                slot.and_modify(|first| *first = None).or_insert(Some(index));
            }
        }
        if let Some(mark) = primary_mark(entry, schema.primary_group) {
            self.by_primary_group.entry(mark).or_default().push(index);
        }
    }
}

/// What the group has that is the account's primary one: a SID, or a `gidNumber`.
fn primary_mark(entry: &Entry, kind: PrimaryGroup) -> Option<Box<str>> {
    match kind {
        PrimaryGroup::Ignored => None,
        PrimaryGroup::GidNumber => Some(entry.text("gidNumber")?.trim().into()),
        PrimaryGroup::PrimaryGroupId => {
            let own = Sid::read(entry.values("objectSid").first()?)?;
            let group = entry.text("primaryGroupID")?.trim().parse().ok()?;
            Some(own.sibling(group)?.to_string().into())
        }
    }
}

/// Names without repetitions, which servers may answer with an error.
pub(super) fn each_once(names: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !once.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            once.push(name);
        }
    }
    once
}

impl Reader<'_> {
    /// Marks the accounts that the filter for disabled ones fits.
    pub(super) async fn disabled(self, accounts: &mut Accounts<'_>, extent: &mut Extent) {
        let Some(disabled) = &self.config.schema.disabled_filter else {
            return;
        };
        let filter = format!("(&{}{disabled})", self.config.schema.user_filter);
        for base in &self.config.user_bases {
            let mut found = Vec::new();
            let search = Search::subtree(base, &filter, &["1.1"]);
            let ending = self
                .connection
                .search(search, |entry| {
                    let index = Dn::parse(&entry.dn).ok().and_then(|dn| accounts.find(&dn));
                    found.extend(index);
                    true
                })
                .await;
            for index in found {
                accounts.list[index as usize].status = Some(AccountStatus::Disabled);
            }
            if let (Some(trouble), Ok(base)) = (ending.trouble, Dn::parse(base)) {
                extent.add(Gap {
                    what: format!("disabled accounts below {base}"),
                    why: trouble.message,
                });
                accounts.forget_active(&base);
            }
        }
    }
}

impl Accounts<'_> {
    /// Nobody below a base is known to be active any more.
    fn forget_active(&mut self, base: &Dn) {
        for (account, name) in self.list.iter_mut().zip(self.by_dn.names()) {
            if account.status == Some(AccountStatus::Active) && base.has_within(name) {
                account.status = None;
            }
        }
    }
}
