//! Groups as they are listed: their names, and their member entries as far as they are known already.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::Hash,
};

use inviter_core::directory::{Extent, Gap, GroupKey};

use super::accounts::{Accounts, each_once, folded};
use crate::{
    Dn,
    config::LdapConfig,
    dn::push_canonical,
    entry::{Entry, Malformed, ValueRange},
    ids::{self, Sid},
    schema::PrimaryGroup,
    trouble::shortened,
};

/// Classes whose entries are groups, in lower case. A member that is one is expanded whatever the configured filter
/// says, which may fit groups of rooms only.
const GROUP_CLASSES: [&str; 8] = [
    "groupofnames",
    "groupofuniquenames",
    "groupofmembers",
    "groupofentries",
    "groupofurls",
    "posixgroup",
    "group",
    "ipausergroup",
];

/// The class of groups whose members a filter decides, in lower case.
const DYNAMIC: &str = "groupofurls";

/// Classes that their schemas demand a member of, in lower case (RFC 4519 sections 3.5 and 3.6).
const NEVER_EMPTY: [&str; 2] = ["groupofnames", "groupofuniquenames"];

/// How many members are looked for at a time.
const AT_ONCE: usize = 64;

/// The attributes with the members, by class in lower case.
const MEMBER_ATTRIBUTES: [(&str, &str); 6] = [
    ("groupofnames", "member"),
    ("groupofuniquenames", "uniqueMember"),
    ("groupofmembers", "member"),
    ("posixgroup", "memberUid"),
    ("group", "member"),
    ("ipausergroup", "member"),
];

/// One entry of a member list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// An account that is known.
    Account(u32),
    /// A name in [`Groups::names`], which is not known yet.
    Name(u32),
    /// A login name in [`Groups::logins`].
    Login(u32),
}

/// A list of members or owners.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) list: Vec<Slot>,
    pub(super) extent: Extent,
    /// A range of it that was handed out, with the attribute; the rest has to be asked for.
    pub(super) rest: Vec<(String, ValueRange)>,
    /// Entries that cannot be what they should be, shortened, with the reason.
    pub(super) unreadable: Vec<(String, String)>,
    /// How many entries there were.
    pub(super) entries: usize,
}

/// A group before its member entries are known.
#[derive(Debug)]
pub(super) struct GroupDraft {
    pub(super) key: GroupKey,
    pub(super) name: Box<str>,
    /// As the server writes it.
    pub(super) written: Box<str>,
    pub(super) dn: Dn,
    pub(super) nested_only: bool,
    pub(super) members: Slots,
    pub(super) owners: Slots,
    /// What accounts with this as their primary group have.
    pub(super) primary_mark: Option<Box<str>>,
}

/// A text that groups refer to, each once.
#[derive(Debug, Default)]
pub(super) struct Interned<K> {
    index: HashMap<K, u32>,
    pub(super) list: Vec<(K, Box<str>)>,
}

impl<K: Clone + Eq + Hash + Borrow<str>> Interned<K> {
    fn intern(&mut self, key: &str, make: impl FnOnce(&str) -> K, written: &str) -> u32 {
        if let Some(&known) = self.index.get(key) {
            return known;
        }
        let index = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let key = make(key);
        self.index.insert(key.clone(), index);
        self.list.push((key, written.into()));
        index
    }
}

/// The groups of a directory.
#[derive(Debug)]
pub(super) struct Groups<'c> {
    config: &'c LdapConfig,
    pub(super) list: Vec<GroupDraft>,
    by_dn: HashMap<Dn, u32>,
    /// Members and owners that are no accounts that were listed.
    pub(super) names: Interned<Dn>,
    /// Login names of members that no account has, as they are [`folded`].
    pub(super) logins: Interned<Box<str>>,
    /// Names that several groups have which are not the same.
    twofold: HashSet<Dn>,
    /// Entries that could not be read, since the last time that this was asked.
    pub(super) malformed: Vec<Malformed>,
}

