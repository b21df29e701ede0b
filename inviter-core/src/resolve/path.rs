//! By which way someone is in a group; worked out when asked, stored nowhere.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use crate::directory::{AccountIx, Directory, GroupIx, Member};

/// One shortest way of nesting from a group to an account: the group itself first, the group that names the
/// account last. `None` if the account is not in the group. Of several ways of one length it is the one through
/// the entries that come first.
pub fn membership_paths(directory: &Directory, group: GroupIx, account: AccountIx) -> Option<Vec<GroupIx>> {
    let way = ways_to(directory, group, BTreeSet::from([account]));
    way.into_values().next().map(|way| way.to_vec())
}

/// [`membership_paths`] of many accounts, in one walk over what the group contains. Accounts that are not in the
/// group are left out.
pub fn ways_to(
    directory: &Directory,
    group: GroupIx,
    mut accounts: BTreeSet<AccountIx>,
) -> BTreeMap<AccountIx, Arc<[GroupIx]>> {
    let mut ways = BTreeMap::new();
    if directory.groups.get(group.0 as usize).is_none() {
        return ways;
    }
    // By group: whence it was reached.
    let mut from: Vec<Option<GroupIx>> = vec![None; directory.groups.len()];
    from[group.0 as usize] = Some(group);
    let mut queue = VecDeque::from([group]);
    while let Some(at) = queue.pop_front() {
        if accounts.is_empty() {
            break;
        }
        let here = &directory.groups[at.0 as usize];
        // One way for all whom this group names.
        let mut way: Option<Arc<[GroupIx]>> = None;
        for member in &here.members.values {
            match member {
                Member::Account(account) if accounts.remove(account) => {
                    let way = way.get_or_insert_with(|| way_back(&from, group, at).into());
                    ways.insert(*account, Arc::clone(way));
                }
                Member::Group(inner) if !here.flattened => {
                    if let Some(reached @ None) = from.get_mut(inner.0 as usize) {
                        *reached = Some(at);
                        queue.push_back(*inner);
                    }
                }
                _ => {}
            }
        }
    }
    ways
}

/// As [`ways_to`], for the owners that a group names: people, and groups whose members own it. The group itself
/// comes first.
pub fn ways_to_owners(
    directory: &Directory,
    group: GroupIx,
    mut accounts: BTreeSet<AccountIx>,
) -> BTreeMap<AccountIx, Arc<[GroupIx]>> {
    let mut ways: BTreeMap<AccountIx, Arc<[GroupIx]>> = BTreeMap::new();
    let Some(owned) = directory.groups.get(group.0 as usize) else {
        return ways;
    };
    for owner in &owned.owners.values {
        if let Member::Account(account) = owner
            && accounts.remove(account)
        {
            ways.insert(*account, Arc::from([group]));
        }
    }
    for owner in &owned.owners.values {
        let Member::Group(inner) = owner else { continue };
        for (account, way) in ways_to(directory, *inner, accounts.clone()) {
            accounts.remove(&account);
            ways.insert(account, [group].into_iter().chain(way.iter().copied()).collect());
        }
    }
    ways
}

fn way_back(from: &[Option<GroupIx>], start: GroupIx, end: GroupIx) -> Vec<GroupIx> {
    let mut way = vec![end];
    let mut at = end;
    while at != start
        && let Some(before) = from[at.0 as usize]
    {
        way.push(before);
        at = before;
    }
    way.reverse();
    way
}
