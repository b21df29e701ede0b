//! [`Picture`]: what is known of a tenant: the groups that count, and who is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inviter_core::directory::Gap;

use crate::{
    config::RoomGroups,
    object::{Kind, Object, UserProperties},
    object_id::ObjectId,
};

/// What is known of a tenant. It is kept between reads and brought up to date by what Graph tells as changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    /// People who are in a group, or own one.
    pub(crate) users: BTreeMap<ObjectId, User>,
    /// People of whom Graph said that they are deleted, or that there are none.
    pub(crate) gone: BTreeSet<ObjectId>,
    /// By people and groups that were deleted: the groups that had them. When they are restored, Graph need not tell that
    /// those have them again.
    pub(crate) left: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// The root group, the groups that stand for rooms, and all groups inside.
    pub(crate) groups: BTreeMap<ObjectId, Group>,
    /// What groups stand for rooms.
    pub(crate) rooms: Rooms,
    /// Why groups that stand for rooms may be missing.
    pub(crate) unlisted: Vec<Gap>,
    /// Why a group or a person did not come that was asked for by its ID.
    pub(crate) unanswered: BTreeMap<ObjectId, String>,
}

/// Which groups stand for rooms, each by the way in which it was found. Those inside the root group are its members.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rooms {
    pub(crate) root: Option<ObjectId>,
    /// By their names.
    pub(crate) named: BTreeSet<ObjectId>,
    /// By their IDs, those that exist.
    pub(crate) listed: BTreeSet<ObjectId>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The values of [`UserProperties::names`], in that order.
    pub(crate) values: Vec<Option<Box<str>>>,
    pub(crate) matrix_id: Option<Box<str>>,
    /// `None` if Graph does not show more than the ID.
    pub(crate) enabled: Option<bool>,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// `None` if it is not known.
    pub(crate) name: Option<Box<str>>,
    /// Its `visibility` is `HiddenMembership`.
    pub(crate) hidden: bool,
    /// `None` where it was not read yet, or has to be read anew.
    pub(crate) members: Option<Links>,
    /// `None` likewise, and for groups that only count inside others.
    pub(crate) owners: Option<Links>,
}

/// Who is in a list of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) users: BTreeSet<ObjectId>,
    pub(crate) groups: BTreeSet<ObjectId>,
    /// Objects of a type that is not known here.
    pub(crate) others: BTreeMap<ObjectId, Box<str>>,
    /// Why more may be in it. Such a list is read anew each time.
    pub(crate) gaps: Vec<Gap>,
}

impl User {
    /// `None` if Graph does not show the person: what everybody has is missing.
    pub(crate) fn of(mut object: Object, properties: &UserProperties) -> Self {
        let shown = object.text(UserProperties::NAME).is_some();
        let enabled = object
            .get(UserProperties::ENABLED)
            .and_then(serde_json::Value::as_bool);
        // Before the others, which may be the same.
        let matrix_id = properties.matrix_id.as_deref();
        let matrix_id = matrix_id.and_then(|name| object.text(name).map(Box::from));
        let names = properties.names.iter();
        Self {
            values: names.map(|name| object.take_text(name)).collect(),
            matrix_id,
            enabled: enabled.filter(|_| shown),
        }
    }

    /// Takes over what was told, and leaves the rest.
    pub(crate) fn update(&mut self, object: &Object, properties: &UserProperties) {
        let take = |name: &str, into: &mut Option<Box<str>>| {
            if object.get(name).is_some() {
                *into = object.text(name).map(Box::from);
            }
        };
        for (name, value) in properties.names.iter().zip(&mut self.values) {
            take(name, value);
        }
        if let Some(name) = &properties.matrix_id {
            take(name, &mut self.matrix_id);
        }
        if let Some(enabled) = object.get(UserProperties::ENABLED) {
            self.enabled = enabled.as_bool();
        }
        // The first is the one that everybody has.
        if self.values.first().is_none_or(Option::is_none) {
            self.enabled = None;
        }
    }
}

impl Group {
    /// The properties of groups that are asked for.
    pub(crate) const SELECT: &'static str = "id,displayName,visibility";

    /// Takes over name and visibility where they were told.
    pub(crate) fn update(&mut self, object: &Object) {
        if object.get("displayName").is_some() {
            self.name = object.text("displayName").map(Box::from);
        }
        if object.get("visibility").is_some() {
            let hidden = object.text("visibility") == Some("HiddenMembership");
            if std::mem::replace(&mut self.hidden, hidden) != hidden {
                // What is known of them is what was shown when it was otherwise.
                self.members = None;
            }
        }
    }
}

impl Links {
    /// Adds an object of a list; what was seen of people on the way goes into `users`.
    pub(crate) fn add(&mut self, object: &Object) {
        let Some(id) = object.id else {
            self.gap(
                "a member".to_owned(),
                "Graph gave an object without an ID".to_owned(),
            );
            return;
        };
        match &object.kind {
            Some(Kind::User) => {
                self.users.insert(id);
            }
            Some(Kind::Group) => {
                self.groups.insert(id);
            }
            Some(Kind::Thing) => {}
            Some(Kind::Other(kind)) => {
                self.others.insert(id, kind.clone());
            }
            None => {
                self.others.insert(id, "no type".into());
            }
        }
    }

    pub(crate) fn remove(&mut self, id: ObjectId) {
        self.users.remove(&id);
        self.groups.remove(&id);
        self.others.remove(&id);
    }

