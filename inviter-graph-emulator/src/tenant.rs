//! The directory of a tenant.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::change_log::{Cause, ChangeLog, What};
use crate::generate::Room;
use crate::group::{Group, Other};
use crate::id::Id;
use crate::object::{Entry, Kind, Object, Relation};
use crate::shown::Columns;
use crate::user::User;

/// The directory of a tenant: users, groups and other objects, and what has become of them.
///
/// Ids are the same for the same calls in the same order. What is asked of objects that are not there (or not
/// of the right kind) does nothing, and answers `false`.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub(crate) objects: HashMap<Id, Object>,
    pub(crate) users: BTreeSet<Id>,
    pub(crate) groups: BTreeSet<Id>,
    pub(crate) deleted: BTreeMap<Id, Object>,
    pub(crate) log: ChangeLog,
    pub(crate) rooms: Vec<Room>,
    pub(crate) root: Option<Id>,
    pub(crate) domain: String,
    made: u64,
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new()
    }
}

impl Tenant {
    /// An empty directory of the organization `example.org`.
    pub fn new() -> Self {
        Self {
            objects: HashMap::new(),
            users: BTreeSet::new(),
            groups: BTreeSet::new(),
            deleted: BTreeMap::new(),
            log: ChangeLog::default(),
            rooms: Vec::new(),
            root: None,
            domain: "example.org".to_owned(),
            made: 0,
        }
    }

    /// The domain of the organization.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Says what the domain of the organization is.
    pub fn set_domain(&mut self, domain: &str) {
        domain.clone_into(&mut self.domain);
    }

    /// The group above all groups of rooms, if [`set_root`](Self::set_root) or the generator said which it is.
    pub fn root(&self) -> Option<Id> {
        self.root
    }

    /// Says which group is above all groups of rooms. Nothing but [`root`](Self::root) depends on it.
    pub fn set_root(&mut self, group: Id) {
        self.root = Some(group);
    }

