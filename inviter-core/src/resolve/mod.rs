//! From directories to desired rooms: minting, nesting, decoding, owners, the explicit list.
//!
//! [`resolve`] is pure and deterministic: neither the order of accounts, groups and members nor that of the
//! directories changes its answer. What was not read stays visible in it as [`Extent::AtLeast`], from the group
//! that has the gap up to every room that it feeds.

mod accounts;
mod drafts;
mod gaps;
mod graph;
mod names;
mod path;
mod people;
mod seats;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use self::accounts::directory_of;
pub use self::{
    accounts::{KnownAccount, accounts_of},
    path::{membership_paths, ways_to, ways_to_owners},
};
use self::{drafts::Drafts, gaps::GapSet, graph::Nesting, people::People, seats::Seating};
use crate::{
    beginning::beginning,
    desired::{Desired, GroupRef, SourceOutcome},
    directory::{AccountStatus, Directory, Extent, Gap, Member, ProviderId},
    finding::{Finding, FindingKind, Subject},
    policy::{Policy, SourcePolicy},
    provider::ProviderError,
};

/// What reading one directory came to.
#[derive(Debug)]
pub struct ReadOutcome {
    /// Which directory.
    pub provider: ProviderId,
    /// What it answered.
    pub result: Result<Directory, ProviderError>,
}

/// Turns what the directories answered into the rooms that they want.
///
/// The order of [`Policy::sources`] counts, not that of `directories`. A configured directory that is absent from
/// `directories` is unread; one that is not configured is left out with a finding.
pub fn resolve(directories: &[ReadOutcome], policy: &Policy) -> Desired {
    let mut findings = Vec::new();
    let mut outcomes = Vec::with_capacity(policy.sources.len());
    let mut sources = Vec::new();
    for source in &policy.sources {
        let read = directories.iter().find(|read| read.provider == source.provider);
        match read.map(|read| &read.result) {
            Some(Ok(directory)) => {
                let source = Source::new(source, directory, &mut findings);
                outcomes.push(source.outcome());
                sources.push(source);
            }
            failed => {
                let error = failed.and_then(|result| result.as_ref().err());
                let error = error.map_or_else(|| "it was not asked".to_owned(), ToString::to_string);
                outcomes.push(unread(&source.provider, error, &mut findings));
            }
        }
    }
    for read in directories {
        if !outcomes.iter().any(|outcome| outcome.provider == read.provider) {
            let error = "it is not in the configuration".to_owned();
            outcomes.push(unread(&read.provider, error, &mut findings));
        }
    }
    let mut desired = resolve_sources(&sources, &outcomes, policy, &mut findings);
    findings.extend(nothing_wanted(&desired, &outcomes));
    // One order for all, whatever stage they came from.
    findings.sort_unstable();
    findings.dedup();
    desired.findings = findings;
    desired.sources = outcomes;
    desired
}

fn resolve_sources(
    sources: &[Source<'_>],
    outcomes: &[SourceOutcome],
    policy: &Policy,
    findings: &mut Vec<Finding>,
) -> Desired {
    let unread: Vec<&ProviderId> = outcomes
        .iter()
        .filter(|outcome| outcome.listing.is_none())
        .map(|outcome| &outcome.provider)
        .collect();
    let explicit = sources.iter().flat_map(|source| &source.directory.rooms);
    let listed = policy.listed_rooms();
    let fixed = listed.iter().chain(explicit).flat_map(|spec| &spec.members);
    let people = People::collect(sources, fixed.map(|m| m.user_id.clone()), policy, findings);
    let nestings: Vec<Nesting> = sources
        .iter()
        .zip(&people.slots)
        .map(|(source, slots)| Nesting::new(source.directory, slots))
        .collect();
    for (source, nesting) in sources.iter().zip(&nestings) {
        report_nesting(source, nesting, findings);
    }
    let drafts = Drafts::new(sources, &policy.scope, findings).collect(&listed, &unread);
    let mut seating = Seating::new(sources, &nestings, &people, policy);
    let rooms = drafts
        .iter()
        .map(|(room, draft)| seating.room(room, draft))
        .collect();
    findings.append(&mut seating.findings);
    report_owners(sources, &nestings, &seating.owner_gaps, findings);
    let groups = group_extents(sources, &nestings, &seating.owner_gaps);
    Desired {
        people: people.people,
        rooms,
        groups,
        ..Desired::default()
    }
}

/// One directory that was read, with what the policy says of it.
#[derive(Debug)]
struct Source<'a> {
    provider: &'a ProviderId,
    policy: &'a SourcePolicy,
    directory: &'a Directory,
    /// The directory's own word on accounts and groups, but that an answer without any of them is not believed.
    listing: Extent,
    /// The same on groups alone: whether one that is not there may still be.
    groups_listed: bool,
    /// The groups' names, which references share.
    names: Vec<Arc<str>>,
}

