//! [`Picture`]: what is known of a tenant: the groups that count, and who is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use inviter_core::directory::Gap;

use crate::{
    config::RoomGroups,
    links::Links,
    object::{Kind, Object, UserProperties},
    object_id::ObjectId,
};

/// What is known of a tenant. It is kept between reads and brought up to date by what Graph tells as changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    /// People who are in a group, or own one.
    pub(crate) users: BTreeMap<ObjectId, User>,
    /// People of whom Graph told that they were deleted, and whom it did not have when it was asked.
    pub(crate) gone: BTreeSet<ObjectId>,
    /// What Graph told of people just now. They are asked for by themselves: what a list shows of them may be older.
    pub(crate) told: BTreeMap<ObjectId, ToldUser>,
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
    /// `None` where it was not read yet.
    pub(crate) members: Option<Links>,
    /// `None` likewise, and for groups that only count inside others.
    pub(crate) owners: Option<Links>,
}

impl User {
    /// What Graph shows of a person.
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

    /// Whether this is what was told, as far as it was.
    pub(crate) fn is_as_told(&self, object: &Object, properties: &UserProperties) -> bool {
        let as_told =
            |name: &str, value: Option<&str>| object.get(name).is_none() || object.text(name) == value;
        let enabled = object.get(UserProperties::ENABLED);
        let names = properties.names.iter().zip(&self.values);
        let mut all = names.chain(properties.matrix_id.iter().zip([&self.matrix_id]));
        all.all(|(name, value)| as_told(name, value.as_deref()))
            && enabled.is_none_or(|enabled| enabled.as_bool() == self.enabled)
    }
}

/// What Graph told of a person.
#[derive(Debug, Clone)]
pub(crate) enum ToldUser {
    /// The account was deleted.
    Deleted,
    /// It is there, and something of it was changed.
    Changed(Object),
    /// Things that contradict each other.
    Doubtful,
}

impl Group {
    /// The properties of groups that are asked for.
    pub(crate) const SELECT: &'static str = "id,displayName,visibility";

    /// The group without its lists.
    pub(crate) fn clone_itself(&self) -> Self {
        Self {
            name: self.name.clone(),
            hidden: self.hidden,
            ..Self::default()
        }
    }

    /// Takes over name and visibility where they were told.
    pub(crate) fn update(&mut self, object: &Object) {
        if object.get("displayName").is_some() {
            self.name = object.text("displayName").map(Box::from);
        }
        if object.get("visibility").is_some() {
            let visibility = object.text("visibility");
            let hidden = visibility.is_some_and(|text| text.eq_ignore_ascii_case("HiddenMembership"));
            let changed = std::mem::replace(&mut self.hidden, hidden) != hidden;
            if let (true, Some(members)) = (changed, &mut self.members) {
                // What is known of them is what was shown when it was otherwise.
                members.told.get_or_insert_default();
            }
        }
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

    /// Whether it is known which groups stand for rooms.
    pub(crate) fn lists_all_rooms(&self) -> bool {
        let root = self.rooms.root.and_then(|root| self.groups.get(&root));
        let inside = root.is_none_or(|root| {
            let members = root.members.as_ref();
            members.is_some_and(|list| list.gaps.is_empty() && list.awaited(&self.gone).is_empty())
        });
        inside && self.unlisted.is_empty()
    }

    /// All lists of all groups.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &Links> {
        self.groups
            .values()
            .flat_map(|group| group.members.iter().chain(&group.owners))
    }

    /// The same, to be changed.
    pub(crate) fn lists_mut(&mut self) -> impl Iterator<Item = &mut Links> {
        self.groups
            .values_mut()
            .flat_map(|group| group.members.iter_mut().chain(&mut group.owners))
    }

    /// Takes over who may be in lists again when they are restored, from an earlier picture.
    pub(crate) fn remember(&mut self, earlier: &Self) {
        self.each_list_with(earlier, Links::remember);
    }

    /// Takes over for whom another picture of the same time waits in its lists.
    pub(crate) fn wait_like(&mut self, other: &Self) {
        self.each_list_with(other, Links::wait_like);
    }

    fn each_list_with(&mut self, earlier: &Self, take: fn(&mut Links, &Links)) {
        for (id, group) in &mut self.groups {
            let Some(before) = earlier.groups.get(id) else {
                continue;
            };
            for (now, before) in [
                (&mut group.members, &before.members),
                (&mut group.owners, &before.owners),
            ] {
                if let (Some(now), Some(before)) = (now, before) {
                    take(now, before);
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
        let waiting: BTreeSet<ObjectId> = self.lists().flat_map(Links::waiting).collect();
        self.gone.retain(|id| people.contains(id) || waiting.contains(id));
        self.told.clear();
    }

    /// Notes an object that stood in a list, with what was shown of it.
    pub(crate) fn see(&mut self, object: Object, properties: &UserProperties) {
        let Some(id) = object.id else { return };
        match object.kind {
            // Of whom something was told just now, a list may show what was before.
            Some(Kind::User) if self.told.contains_key(&id) => {}
            Some(Kind::User) => {
                let user = User::of(object, properties);
                self.gone.remove(&id);
                // Where one list shows more than another, what was shown counts. What is known stays: changes are told.
                if self.users.get(&id).is_none_or(|known| known.enabled.is_none()) {
                    self.users.insert(id, user);
                }
            }
            Some(Kind::Group) => self.see_group(&object),
            _ => {}
        }
    }

    /// Notes a group that stood in a list. What is known of it stays: changes are told, and then asked of the group itself,
    /// while the list may show what was before.
    pub(crate) fn see_group(&mut self, object: &Object) {
        let Some(id) = object.id else { return };
        let group = self.groups.entry(id).or_default();
        if group.name.is_none() {
            group.update(object);
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