    /// The rooms of a generated tenant, with the truth about who is in.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    fn add(&mut self, id: Option<Id>, mut entry: Entry) -> Id {
        let id = id.unwrap_or_else(|| {
            self.made += 1;
            Id::numbered(0x6d_7472_7821, self.made)
        });
        if let Entry::Group(group) = &mut entry {
            group
                .security_identifier
                .get_or_insert_with(|| id.security_identifier());
        }
        let object = Object::new(entry);
        match object.kind {
            Kind::User => _ = self.users.insert(id),
            Kind::Group => _ = self.groups.insert(id),
            Kind::Other(_) => {}
        }
        self.log.push(id, object.kind.clone(), What::Appeared);
        self.objects.insert(id, object);
        id
    }

    /// Adds a user; a name alone is short for [`User::new`].
    pub fn add_user(&mut self, user: impl Into<User>) -> Id {
        self.add(None, Entry::User(Box::new(user.into())))
    }

    /// Adds a user with this id, in place of whatever has it.
    pub fn add_user_as(&mut self, id: Id, user: impl Into<User>) -> Id {
        self.purge(id);
        self.add(Some(id), Entry::User(Box::new(user.into())))
    }

    /// Adds a group; a name alone is short for [`Group::new`].
    pub fn add_group(&mut self, group: impl Into<Group>) -> Id {
        self.add(None, Entry::Group(Box::new(group.into())))
    }

    /// Adds a group with this id, in place of whatever has it.
    pub fn add_group_as(&mut self, id: Id, group: impl Into<Group>) -> Id {
        self.purge(id);
        self.add(Some(id), Entry::Group(Box::new(group.into())))
    }

    /// Adds an object of any other kind, such as `administrativeUnit`, or of one that nobody has heard of.
    pub fn add_other(&mut self, kind: &str, display_name: &str) -> Id {
        self.add_object(Other {
            kind: kind.to_owned(),
            display_name: display_name.to_owned(),
            properties: BTreeMap::new(),
        })
    }

    /// Adds an object of any other kind, with properties.
    pub fn add_object(&mut self, other: Other) -> Id {
        self.add(None, Entry::Other(Box::new(other)))
    }

    /// Adds a device.
    pub fn add_device(&mut self, display_name: &str) -> Id {
        self.add_other("device", display_name)
    }

    /// Adds an organizational contact.
    pub fn add_contact(&mut self, display_name: &str) -> Id {
        self.add_other("orgContact", display_name)
    }

    /// Adds a service principal.
    pub fn add_service_principal(&mut self, display_name: &str) -> Id {
        self.add_other("servicePrincipal", display_name)
    }

    /// Changes a user.
    pub fn set_user(&mut self, id: Id, change: impl FnOnce(&mut User)) -> bool {
        let Some(object) = self.objects.get_mut(&id) else {
            return false;
        };
        let Entry::User(user) = &mut object.entry else {
            return false;
        };
        let before = user.clone();
        change(user);
        let names = user.differences(&before);
        self.note_set(id, names)
    }

    /// Changes a group, but for its members and owners.
    pub fn set_group(&mut self, id: Id, change: impl FnOnce(&mut Group)) -> bool {
        let Some(object) = self.objects.get_mut(&id) else {
            return false;
        };
        let Entry::Group(group) = &mut object.entry else {
            return false;
        };
        let before = group.clone();
        change(group);
        let names = group.differences(&before);
        self.note_set(id, names)
    }

    fn note_set(&mut self, id: Id, names: Vec<String>) -> bool {
        let Some(object) = self.objects.get_mut(&id) else {
            return false;
        };
        let changed = !names.is_empty();
        for name in names {
            object.touched.insert(name.clone());
            self.log.push(id, object.kind.clone(), What::Set(name));
        }
        changed
    }

    /// Keeps a user from signing in.
    pub fn disable(&mut self, user: Id) -> bool {
        self.set_user(user, |user| user.account_enabled = false)
    }

    /// Lets a user sign in again.
    pub fn enable(&mut self, user: Id) -> bool {
        self.set_user(user, |user| user.account_enabled = true)
    }

    /// Gives a user another user principal name.
    pub fn rename(&mut self, user: Id, user_principal_name: &str) -> bool {
        self.set_user(user, |user| {
            user_principal_name.clone_into(&mut user.user_principal_name);
        })
    }

    /// Gives a group another display name.
    pub fn rename_group(&mut self, group: Id, display_name: &str) -> bool {
        self.set_group(group, |group| display_name.clone_into(&mut group.display_name))
    }

    /// Makes an object a direct member of a group.
    pub fn add_member(&mut self, group: Id, object: Id) -> bool {
        self.relate(Relation::Members, group, object, true)
    }

    /// Takes a direct member out of a group.
    pub fn remove_member(&mut self, group: Id, object: Id) -> bool {
        self.relate(Relation::Members, group, object, false)
    }

    /// Makes an object an owner of a group.
    pub fn add_owner(&mut self, group: Id, object: Id) -> bool {
        self.relate(Relation::Owners, group, object, true)
    }

    /// Takes an owner from a group.
    pub fn remove_owner(&mut self, group: Id, object: Id) -> bool {
        self.relate(Relation::Owners, group, object, false)
    }

    pub(crate) fn relate(&mut self, relation: Relation, group: Id, target: Id, add: bool) -> bool {
        let Some(kind) = self.objects.get(&target).map(|object| object.kind.clone()) else {
            return false;
        };
        let Some(holder) = self.objects.get_mut(&group) else {
            return false;
        };
        if holder.kind != Kind::Group {
            return false;
        }
        let related = holder.related_mut(relation);
        let changed = if add {
            related.insert(target)
        } else {
            related.remove(&target)
        };
        if !changed {
            return false;
        }
        self.note_related(relation, group, target, kind, add, Cause::Change);
        if let Some(object) = self.objects.get_mut(&target) {
            let holders = object.holders_mut(relation);
            if add {
                holders.insert(group);
            } else {
                holders.remove(&group);
            }
        }
        true
    }

    pub(crate) fn note_related(
        &mut self,
        relation: Relation,
        group: Id,
        target: Id,
        kind: Kind,
        added: bool,
        cause: Cause,
    ) {
        let what = What::Related {
            relation,
            target,
            kind,
            added,
            cause,
        };
        self.log.push(group, Kind::Group, what);
    }

    /// A user who is not deleted.
    pub fn user(&self, id: Id) -> Option<&User> {
        self.objects.get(&id)?.user()
    }

    /// A group that is not deleted.
    pub fn group(&self, id: Id) -> Option<&Group> {
        self.objects.get(&id)?.group()
    }

    /// What kind of object has this id, if it is not deleted.
    pub fn kind(&self, id: Id) -> Option<&Kind> {
        Some(&self.objects.get(&id)?.kind)
    }

    /// The user with this principal name, in any case.
    pub fn user_named(&self, user_principal_name: &str) -> Option<Id> {
        self.users.iter().copied().find(|id| {
            self.user(*id)
                .is_some_and(|user| user.user_principal_name.eq_ignore_ascii_case(user_principal_name))
        })
    }

    /// A group with this display name.
    pub fn group_named(&self, display_name: &str) -> Option<Id> {
        self.groups.iter().copied().find(|id| {
            self.group(*id)
                .is_some_and(|group| group.display_name == display_name)
        })
    }

    /// All users, in the order of their ids.
    pub fn users(&self) -> impl Iterator<Item = (Id, &User)> {
        self.users.iter().filter_map(|id| Some((*id, self.user(*id)?)))
    }

    /// All groups, in the order of their ids.
    pub fn groups(&self) -> impl Iterator<Item = (Id, &Group)> {
        self.groups.iter().filter_map(|id| Some((*id, self.group(*id)?)))
    }

    /// The direct members of a group, in the order of their ids.
    pub fn members(&self, group: Id) -> impl Iterator<Item = Id> + '_ {
        self.related(Relation::Members, group)
    }

    /// The owners of a group, in the order of their ids.
    pub fn owners(&self, group: Id) -> impl Iterator<Item = Id> + '_ {
        self.related(Relation::Owners, group)
    }

    fn related(&self, relation: Relation, group: Id) -> impl Iterator<Item = Id> + '_ {
        self.objects
            .get(&group)
            .into_iter()
            .flat_map(move |object| object.related(relation).iter().copied())
    }

    /// All objects below a group, however deep, without the group itself.
    pub fn below(&self, group: Id) -> BTreeSet<Id> {
        let mut found = BTreeSet::new();
        let mut open = vec![group];
        while let Some(next) = open.pop() {
            for member in self.members(next) {
                if found.insert(member) && self.groups.contains(&member) {
                    open.push(member);
                }
            }
        }
        found.remove(&group);
        found
    }

    /// All users below a group, however deep, whether enabled or not.
    pub fn people(&self, group: Id) -> BTreeSet<Id> {
        let mut found = self.below(group);
        found.retain(|id| self.users.contains(id));
        found
    }
}