    pub(crate) fn gap(&mut self, what: String, why: String) {
        let gap = Gap { what, why };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.others.is_empty()
    }
}

impl Rooms {
    /// Whether a group is named as rooms are. Graph compares without regard to case.
    pub(crate) fn is_named(config: &RoomGroups, group: &Group) -> bool {
        match (&config.name_prefix, &group.name) {
            (Some(prefix), Some(name)) => name.to_lowercase().starts_with(&prefix.to_lowercase()),
            _ => false,
        }
    }
}

impl Picture {
    /// The groups that stand for rooms, as far as they are known.
    pub(crate) fn room_groups(&self) -> BTreeSet<ObjectId> {
        let inside = self.rooms.root.into_iter().flat_map(|root| self.inside(root));
        inside
            .chain(&self.rooms.named)
            .chain(&self.rooms.listed)
            .copied()
            .collect()
    }

    /// The groups that are directly inside another, as far as they are known.
    fn inside(&self, group: ObjectId) -> impl Iterator<Item = &ObjectId> {
        let members = self.groups.get(&group).and_then(|group| group.members.as_ref());
        members.into_iter().flat_map(|members| &members.groups)
    }

    /// The groups that stand for rooms, and those inside, as deep as it goes. They may be unread.
    pub(crate) fn groups_that_feed(&self) -> BTreeSet<ObjectId> {
        let mut found = self.room_groups();
        let mut open: Vec<ObjectId> = found.iter().copied().collect();
        while let Some(id) = open.pop() {
            for &inner in self.inside(id) {
                if found.insert(inner) {
                    open.push(inner);
                }
            }
        }
        found
    }

    /// Everybody who is in one of these groups, or owns one.
    pub(crate) fn people(&self, groups: &BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
        let groups = groups.iter().filter_map(|id| self.groups.get(id));
        let lists = groups.flat_map(|group| group.members.iter().chain(&group.owners));
        lists.flat_map(|list| &list.users).copied().collect()
    }

    /// Notes which groups have what is deleted now.
    pub(crate) fn note_deleted(&mut self, id: ObjectId) {
        let has = |list: &Links| list.users.contains(&id) || list.groups.contains(&id);
        let has = |group: &Group| group.members.iter().chain(&group.owners).any(has);
        let holders = self.groups.iter().filter(|(_, group)| has(group));
        let holders: Vec<ObjectId> = holders.map(|(holder, _)| *holder).collect();
        if !holders.is_empty() {
            self.left.entry(id).or_default().extend(holders);
        }
    }

    /// What was deleted is there, or may be: the lists that it was in have to be read anew.
    pub(crate) fn note_restored(&mut self, id: ObjectId, perhaps: bool) {
        let Some(holders) = self.left.remove(&id) else {
            return;
        };
        for holder in &holders {
            if let Some(group) = self.groups.get_mut(holder) {
                group.members = None;
                group.owners = None;
            }
        }
        if perhaps {
            self.left.insert(id, holders);
        }
    }

    /// Takes over who may have been deleted since an earlier picture, or before it, and may come back.
    pub(crate) fn remember(&mut self, earlier: &Self) {
        for (id, holders) in &earlier.left {
            self.left.entry(*id).or_default().extend(holders);
        }
        for (holder, group) in &earlier.groups {
            let now = self.groups.get(holder);
            let lists = [
                (&group.members, now.and_then(|now| now.members.as_ref())),
                (&group.owners, now.and_then(|now| now.owners.as_ref())),
            ];
            for (list, now) in lists {
                let entries = list.iter().flat_map(|list| list.users.iter().chain(&list.groups));
                let has =
                    |id: &ObjectId| now.is_some_and(|now| now.users.contains(id) || now.groups.contains(id));
                for id in entries.filter(|id| !has(id)) {
                    self.left.entry(*id).or_default().insert(*holder);
                }
            }
        }
    }

    /// Forgets groups that no longer count, owners of groups that stand for no room, and people who are in none.
    pub(crate) fn prune(&mut self) {
        let feeding = self.groups_that_feed();
        let root = self.rooms.root;
        self.groups
            .retain(|id, _| feeding.contains(id) || Some(*id) == root);
        let rooms = self.room_groups();
        for (id, group) in &mut self.groups {
            if !rooms.contains(id) {
                group.owners = None;
            }
        }
        let people = self.people(&feeding);
        self.users.retain(|id, _| people.contains(id));
        self.gone.retain(|id| people.contains(id));
    }

    /// Notes an object that stood in a list, with what was shown of it.
    pub(crate) fn see(&mut self, object: Object, properties: &UserProperties) {
        let Some(id) = object.id else { return };
        match object.kind {
            Some(Kind::User) => {
                let user = User::of(object, properties);
                self.gone.remove(&id);
                // Where one list shows more than another, what was shown counts.
                if user.enabled.is_some() || !self.users.contains_key(&id) {
                    self.users.insert(id, user);
                }
            }
            Some(Kind::Group) => self.groups.entry(id).or_default().update(&object),
            _ => {}
        }
    }
}

/// Values of accounts and their names.
pub(crate) fn attributes(
    user: &User,
    properties: &UserProperties,
) -> impl Iterator<Item = (Arc<str>, Box<str>)> {
    let values = properties.names.iter().zip(&user.values);
    values.filter_map(|(name, value)| Some((Arc::clone(name), value.clone()?)))
}
