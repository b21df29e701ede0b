//! By which way someone is in a group; worked out when asked, stored nowhere.

use std::collections::VecDeque;

use crate::directory::{AccountIx, Directory, GroupIx, Member};

/// One shortest way of nesting from a group to an account: the group itself first, the group that names the
/// account last. `None` if the account is not in the group. Of several ways of one length it is the one through
/// the entries that come first.
pub fn membership_paths(directory: &Directory, group: GroupIx, account: AccountIx) -> Option<Vec<GroupIx>> {
    directory.groups.get(group.0 as usize)?;
    // By group: whence it was reached.
    let mut from: Vec<Option<GroupIx>> = vec![None; directory.groups.len()];
    from[group.0 as usize] = Some(group);
    let mut queue = VecDeque::from([group]);
    while let Some(at) = queue.pop_front() {
        let here = &directory.groups[at.0 as usize];
        if here.members.values.contains(&Member::Account(account)) {
            return Some(way_back(&from, group, at));
        }
        if here.flattened {
            continue;
        }
        for member in &here.members.values {
            if let Member::Group(inner) = member
                && let Some(reached @ None) = from.get_mut(inner.0 as usize)
            {
                *reached = Some(at);
                queue.push_back(*inner);
            }
        }
    }
    None
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