impl<'c> Groups<'c> {
    pub(super) fn new(config: &'c LdapConfig) -> Self {
        Self {
            config,
            list: Vec::new(),
            by_dn: HashMap::new(),
            names: Interned {
                index: HashMap::new(),
                list: Vec::new(),
            },
            logins: Interned {
                index: HashMap::new(),
                list: Vec::new(),
            },
            twofold: HashSet::new(),
            malformed: Vec::new(),
        }
    }

    /// The attributes to ask for; no others.
    pub(super) fn attributes(&self) -> Vec<String> {
        let schema = &self.config.schema;
        let mut names = vec!["objectClass".to_owned(), schema.group_name.clone()];
        names.extend(schema.members.iter().cloned());
        names.extend(schema.member_logins.iter().cloned());
        names.extend(schema.owners.iter().cloned());
        names.extend(schema.ids.iter().cloned());
        match schema.primary_group {
            PrimaryGroup::Ignored => {}
            PrimaryGroup::PrimaryGroupId => names.push("objectSid".to_owned()),
            PrimaryGroup::GidNumber => names.push("gidNumber".to_owned()),
        }
        each_once(names)
    }

    pub(super) fn find(&self, dn: &Dn) -> Option<u32> {
        let known = self.by_dn.get(dn).copied();
        known.filter(|_| !self.twofold.contains(dn))
    }

    /// Whether several groups have a name that are not the same.
    pub(super) fn is_twofold(&self, dn: &Dn) -> bool {
        self.twofold.contains(dn)
    }

    /// Whether an entry is a group, whatever the filter for groups of rooms says; `None` if its classes are hidden.
    pub(super) fn is_group(&self, entry: &Entry) -> Option<bool> {
        let schema = &self.config.schema;
        let has_members = schema
            .members
            .iter()
            .chain(&schema.member_logins)
            .any(|name| !entry.values(name).is_empty() || entry.with_options(name).is_some());
        if has_members {
            return Some(true);
        }
        let classes = classes(entry);
        (!classes.is_empty()).then(|| classes.iter().any(|class| GROUP_CLASSES.contains(&&**class)))
    }

    /// Adds a group, unless it is there already.
    pub(super) fn add(&mut self, mut entry: Entry, nested_only: bool, accounts: &Accounts<'_>) -> bool {
        let dn = match Dn::parse(&entry.dn) {
            Ok(dn) => dn,
            Err(why) => {
                self.malformed.push(Malformed::without_name(entry.dn, why));
                return true;
            }
        };
        let schema = &self.config.schema;
        let name = entry.texts(&schema.group_name, &dn).first().copied();
        // A group without a name stands for no room, and still counts inside others.
        let name: Box<str> = name.unwrap_or_default().into();
        let key = ids::stable(&entry, &schema.ids).unwrap_or_else(|| dn.as_str().into());
        if let Some(&known) = self.by_dn.get(&dn) {
            let known = &self.list[known as usize];
            // As with accounts: the same once more, or another on a server that minds case.
            let same = *known.written == *entry.dn || known.name == name && known.key.as_str() == &*key;
            if !same && self.twofold.insert(dn) {
                self.malformed.push(Malformed::with_another(entry.dn));
            }
            return false;
        }
        let Ok(index) = u32::try_from(self.list.len()) else {
            return false;
        };
        let mut members = Slots::default();
        for attribute in &schema.members {
            self.dns(&mut members, &mut entry, attribute, accounts);
        }
        for attribute in &schema.member_logins {
            self.logins(&mut members, &mut entry, attribute, accounts);
        }
        let mut owners = Slots::default();
        for attribute in &schema.owners {
            self.dns(&mut owners, &mut entry, attribute, accounts);
        }
        if members.entries == 0 && members.rest.is_empty() {
            self.doubt_emptiness(&entry, &mut members);
        }
        if schema.primary_group == PrimaryGroup::GidNumber
            && entry.may_be("posixGroup")
            && entry.text("gidNumber").is_none()
        {
            members.extent.add(Gap {
                what: format!("members of {}", shortened(&entry.dn)),
                why: "not all known, since the group does not show its `gidNumber`; give the bot the right to read it"
                    .to_owned(),
            });
        }
        if name.is_empty() && !nested_only {
            self.malformed.push(Malformed::without_group_name(
                entry.dn.clone(),
                &schema.group_name,
            ));
        }
        self.list.push(GroupDraft {
            key: GroupKey::new(key),
            name,
            written: entry.dn.as_str().into(),
            dn: dn.clone(),
            nested_only,
            members,
            owners,
            primary_mark: self.mark(&entry),
        });
        self.by_dn.insert(dn, index);
        true
    }

