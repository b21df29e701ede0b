//! Whether two pictures of a tenant at the same time are the same.

use std::collections::BTreeSet;

use inviter_core::directory::{Gap, Remark};

use crate::{links::Links, object_id::ObjectId, picture::Picture, trouble};

/// How many groups are named.
const NAMED: usize = 3;

/// What a full read found that was not told as changed.
#[derive(Debug)]
pub(super) struct Differences {
    /// The groups that they are about.
    groups: BTreeSet<ObjectId>,
    people: BTreeSet<ObjectId>,
    /// Groups that stood for rooms.
    rooms: BTreeSet<ObjectId>,
    pub(super) remark: Remark,
}

impl Differences {
    /// Takes what differs for not known: one of the two answers may be of a copy of the directory that lags behind. It
    /// is asked for again with the next read.
    pub(super) fn doubt(&self, picture: &mut Picture) {
        for id in &self.groups {
            let Some(group) = picture.groups.get_mut(id) else {
                continue;
            };
            let what = group.name.as_deref().unwrap_or_default();
            let what = format!("members and owners of `{what}` ({id})");
            for list in group.members.iter_mut().chain(&mut group.owners) {
                list.gap(what.clone(), trouble::DIFFERS.to_owned());
            }
        }
        for id in &self.rooms {
            picture.unlisted.push(Gap {
                what: format!("group {id}"),
                why: trouble::DIFFERS.to_owned(),
            });
        }
        for id in &self.people {
            picture.users.remove(id);
            picture.unanswered.insert(*id, trouble::DIFFERS.to_owned());
        }
    }
}

/// What a full read found that was not told as changed; `None` if nothing. What is not known in one of the two is not
/// compared.
pub(super) fn between(told: &Picture, read: &Picture) -> Option<Differences> {
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
    let mut rooms = BTreeSet::new();
    if told.lists_all_rooms() && read.lists_all_rooms() {
        let (rooms_told, rooms_read) = (told.room_groups(), read.room_groups());
        for &group in rooms_told.symmetric_difference(&rooms_read) {
            note(1, group);
        }
        rooms = rooms_told.difference(&rooms_read).copied().collect();
    }
    for (&id, as_read) in &read.groups {
        let Some(as_told) = told.groups.get(&id) else {
            continue;
        };
        let named = as_told.name.is_some() && as_read.name.is_some();
        let renamed = named && (&as_told.name, as_told.hidden) != (&as_read.name, as_read.hidden);
        note(usize::from(renamed), id);
        note(
            links(as_told.members.as_ref(), as_read.members.as_ref(), &gone),
            id,
        );
        note(links(as_told.owners.as_ref(), as_read.owners.as_ref(), &gone), id);
    }
    let differ = |id: &ObjectId, as_read| told.users.get(id).is_some_and(|as_told| as_told != as_read);
    let people = read.users.iter().filter(|(id, as_read)| differ(id, *as_read));
    let people: BTreeSet<ObjectId> = people.map(|(id, _)| *id).collect();
    if missed == 0 && people.is_empty() {
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
    if !people.is_empty() {
        what.push(format!(
            "changes of {} account{}",
            people.len(),
            plural(people.len())
        ));
    }
    let remark = Remark::new(
        what.join(" and "),
        "Graph had not told of this in its delta queries, and a full read found it; nobody is removed for it before the \
         next read. If this comes back, set `full_read_every` lower",
    );
    Some(Differences {
        groups,
        people,
        rooms,
        remark,
    })
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
