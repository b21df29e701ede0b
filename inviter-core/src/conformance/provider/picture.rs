//! An answer by names instead of indices, and its comparison with a population.

use std::collections::{BTreeMap, BTreeSet};

use super::{ProviderHarness, disabled};
use crate::directory::{Directory, Member};

/// An answer by names.
pub(super) struct Picture {
    /// Login names → how often, and whether disabled.
    people: BTreeMap<String, Vec<Option<bool>>>,
    groups: BTreeMap<String, Vec<Seen>>,
}

/// One group of an answer.
struct Seen {
    /// Everyone in it by any way.
    members: BTreeSet<String>,
    members_complete: bool,
    owners: BTreeSet<String>,
    owners_complete: bool,
}

impl Picture {
    pub(super) fn new(harness: &dyn ProviderHarness, directory: &Directory) -> Self {
        let logins: Vec<Option<String>> = directory.accounts.iter().map(|a| harness.login(a)).collect();
        let mut people: BTreeMap<String, Vec<Option<bool>>> = BTreeMap::new();
        for (account, login) in directory.accounts.iter().zip(&logins) {
            if let Some(login) = login {
                people.entry(login.clone()).or_default().push(disabled(account));
            }
        }
        let mut groups: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        for group in &directory.groups {
            let (members, members_complete) =
                closure(directory, &logins, &group.members.values, group.flattened);
            let (owners, owners_complete) = closure(directory, &logins, &group.owners.values, false);
            groups.entry(group.name.to_string()).or_default().push(Seen {
                members,
                members_complete: members_complete && group.members.extent.is_complete(),
                owners,
                owners_complete: owners_complete && group.owners.extent.is_complete(),
            });
        }
        Self { people, groups }
    }
}

/// Everyone whom a list leads to, and whether that is all.
fn closure(
    directory: &Directory,
    logins: &[Option<String>],
    entries: &[Member],
    flattened: bool,
) -> (BTreeSet<String>, bool) {
    let (mut people, mut complete) = (BTreeSet::new(), true);
    let mut seen = BTreeSet::new();
    let mut lists = vec![(entries, flattened)];
    while let Some((entries, flattened)) = lists.pop() {
        for member in entries {
            match member {
                Member::Account(ix) => people.extend(logins.get(ix.0 as usize).cloned().flatten()),
                Member::Group(_) if flattened => {}
                Member::Group(ix) => {
                    if let Some(group) = directory.groups.get(ix.0 as usize)
                        && seen.insert(*ix)
                    {
                        complete &= group.members.extent.is_complete();
                        lists.push((&group.members.values, group.flattened));
                    }
                }
                Member::Unresolved(_) => complete = false,
            }
        }
    }
    (people, complete)
}

/// The differences, as sentences.
pub(super) mod compare {
    use std::collections::BTreeSet;

    use super::{Picture, Seen};
    use crate::conformance::provider::{GroupEntry, Population};

    /// How many names a failure lists.
    const LISTED: usize = 5;

    pub(in super::super) fn people(picture: &Picture, population: &Population) -> Vec<String> {
        let mut failures = Vec::new();
        for person in &population.people {
            match picture.people.get(&person.login).map_or(0, Vec::len) {
                1 => {}
                0 => failures.push(format!("{} is not there", person.login)),
                times => failures.push(format!("{} is there {times} times", person.login)),
            }
        }
        let expected: BTreeSet<&str> = population.people.iter().map(|p| p.login.as_str()).collect();
        let extra = picture
            .people
            .keys()
            .filter(|login| !expected.contains(login.as_str()));
        failures.extend(extra.map(|login| format!("{login} is there and should not be")));
        cut(failures)
    }

    pub(in super::super) fn groups(picture: &Picture, population: &Population) -> Vec<String> {
        let mut failures = Vec::new();
        for group in &population.groups {
            match picture.groups.get(&group.name).map_or(0, Vec::len) {
                1 => {}
                0 => failures.push(format!("group {} is not there", group.name)),
                times => failures.push(format!("group {} is there {times} times", group.name)),
            }
        }
        let expected: BTreeSet<&str> = population.groups.iter().map(|g| g.name.as_str()).collect();
        let extra = picture
            .groups
            .keys()
            .filter(|name| !expected.contains(name.as_str()));
        failures.extend(extra.map(|name| format!("group {name} is there and should not be")));
        cut(failures)
    }

