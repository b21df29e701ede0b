//! The evidence behind actions that is not stored with them: what the directories say of people who lose something,
//! and by which ways of nesting people are in groups. Pure, and worked out for the actions at hand alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma_common::{OwnedUserId, UserId};

use crate::{
    action::{Action, Op, Why},
    decode::Decoded,
    desired::{Feed, FeedRole},
    directory::{AccountIx, AccountStatus, Directory, GroupIx, ProviderId},
    guard::is_loss,
    levels::LevelSlot,
    policy::Policy,
    report::RoomReport,
    resolve::{KnownAccount, ReadOutcome, accounts_of, directory_of, ways_to, ways_to_owners},
};

/// A way of nesting, as names of groups: the one that feeds the room first, the one that names the account last.
pub type Way = Arc<[Box<str>]>;

/// What the directories say behind the actions of a plan or report.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    accounts: BTreeMap<OwnedUserId, Vec<KnownAccount>>,
    incomplete: Vec<ProviderId>,
    /// A directory has accounts that it does not tell.
    only_grouped: bool,
    ways: BTreeMap<Feed, BTreeMap<OwnedUserId, Way>>,
}

/// What all directories together say of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountWord {
    /// A directory has an active account.
    Active,
    /// There are accounts, and all are disabled.
    Disabled,
    /// No directory has an account, and all were read.
    Absent,
    /// No directory has an account in any group, and all were read; a directory does not tell other accounts.
    Ungrouped,
    /// A directory does not say whether the account may be used, or was not read completely.
    Unknown,
}

impl Evidence {
    /// Looks up whom the actions of these rooms take something from, and, with `ways`, how people are in the groups
    /// that bring them. `directories` are those that the plan was made from.
    pub fn gather(directories: &[ReadOutcome], policy: &Policy, rooms: &[RoomReport], ways: bool) -> Self {
        Self::of(directories, policy, rooms, ways, BTreeSet::new())
    }

    /// As [`gather`](Self::gather), and looks up these people in any case.
    pub(crate) fn of<'a>(
        directories: &[ReadOutcome],
        policy: &Policy,
        rooms: &'a [RoomReport],
        ways: bool,
        mut users: BTreeSet<&'a UserId>,
    ) -> Self {
        let mut members: BTreeMap<&Feed, BTreeSet<&'a UserId>> = BTreeMap::new();
        for room in rooms {
            for action in room.items.iter().map(|item| &item.action) {
                if is_loss(action) {
                    users.extend(people(action));
                }
                if let (true, Some(feed)) = (ways, giver(action, &room.feeds)) {
                    users.extend(people(action));
                    members.entry(feed).or_default().extend(people(action));
                }
            }
        }
        let complete = |provider| {
            // An answer without anything in it is not believed.
            directory_of(directories, provider).is_some_and(|directory| {
                directory.accounts_extent.is_complete() && !directory.accounts.is_empty()
            })
        };
        let providers = policy.sources.iter().map(|source| &source.provider);
        let mut evidence = Self {
            accounts: accounts_of(directories, policy, &users),
            incomplete: providers.filter(|p| !complete(p)).cloned().collect(),
            only_grouped: policy.sources.iter().any(|source| {
                directory_of(directories, &source.provider)
                    .is_some_and(|directory| directory.only_grouped_accounts)
            }),
            ways: BTreeMap::new(),
        };
        for (feed, users) in members {
            let ways = ways_of(directories, policy, feed, &evidence.accounts, users);
            evidence.ways.insert(feed.clone(), ways);
        }
        evidence
    }

    /// The accounts that lead to a person who was looked up.
    pub fn accounts(&self, user: &UserId) -> Option<&[KnownAccount]> {
        self.accounts.get(user).map(Vec::as_slice)
    }

    /// Directories that may know more than they told: unread, or not listed completely.
    pub fn incomplete(&self) -> &[ProviderId] {
        &self.incomplete
    }

    /// What the directories say of a person who was looked up.
    pub fn word(&self, user: &UserId) -> Option<AccountWord> {
        let accounts = self.accounts(user)?;
        let any = |status| accounts.iter().any(|account| account.status == status);
        Some(if any(Some(AccountStatus::Active)) {
            AccountWord::Active
        } else if any(None) || !self.incomplete.is_empty() {
            AccountWord::Unknown
        } else if accounts.is_empty() && self.only_grouped {
            AccountWord::Ungrouped
        } else if accounts.is_empty() {
            AccountWord::Absent
        } else {
            AccountWord::Disabled
        })
    }

    /// By which way a person is in a group, if ways were asked for.
    pub fn way(&self, feed: &Feed, user: &UserId) -> Option<&Way> {
        self.ways.get(feed)?.get(user)
    }
}

