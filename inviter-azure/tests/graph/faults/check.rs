//! What holds for each answer, whatever has gone wrong.

use std::collections::{BTreeMap, BTreeSet};

use inviter_core::directory::{AccountStatus, Directory, Group, Member};

use crate::{facts::Facts, harness::Picture};

/// What is wrong with an answer: somebody is missing from what is called complete, or in it without a right.
pub(crate) fn lost(picture: &Picture, truth: &Facts) -> Vec<String> {
    let directory = &picture.directory;
    let groups: BTreeMap<&str, &Group> = directory
        .groups
        .iter()
        .map(|group| (group.key.as_str(), group))
        .collect();
    let mut wrong = Vec::new();
    for (id, group) in &truth.groups {
        let Some(found) = groups.get(id.as_str()) else {
            if group.room && directory.listing.is_complete() {
                wrong.push(format!("{} is missing from a complete listing", group.name));
            }
            continue;
        };
        let lists = [
            ("members", everybody(directory, found), everybody_of(truth, id)),
            ("owners", owners(directory, found), group.owners.clone()),
        ];
        for (what, (people, complete), all) in lists {
            if !people.is_subset(&all) || complete && people != all {
                wrong.push(format!(
                    "{what} of {} (complete: {complete}): {people:?}, not {all:?}",
                    group.name
                ));
            }
        }
    }
    for group in &directory.groups {
        if !truth.groups.contains_key(group.key.as_str()) {
            wrong.push(format!("{} is no group", group.name));
        }
    }
    for account in &directory.accounts {
        let active = account.status == Some(AccountStatus::Active);
        match truth.people.get(&*account.key) {
            Some(person) if person.active == active && person.name == account.shown() => {}
            other => wrong.push(format!("{} (active: {active}) is {other:?}", account.shown())),
        }
    }
    let all = truth.people.len();
    if directory.accounts_extent.is_complete()
        && directory.listing.is_complete()
        && directory.accounts.len() != all
    {
        wrong.push(format!(
            "{} of {all} people are called all",
            directory.accounts.len()
        ));
    }
    wrong
}

/// Everybody in a group, as deep as it goes, and whether that is all.
fn everybody(directory: &Directory, group: &Group) -> (BTreeSet<String>, bool) {
    let (mut people, mut complete) = (BTreeSet::new(), true);
    let mut seen = BTreeSet::new();
    let mut open = vec![group];
    while let Some(group) = open.pop() {
        if !seen.insert(&group.key) {
            continue;
        }
        complete &= group.members.extent.is_complete();
        for member in &group.members.values {
            match member {
                Member::Account(at) => _ = people.insert(directory.accounts[at.0 as usize].key.to_string()),
                Member::Group(at) => open.push(&directory.groups[at.0 as usize]),
                Member::Unresolved(_) => complete = false,
            }
        }
    }
    (people, complete)
}

fn owners(directory: &Directory, group: &Group) -> (BTreeSet<String>, bool) {
    let mut complete = group.owners.extent.is_complete();
    let mut people = BTreeSet::new();
    for owner in &group.owners.values {
        match owner {
            Member::Account(at) => _ = people.insert(directory.accounts[at.0 as usize].key.to_string()),
            Member::Group(_) | Member::Unresolved(_) => complete = false,
        }
    }
    (people, complete)
}

fn everybody_of(truth: &Facts, group: &str) -> BTreeSet<String> {
    let mut people = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![group];
    while let Some(id) = open.pop() {
        let Some(group) = truth.groups.get(id).filter(|_| seen.insert(id)) else {
            continue;
        };
        for member in &group.members {
            if truth.groups.contains_key(member) {
                open.push(member);
            } else {
                people.insert(member.clone());
            }
        }
    }
    people
}