    /// No member at all may mean that they are hidden, or elsewhere.
    fn doubt_emptiness(&self, entry: &Entry, members: &mut Slots) {
        let classes = classes(entry);
        let has = |class: &str| classes.iter().any(|own| own == class);
        let what = format!("members of {}", shortened(&entry.dn));
        if classes.is_empty() {
            // Each entry has one; what else is not shown cannot be told.
            members.extent.add(Gap {
                what,
                why: "not shown, and neither is what kind of group it is; give the bot the right to read \
                      `objectClass` and the members"
                    .to_owned(),
            });
        } else if has(DYNAMIC) {
            members.extent.add(Gap {
                what,
                why: "decided by a filter (memberURL), which is not followed; have the server show them as members"
                    .to_owned(),
            });
        } else if let Some(attribute) = self.not_asked_for(&classes) {
            members.extent.add(Gap {
                what,
                why: format!(
                    "in an attribute that is not asked for; add `{attribute}` to `members`, or to `member_logins` if it \
                     holds login names"
                ),
            });
        } else if !self.config.schema.empty_groups && NEVER_EMPTY.iter().any(|class| has(class)) {
            members.extent.add(Gap {
                what,
                why: "not shown, and a group of its class always has one; give the bot the right to read them, or \
                      set `empty_groups = true` if the server lets such groups be empty"
                    .to_owned(),
            });
        }
    }