/// The group that an action refers to.
pub fn giver<'f>(action: &Action, feeds: &'f [Feed]) -> Option<&'f Feed> {
    match &action.why {
        Why::InGroup { feed } | Why::OwnerOf { feed } => feeds.get(usize::from(*feed)),
        _ => None,
    }
}

/// The people whose place or level an action changes.
pub fn people(action: &Action) -> impl Iterator<Item = &UserId> {
    let (one, changes) = match &action.op {
        Op::Invite { user, .. } | Op::Add { user, .. } | Op::Remove { user, .. } => (Some(&**user), &[][..]),
        Op::SetLevels { changes } => (None, changes.as_slice()),
        _ => (None, &[][..]),
    };
    let levels = changes.iter().filter_map(|change| match &change.slot {
        LevelSlot::User(user) => Some(&**user),
        _ => None,
    });
    one.into_iter().chain(levels)
}

/// The ways of these people into a group, or to its owners. Disabled accounts bring nobody in.
fn ways_of(
    directories: &[ReadOutcome],
    policy: &Policy,
    feed: &Feed,
    accounts: &BTreeMap<OwnedUserId, Vec<KnownAccount>>,
    users: BTreeSet<&UserId>,
) -> BTreeMap<OwnedUserId, Way> {
    let mut wanted: BTreeMap<AccountIx, &UserId> = BTreeMap::new();
    for user in users {
        let known = accounts.get(user).into_iter().flatten();
        let here = known.filter(|account| {
            account.provider == feed.group.provider && account.status != Some(AccountStatus::Disabled)
        });
        wanted.extend(here.map(|account| (account.account, user)));
    }
    let ways = ways_of_accounts(directories, policy, feed, wanted.keys().copied().collect());
    let named = ways.into_iter();
    named
        .filter_map(|(account, way)| Some(((*wanted.get(&account)?).to_owned(), way)))
        .collect()
}

/// The ways of accounts of a feed's directory into its group, or to its owners.
pub(crate) fn ways_of_accounts(
    directories: &[ReadOutcome],
    policy: &Policy,
    feed: &Feed,
    accounts: BTreeSet<AccountIx>,
) -> BTreeMap<AccountIx, Way> {
    let Some(directory) = directory_of(directories, &feed.group.provider) else {
        return BTreeMap::new();
    };
    let found = directory
        .groups
        .iter()
        .position(|group| group.key == feed.group.key);
    let Some(group) = found.and_then(|at| u32::try_from(at).ok()).map(GroupIx) else {
        return BTreeMap::new();
    };
    let ways = match feed.role {
        FeedRole::Members => ways_to(directory, group, accounts),
        FeedRole::Owners => {
            let mut ways = ways_to_owners(directory, group, accounts.clone());
            if holds_owners(policy, &feed.group.provider, directory, group) {
                let rest = accounts
                    .into_iter()
                    .filter(|account| !ways.contains_key(account))
                    .collect();
                ways.extend(ways_to(directory, group, rest));
            }
            ways
        }
    };
    // People whom one group names share one way, and its names.
    let mut shared: BTreeMap<Arc<[GroupIx]>, Way> = BTreeMap::new();
    let name = |group: &GroupIx| directory.groups[group.0 as usize].name.clone();
    ways.into_iter()
        .map(|(account, way)| {
            let names = shared
                .entry(way)
                .or_insert_with_key(|way| way.iter().map(name).collect());
            (account, Arc::clone(names))
        })
        .collect()
}

/// Whether a group stands for the owners of another, so that its members are owners.
fn holds_owners(policy: &Policy, provider: &ProviderId, directory: &Directory, group: GroupIx) -> bool {
    let source = policy.sources.iter().find(|source| source.provider == *provider);
    let group = &directory.groups[group.0 as usize];
    let mut decoders = source.into_iter().flat_map(|source| &source.decoders);
    let decoded = decoders
        .by_ref()
        .map(|decoder| decoder.decode(group))
        .find(|decoded| *decoded != Decoded::NotARoom);
    matches!(decoded, Some(Decoded::OwnersOf(_)))
}