impl<'a> Source<'a> {
    fn new(policy: &'a SourcePolicy, directory: &'a Directory, findings: &mut Vec<Finding>) -> Self {
        let provider = &policy.provider;
        let mut listing = GapSet::default();
        listing.absorb_extent(&directory.listing, &format!("directory {provider}"));
        // Groups that others contain were asked for one by one; a search that found none is what is doubted.
        let no_groups = directory.groups.iter().all(|group| group.nested_only);
        let groups_listed = listing.is_empty() && !no_groups;
        // Where accounts come with the groups that they are in, those tell what is missing.
        if !directory.only_grouped_accounts {
            listing.absorb_extent(
                &directory.accounts_extent,
                &format!("accounts of directory {provider}"),
            );
        }
        if !listing.is_empty() {
            let extent = listing.to_extent();
            let all = extent.gaps();
            let told: Vec<String> = all.iter().take(LISTED).map(ToString::to_string).collect();
            let more = match all.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let gaps = told.join("; ");
            // Accounts that are missing hide no group.
            let so = match &directory.listing {
                Extent::Complete => "",
                Extent::AtLeast(_) => ", so no group of it counts as gone",
            };
            findings.push(Finding::new(
                Subject::Directory(provider.clone()),
                FindingKind::Incomplete,
                format!("directory {provider} was not listed completely{so}: {gaps}{more}"),
            ));
        }
        findings.extend(directory.remarks.iter().map(|remark| {
            let message = format!("directory {provider}: {remark}");
            Finding::new(
                Subject::Directory(provider.clone()),
                FindingKind::DirectoryRemark,
                message,
            )
        }));
        let empty = [("accounts", directory.accounts.is_empty()), ("groups", no_groups)];
        for (what, _) in empty.into_iter().filter(|(_, empty)| *empty) {
            // Lost read rights look like an empty answer, on OpenLDAP and Active Directory alike.
            let why = format!(
                "directory {provider} answered without any {what}; check what is configured to be read, and the rights"
            );
            listing.absorb(&GapSet::one(format!("{what} of directory {provider}"), &*why));
            findings.push(Finding::new(
                Subject::Directory(provider.clone()),
                FindingKind::Incomplete,
                format!("{why}; nobody is removed on the strength of that"),
            ));
        }
        Self {
            provider,
            policy,
            directory,
            listing: listing.to_extent(),
            groups_listed,
            names: directory
                .groups
                .iter()
                .map(|group| Arc::from(&*group.name))
                .collect(),
        }
    }

    fn outcome(&self) -> SourceOutcome {
        let active = |status| status == Some(AccountStatus::Active);
        let count = self
            .directory
            .accounts
            .iter()
            .filter(|a| active(a.status))
            .count();
        SourceOutcome {
            provider: self.provider.clone(),
            listing: Some(self.listing.clone()),
            active_accounts: count as u64,
            size_known: self.directory.accounts_extent.is_complete(),
            only_grouped_accounts: self.directory.only_grouped_accounts,
            error: None,
        }
    }

    fn group_ref(&self, group: u32) -> GroupRef {
        let at = group as usize;
        let group = &self.directory.groups[at];
        GroupRef {
            provider: self.provider.clone(),
            key: group.key.clone(),
            name: Arc::clone(&self.names[at]),
        }
    }

    /// By account: whether any group names it.
    fn accounts_in_groups(&self) -> Vec<bool> {
        let mut named = vec![false; self.directory.accounts.len()];
        let parts = self.directory.groups.iter().flat_map(|g| [&g.members, &g.owners]);
        for member in parts.flat_map(|part| &part.values) {
            if let Member::Account(ix) = member
                && let Some(named) = named.get_mut(ix.0 as usize)
            {
                *named = true;
            }
        }
        named
    }
}

/// That no room at all is wanted. Nobody means that, and without a word it would look as if all were well.
fn nothing_wanted(desired: &Desired, outcomes: &[SourceOutcome]) -> Option<Finding> {
    // What was not read may want rooms, and is told as such.
    if !desired.rooms.is_empty() || outcomes.iter().any(|outcome| outcome.listing.is_none()) {
        return None;
    }
    let names = outcomes.iter().map(|outcome| outcome.provider.as_str());
    let names = if outcomes.is_empty() {
        "any directory".to_owned()
    } else {
        several("directory", "the directories", names)
    };
    let message = format!(
        "no group of {names} stands for a room, and the configuration lists none; name groups like \
         `MTRX #room:example.com`, or list rooms with their groups as [[room]]"
    );
    Some(Finding::new(Subject::Run, FindingKind::NothingWanted, message))
}

fn unread(provider: &ProviderId, error: String, findings: &mut Vec<Finding>) -> SourceOutcome {
    findings.push(Finding::new(
        Subject::Directory(provider.clone()),
        FindingKind::DirectoryUnread,
        format!(
            "directory {provider} could not be read ({error}); nobody is removed from the rooms that it feeds"
        ),
    ));
    SourceOutcome {
        provider: provider.clone(),
        listing: None,
        active_accounts: 0,
        size_known: false,
        only_grouped_accounts: false,
        error: Some(error),
    }
}

