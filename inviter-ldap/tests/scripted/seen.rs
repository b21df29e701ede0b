//! What a directory answered, by names, to compare with what a test expects.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::{
    directory::{Account, AccountStatus, Directory, Extent, Group, Member},
    provider::{ProviderError, ProviderErrorKind},
};

/// An answer, asked by names.
#[derive(Debug)]
pub(crate) struct Seen(pub(crate) Directory);

impl Seen {
    /// By group: `ada bob / cyd` for members and owners, with `…` behind those that are not all.
    pub(crate) fn picture(&self) -> BTreeMap<String, String> {
        let groups = self.0.groups.iter();
        let picture: BTreeMap<String, String> = groups
            .map(|group| {
                let nested = if group.nested_only { " (nested)" } else { "" };
                (format!("{}{nested}", group.name), self.draw(group))
            })
            .collect();
        assert_eq!(picture.len(), self.0.groups.len(), "groups of one name");
        picture
    }

    fn draw(&self, group: &Group) -> String {
        let members = self.part(&group.members.values, &group.members.extent);
        let owners = self.part(&group.owners.values, &group.owners.extent);
        if owners.is_empty() {
            members
        } else {
            format!("{members} / {owners}")
        }
    }

    fn part(&self, values: &[Member], extent: &Extent) -> String {
        let names: BTreeSet<String> = values.iter().map(|member| self.name_of(member)).collect();
        let unknown = (!extent.is_complete()).then(|| "…".to_owned());
        let parts: Vec<String> = names.into_iter().chain(unknown).collect();
        parts.join(" ")
    }

    fn name_of(&self, member: &Member) -> String {
        match member {
            Member::Account(ix) => login(&self.0.accounts[ix.0 as usize]),
            Member::Group(ix) => self.0.groups[ix.0 as usize].name.to_string(),
            Member::Unresolved(text) => format!("?{text}"),
        }
    }

    /// Fails unless these are all groups, with exactly these people; and each gap names something and gives a reason.
    #[track_caller]
    pub(crate) fn shows(&self, groups: &[(&str, &str)]) {
        let expected = groups.iter();
        let expected: BTreeMap<String, String> = expected
            .map(|(name, members)| ((*name).to_owned(), (*members).to_owned()))
            .collect();
        let parts = self.0.groups.iter();
        let extents = parts.flat_map(|group| [&group.members.extent, &group.owners.extent]);
        let gaps: Vec<_> = extents
            .chain([&self.0.listing, &self.0.accounts_extent])
            .flat_map(Extent::gaps)
            .collect();
        assert_eq!(self.picture(), expected, "{gaps:#?}");
        for gap in gaps {
            assert!(gap.what.len() > 3 && gap.why.len() > 10, "{gap:?}");
            let text = gap.to_string();
            assert!(text.chars().count() < 1500, "{text}");
            assert!(!text.contains(is_harmful), "{text:?}");
        }
    }

    #[track_caller]
    pub(crate) fn group(&self, name: &str) -> &Group {
        let found = self.0.groups.iter().find(|group| &*group.name == name);
        found.unwrap_or_else(|| panic!("no group {name} in {:?}", self.picture()))
    }

    /// What is not known of a group's members.
    #[track_caller]
    pub(crate) fn gaps(&self, group: &str) -> String {
        told(&self.group(group).members.extent)
    }

    #[track_caller]
    pub(crate) fn owner_gaps(&self, group: &str) -> String {
        told(&self.group(group).owners.extent)
    }

    /// What is not known of the lists of all people and all groups; empty if both are complete.
    pub(crate) fn listing(&self) -> String {
        let (people, groups) = (told(&self.0.accounts_extent), told(&self.0.listing));
        assert!(!people.contains("groups below"), "{people}");
        assert!(
            !groups.contains("people below") && !groups.contains("accounts below"),
            "{groups}"
        );
        [people, groups].join("\n").trim().to_owned()
    }

    pub(crate) fn remarks(&self) -> String {
        let remarks: Vec<String> = self.0.remarks.iter().map(ToString::to_string).collect();
        remarks.join("\n")
    }

    /// The login names of all accounts.
    pub(crate) fn people(&self) -> String {
        let people: BTreeSet<String> = self.0.accounts.iter().map(login).collect();
        people.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub(crate) fn account(&self, login_name: &str) -> &Account {
        let found = self
            .0
            .accounts
            .iter()
            .find(|account| login(account) == login_name);
        found.unwrap_or_else(|| panic!("no {login_name} among {}", self.people()))
    }

    #[track_caller]
    pub(crate) fn status(&self, login_name: &str) -> Option<AccountStatus> {
        self.account(login_name).status
    }
}

fn login(account: &Account) -> String {
    let attributes = &account.attributes;
    let login = attributes.get("uid").or_else(|| attributes.get("sAMAccountName"));
    login.unwrap_or(&account.key).to_owned()
}

/// What has no place in a line on a terminal.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

pub(crate) fn told(extent: &Extent) -> String {
    let gaps: Vec<String> = extent.gaps().iter().map(ToString::to_string).collect();
    gaps.join("\n")
}

#[track_caller]
pub(crate) fn tells(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

/// Fails unless nothing could be read, of this kind and with these words.
#[track_caller]
pub(crate) fn fails(read: Result<Seen, ProviderError>, kind: ProviderErrorKind, words: &[&str]) {
    let error = read.map(|seen| seen.picture()).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    let text = error.to_string();
    assert!(
        !text.contains(is_harmful) && text.chars().count() < 1500,
        "{text:?}"
    );
    tells(&text, words);
}
