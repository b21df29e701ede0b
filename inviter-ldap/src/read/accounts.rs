//! People: what an entry says of one, and by what groups refer to them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use inviter_core::{
    OwnedUserId, UserId,
    directory::{Account, AccountStatus, Attributes, Extent, Gap, Remark},
    time::Timestamp,
};

use super::{BaseRead, Reader, by_name::ByName, members::some};
use crate::{
    Dn,
    config::LdapConfig,
    entry::{Entry, Malformed},
    ids::{self, Sid},
    schema::PrimaryGroup,
    search::Search,
    status::status,
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
    /// Names that several entries have which are not the same.
    twofold: HashSet<Dn>,
    /// Entries that could not be read, since the last time that this was asked.
    pub(super) malformed: Vec<Malformed>,
    /// Accounts that do not show their primary group.
    pub(super) without_primary_group: Vec<Box<str>>,
    /// There are accounts that do not show their login name.
    pub(super) any_without_login: bool,
    /// Accounts whose Matrix ID is none.
    without_matrix_id: Vec<Box<str>>,
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
            twofold: HashSet::new(),
            malformed: Vec::new(),
            without_primary_group: Vec::new(),
            any_without_login: false,
            without_matrix_id: Vec::new(),
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
            PrimaryGroup::GidNumber => &["gidNumber", "objectClass"],
        };
        names.extend(primary.iter().map(|&name| name.to_owned()));
        if names.is_empty() {
            // None would mean all (RFC 4511 section 4.5.1.8).
            names.push("1.1".to_owned());
        }
        each_once(names)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn find(&self, dn: &Dn) -> Option<u32> {
        let found = self.by_dn.find(dn.as_str());
        found.filter(|_| !self.is_twofold(dn.as_str()))
    }

    /// The accounts with names in canonical form.
    pub(super) fn find_all(&self, names: &[&str]) -> Vec<Option<u32>> {
        let mut found = self.by_dn.find_all(names);
        if !self.twofold.is_empty() {
            for (found, name) in found.iter_mut().zip(names) {
                *found = found.filter(|_| !self.is_twofold(name));
            }
        }
        found
    }

    /// Whether several entries have a name that are not the same.
    pub(super) fn is_twofold(&self, name: &str) -> bool {
        self.twofold.contains(name)
    }

    /// The account with a login name in [`folded`] form; an error if there are several.
    pub(super) fn find_login(&self, login: &str) -> Option<Result<u32, ()>> {
        let found = self.by_login.get(login)?;
        Some(found.ok_or(()))
    }

    /// Whether people may be elsewhere than where the bases say: one could not be read, or nobody is there any more.
    pub(super) fn may_have_moved(&self) -> bool {
        !self.bases.iter().all(|base| base.complete && base.people > 0)
    }

    /// Adds a person, unless it is there already.
    pub(super) fn add(&mut self, mut entry: Entry) -> bool {
        let dn = match Dn::parse(&entry.dn) {
            Ok(dn) => dn,
            Err(why) => {
                self.malformed.push(Malformed::without_name(entry.dn, why));
                return true;
            }
        };
        if let Some(known) = self.by_dn.find(dn.as_str()) {
            self.compare(known, entry, dn);
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

    /// Names that differ in case only are one on nearly all servers, and the entry has come twice. On others it may be
    /// somebody else, and then nobody can tell whom groups mean.
    fn compare(&mut self, known: u32, entry: Entry, dn: Dn) {
        let account = &self.list[known as usize];
        if account.label.as_deref() == Some(&*entry.dn) || self.twofold.contains(&dn) {
            return;
        }
        let same = match ids::stable(&entry, &self.config.schema.ids) {
            Some(key) => *key == *account.key,
            None => self
                .names
                .iter()
                .all(|name| account.attributes.all(name).eq(entry.texts(name, &dn))),
        };
        if !same {
            self.malformed.push(Malformed::with_another(entry.dn));
            self.twofold.insert(dn);
        }
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
                self.without_matrix_id.push(entry.dn.as_str().into());
                Err(())
            }
        }
    }

    /// Notes by what groups may refer to an account.
    fn refer(&mut self, entry: &Entry, index: u32) {
        let schema = &self.config.schema;
        if !schema.member_logins.is_empty() {
            let logins = entry.values(&schema.login).iter();
            self.any_without_login |= logins.len() == 0;
            for login in logins.filter_map(|value| std::str::from_utf8(value).ok()) {
                let slot = self.by_login.entry(folded(login)).or_insert(Some(index));
                // An account may have its login in two spellings.
                if *slot != Some(index) {
                    *slot = None;
                }
            }
        }
        match primary_mark(entry, schema.primary_group) {
            Ok(Some(mark)) => self.by_primary_group.entry(mark).or_default().push(index),
            Ok(None) => {}
            Err(()) => self.without_primary_group.push(entry.dn.as_str().into()),
        }
    }

    /// Names in canonical form.
    pub(super) fn dns(&self) -> impl Iterator<Item = &str> {
        self.by_dn.names()
    }

    /// Where the attribute with whole Matrix IDs is shown of nobody, other IDs are made of nobody either: all would be
    /// taken for others. Says why, if that is so.
    pub(super) fn doubt_matrix_ids(&mut self) -> Option<Gap> {
        let name = self.config.matrix_id_attribute.as_deref()?;
        let any = self.list.iter().any(|account| account.matrix_id.is_some());
        if any || self.list.is_empty() || !self.without_matrix_id.is_empty() {
            return None;
        }
        for account in &mut self.list {
            account.attributes = Attributes::default();
        }
        Some(Gap {
            what: format!("`{name}` of all people"),
            why: "not shown of anybody, so nothing is done with them; give the bot the right to read it, or take \
                  `matrix_id` out of the configuration"
                .to_owned(),
        })
    }

    /// What is wrong with single accounts, and makes nothing else unknown.
    pub(super) fn remarks(&self) -> Vec<Remark> {
        let name = self.config.matrix_id_attribute.as_deref().unwrap_or_default();
        let wrong = self.without_matrix_id.iter().map(|dn| &**dn);
        let (whose, them) = match wrong.len() {
            0 => return Vec::new(),
            1 => (some(wrong), "the account"),
            count => (format!("{count} accounts ({})", some(wrong)), "them"),
        };
        vec![Remark::new(
            format!("`{name}` of {whose}"),
            format!(
                "is not exactly one Matrix ID, so nothing is done with {them}; correct it in the directory"
            ),
        )]
    }
}