fn report_nesting(source: &Source<'_>, nesting: &Nesting, findings: &mut Vec<Finding>) {
    let groups = &source.directory.groups;
    for cycle in &nesting.cycles {
        let names = cycle.iter().map(|&g| &*groups[g as usize].name);
        let message = match cycle.as_slice() {
            [one] => format!(
                "the group {} contains itself; this is harmless",
                groups[*one as usize].name
            ),
            _ => format!(
                "{} contain each other; this is harmless",
                several("group", "groups", names)
            ),
        };
        let first = cycle.iter().map(|&g| source.group_ref(g)).min();
        findings.extend(first.map(|g| Finding::new(Subject::Group(g), FindingKind::Cycle, message)));
    }
    let incomplete: Vec<usize> = (0..groups.len())
        .filter(|&g| !nesting.unread[g].is_empty())
        .collect();
    if !incomplete.is_empty() {
        let mut gaps = GapSet::default();
        for &group in &incomplete {
            gaps.absorb(&nesting.unread[group]);
        }
        let names = several("group", "groups", incomplete.iter().map(|&g| &*groups[g].name));
        let gaps: Vec<String> = gaps.listed().take(LISTED).map(ToString::to_string).collect();
        findings.push(Finding::new(
            Subject::Directory(source.provider.clone()),
            FindingKind::Incomplete,
            format!(
                "not everything could be read of {names} of directory {}, so nobody is removed from the rooms that they feed: {}",
                source.provider,
                gaps.join("; ")
            ),
        ));
    }
}

/// Owners who are not known, as far as it was not told already what is missing.
fn report_owners(
    sources: &[Source<'_>],
    nestings: &[Nesting],
    owner_gaps: &BTreeMap<(usize, u32), GapSet>,
    findings: &mut Vec<Finding>,
) {
    for (at, (source, nesting)) in sources.iter().zip(nestings).enumerate() {
        let told = nesting.unread.iter().flat_map(GapSet::listed);
        let told: BTreeSet<&Gap> = told.chain(source.listing.gaps()).collect();
        let mut gaps: Vec<String> = Vec::new();
        let mut groups: Vec<&str> = Vec::new();
        for (&(_, group), of_owners) in owner_gaps.range((at, 0)..=(at, u32::MAX)) {
            let untold = of_owners.listed().filter(|gap| !told.contains(gap));
            let before = gaps.len();
            gaps.extend(untold.map(ToString::to_string));
            if gaps.len() > before {
                groups.extend(source.names.get(group as usize).map(|name| &**name));
            }
        }
        if groups.is_empty() {
            continue;
        }
        gaps.dedup();
        gaps.truncate(LISTED);
        let provider = source.provider;
        findings.push(Finding::new(
            Subject::Directory(provider.clone()),
            FindingKind::Incomplete,
            format!(
                "not all owners could be read of {} of directory {provider}, so no owner is lowered in the rooms that \
                 they feed: {}",
                several("group", "groups", groups.into_iter()),
                gaps.join("; ")
            ),
        ));
    }
}

/// Every listed group with all that is not known about it.
fn group_extents(
    sources: &[Source<'_>],
    nestings: &[Nesting],
    owner_gaps: &BTreeMap<(usize, u32), GapSet>,
) -> BTreeMap<GroupRef, Extent> {
    let mut groups: Vec<(u128, GroupRef, Extent)> = Vec::new();
    for (at, (source, nesting)) in sources.iter().zip(nestings).enumerate() {
        groups.reserve(source.directory.groups.len());
        for group in 0..source.directory.groups.len() {
            if source.directory.groups[group].nested_only {
                // It may have stood for a room before; that it is still there as a part of others says nothing of that.
                continue;
            }
            let Some(group) = people::index(group) else { break };
            let mut gaps = nesting.gaps(group).clone();
            if let Some(more) = owner_gaps.get(&(at, group)) {
                gaps.absorb(more);
            }
            let reference = source.group_ref(group);
            let start = beginning(reference.key.as_str().as_bytes());
            groups.push((start, reference, gaps.to_extent()));
        }
    }
    // A map is quickly made of what is in order.
    groups.sort_by(|(a_start, a, _), (b_start, b, _)| {
        let keys = a_start.cmp(b_start).then_with(|| a.key.cmp(&b.key));
        a.provider.cmp(&b.provider).then(keys)
    });
    // Two groups of one key are a fault of the provider; what is missing from either is missing.
    groups.dedup_by(|(_, other, extent), (_, kept, known)| {
        let same = other == kept;
        if same {
            known.absorb(extent);
        }
        same
    });
    groups
        .into_iter()
        .map(|(_, group, extent)| (group, extent))
        .collect()
}

/// How many names a sentence lists.
const LISTED: usize = 5;

/// `account a`, `accounts a, b`, or `12 accounts (a, b, c, d, e and 7 more)`; in order, each once.
fn several<S: AsRef<str> + Ord>(one: &str, many: &str, names: impl Iterator<Item = S>) -> String {
    let mut names: Vec<S> = names.collect();
    names.sort_unstable();
    names.dedup();
    let total = names.len();
    let listed: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    let listed = listed.join(", ");
    match total {
        1 => format!("{one} {listed}"),
        _ if total <= LISTED => format!("{many} {listed}"),
        _ => format!("{total} {many} ({listed} and {} more)", total - LISTED),
    }
}
