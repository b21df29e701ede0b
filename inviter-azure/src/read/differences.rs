//! Whether two pictures of a tenant at the same time are the same.

use std::collections::BTreeSet;

use inviter_core::directory::Remark;

use crate::{
    object_id::ObjectId,
    picture::{Links, Picture},
};

/// How many groups are named.
const NAMED: usize = 3;

/// What a full read found that was not told as changed; `None` if nothing. What is not known in one of the two is not
/// compared.
pub(super) fn between(told: &Picture, read: &Picture) -> Option<Remark> {
    let mut missed = 0;
    let mut groups = BTreeSet::new();
    let mut note = |count: usize, group: ObjectId| {
        if count > 0 {
            missed += count;
            groups.insert(group);
        }
    };
    // Of people who can be restored, delta queries do not tell that they left their groups.
    let gone: BTreeSet<ObjectId> = told.gone.union(&read.gone).copied().collect();
    let (rooms_told, rooms_read) = (told.room_groups(), read.room_groups());
    for &group in rooms_told.symmetric_difference(&rooms_read) {
        note(1, group);
    }
    for (&id, as_read) in &read.groups {
        let Some(as_told) = told.groups.get(&id) else {
            continue;
        };
        let renamed = as_told.name != as_read.name || as_told.hidden != as_read.hidden;
        note(usize::from(renamed), id);
        note(
            links(as_told.members.as_ref(), as_read.members.as_ref(), &gone),
            id,
        );
        note(links(as_told.owners.as_ref(), as_read.owners.as_ref(), &gone), id);
    }
    let mut people: usize = 0;
    for (id, as_read) in &read.users {
        people += usize::from(told.users.get(id).is_some_and(|as_told| as_told != as_read));
    }
    if missed == 0 && people == 0 {
        return None;
    }
    let mut what = Vec::new();
    if missed > 0 {
        let name = |id: &ObjectId| {
            let group = read.groups.get(id).or_else(|| told.groups.get(id));
            let name = group.and_then(|group| group.name.clone());
            name.map_or_else(|| id.to_string(), |name| format!("`{name}`"))
        };
        let named: Vec<String> = groups.iter().take(NAMED).map(name).collect();
        let more = if groups.len() > NAMED { ", …" } else { "" };
        what.push(format!(
            "{missed} change{} in {} group{} ({}{more})",
            plural(missed),
            groups.len(),
            plural(groups.len()),
            named.join(", ")
        ));
    }
    if people > 0 {
        what.push(format!("changes of {people} account{}", plural(people)));
    }
    Some(Remark::new(
        what.join(" and "),
        "Graph had not told of this in its delta queries; a full read found it, and counts. If this comes back, set \
         `full_read_every` lower",
    ))
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// How many entries two lists do not share.
fn links(told: Option<&Links>, read: Option<&Links>, gone: &BTreeSet<ObjectId>) -> usize {
    let (Some(told), Some(read)) = (told, read) else {
        return 0;
    };
    if !told.gaps.is_empty() || !read.gaps.is_empty() {
        return 0;
    }
    let users = told.users.symmetric_difference(&read.users);
    users.filter(|id| !gone.contains(*id)).count() + told.groups.symmetric_difference(&read.groups).count()
}