    pub(in super::super) fn members(picture: &Picture, population: &Population) -> Vec<String> {
        each(picture, population, |group, seen| {
            sets(
                "members",
                group,
                &expected_members(population, group),
                &seen.members,
            )
        })
    }

    pub(in super::super) fn owners(picture: &Picture, population: &Population) -> Vec<String> {
        each(picture, population, |group, seen| {
            let expected = group.owners.iter().map(String::as_str).collect();
            sets("owners", group, &expected, &seen.owners)
        })
    }

    pub(in super::super) fn status(picture: &Picture, population: &Population) -> Vec<String> {
        let mut failures = Vec::new();
        for person in &population.people {
            for said in picture.people.get(&person.login).into_iter().flatten() {
                match said {
                    None => failures.push(format!("it is not known whether {} is disabled", person.login)),
                    Some(said) if *said != person.disabled => {
                        let is = if person.disabled { "disabled" } else { "active" };
                        failures.push(format!("{} is {is}, and the answer says otherwise", person.login));
                    }
                    Some(_) => {}
                }
            }
        }
        cut(failures)
    }

    /// Members and owners that are missing from what claims to be complete.
    pub(in super::super) fn lost_unseen(picture: &Picture, population: &Population) -> Vec<String> {
        each(picture, population, |group, seen| {
            let mut failures = Vec::new();
            if seen.members_complete {
                let expected = expected_members(population, group);
                failures.extend(sets("members", group, &expected, &seen.members));
            }
            if seen.owners_complete {
                let expected = group.owners.iter().map(String::as_str).collect();
                failures.extend(sets("owners", group, &expected, &seen.owners));
            }
            failures
        })
    }

    fn each(
        picture: &Picture,
        population: &Population,
        check: impl Fn(&GroupEntry, &Seen) -> Vec<String>,
    ) -> Vec<String> {
        let seen = population.groups.iter().flat_map(|group| {
            let seen = picture.groups.get(&group.name).into_iter().flatten();
            seen.map(move |seen| (group, seen))
        });
        cut(seen.flat_map(|(group, seen)| check(group, seen)).collect())
    }

    /// Everyone in a group by any way.
    fn expected_members<'p>(population: &'p Population, group: &'p GroupEntry) -> BTreeSet<&'p str> {
        let mut people = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut queue = vec![group];
        while let Some(group) = queue.pop() {
            if seen.insert(&group.name) {
                people.extend(group.members.iter().map(String::as_str));
                queue.extend(
                    population
                        .groups
                        .iter()
                        .filter(|g| group.groups.contains(&g.name)),
                );
            }
        }
        people
    }

    fn sets(
        what: &str,
        group: &GroupEntry,
        expected: &BTreeSet<&str>,
        seen: &BTreeSet<String>,
    ) -> Vec<String> {
        let missing = expected.iter().filter(|name| !seen.contains(**name)).copied();
        let extra = seen
            .iter()
            .map(String::as_str)
            .filter(|name| !expected.contains(name));
        let mut failures = Vec::new();
        for (verb, names) in [
            ("lacks", missing.collect::<Vec<_>>()),
            ("has extra", extra.collect()),
        ] {
            if !names.is_empty() {
                let listed: Vec<&str> = names.iter().take(LISTED).copied().collect();
                let count = names.len();
                failures.push(format!(
                    "group {} {verb} {count} {what}: {}",
                    group.name,
                    listed.join(", ")
                ));
            }
        }
        failures
    }

    fn cut(mut failures: Vec<String>) -> Vec<String> {
        let more = failures.len().saturating_sub(LISTED);
        failures.truncate(LISTED);
        if more > 0 {
            failures.push(format!("and {more} more"));
        }
        failures
    }
}