/// A login name in a form that is equal where directories take names for equal (RFC 4518 section 2.6.1).
pub(super) fn folded(login: &str) -> Box<str> {
    let words: Vec<&str> = login.split_whitespace().collect();
    words.join(" ").to_lowercase().into()
}

/// What the group has that is the account's primary one: a SID, or a `gidNumber`; an error if it has one that is not
/// shown, or cannot be understood.
fn primary_mark(entry: &Entry, kind: PrimaryGroup) -> Result<Option<Box<str>>, ()> {
    match kind {
        PrimaryGroup::Ignored => Ok(None),
        PrimaryGroup::GidNumber => match entry.text("gidNumber") {
            Some(number) => Ok(Some(number.trim().into())),
            // Only some people have one, by their class.
            None if entry.may_be("posixAccount") => Err(()),
            None => Ok(None),
        },
        PrimaryGroup::PrimaryGroupId => {
            // Every account has both.
            let (sid, group) = match (entry.values("objectSid"), entry.values("primaryGroupID")) {
                ([sid], [group]) => (Sid::read(sid), std::str::from_utf8(group)),
                _ => return Err(()),
            };
            let group = group.map_err(drop)?.trim().parse().map_err(drop)?;
            let mark = sid.and_then(|sid| sid.sibling(group)).ok_or(())?;
            Ok(Some(mark.to_string().into()))
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
    /// Marks the accounts below a base that the filter for disabled ones fits, of all or of those that another filter
    /// fits too. Says whether the connection was lost.
    pub(super) async fn disabled_below(
        self,
        base: &str,
        among: Option<&str>,
        accounts: &mut Accounts<'_>,
        extent: &mut Extent,
    ) -> bool {
        let Some(disabled) = &self.config.schema.disabled_filter else {
            return false;
        };
        let among = among.unwrap_or_default();
        let filter = format!("(&{}{among}{disabled})", self.config.schema.user_filter);
        let mut found = HashSet::new();
        let mut malformed = Vec::new();
        let search = Search::subtree(base, &filter, &["1.1"]);
        let mut ending = self
            .connection
            .search(search, |entry| match Dn::parse(&entry.dn) {
                Ok(dn) => found.insert(dn),
                Err(why) => {
                    malformed.push(Malformed::without_name(entry.dn, why));
                    true
                }
            })
            .await;
        ending.malformed.append(&mut malformed);
        for dn in &found {
            if let Some(account) = accounts.find(dn) {
                accounts.restrict(account, Some(true));
            }
        }
        if let (Some(why), Ok(dn)) = (self.left_open(&ending), Dn::parse(base)) {
            extent.add(Gap {
                what: format!("disabled accounts below {base}"),
                why,
            });
            accounts.forget_active(&dn);
        }
        ending.trouble.is_some_and(|trouble| trouble.lost)
    }
}

impl Accounts<'_> {
    /// Takes over what the filter for disabled ones says of an account; `None` if that cannot be told.
    pub(super) fn restrict(&mut self, account: u32, disabled: Option<bool>) {
        let status = &mut self.list[account as usize].status;
        match disabled {
            Some(true) => *status = Some(AccountStatus::Disabled),
            None if *status == Some(AccountStatus::Active) => *status = None,
            None | Some(false) => {}
        }
    }

    /// Nobody below a base is known to be active any more.
    fn forget_active(&mut self, base: &Dn) {
        for (account, name) in self.list.iter_mut().zip(self.by_dn.names()) {
            if account.status == Some(AccountStatus::Active) && base.has_within(name) {
                account.status = None;
            }
        }
    }
}
