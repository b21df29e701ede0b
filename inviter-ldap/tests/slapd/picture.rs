//! What a directory answered, by names, to compare with what a test expects.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inviter_core::{
    IdentityProvider as _,
    directory::{Account, AccountStatus, Directory, Extent, Group, Member, ProviderId},
    provider::{ProviderError, ReadRequest},
    time::{FixedClock, Timestamp},
};
use inviter_ldap::{Bind, LdapConfig, LdapDirectory, Preset, Schema};
use inviter_testkit::Slapd;

/// 2026-11-26T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_694_400_000);

/// The configuration for a slapd of the testkit, as its administrator.
pub(crate) fn config(slapd: &Slapd, preset: Preset) -> LdapConfig {
    let bind = Bind::Simple {
        dn: slapd.admin_dn().to_owned(),
        password: slapd.admin_password().into(),
    };
    let mut config = LdapConfig::new(slapd.url(), bind, slapd.suffix(), Schema::new(preset));
    config.user_bases = vec![format!("ou=people,{}", slapd.suffix())];
    config.group_bases = vec![format!("ou=groups,{}", slapd.suffix())];
    config
}

pub(crate) fn provider(config: LdapConfig) -> LdapDirectory {
    LdapDirectory::new(ProviderId::new("people"), config, Arc::new(FixedClock(NOW)))
}

pub(crate) async fn read(config: &LdapConfig) -> Result<Picture, ProviderError> {
    let directory = provider(config.clone()).read(&ReadRequest::default()).await?;
    Ok(Picture(directory))
}

/// An answer, asked by names.
#[derive(Debug)]
pub(crate) struct Picture(pub(crate) Directory);

impl Picture {
    pub(crate) fn account(&self, uid: &str) -> Option<&Account> {
        let mut accounts = self.0.accounts.iter();
        accounts.find(|account| account.attributes.get("uid") == Some(uid))
    }

    #[track_caller]
    pub(crate) fn status(&self, uid: &str) -> Option<AccountStatus> {
        self.account(uid).unwrap().status
    }

    #[track_caller]
    pub(crate) fn group(&self, name: &str) -> &Group {
        let found = self.0.groups.iter().find(|group| &*group.name == name);
        found.unwrap_or_else(|| panic!("no group {name} in {:?}", self.names()))
    }

    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.groups.iter().map(|group| &*group.name).collect()
    }

    fn name_of(&self, member: &Member) -> String {
        match member {
            Member::Account(ix) => {
                let account = &self.0.accounts[ix.0 as usize];
                account.attributes.get("uid").unwrap_or(&account.key).to_owned()
            }
            Member::Group(ix) => self.0.groups[ix.0 as usize].name.to_string(),
            Member::Unresolved(text) => format!("?{text}"),
        }
    }

    /// Direct members, people and groups.
    #[track_caller]
    pub(crate) fn members(&self, group: &str) -> BTreeSet<String> {
        let members = &self.group(group).members.values;
        members.iter().map(|member| self.name_of(member)).collect()
    }

    #[track_caller]
    pub(crate) fn owners(&self, group: &str) -> BTreeSet<String> {
        let owners = &self.group(group).owners.values;
        owners.iter().map(|member| self.name_of(member)).collect()
    }

    /// By group: what is not known of its members.
    pub(crate) fn incomplete(&self) -> BTreeMap<&str, String> {
        let groups = self.0.groups.iter();
        groups
            .filter(|group| !group.members.extent.is_complete())
            .map(|group| (&*group.name, told(&group.members.extent)))
            .collect()
    }

    /// What is not known of the listing.
    pub(crate) fn listing(&self) -> String {
        told(&self.0.accounts_extent) + &told(&self.0.listing)
    }

    pub(crate) fn remarks(&self) -> String {
        let remarks: Vec<String> = self.0.remarks.iter().map(ToString::to_string).collect();
        remarks.join("\n")
    }

    /// Fails unless everything is known.
    #[track_caller]
    pub(crate) fn is_complete(&self) {
        assert_eq!(self.listing(), "");
        assert_eq!(self.incomplete(), BTreeMap::new());
        let owners = self.0.groups.iter().map(|group| told(&group.owners.extent));
        assert_eq!(owners.collect::<String>(), "");
    }
}

pub(crate) fn told(extent: &Extent) -> String {
    let gaps: Vec<String> = extent.gaps().iter().map(ToString::to_string).collect();
    gaps.join("\n")
}

/// A set of names.
pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[track_caller]
pub(crate) fn tells(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}