    /// The attribute with the members of groups of these classes, if none of theirs is configured.
    fn not_asked_for(&self, classes: &[String]) -> Option<&'static str> {
        let schema = &self.config.schema;
        let is_asked = |attribute: &str| {
            let asked = schema.members.iter().chain(&schema.member_logins);
            asked.into_iter().any(|name| name.eq_ignore_ascii_case(attribute))
        };
        let own = MEMBER_ATTRIBUTES
            .iter()
            .filter(|(class, _)| classes.iter().any(|own| own == class));
        let own: Vec<&'static str> = own.map(|(_, attribute)| *attribute).collect();
        (!own.iter().any(|attribute| is_asked(attribute))).then(|| own.first().copied())?
    }

    /// Whether there are groups, and none of them shows a member.
    pub(super) fn no_member_is_shown(&self) -> bool {
        let shows = |group: &GroupDraft| group.members.entries > 0 || !group.members.extent.is_complete();
        !self.list.is_empty() && !self.list.iter().any(shows)
    }

    fn mark(&self, entry: &Entry) -> Option<Box<str>> {
        match self.config.schema.primary_group {
            PrimaryGroup::Ignored => None,
            PrimaryGroup::GidNumber => Some(entry.text("gidNumber")?.trim().into()),
            PrimaryGroup::PrimaryGroupId => {
                let sid = Sid::read(entry.values("objectSid").first()?)?;
                Some(sid.to_string().into())
            }
        }
    }

    /// Takes over the entries of an attribute with DNs.
    fn dns(&mut self, slots: &mut Slots, entry: &mut Entry, attribute: &str, accounts: &Accounts<'_>) {
        let values = entry.take(attribute);
        self.add_dns(slots, &values, accounts);
        if let Some(range) = entry.take_range(attribute) {
            if range.end.is_some() || range.start != 0 {
                slots.rest.push((attribute.to_owned(), range));
            } else {
                self.add_dns(slots, &range.values, accounts);
            }
        }
        not_understood(slots, entry, attribute);
    }

    /// Takes over entries that are DNs.
    pub(super) fn add_dns(&mut self, slots: &mut Slots, values: &[Vec<u8>], accounts: &Accounts<'_>) {
        slots.list.reserve(values.len());
        slots.entries += values.len();
        for values in values.chunks(AT_ONCE) {
            let (mut canonical, mut read) = (String::new(), Vec::with_capacity(values.len()));
            for value in values {
                let start = canonical.len();
                let text = std::str::from_utf8(value).map(without_uid);
                let text = text.map_err(|_| "it is not UTF-8".to_owned());
                let text = text.and_then(|text| match push_canonical(text, &mut canonical) {
                    Ok(()) => Ok(text),
                    Err(why) => Err(why.to_string()),
                });
                match text {
                    Ok(text) => read.push((text, start..canonical.len())),
                    Err(why) => slots.unreadable.push((
                        shortened(&String::from_utf8_lossy(value)),
                        format!("the name of nothing, since {why}; to be corrected or removed"),
                    )),
                }
            }
            let names: Vec<&str> = read.iter().map(|(_, range)| &canonical[range.clone()]).collect();
            let found = accounts.find_all(&names).into_iter().zip(names).zip(read);
            slots.list.extend(found.map(|((account, name), (written, _))| {
                account.map_or_else(
                    || Slot::Name(self.names.intern(name, Dn::of_canonical, written)),
                    Slot::Account,
                )
            }));
        }
    }

    /// Takes over the entries of an attribute with login names.
    fn logins(&mut self, slots: &mut Slots, entry: &mut Entry, attribute: &str, accounts: &Accounts<'_>) {
        for value in entry.take(attribute) {
            slots.entries += 1;
            let Ok(login) = std::str::from_utf8(&value) else {
                slots.unreadable.push((
                    shortened(&String::from_utf8_lossy(&value)),
                    "cannot be login names, since they are not UTF-8; correct or remove them".to_owned(),
                ));
                continue;
            };
            let key = folded(login);
            slots.list.push(match accounts.find_login(&key) {
                Some(Ok(account)) => Slot::Account(account),
                // Asked for, or told of, with all the others.
                _ => Slot::Login(self.logins.intern(&key, |key| key.into(), login)),
            });
        }
        not_understood(slots, entry, attribute);
    }
}

/// Values in a form with options that nobody asked for may be any.
fn not_understood(slots: &mut Slots, entry: &Entry, attribute: &str) {
    if let Some(full) = entry.with_options(attribute) {
        slots.extent.add(Gap {
            what: format!("`{}` of {}", shortened(full), shortened(&entry.dn)),
            why: "a form of the attribute that is not understood; have the server show it in its plain form"
                .to_owned(),
        });
    }
}

fn classes(entry: &Entry) -> Vec<String> {
    entry
        .values("objectClass")
        .iter()
        .map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
        .collect()
}

/// A value of `uniqueMember` without the bit string that may follow the name (RFC 4517 section 3.3.21).
fn without_uid(value: &str) -> &str {
    let Some((dn, uid)) = value.rsplit_once('#') else {
        return value;
    };
    let bits = uid
        .strip_prefix('\'')
        .and_then(|uid| uid.strip_suffix("'B").or_else(|| uid.strip_suffix("'b")));
    match bits {
        Some(bits) if bits.bytes().all(|bit| matches!(bit, b'0' | b'1')) => dn,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::without_uid;

    #[test]
    fn names_with_a_uid_behind() {
        assert_eq!(without_uid("uid=a,dc=x#'0101'B"), "uid=a,dc=x");
        assert_eq!(without_uid("uid=a,dc=x#''B"), "uid=a,dc=x");
        assert_eq!(without_uid("uid=a,dc=x"), "uid=a,dc=x");
        assert_eq!(without_uid("cn=a#b,dc=x"), "cn=a#b,dc=x");
        assert_eq!(without_uid("cn=a#'012'B"), "cn=a#'012'B");
    }
}
